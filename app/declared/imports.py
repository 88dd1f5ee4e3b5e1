"""Lists of pupils: uploaded, their columns said, previewed line by line, entered, taken back."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf.file import FileField, FileRequired
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse

from app import import_jobs
from app.declared.base import FormView
from app.declared.import_report import became, foreseen, undoable
from app.errors import BadInput, ChangedMeanwhile, Refusal
from app.extensions import db
from app.filters import record_id
from app.imports.files import is_complete
from app.models import Import
from app.pages.asked import word_asked
from app.rows import ACT, READ, Rows, TableView
from app.security import current_actor
from app.sheets.matching import ANOTHER, SAME
from app.sheets.planning import LEAVE_OUT
from app.transaction import transaction
from app.vocabulary import ImportFate, ImportState
from app.web_errors import sentence_of

_DECISION: Final = re.compile(rf"{LEAVE_OUT}|{ANOTHER}|{SAME}\d{{1,19}}|")


class ImportUploadForm(DynamicForm):
    """A list of the school's administration."""

    file = FileField(
        _l("File"),
        [FileRequired()],
        description=_l(
            "A line for each pupil, with class and holders, as XLSX or CSV, 10 MB at most. Nothing"
            " is entered before you have seen what would become of each line."
        ),
    )


class ImportUploadView(FormView):
    route_base = "/importupload"
    form = ImportUploadForm
    form_title = _l("Import a list of pupils")
    submit_label = _l("Read the file")

    def form_post(self, form: Any) -> AnyResponse:
        """Read it to its end and keep it; then its columns, unless they are known."""
        file = form.file.data
        import_id = import_jobs.receive_list(file.read(), file.filename or "", current_actor())
        item = db.session().get_one(Import, import_id)
        if item.decisions or is_complete(item.columns):
            return redirect(url_for("ImportView.show", pk=import_id))
        return redirect(url_for("ImportColumnsView.this_form_get", list=import_id))


class ImportView(TableView):
    datamodel = Rows(Import, load=[joinedload(Import.received_by)])
    include_route_methods = READ | ACT | {"decide"}
    list_title, show_title = _l("Imports"), _l("Import")
    list_template, show_template = "people/imports.html", "people/import.html"
    base_order = ("id", "desc")
    list_columns = ["file_name", "state", "lines", "received_at", "received_by"]
    show_columns = [*list_columns, "entered_at"]
    search_columns = ["file_name", "state", "received_at"]
    order_columns = ["received_at"]
    label_columns = {
        "lines": _l("Lines"),
        "received_at": _l("Received"),
        "received_by": _l("By"),
        "entered_at": _l("Entered"),
    }

    def _get_show_widget(self, pk: Any, item: Any, **options: Any) -> Any:
        """Its buttons stand beside what they do."""
        widgets = super()._get_show_widget(pk, item, **options)
        widgets["show"].template_args["actions"] = {}
        return widgets

    def about(self, item: Import) -> dict[str, Any]:
        """What would become of each line, or what became of it; what an undo would leave."""
        page = record_id(request.args.get("page", "0")) or 0
        fate = word_asked(ImportFate, request.args.get("fate"))
        shared = {"page": page, "fate": fate}
        if item.state is ImportState.RECEIVED:
            return {**shared, **foreseen(item, fate, page)}
        return {**shared, **became(item, fate, page), **undoable(item)}

    @expose("/decide/<pk>", methods=["POST"])
    @has_access
    def decide(self, pk: str) -> AnyResponse:
        """Keep what the reader says of the lines of a page."""
        item = self._item(pk)
        import_id, said = item.id, dict(_decisions(request.form))
        with transaction(current_actor()) as session:
            kept = session.get_one(Import, import_id, with_for_update=True)
            if kept.state is not ImportState.RECEIVED:
                raise ChangedMeanwhile
            decisions = {**kept.decisions, **said}
            kept.decisions = {line: word for line, word in decisions.items() if word}
        where: dict[str, Any] = {
            name: request.args[name] for name in ("fate", "page") if name in request.args
        }
        return redirect(url_for("ImportView.show", pk=import_id, **where))

    @action("enter", _l("Enter these pupils"), multiple=False)
    def enter(self, items: Sequence[Import]) -> AnyResponse:
        """All lines that can be, in one go, as they were shown."""
        (item,) = items
        import_id = item.id
        try:
            if item.state is not ImportState.RECEIVED:
                raise ChangedMeanwhile
            mark = request.form.get("mark") or "-"
            import_jobs.enter_list(db.session(), item, mark, current_actor())
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        else:
            flash(_("Entered. The letters with the identifiers can be printed now."), "success")
        return redirect(url_for("ImportView.show", pk=import_id))

    @action("undo", _l("Undo this import"), multiple=False)
    def undo(self, items: Sequence[Import]) -> AnyResponse:
        """What was made goes again, what was changed is as before; what is in use stays."""
        import_id = items[0].id
        try:
            gone, left = import_jobs.undo_list(import_id, current_actor())
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        else:
            flash(
                ngettext("%(num)s line was undone.", "%(num)s lines were undone.", gone), "success"
            )
            if left:
                sentence = ngettext("%(num)s line stays.", "%(num)s lines stay.", left)
                flash(sentence, "warning")
        return redirect(url_for("ImportView.show", pk=import_id))

    @action(
        "drop",
        _l("Forget this list"),
        _l("Forget this list? Nothing of it was entered."),
        multiple=False,
    )
    def drop(self, items: Sequence[Import]) -> AnyResponse:
        """A list that was the wrong one."""
        keys = [item.id for item in items if item.state is ImportState.RECEIVED]
        for import_id in keys:
            import_jobs.drop_list(import_id, current_actor())
        flash(_("Deleted.") if keys else sentence_of(ChangedMeanwhile()), "success")
        return redirect(url_for("ImportView.list"))


def _decisions(form: Any) -> Iterator[tuple[str, str]]:
    for name, value in form.items():
        if not name.startswith("line-"):
            continue
        line = record_id(name.removeprefix("line-"))
        if line is None or not _DECISION.fullmatch(value):
            raise BadInput
        yield str(line), value
