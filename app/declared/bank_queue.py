"""The bank payments that wait for a person, and what may be decided of each."""

from collections.abc import Callable, Sequence
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.captions import COLUMNS
from app.context import service_rules
from app.declared.base import SplitView
from app.errors import BadAmount, BadInput, NotFound, Refusal
from app.extensions import db
from app.filters import Condition, record_id
from app.models import Account, BankEntry, Pupil, PupilAccount
from app.money import Cents, format_chf, parse_chf
from app.pages.finding import accounts_meant
from app.reconciliation import deciding
from app.reconciliation.settling import rest_of
from app.rows import ACT, READ, Rows
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import BankEntryState, EntryReason
from app.web_errors import sentence_of

MOST_FOUND: Final = 20


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
        multiple=False,
    )
    def payout(self, items: Sequence[BankEntry]) -> AnyResponse:
        """Money of online payments, which the provider collected: ask of which."""
        return redirect(url_for("BookPayoutView.this_form_get", entry=items[0].id))

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
    by_hand = entry.state is BankEntryState.SETTLED and entry.reason in deciding.BY_HAND
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
