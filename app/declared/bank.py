"""Files of the bank: uploaded, previewed, booked, reported payment by payment."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse

from app.bank.refusals import BankFileRefused
from app.bank_jobs import begin, book_bank_file, counts, lines_of, receive_bank_file
from app.context import canteen_settings
from app.declared.base import FormView
from app.errors import Refusal
from app.extensions import db
from app.filters import record_id
from app.labels import label
from app.models import BankEntry, BankFile
from app.money import Cents
from app.reconciliation.importing import LINES_PER_COMMIT
from app.reconciliation.preview import Foreseen, foresee
from app.rows import ACT, READ, Rows, TableView
from app.security import current_actor
from app.vocabulary import BankEntryState, BankFileState
from app.web_errors import sentence_of

LINES_A_PAGE: Final = 100


class BankUploadForm(DynamicForm):
    """A file of the bank."""

    file = FileField(
        _l("File"),
        [FileRequired()],
        description=_l(
            "camt.053 or camt.054, version 02, 04 or 08, as XML or ZIP, 10 MB at most. Nothing is"
            " booked before you have seen what would become of it."
        ),
    )


class BankUploadView(FormView):
    route_base = "/bankupload"
    form = BankUploadForm
    form_title = _l("Import a bank file")
    submit_label = _l("Read the file")

    def form_post(self, form: Any) -> AnyResponse:
        """Read it to its end, keep it, show what would become of it."""
        with tempfile.NamedTemporaryFile(suffix=".camt") as kept:
            form.file.data.save(kept)
            kept.flush()
            name = form.file.data.filename or ""
            received = receive_bank_file(Path(kept.name), name, current_actor())
        return redirect(url_for("BankFileView.show", pk=received.id))


class BankFileView(TableView):
    """What was imported; a file that is only received shows what would become of it."""

    datamodel = Rows(BankFile, load=[joinedload(BankFile.received_by)])
    include_route_methods = READ | ACT
    list_title, show_title = _l("Bank files"), _l("Bank file")
    list_template, show_template = "bank/files.html", "bank/file.html"
    base_order = ("id", "desc")
    list_columns = ["file_name", "state", "received_at", "lines", "received_by"]
    show_columns = [*list_columns, "booked_at"]
    search_columns = ["file_name", "state", "received_at"]
    order_columns = ["received_at"]
    label_columns = {
        "received_at": _l("Received"),
        "received_by": _l("By"),
        "booked_at": _l("Entered in the books"),
        "lines": _l("Payments"),
    }

    def _get_show_widget(self, pk: Any, item: Any, **options: Any) -> Any:
        widgets = super()._get_show_widget(pk, item, **options)
        if not _is_new(item):
            widgets["show"].template_args["actions"] = {}
        return widgets

    def about(self, item: BankFile) -> dict[str, Any]:
        """The report, or what it would say; the progress of a file that is being booked."""
        page = record_id(request.args.get("page", "0")) or 0
        try:
            rows, fates = _foreseen(item) if _is_new(item) else _booked(item, page)
        except BankFileRefused as refused:
            return {"refused": sentence_of(refused), "lines": [], "fates": {}, "page": 0, "more": 0}
        begin_at = page * LINES_A_PAGE if _is_new(item) else 0
        return {
            "refused": "",
            "lines": rows[begin_at : begin_at + LINES_A_PAGE],
            "fates": fates,
            "page": page,
            "more": (page + 1) * LINES_A_PAGE < item.lines,
        }

    @action("book", _l("Book it"), _l("Book this file now?"), multiple=False)
    def book(self, items: Sequence[BankFile]) -> AnyResponse:
        """A small file at once; the worker books a large one."""
        file_id, lines = items[0].id, items[0].lines
        try:
            if lines <= LINES_PER_COMMIT:
                for _step in book_bank_file(file_id):
                    pass
            else:
                begin(file_id)
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        return redirect(url_for("BankFileView.show", pk=file_id))


def _is_new(item: BankFile) -> bool:
    return item.state is BankFileState.RECEIVED


def _foreseen(item: BankFile) -> tuple[list[Foreseen], dict[str, tuple[int, Cents]]]:
    channel = canteen_settings().bank_channel
    foreseen = foresee(db.session(), lines_of(db.session(), item.id), item.id, channel)
    counted = Counter(line.state for line in foreseen)
    totals: Counter[BankEntryState] = Counter()
    for line in foreseen:
        totals[line.state] += line.signed
    return foreseen, {label(state): (counted[state], totals[state]) for state in sorted(counted)}


def _booked(item: BankFile, page: int) -> tuple[list[BankEntry], dict[str, tuple[int, Cents]]]:
    session = db.session()
    query = (
        sa.select(BankEntry)
        .where(BankEntry.bank_file_id == item.id)
        .options(joinedload(BankEntry.account))
        .order_by(BankEntry.position)
        .offset(min(page, item.lines) * LINES_A_PAGE)
        .limit(LINES_A_PAGE)
    )
    found = session.execute(counts(item.id))
    totals = {label(state): (count, int(total)) for state, count, total in found}
    return list(session.scalars(query)), totals
