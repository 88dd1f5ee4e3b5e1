"""Documents that staff publish for families: kept in the database, sent as attachments."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from io import BytesIO
from typing import Any, Final

import sqlalchemy as sa
from flask import Response, g, redirect, send_file
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse
from wtforms import ValidationError
from wtforms.validators import DataRequired, Length, Optional

from app import clock
from app.access import EVERYTHING, scope_of
from app.declared.base import ArchivableView
from app.extensions import db
from app.fields import LineField, NumberField
from app.models import Document, StoredFile
from app.rows import ACT, KEEP, Rows
from app.rules.files import LARGEST, kind_of, safe_name

_COLUMNS: Final = ["title", "file_name", "position", "published_at"]


class DocumentForm(DynamicForm):
    """A file to publish."""

    title = LineField(_l("Title"), [DataRequired(), Length(max=80)])
    position = NumberField(_l("Place in lists"), [Optional()], default=0)
    file = FileField(
        _l("File"),
        [FileRequired()],
        description=_l("PDF, PNG, JPEG, Word (.docx) or OpenDocument (.odt), 10 MB at most."),
    )

    def validate_file(self, field: Any) -> None:
        """Nothing that could act in a reader’s browser."""
        with field.data.stream as uploaded:
            self.content = uploaded.read(LARGEST + 1)
        if len(self.content) > LARGEST:
            raise ValidationError(_("This file is too large. Choose one of 10 MB at most."))
        if kind_of(self.content) is None:
            raise ValidationError(
                _("This is not a PDF, PNG, JPEG, Word or OpenDocument file. Choose another.")
            )


class DocumentView(ArchivableView):
    datamodel = Rows(Document)
    include_route_methods = KEEP | ACT | {"file"}
    list_title, show_title = _l("Documents"), _l("Document")
    add_title, edit_title = _l("Add a document"), _l("Edit the document")
    show_template = "people/document.html"
    list_columns = _COLUMNS
    show_columns = [*_COLUMNS, "archived_at"]
    add_form = DocumentForm
    add_columns = ["title", "position", "file"]
    edit_columns = ["title", "position"]
    order_columns = ["title", "position", "published_at"]
    base_order = ("position", "asc")

    def name_of(self, item: Document) -> str:
        """Its title."""
        return item.title

    def _keep_new(self, form: Any) -> bool:
        """The content was read before the write lock is taken."""
        g.content = form.content
        g.file_name = form.file.data.filename or ""
        del form.file
        return super()._keep_new(form)

    def pre_add(self, item: Document) -> None:
        """The same content is kept once."""
        kind = kind_of(g.content)
        if kind is None:
            raise ValueError(g.file_name)
        item.position = item.position or 0
        item.file_name = safe_name(g.file_name, kind)
        item.stored_file_id = stored_file(db.session(), g.content, kind.content_type).id

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The file itself."""
        return attachment(self._item(pk))

    @action("publish", _l("Publish"), _l("Show this to all families?"))
    def publish(self, items: Sequence[Document]) -> AnyResponse:
        """Families see it from now on."""
        return self._publish(items, clock.now(), _l("Published."))

    @action("withdraw", _l("Withdraw"), _l("Hide this from families?"))
    def withdraw(self, items: Sequence[Document]) -> AnyResponse:
        """Families no longer see it."""
        return self._publish(items, None, _l("Withdrawn."))

    def _publish(self, items: Sequence[Document], at: datetime | None, done: Any) -> AnyResponse:
        def write() -> None:
            for item in items:
                item.published_at = at

        self._write(write, done)
        return redirect(self.get_redirect())


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


def attachment(document: Document) -> Response:
    """The file of a document that its reader was allowed to find: to save, never to show."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        kept = session.get_one(StoredFile, document.stored_file_id)
        content = BytesIO(kept.content)
    return send_file(
        content,
        mimetype=kept.content_type,
        as_attachment=True,
        download_name=document.file_name,
    )
