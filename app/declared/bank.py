"""The bank: files that are previewed and booked, and the payments that wait for a person."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField, FileRequired
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.bank.refusals import BankFileRefused
from app.bank_jobs import begin, book_bank_file, lines_of, receive_bank_file
from app.captions import COLUMNS
from app.context import canteen_settings, service_rules
from app.declared.base import FormView, SplitView
from app.errors import BadAmount, BadInput, NotFound, Refusal
from app.extensions import db
from app.filters import Condition, record_id
from app.labels import label
from app.models import Account, BankEntry, BankFile, Pupil, PupilAccount
from app.money import Cents, format_chf, parse_chf
from app.pages.finding import accounts_meant
from app.reconciliation import deciding
from app.reconciliation.importing import LINES_PER_COMMIT
from app.reconciliation.preview import Foreseen, foresee
from app.reconciliation.settling import rest_of
from app.rows import ACT, READ, Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import BankEntryState, BankFileState, EntryReason
from app.web_errors import sentence_of

LINES_A_PAGE: Final = 100
MOST_FOUND: Final = 20


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
        totals[line.state] += line.amount if line.is_credit else -line.amount
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
    signed = sa.case((BankEntry.is_credit, BankEntry.amount), else_=-BankEntry.amount)
    fates = (
        sa.select(BankEntry.state, sa.func.count(BankEntry.id), sa.func.sum(signed))
        .where(BankEntry.bank_file_id == item.id)
        .group_by(BankEntry.state)
        .order_by(BankEntry.state)
    )
    totals = {label(state): (count, int(total)) for state, count, total in session.execute(fates)}
    return list(session.scalars(query)), totals


class BankEntryView(SplitView):
    """Payments of bank files: first those that wait for a person."""

    datamodel = Rows(
        BankEntry,
        load=[
            joinedload(BankEntry.account),
            joinedload(BankEntry.bank_file),
            selectinload(BankEntry.top_ups),
        ],
    )
    include_route_methods = READ | ACT | {"assign"}
    list_title, show_title = _l("Bank payments to decide"), _l("Bank payment")
    show_template = "bank/entry.html"
    in_use_label, aside_label = _l("To decide"), _l("All the others")
    base_order = ("id", "desc")
    list_columns = ["booked_on", "counterparty", "signed", "message", "reason"]
    show_columns = [
        "state",
        "reason",
        "signed",
        "is_reversal",
        "booked_on",
        "counterparty",
        "counterparty_iban",
        "message",
        "reference",
        "account",
        "bank_reference",
        "end_to_end_id",
        "bank_file",
    ]
    search_columns = [
        "booked_on",
        "amount",
        "counterparty",
        "counterparty_iban",
        "reference",
        "state",
        "reason",
    ]
    order_columns = ["booked_on", "amount"]
    label_columns = {
        "booked_on": _l("Date"),
        "counterparty": _l("Paid by or to"),
        "counterparty_iban": _l("IBAN"),
        "signed": _l("Amount"),
        "is_reversal": _l("Reversal"),
        "message": _l("Message"),
        "bank_reference": _l("Number at the bank"),
        "end_to_end_id": COLUMNS["end_to_end_id"],
        "bank_file": _l("Bank file"),
    }
    formatters_columns = {"signed": format_chf}

    def aside(self) -> Condition:
        """Whatever waits for nobody."""
        return BankEntry.state != BankEntryState.QUEUED

    def _get_show_widget(self, pk: Any, item: Any, **options: Any) -> Any:
        widgets, possible = super()._get_show_widget(pk, item, **options), _decisions(item)
        actions = {name: each for name, each in self.actions.items() if name in possible}
        widgets["show"].template_args["actions"] = actions
        return widgets

    def about(self, item: BankEntry) -> dict[str, Any]:
        """The accounts to choose from: who paid last time, and what was searched for."""
        session, text = db.session(), request.args.get("q", "")[:80]
        is_open = item.state is BankEntryState.QUEUED and item.is_counted
        suggested = deciding.suggested_account(session, item) if is_open else None
        query = (
            sa.select(Account)
            .where(Account.id.in_(accounts_meant(session, text)), Account.archived_at.is_(None))
            .order_by(Account.label)
            .limit(MOST_FOUND)
        )
        found = list(session.scalars(query)) if text.strip() and is_open else []
        return {
            "rest": rest_of(session, item) if is_open else 0,
            "suggested": suggested,
            "found": found,
            "children": _children(found),
            "text": text,
        }

    @expose("/assign/<pk>", methods=["POST"])
    @has_access
    def assign(self, pk: str) -> AnyResponse:
        """Credit an account with the payment, or with a part of it."""
        entry_id: int = self._item(pk).id
        account_id = record_id(request.form.get("account", ""))
        if account_id is None:
            raise BadInput
        if db.session().get(Account, account_id) is None:
            raise NotFound
        rules = service_rules()
        try:
            amount, rest = _cents("amount"), _cents("rest")
            with transaction(current_actor()) as session:
                deciding.assign(session, entry_id, account_id, amount, rest, rules, clock.now)
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        else:
            flash(_l("Assigned."), "success")
        return redirect(url_for("BankEntryView.show", pk=entry_id), 303)

    def _decide(
        self, items: Sequence[BankEntry], decide: Callable[[int], object], done: Any
    ) -> AnyResponse:
        ids = [item.id for item in items]

        def write() -> None:
            for entry_id in ids:
                decide(entry_id)

        self._write(write, done)
        return redirect(url_for("BankEntryView.show", pk=ids[0]))

    def _use(self, items: Sequence[BankEntry], use: EntryReason) -> AnyResponse:
        return self._decide(
            items, lambda key: deciding.use_as(db.session(), key, use, clock.now), _l("Booked.")
        )

    @action(
        "send_back", _l("Send back"), _l("Mark it to be sent back to its payer?"), multiple=False
    )
    def send_back(self, items: Sequence[BankEntry]) -> AnyResponse:
        """The accountant sends it by e-banking; the bank's debit settles it."""
        return self._decide(
            items,
            lambda key: deciding.send_back(db.session(), key, clock.now),
            _l("Send it back by e-banking. The debit in the bank’s file will settle it."),
        )

    @action(
        "payout",
        _l("Payout of online payments"),
        _l("Book it as the provider’s payout?"),
        multiple=False,
    )
    def payout(self, items: Sequence[BankEntry]) -> AnyResponse:
        """Money of online payments, which the provider collected."""
        return self._use(items, EntryReason.PAYOUT)

    @action(
        "deposit", _l("Cash of the till"), _l("Book it as cash taken to the bank?"), multiple=False
    )
    def deposit(self, items: Sequence[BankEntry]) -> AnyResponse:
        """Cash that was taken from the till to the bank."""
        return self._use(items, EntryReason.DEPOSIT)

    @action(
        "fee", _l("Fee or interest"), _l("Book it as the bank’s fee or interest?"), multiple=False
    )
    def fee(self, items: Sequence[BankEntry]) -> AnyResponse:
        """What the bank takes for itself, or gives."""
        return self._use(items, EntryReason.FEE)

    @action(
        "accept",
        _l("It is another payment"),
        _l("It is other money: put it in the queue?"),
        multiple=False,
    )
    def accept(self, items: Sequence[BankEntry]) -> AnyResponse:
        """Alike, but not the same."""
        return self._decide(
            items, lambda key: deciding.accept(db.session(), key, clock.now), _l("Booked.")
        )

    @action(
        "drop",
        _l("It is known already"),
        _l("It is the same money as elsewhere: ignore it?"),
        multiple=False,
    )
    def drop(self, items: Sequence[BankEntry]) -> AnyResponse:
        """The same money as another payment."""
        return self._decide(
            items, lambda key: deciding.drop(db.session(), key, clock.now), _l("Ignored.")
        )

    @action(
        "reconsider", _l("Take back the decision"), _l("Put it back in the queue?"), multiple=False
    )
    def reconsider(self, items: Sequence[BankEntry]) -> AnyResponse:
        """The family gives back what it was credited, and is told."""
        return self._decide(
            items,
            lambda key: deciding.reconsider(db.session(), key, clock.now),
            _l("It waits for a decision again."),
        )


