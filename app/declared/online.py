"""Online payments as the accountant sees them: the attempts, the terms, what is still to come.

A payout of the provider is checked here against what was credited: whatever lies on the clearing
account and was not paid out.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, redirect, url_for
from flask_appbuilder.actions import action
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session, joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from app import clock, ledger
from app.enquiries import enquire
from app.extensions import db
from app.filters import Condition, Where, search_by
from app.labels import label
from app.models import LedgerAccount, OnlinePayment, PaymentTerms, TopUp, Transfer
from app.money import Cents, format_chf
from app.pages.finding import accounts_meant
from app.payments.gateway import ProviderSilent
from app.payments.online import current_terms
from app.rows import ACT, READ, Rows, TableView
from app.vocabulary import LedgerKind, TopUpChannel, TopUpState, TransferKind

_ACCOUNT_FIELD: Final = {"account": StringField(_l("Account"))}


def _payments_of(text: str) -> Condition:
    return OnlinePayment.top_up.has(TopUp.account_id.in_(accounts_meant(db.session(), text)))


class OnlinePaymentView(TableView):
    """Every attempt, and what the provider said of it; a person may have it asked again."""

    datamodel = Rows(
        OnlinePayment,
        load=[joinedload(OnlinePayment.top_up).joinedload(TopUp.account)],
        searches={"account": [search_by("ct", _payments_of)]},
    )
    include_route_methods = READ | ACT
    list_title = _l("Online payments")
    show_title = _l("Online payment")
    base_order = ("id", "desc")
    list_columns = [
        "terms_accepted_at",
        "top_up.account",
        "top_up.amount",
        "state",
        "provider",
        "settled_at",
        "top_up.credited_at",
    ]
    show_columns = [
        *list_columns,
        "order_number",
        "provider_reference",
        "terms_version",
        "check_at",
    ]
    search_columns = ["state", "provider", "order_number", "provider_reference", "account"]
    search_form_extra_fields = _ACCOUNT_FIELD
    order_columns = ["terms_accepted_at", "settled_at"]
    label_columns = {
        "terms_accepted_at": _l("Begun"),
        "top_up.account": _l("Account"),
        "top_up.amount": _l("Amount"),
        "top_up.credited_at": _l("Credited"),
    }
    formatters_columns = {"top_up.amount": format_chf}

    @action("ask", _l("Ask the provider again"), multiple=False)
    def ask(self, items: list[OnlinePayment]) -> AnyResponse:
        """What the provider says now."""
        payment_id = items[0].id
        try:
            enquire(payment_id)
        except ProviderSilent:
            flash(
                gettext(
                    "The payment service does not answer. Ask again later; the program does so too."
                ),
                "warning",
            )
        return redirect(url_for("OnlinePaymentView.show", pk=payment_id))


class PaymentTermsView(TableView):
    """The terms of online payment: a new text is a new version, older ones stay readable."""

    datamodel = Rows(PaymentTerms)
    include_route_methods = READ | {"add"}
    list_title = _l("Terms of online payment")
    show_title = _l("Terms of online payment")
    add_title = _l("Publish new terms")
    base_order = ("version", "desc")
    list_columns = ["version", "published_at"]
    show_columns = ["version", "published_at", "text"]
    add_columns = ["text"]
    add_form_extra_fields = {
        "text": TextAreaField(
            _l("Text"),
            description=_l("Families accept it at their next online payment."),
            validators=[DataRequired(), Length(max=20_000)],
            render_kw={"rows": 12},
        )
    }
    order_columns = ["version"]

    def pre_add(self, item: Any) -> None:
        """The next version, in force at once; the unique version keeps two publishers apart."""
        before = current_terms(db.session())
        item.version = before.version + 1 if before else 1
        item.published_at = clock.now()


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
    """The provider's payouts against the payments that were credited, and what is still to come.

    A provider pays out the oldest payments first, so that those still to come are the newest.
    """

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

    `since` is the day of the oldest payment that is not paid out yet.
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
    return ClearingSums(
        credited=credited,
        paid_out=-paid_out,
        other=lying - credited - paid_out,
        lying=lying,
        validated=int(session.scalar(on_its_way) or 0),
        since=_oldest_open(session, line, lying),
    )


def _oldest_open(session: Session, line: int, lying: Cents) -> date | None:
    """Going back from the newest payment, the one with which what lies there is reached."""
    if lying <= 0:
        return None
    so_far = sa.func.sum(Transfer.amount).over(order_by=Transfer.id.desc())
    payments = (
        sa.select(Transfer.booked_on, so_far.label("so_far"))
        .where(Transfer.debit_id == line, Transfer.kind == TransferKind.TOP_UP)
        .subquery()
    )
    query = sa.select(payments.c.booked_on).where(payments.c.so_far >= lying)
    found: date | None = session.scalar(query.order_by(payments.c.so_far).limit(1))
    return found
