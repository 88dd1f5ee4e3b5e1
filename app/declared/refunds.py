"""Refunds as the office works on them: verify, refuse, pay as one file for the bank."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import SelectField, StringField
from wtforms.validators import DataRequired, Length

from app import clock
from app.context import canteen_settings, service_rules
from app.declared.base import FormView, SplitView
from app.declared.refund_facts import compared
from app.extensions import db
from app.fields import LineField
from app.filters import Condition, search_by
from app.models import RefundRequest
from app.money import format_chf
from app.pages.asked import record_asked
from app.pages.finding import accounts_meant
from app.payments.refund_office import (
    LONGEST_REASON,
    debtor_of,
    mark_paid,
    pay_refunds,
    refuse_refund,
    verify_refund,
)
from app.rows import ACT, READ, Rows
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import OPEN_REFUNDS, RefundState

_YES: Final = "yes"
_LOAD: Final = (
    joinedload(RefundRequest.account),
    joinedload(RefundRequest.requested_by),
    joinedload(RefundRequest.verified_by),
    joinedload(RefundRequest.paid_by),
    joinedload(RefundRequest.batch),
)


def _refunds_of(text: str) -> Condition:
    return RefundRequest.account_id.in_(accounts_meant(db.session(), text))


def is_open() -> Condition:
    """Requests that still ask something of somebody."""
    return RefundRequest.state.in_(OPEN_REFUNDS)


def is_overdue(day: date) -> Condition:
    """Requests that should have been paid before the day."""
    return sa.and_(is_open(), RefundRequest.due_on < day)


def _overdue(text: str) -> Condition:
    overdue = is_overdue(clock.today())
    return overdue if text == _YES else sa.not_(overdue)


class RefundView(SplitView):
    """Open refunds, the one that is due first on top; the closed ones are a click away."""

    datamodel = Rows(
        RefundRequest,
        load=_LOAD,
        searches={
            "account": [search_by("ct", _refunds_of)],
            "overdue": [search_by("eq", _overdue)],
        },
    )
    route_base = "/refunds"
    include_route_methods = READ | ACT
    list_title, show_title = _l("Refunds"), _l("Refund")
    in_use_label, aside_label = _l("Open ones"), _l("Closed ones")
    show_template = "refunds/refund.html"
    base_order = ("due_on", "asc")
    list_columns = ["due_on", "account", "amount", "holder_name", "state", "requested_at"]
    show_columns = [
        "account",
        "amount",
        "holder_name",
        "street",
        "postal_code",
        "town",
        "state",
        "due_on",
        "requested_at",
        "requested_by",
        "verified_by",
        "paid_by",
        "batch",
        "end_to_end_id",
        "paid_on",
        "reason",
    ]
    search_columns = ["state", "overdue", "due_on", "account"]
    search_form_extra_fields = {
        "account": StringField(_l("Account")),
        "overdue": SelectField(
            _l("Overdue"), choices=lambda: [("", ""), (_YES, _("Yes")), ("no", _("No"))]
        ),
    }
    order_columns = ["due_on", "amount", "requested_at"]
    formatters_columns = {"amount": format_chf}

    def aside(self) -> Condition:
        """Paid, refused or withdrawn."""
        return sa.not_(is_open())

    def _is_asked_for(self) -> bool:
        return any(name.startswith("_flt_") for name in request.args)

    def _get_list_widget(self, **options: Any) -> Any:
        """A search looks in both parts."""
        if self._is_asked_for():
            return super(SplitView, self)._get_list_widget(**options)
        return super()._get_list_widget(**options)

    def name_of(self, item: RefundRequest) -> str:
        """Whose, and how much."""
        return f"{item.account.label}, CHF {format_chf(item.amount)}"

    def about(self, item: RefundRequest) -> dict[str, Any]:
        """What whoever verifies compares: balance, holders, and where this IBAN was seen."""
        is_overdue = item.state in OPEN_REFUNDS and item.due_on < clock.today()
        return {**compared(db.session(), item), "is_overdue": is_overdue}

    def _get_show_widget(self, pk: Any, item: Any, **options: Any) -> Any:
        """Only what its state allows."""
        names = _ACTIONS[item.state]
        actions = {name: self.actions[name] for name in names}
        return super()._get_show_widget(pk, item, actions=actions, **options)

    @action(
        "verify",
        _l("Verify"),
        _l("Balance, holder and IBAN are right? A colleague will pay."),
    )
    def verify(self, items: Sequence[RefundRequest]) -> AnyResponse:
        """The first of two people."""
        ids = [item.id for item in items]

        def write() -> None:
            for each in ids:
                verify_refund(db.session(), each, clock.now)

        self._write(write, _l("Verified. A colleague can pay now."))
        return _back(ids)

    @action("refuse", _l("Refuse"), multiple=False)
    def refuse(self, items: Sequence[RefundRequest]) -> AnyResponse:
        """Ask why."""
        return redirect(url_for("RefusalView.this_form_get", refund=items[0].id))

    @action(
        "pay",
        _l("Make the payment file"),
        _l("Make one file for the bank with these refunds?"),
    )
    def pay(self, items: Sequence[RefundRequest]) -> AnyResponse:
        """The second of two people."""
        ids = [item.id for item in items]
        made: list[int] = []

        def write() -> None:
            debtor = debtor_of(canteen_settings())
            made.append(pay_refunds(db.session(), ids, debtor, clock.now).id)

        if self._write(write, _l("Made. Download the file and give it to the bank.")):
            return redirect(url_for("RefundBatchView.show", pk=made[0]))
        return _back(ids)

    @action(
        "mark_paid",
        _l("Mark as paid"),
        _l("Has the bank paid this? It is booked today."),
    )
    def mark_paid(self, items: Sequence[RefundRequest]) -> AnyResponse:
        """Paid without a file, or before the bank’s file is imported."""
        ids = [item.id for item in items]

        def write() -> None:
            for each in ids:
                mark_paid(db.session(), each, clock.now)

        self._write(write, _l("Booked as paid."))
        return _back(ids)


_ACTIONS: Final[dict[RefundState, tuple[str, ...]]] = {
    RefundState.REQUESTED: ("verify", "refuse"),
    RefundState.VERIFIED: ("pay", "mark_paid", "refuse"),
    RefundState.SENT: ("mark_paid", "refuse"),
    RefundState.PAID: (),
    RefundState.REFUSED: (),
    RefundState.WITHDRAWN: (),
}


def _back(ids: Sequence[int]) -> AnyResponse:
    """To the refund, or to the list of several."""
    if len(ids) == 1:
        return redirect(url_for("RefundView.show", pk=ids[0]))
    return redirect(url_for("RefundView.list"))


class RefusalForm(DynamicForm):
    """Why the money goes back to the account."""

    reason = LineField(
        _l("Reason"),
        [DataRequired(), Length(max=LONGEST_REASON)],
        description=_l("The family reads it in its mail."),
    )


class RefusalView(FormView):
    route_base = "/refunds/refuse"
    form = RefusalForm
    form_title = _l("Refuse the refund")
    form_template = "refunds/refuse.html"
    submit_label = _l("Refuse")

    def get_redirect(self) -> str:
        """The refund."""
        return url_for("RefundView.show", pk=_asked().id)

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """Which refund."""
        return {"refund": _asked(), "is_sent": _asked().state is RefundState.SENT}

    def form_post(self, form: Any) -> None:
        """Give the money back."""
        refund_id, rules = _asked().id, service_rules()
        with transaction(current_actor()) as session:
            refuse_refund(session, refund_id, form.reason.data, rules, clock.now)
        flash(_("Refused. The amount is back on the account."), "success")


def _asked() -> RefundRequest:
    return record_asked(RefundRequest, request.args.get("refund"))
