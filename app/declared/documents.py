"""Documents that staff publish for families: kept in the database, sent as attachments.

A file that is replaced stays, for staff. Whoever takes one home is noted before it is sent.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import Response, g, redirect, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import DateField, ValidationError
from wtforms.validators import DataRequired, Length, Optional

from app import clock
from app.declared.base import ArchivableView
from app.declared.files import attachment
from app.declared.searching import by_names, user_names
from app.extensions import db
from app.fields import LastDayField, LineField, NumberField, last_day, read_upload
from app.forms import After
from app.models import Document, DocumentDownload, DocumentVersion
from app.rows import ACT, KEEP, Rows, TableView
from app.rules.files import FileKind, safe_name
from app.security import current_actor
from app.stored_files import keep_file
from app.transaction import transaction

_COLUMNS: Final = ["title", "file_name", "version", "position", "published_from", "published_until"]
_SHOWN: Final = 20


class UploadForm(DynamicForm):
    """A file to publish."""

    file = FileField(
        _l("File"),
        [FileRequired()],
        description=_l("PDF, PNG, JPEG, Word (.docx) or OpenDocument (.odt), 10 MB at most."),
    )

    def validate_file(self, field: Any) -> None:
        """Nothing that could act in a reader’s browser."""
        self.content, self.kind = read_upload(field)


def _has_first_day(form: Any, field: Any) -> None:
    if field.data is not None and form.published_from.data is None:
        raise ValidationError(_("Enter the first day as well."))


def _days() -> dict[str, Any]:
    return {
        "published_from": DateField(
            _l("Published from"),
            [Optional()],
            description=_l("Empty: families do not see it yet."),
        ),
        "published_until": LastDayField(
            _l("Last day"), validators=[Optional(), _has_first_day, After("published_from")]
        ),
    }


class DocumentForm(UploadForm):
    """A file with its title and place."""

    title = LineField(_l("Title"), [DataRequired(), Length(max=80)])
    position = NumberField(_l("Place in lists"), [Optional()], default=0)
    published_from, published_until = _days().values()


def _shown_last_day(until: date | None) -> str:
    return "–" if until is None else str(format_date(last_day(until), "medium"))


class DocumentView(ArchivableView):
    datamodel = Rows(Document)
    include_route_methods = KEEP | ACT | {"file", "replace"}
    list_title, show_title = _l("Documents"), _l("Document")
    add_title, edit_title = _l("Add a document"), _l("Edit the document")
    show_template = "people/document.html"
    list_columns = _COLUMNS
    show_columns = [*_COLUMNS, "archived_at"]
    add_form = DocumentForm
    add_columns = ["title", "position", "published_from", "published_until", "file"]
    edit_columns = ["title", "position", "published_from", "published_until"]
    edit_form_extra_fields = _days()
    order_columns = ["title", "position", "published_from"]
    base_order = ("position", "asc")
    label_columns = {"published_until": _l("Last day")}
    formatters_columns = {"published_until": _shown_last_day}

    def about(self, item: Document) -> dict[str, Any]:
        """Its earlier files, and who took it home."""
        session = db.session()
        earlier = (
            sa.select(DocumentVersion)
            .where(DocumentVersion.document_id == item.id)
            .order_by(DocumentVersion.number.desc())
            .options(joinedload(DocumentVersion.replaced_by))
        )
        taken = sa.select(DocumentDownload).where(DocumentDownload.document_id == item.id)
        last = taken.order_by(DocumentDownload.id.desc()).limit(_SHOWN)
        return {
            "earlier": session.scalars(earlier).all(),
            "downloads": session.scalars(last.options(joinedload(DocumentDownload.user))).all(),
            "times": session.scalar(sa.select(sa.func.count()).select_from(taken.subquery())),
        }

    def page_of(self, item: Document) -> str:
        """The document’s page."""
        return url_for("DocumentView.show", pk=item.id)

    def _keep_new(self, form: Any) -> bool:
        """The content was read before the write lock is taken."""
        g.content, g.kind = form.content, form.kind
        g.file_name = form.file.data.filename or ""
        del form.file
        return super()._keep_new(form)

    def pre_add(self, item: Document) -> None:
        """The same content is kept once."""
        item.position, item.version = item.position or 0, 1
        _fill(item, g.content, g.kind, g.file_name)

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The file itself."""
        return taken_home(self._item(pk))

    @expose("/replace/<pk>", methods=["GET", "POST"])
    @has_access
    def replace(self, pk: str) -> str | AnyResponse:
        """Another file in its place; the present one stays for staff."""
        item = self._item(pk)
        form = UploadForm.refresh()
        if form.validate_on_submit() and form.kind is not None:
            name = form.file.data.filename or ""
            if self._write(lambda: _replace(item, form.content, form.kind, name), _l("Replaced.")):
                return redirect(self.page_of(item))
        html: str = self.render_template(
            "people/replace.html", title=_("Replace the file"), form=form, item=item
        )
        return html

    @action("publish", _l("Publish"), _l("Show this to all families?"))
    def publish(self, items: Sequence[Document]) -> AnyResponse:
        """Families see it from now on."""
        return self._publish(items, clock.today(), _l("Published."))

    @action("withdraw", _l("Withdraw"), _l("Hide this from families?"))
    def withdraw(self, items: Sequence[Document]) -> AnyResponse:
        """Families no longer see it."""
        return self._publish(items, None, _l("Withdrawn."))

    def _publish(self, items: Sequence[Document], since: date | None, done: Any) -> AnyResponse:
        def write() -> None:
            for item in items:
                item.published_from, item.published_until = since, None

        self._write(write, done)
        return redirect(self.get_redirect())

    @action("up", _l("Move up"), multiple=False)
    def up(self, items: Sequence[Document]) -> AnyResponse:
        """One place nearer to the beginning."""
        return self._move(items[0], -1)

    @action("down", _l("Move down"), multiple=False)
    def down(self, items: Sequence[Document]) -> AnyResponse:
        """One place nearer to the end."""
        return self._move(items[0], 1)

    def _move(self, item: Document, step: int) -> AnyResponse:
        self._write(lambda: _move(item.id, step), _l("Moved."))
        return redirect(self.get_redirect())


