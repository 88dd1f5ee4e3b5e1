"""Online payments as the accountant sees them: the attempts, and the terms."""

from typing import Any, Final

from flask import flash, redirect, url_for
from flask_appbuilder.actions import action
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length

from app import clock
from app.context import service_rules
from app.enquiries import enquire
from app.extensions import db
from app.filters import Condition, search_by
from app.models import OnlinePayment, PaymentTerms, TopUp
from app.money import Cents, format_chf
from app.pages.finding import accounts_meant
from app.payments.chargebacks import can_be_charged_back, charge_back, lift_chargeback
from app.payments.gateway import ProviderSilent
from app.payments.online import current_terms
from app.rows import ACT, READ, Rows, TableView
from app.vocabulary import PaymentState

_ACCOUNT_FIELD: Final = {"account": StringField(_l("Account"))}


def _chf_if_any(amount: Cents | None) -> str:
    return "–" if amount is None else format_chf(amount)


def _payments_of(text: str) -> Condition:
    return OnlinePayment.top_up.has(TopUp.account_id.in_(accounts_meant(db.session(), text)))


class OnlinePaymentView(TableView):
    """Every attempt, and what the provider said of it; a person may have it asked again."""

    datamodel = Rows(
        OnlinePayment,
        load=[
            joinedload(OnlinePayment.top_up).joinedload(TopUp.account),
            joinedload(OnlinePayment.decided_by),
        ],
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
        "received",
        "decided_by",
        "reason",
    ]
    search_columns = ["state", "provider", "order_number", "provider_reference", "account"]
    search_form_extra_fields = _ACCOUNT_FIELD
    order_columns = ["terms_accepted_at", "settled_at"]
    label_columns = {
        "terms_accepted_at": _l("Begun"),
        "top_up.account": _l("Account"),
        "top_up.amount": _l("Amount"),
        "top_up.credited_at": _l("Credited"),
        "received": _l("Received instead"),
        "decided_by": _l("Decided by"),
    }
    formatters_columns = {"top_up.amount": format_chf, "received": _chf_if_any}

    def _get_show_widget(self, pk: Any, item: Any, **options: Any) -> Any:
        """Only what its state allows."""
        left_out = set()
        if item.state is not PaymentState.MISMATCHED:
            left_out.add("decide")
        if not can_be_charged_back(item):
            left_out.add("charge_back")
        if item.state is not PaymentState.CHARGED_BACK:
            left_out.add("lift")
        actions = {name: each for name, each in self.actions.items() if name not in left_out}
        return super()._get_show_widget(pk, item, actions=actions, **options)

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
        return _page_of(payment_id)

    @action("decide", _l("Settle it"), multiple=False)
    def decide(self, items: list[OnlinePayment]) -> AnyResponse:
        """Ask what to do, and why."""
        return redirect(url_for("MismatchView.this_form_get", payment=items[0].id))

    @action(
        "charge_back",
        _l("Charged back"),
        _l("Has the card’s owner taken this payment back? It is taken off the account."),
        multiple=False,
    )
    def charge_back(self, items: list[OnlinePayment]) -> AnyResponse:
        """The provider says that the card network took it."""
        payment_id = items[0].id
        self._write(
            lambda: charge_back(db.session(), payment_id, clock.now),
            _l("Taken off the account; the family is told."),
        )
        return _page_of(payment_id)

    @action(
        "lift",
        _l("Lift the chargeback"),
        _l("Is the payment the canteen’s after all? The account is credited again."),
        multiple=False,
    )
    def lift(self, items: list[OnlinePayment]) -> AnyResponse:
        """The network gave it back, or it was marked by mistake."""
        payment_id, rules = items[0].id, service_rules()
        self._write(
            lambda: lift_chargeback(db.session(), payment_id, rules, clock.now),
            _l("Credited again; the family is told."),
        )
        return _page_of(payment_id)


def _page_of(payment_id: int) -> AnyResponse:
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
