"""Files in the database: each content is kept once, and sent to be saved, never to be shown."""

import hashlib
from io import BytesIO

import sqlalchemy as sa
from flask import Response, send_file
from sqlalchemy.orm import Session

from app.access import EVERYTHING, scope_of
from app.extensions import db
from app.models import StoredFile


def stored_file(session: Session, content: bytes, content_type: str) -> StoredFile:
    """The row that keeps the content, found by its hash or made."""
    sha256 = hashlib.sha256(content).hexdigest()
    known = session.scalar(sa.select(StoredFile).where(StoredFile.sha256 == sha256))
    if known is not None:
        return known
    kept = StoredFile(sha256=sha256, content_type=content_type, size=len(content), content=content)
    session.add(kept)
    session.flush()
    return kept


def attachment(stored_file_id: int, file_name: str) -> Response:
    """A file whose record its reader was allowed to find: an attachment, whatever it holds."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        kept = session.get_one(StoredFile, stored_file_id)
        content = BytesIO(kept.content)
    return send_file(
        content, mimetype=kept.content_type, as_attachment=True, download_name=file_name
    )
