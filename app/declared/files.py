"""Files in the database: each content is kept once, and sent to be saved, never to be shown."""

import hashlib
from io import BytesIO
from typing import Any

import sqlalchemy as sa
from flask import Response, send_file
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from wtforms import ValidationError

from app.access import EVERYTHING, scope_of
from app.extensions import db
from app.models import StoredFile
from app.rules.files import LARGEST, FileKind, kind_of


def read_upload(field: Any) -> tuple[bytes, FileKind]:
    """The content of an uploaded file and what it is; nothing that could act in a browser.

    Raises: ValidationError.
    """
    with field.data.stream as uploaded:
        content: bytes = uploaded.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValidationError(_("This file is too large. Choose one of 10 MB at most."))
    kind = kind_of(content)
    if kind is None:
        raise ValidationError(
            _("This is not a PDF, PNG, JPEG, Word or OpenDocument file. Choose another.")
        )
    return content, kind


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