def _fill(item: Document, content: bytes, kind: FileKind, name: str) -> None:
    item.file_name = safe_name(name, kind)
    item.stored_file_id = keep_file(db.session(), content, kind.content_type).id


def _replace(item: Document, content: bytes, kind: FileKind, name: str) -> None:
    """The same file sent twice, as by a double click, is one replacement."""
    session = db.session()
    session.refresh(item, with_for_update=True)
    before = item.stored_file_id, item.file_name
    _fill(item, content, kind, name)
    if item.stored_file_id == before[0]:
        return
    session.add(
        DocumentVersion(
            document_id=item.id,
            number=item.version,
            stored_file_id=before[0],
            file_name=before[1],
            replaced_at=clock.now(),
            replaced_by_id=current_actor().user_id,
        )
    )
    item.version += 1


def _move(document_id: int, step: int) -> None:
    """Swap places with the neighbour; places are numbered anew, from 1."""
    query = sa.select(Document).where(Document.archived_at.is_(None))
    items = list(
        db.session().scalars(query.order_by(Document.position, Document.id).with_for_update())
    )
    here = next((i for i, each in enumerate(items) if each.id == document_id), None)
    if here is None:
        return
    there = min(max(0, here + step), len(items) - 1)
    items[here], items[there] = items[there], items[here]
    for place, each in enumerate(items, 1):
        each.position = place


def taken_home(document: Document) -> Response:
    """The file of a document that its reader was allowed to find, once it is noted who takes it."""
    download = {"document_id": document.id, "version": document.version}
    answer = attachment(document.stored_file_id, document.file_name)
    actor = current_actor()
    with transaction(actor) as session:
        session.add(DocumentDownload(**download, user_id=actor.user_id, downloaded_at=clock.now()))
    return answer


class DocumentVersionView(TableView):
    """Files that were replaced."""

    datamodel = Rows(DocumentVersion)
    include_route_methods = {"file"}

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The file as it was."""
        item: DocumentVersion = self._item(pk)
        return attachment(item.stored_file_id, item.file_name)


class DocumentDownloadView(TableView):
    """Who took which document home, and when."""

    datamodel = Rows(
        DocumentDownload,
        load=[joinedload(DocumentDownload.document), joinedload(DocumentDownload.user)],
        searches={"user": by_names(DocumentDownload.user_id.in_, user_names)},
    )
    include_route_methods = {"list"}
    list_title = _l("Downloads")
    list_columns = ["downloaded_at", "document", "version", "user"]
    search_columns = ["document", "user", "downloaded_at"]
    search_form_extra_fields = {"user": LineField(_l("By"))}
    order_columns = ["downloaded_at"]
    base_order = ("id", "desc")
    label_columns = {
        "downloaded_at": _l("When"),
        "document": _l("Document"),
        "user": _l("By"),
    }