def _decisions(entry: BankEntry) -> frozenset[str]:
    """What may be decided of a payment, by the names of the actions."""
    if entry.state is BankEntryState.QUEUED and not entry.is_counted:
        return frozenset({"accept", "drop"})
    if entry.state is BankEntryState.QUEUED:
        both = {"payout", "deposit", "fee", "drop"}
        return frozenset(both | {"send_back"} if entry.is_credit else both)
    by_hand = entry.state is BankEntryState.SETTLED and entry.reason in deciding.USES
    is_open = entry.state in {BankEntryState.CREDITED, BankEntryState.RETURNED}
    return frozenset({"reconsider"}) if is_open or by_hand else frozenset()


def _children(accounts: Sequence[Account]) -> dict[int, str]:
    """Their first names tell two families of the same name apart."""
    query = (
        sa.select(PupilAccount.account_id, Pupil.first_name)
        .join(Pupil, Pupil.id == PupilAccount.pupil_id)
        .where(PupilAccount.account_id.in_([account.id for account in accounts]))
        .order_by(Pupil.birth_date)
    )
    names: dict[int, list[str]] = {}
    for account_id, name in db.session().execute(query):
        names.setdefault(account_id, []).append(name)
    return {account_id: ", ".join(each) for account_id, each in names.items()}


def _cents(name: str) -> Cents:
    try:
        return parse_chf(request.form.get(name, ""))
    except ValueError:
        raise BadAmount from None
