"""Files of the database are sent to be saved, never to be shown."""

from io import BytesIO

from flask import Response, send_file

from app.access import EVERYTHING, scope_of
from app.extensions import db
from app.models import StoredFile


def attachment(stored_file_id: int, file_name: str) -> Response:
    """A file whose record its reader was allowed to find: an attachment, whatever it holds."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        kept = session.get_one(StoredFile, stored_file_id)
        content = BytesIO(kept.content)
    return send_file(
        content, mimetype=kept.content_type, as_attachment=True, download_name=file_name
    )
