"""Payouts of the provider of online payments, against the payments that they pay."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask import flash, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from wtforms import TextAreaField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from app import clock, ledger
from app.declared.base import FormView
from app.errors import CannotDecide
from app.extensions import db
from app.fields import MoneyField
from app.filters import Condition, Where, record_id
from app.labels import label
from app.models import BankEntry, LedgerAccount, TopUp, Transfer
from app.money import Cents, format_chf
from app.pages.asked import record_asked
from app.reconciliation.clearing import Open, open_movements, with_payments
from app.reconciliation.payouts import named_in, owed, pay_out, proposed
from app.rows import Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import (
    BankEntryState,
    LedgerKind,
    TopUpChannel,
    TopUpState,
    TransferKind,
)


class ClearingRows(Rows):
    """What moved the clearing account, with what lay at the provider after each."""

    def get_values(self, found: Any, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Newest first and without a gap, as the view orders them."""
        line = ledger.chart_id(self.session, LedgerKind.CLEARING)
        balance = lying_at_provider(self.session, line, up_to=found[0].id) if found else 0
        for transfer in found:
            moved = transfer.amount if transfer.debit_id == line else -transfer.amount
            values = {"kind": label(transfer.kind), "moved": moved, "balance": balance}
            yield {name: values.get(name, getattr(transfer, name, None)) for name in columns}
            balance -= moved


def lying_at_provider(session: Session, line: int, up_to: int) -> Cents:
    """What was credited to families or held for them, less what was paid out or given back."""
    return -ledger.balance(session, line, Transfer.id <= up_to)


def of_clearing() -> Condition:
    """Transfers that move the clearing account."""
    line = sa.select(LedgerAccount.id).where(LedgerAccount.kind == LedgerKind.CLEARING)
    return sa.or_(Transfer.debit_id.in_(line), Transfer.credit_id.in_(line))


class PayoutView(TableView):
    """The provider's payouts against the payments that were credited, and what is still to come."""

    datamodel = ClearingRows(Transfer)
    include_route_methods = {"list"}
    base_filters = [["id", Where, of_clearing]]
    list_title = _l("Payouts of the provider")
    list_template = "payment/payouts.html"
    list_columns = ["booked_on", "kind", "moved", "balance", "operation_id"]
    search_columns: list[str] = []
    order_columns = ["id"]
    base_order = ("id", "desc")
    label_columns = {
        "booked_on": _l("Date"),
        "moved": _l("Amount"),
        "balance": _l("At the provider"),
        "operation_id": _l("Operation"),
    }
    formatters_columns = {"moved": format_chf, "balance": format_chf}

    def _get_list_widget(self, **options: Any) -> Any:
        """Always newest first: the balance runs along."""
        options.update(order_column="", order_direction="")
        return super()._get_list_widget(**options)

    def render_template(self, template: str, **options: Any) -> str:
        """The list's template tells the sums first."""
        return super().render_template(template, sums=clearing_sums(db.session()), **options)


@dataclass(frozen=True)
class ClearingSums:
    """In centimes: came in, was paid out, other movements, lies there, and will be credited soon.

    `since` is the day of the oldest movement that no payout covers.
    """

    credited: Cents
    paid_out: Cents
    other: Cents
    lying: Cents
    validated: Cents
    since: date | None


def clearing_sums(session: Session) -> ClearingSums:
    """The clearing account at a glance."""
    line = ledger.chart_id(session, LedgerKind.CLEARING)
    came = sa.func.sum(-ledger.gained(line))
    query = sa.select(Transfer.kind, came).where(ledger.moves(line))
    by_kind = {kind: int(total) for kind, total in session.execute(query.group_by(Transfer.kind))}
    credited, paid_out = by_kind.get(TransferKind.TOP_UP, 0), by_kind.get(TransferKind.PAYOUT, 0)
    lying = sum(by_kind.values())
    on_its_way = sa.select(sa.func.sum(TopUp.amount)).where(
        TopUp.channel == TopUpChannel.ONLINE, TopUp.state == TopUpState.VALIDATED
    )
    still_there = open_movements(session)
    return ClearingSums(
        credited=credited,
        paid_out=-paid_out,
        other=lying - credited - paid_out,
        lying=lying,
        validated=int(session.scalar(on_its_way) or 0),
        since=still_there[0].booked_on if still_there else None,
    )


class PayoutForm(DynamicForm):
    """The provider's list, and the fees that it kept."""

    listed = TextAreaField(
        _l("The provider’s list"),
        [Optional(), Length(max=200_000)],
        description=_l(
            "Paste it here: the payments whose number of order or of the provider it names are"
            " ticked below."
        ),
        render_kw={"rows": 5},
    )
    fees = MoneyField(
        _l("Fees kept by the provider, in francs"),
        [InputRequired(), NumberRange(min=0)],
        description=_l(
            "The payments ticked, less these fees, must come to what the bank received."
        ),
    )


class BookPayoutView(FormView):
    """Which payments a bank payment of the provider pays: ticked, or read from its list."""

    route_base = "/payouts/book"
    form = PayoutForm
    form_title = _l("Payout of online payments")
    form_template = "payment/payout.html"

    def get_redirect(self) -> str:
        """The bank payment."""
        return url_for("BankEntryView.show", pk=_asked().id)

    def form_get(self, form: Any) -> None:
        """The oldest payments that come to the amount, and the fees that this makes."""
        session, amount = db.session(), owed(db.session(), _asked())
        movements = open_movements(session)
        chosen = proposed(movements, amount)
        total = sum(each.amount for each in movements if each.id in chosen)
        form.fees.data = total - amount if chosen else 0

    def about(self, form: Any) -> dict[str, Any]:
        """The bank payment, what lies at the provider, what is ticked and what that comes to."""
        session, entry = db.session(), _asked()
        movements = with_payments(session, open_movements(session))
        amount = owed(session, entry)
        ticked = _ticked(form, movements, amount)
        return {
            "entry": entry,
            "amount": amount,
            "movements": movements,
            "ticked": ticked,
            "total": sum(each.amount for each in movements if each.id in ticked),
        }

    def form_post(self, form: Any) -> Any:
        """Tick what the list names; or book what is ticked."""
        if "find" in request.form:
            return self._page(form)
        entry_id, chosen, fees = _asked().id, _sent(), form.fees.data
        with transaction(current_actor()) as session:
            pay_out(session, entry_id, chosen, fees, clock.now)
        flash(_l("Booked."), "success")
        return None


def _asked() -> BankEntry:
    """The payment of ?entry=, if it still waits. Raises: NotFound, CannotDecide."""
    entry: BankEntry = record_asked(BankEntry, request.args.get("entry"))
    if request.method == "GET" and entry.state is not BankEntryState.QUEUED:
        raise CannotDecide
    return entry


def _sent() -> set[int]:
    """The movements that the form ticks."""
    return {key for text in request.form.getlist("movement") if (key := record_id(text))}


def _ticked(form: Any, movements: list[Open], amount: Cents) -> set[int]:
    if request.method == "GET":
        return set(proposed(movements, amount))
    if "find" in request.form:
        return set(named_in(form.listed.data or "", movements))
    return _sent()
