"""The papers of a family or of a child, for the office alone; a medical one is health data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Response, g, url_for
from flask_appbuilder import expose, has_access
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from wtforms.validators import DataRequired, InputRequired

from app import clock
from app.access import actor_of
from app.declared.base import asked
from app.declared.files import attachment
from app.declared.health_log import log_health_access
from app.errors import BadInput, NotFound
from app.extensions import db
from app.fields import PaperField
from app.models import Account, FamilyPaper, Pupil
from app.rows import Rows, TableView
from app.rules.files import safe_name
from app.stored_files import forget_files, keep_file
from app.vocabulary import PaperKind
from app.widgets import WordField


@dataclass(frozen=True)
class Paper:
    """A paper that came with a form."""

    kind: PaperKind
    file_name: str
    content: bytes
    content_type: str


def paper_of(field: PaperField, kind: PaperKind) -> list[Paper]:
    """What was chosen in the field: one paper, or none."""
    if not field.data or field.kind is None:
        return []
    name = safe_name(field.data.filename or "", field.kind)
    return [Paper(kind, name, field.content, field.kind.content_type)]


def keep_papers(
    session: Session,
    papers: Sequence[Paper],
    *,
    account_id: int | None = None,
    pupil_id: int | None = None,
) -> None:
    """Keep papers of a family or of a pupil; the same content is kept once."""
    for paper in papers:
        kept = FamilyPaper(
            kind=paper.kind,
            account_id=account_id,
            pupil_id=pupil_id,
            file_name=paper.file_name,
            stored_file_id=keep_file(session, paper.content, paper.content_type).id,
            added_at=clock.now(),
            added_by_id=actor_of(session).user_id,
        )
        session.add(kept)
    session.flush()


def papers_of(session: Session, *conditions: sa.ColumnElement[bool]) -> Sequence[FamilyPaper]:
    """The papers for which this holds, the latest first."""
    query = sa.select(FamilyPaper).where(*conditions).order_by(FamilyPaper.id.desc())
    return session.scalars(query).all()


class FamilyPaperView(TableView):
    datamodel = Rows(FamilyPaper)
    route_base = "/papers"
    include_route_methods = {"add", "delete", "file"}
    add_title = _l("Add a paper")
    add_columns = ["kind", "paper"]
    add_form_extra_fields = {
        "kind": WordField(label=_l("Kind"), enum_class=PaperKind, validators=[DataRequired()]),
        "paper": PaperField(
            _l("File"),
            [InputRequired()],
            description=_l("PDF, PNG, JPEG, Word (.docx) or OpenDocument (.odt), 10 MB at most."),
        ),
    }

    def _keep_new(self, form: Any) -> bool:
        """The content was read before the write lock is taken."""
        g.papers = paper_of(form.paper, form.kind.data)
        return super()._keep_new(form)

    def pre_add(self, item: FamilyPaper) -> None:
        """Of the pupil, or else of the account, that the address names."""
        session = db.session()
        (paper,) = g.papers
        item.pupil_id, item.account_id = _asked_id("pupil", Pupil), _asked_id("account", Account)
        if (item.pupil_id is None) == (item.account_id is None):
            raise NotFound
        if paper.kind is PaperKind.MEDICAL and item.pupil_id is None:
            raise BadInput
        item.file_name = paper.file_name
        item.stored_file_id = keep_file(session, paper.content, paper.content_type).id
        item.added_at, item.added_by_id = clock.now(), actor_of(session).user_id

    def pre_delete(self, item: FamilyPaper) -> None:
        """Where to go on is known as long as it exists."""
        g.page = self.page_of(item)

    def get_redirect(self) -> str:
        """The page that it was added or deleted from."""
        kept = g.get("kept")
        page: str | None = g.get("page") if kept is None else self.page_of(kept)
        return page or url_for("FamilyView.list")

    def post_delete(self, item: FamilyPaper) -> None:
        """Nor is its content kept, if nothing else has it."""
        forget_files(db.session(), [item.stored_file_id])

    def page_of(self, item: FamilyPaper) -> str:
        """The page of the pupil, or of the family."""
        if item.pupil_id is not None:
            return url_for("PupilView.show", pk=item.pupil_id)
        return url_for("FamilyView.show", pk=item.account_id)

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The file itself; who looks at health data is noted first."""
        item = self._item(pk)
        file_id, name = item.stored_file_id, item.file_name
        if item.kind is PaperKind.MEDICAL:
            log_health_access([item.pupil_id], self.endpoint)
        return attachment(file_id, name)


def _asked_id(name: str, model: type[Any]) -> int | None:
    found = asked(name, model)
    return None if found is None else int(found.id)
