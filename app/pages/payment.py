"""Paying online: from the form to the provider's page and back; what the provider tells us.

The browser's return credits nothing: it makes us ask the provider, as the worker does.
"""

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from flask import Response, abort, current_app, flash, make_response, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import format_datetime, get_locale, gettext
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.access import SYSTEM
from app.clock import local
from app.context import canteen_settings
from app.enquiries import enquire
from app.errors import (
    AccountArchived,
    AmountNotInSteps,
    AmountOutOfRange,
    BadAmount,
    BadInput,
    NotFound,
)
from app.extensions import csrf, db
from app.labels import label
from app.models import Account, OnlinePayment, PaymentTerms
from app.money import Cents, parse_chf
from app.pages.asked import code_asked, id_asked
from app.payments import online
from app.payments.gateway import Gateway, Order, Outcome, ProviderNotSet, ProviderSilent
from app.payments.limits import limits_of
from app.payments.providers import current_gateway, gateway_of
from app.payments.providers.signing import LONGEST_BODY
from app.payments.providers.simulated import Simulated
from app.refusals import AlreadyPaid, TermsChanged, TermsNotAccepted
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import PaymentState, TopUpState
from app.web_errors import sentence_of

_LONGEST_REQUEST_ID: Final = 64
_LONGEST_ORDER: Final = 20
_BACK_TO_THE_FORM: Final = (
    AccountArchived,
    AlreadyPaid,
    AmountNotInSteps,
    AmountOutOfRange,
    BadAmount,
    ProviderNotSet,
    ProviderSilent,
    TermsChanged,
    TermsNotAccepted,
)


class PaymentView(BaseView):
    """A family's way through one payment; the page that asks for the amount is `/recharge/`."""

    route_base = "/paiement"

    @expose("/start", methods=["POST"])
    @has_access
    def start(self) -> AnyResponse:
        """Begin the payment that the form asks for, once, and lead to its page."""
        account_id = _account_asked(request.form)
        try:
            number = _start(_wish(account_id, request.form))
        except _BACK_TO_THE_FORM as refused:
            flash(sentence_of(refused), "danger")
            return redirect(_form_of(account_id), 303)
        return redirect(url_for("PaymentView.go", number=number), 303)

    @expose("/aller/<number>", methods=["GET"])
    @has_access
    def go(self, number: str) -> Response | AnyResponse:
        """On to the provider: by a page, as a form may not lead to a foreign host (CSP)."""
        payment = _payment(number)
        if payment.state is not PaymentState.STARTED:
            return redirect(url_for("PaymentView.back", number=number))
        page = self.render_template(
            "payment/go.html", title=gettext("Online payment"), payment=payment
        )
        answer: Response = make_response(page)
        answer.headers["Refresh"] = f"0; url={payment.address}"
        return answer

    @expose("/retour/<number>", methods=["GET"])
    @has_access
    def back(self, number: str) -> str:
        """What has become of the payment, by the provider's word and not the browser's."""
        return self._outcome(number)

    @expose("/annule/<number>", methods=["GET"])
    @has_access
    def cancelled(self, number: str) -> str:
        """The same, for who pressed « cancel » there: even that is the provider's to say."""
        return self._outcome(number)

    def _outcome(self, number: str) -> str:
        payment_id = _payment(number).id
        try:
            enquire(payment_id)
        except (ProviderSilent, ProviderNotSet):
            current_app.logger.warning("payment %s: the provider does not answer", payment_id)
        payment = _payment(number)
        html: str = self.render_template(
            "payment/back.html",
            title=gettext("Online payment"),
            payment=payment,
            state=payment.state.value,
            state_label=label(payment.state),
            is_credited=payment.top_up.state is TopUpState.CREDITED,
            counts_from=_when(payment.top_up.credit_at),
        )
        return html

    @expose("/conditions/<version>", methods=["GET"])
    @has_access
    def terms(self, version: str) -> str:
        """The terms as they were in that version."""
        query = sa.select(PaymentTerms).where(PaymentTerms.version == id_asked(version))
        terms = db.session().scalar(query)
        if terms is None:
            raise NotFound
        html: str = self.render_template(
            "payment/terms.html", title=gettext("Terms of online payment"), terms=terms
        )
        return html

    @expose("/simule/<number>", methods=["GET"])
    @has_access
    def simulated(self, number: str) -> str:
        """The page of the simulated provider, which says that no money moves."""
        payment, _ = _simulation(number)
        html: str = self.render_template(
            "payment/simulated.html", title=gettext("Simulated payment"), payment=payment
        )
        return html

    @expose("/simule/<number>", methods=["POST"])
    @has_access
    def choose(self, number: str) -> AnyResponse:
        """What the visitor decides there; back to us as a provider would send them."""
        payment, provider = _simulation(number)
        try:
            outcome = Outcome(request.form.get("outcome", ""))
        except ValueError:
            raise BadInput from None
        try:
            provider.choose(payment.order_number, outcome)
        except ProviderSilent:
            raise NotFound from None
        return redirect(url_for("PaymentView.back", number=number), 303)


class NotificationView(BaseView):
    """Where providers tell that a payment changed. Signed, so that it needs no token of ours."""

    route_base = "/paiement/notification"

    @expose("/<provider>", methods=["POST"])
    @csrf.exempt
    def receive(self, provider: str) -> tuple[str, int]:
        """Verify the raw body and keep the hint; the worker asks the provider, this request not.

        200 also for what is known and for payments that are not ours to know; 403 for what is not
        signed; 404 where the provider is not ours.
        """
        try:
            gateway = gateway_of(provider, current_app.config)
        except ProviderNotSet:
            abort(404)
        if (request.content_length or 0) > LONGEST_BODY:
            abort(413)
        notice = gateway.read(request.get_data(), dict(request.headers))
        with transaction(SYSTEM) as session:
            online.note(session, provider, notice, clock.now)
        return "", 200


def _account_asked(form: Any) -> int:
    """An account of the reader's. Raises: NotFound."""
    account: Account | None = db.session().get(Account, id_asked(form.get("account")))
    if account is None:
        raise NotFound
    return account.id


def _form_of(account_id: int) -> str:
    """The page that sent the form, with the amount that was typed."""
    return url_for(
        "RechargeView.index", account=account_id, amount=request.form.get("amount", "")[:12]
    )


def _start(wish: online.Wish) -> str:
    """Begin the payment and ask for its page; the order's number."""
    gateway, limits = current_gateway(current_app.config), limits_of(canteen_settings())
    with transaction(current_actor()) as session:
        payment = online.begin(session, wish, gateway.name, limits, clock.now)
        payment_id, number, address = payment.id, payment.order_number, payment.address
    if not address:
        _open_page(gateway, payment_id, number, wish.amount)
    return number


def _wish(account_id: int, form: Any) -> online.Wish:
    """What the form says. Raises: BadAmount, BadInput, NotFound, TermsNotAccepted."""
    request_id = code_asked(form.get("request_id"))
    if len(request_id) > _LONGEST_REQUEST_ID:
        raise BadInput
    if form.get("terms") != "yes":
        raise TermsNotAccepted
    version = id_asked(form.get("terms_version"))
    return online.Wish(account_id, _amount(form.get("amount", "")), version, request_id)


def _amount(text: str) -> Cents:
    try:
        return parse_chf(text)
    except ValueError:
        raise BadAmount from None


def _open_page(gateway: Gateway, payment_id: int, number: str, amount: Cents) -> None:
    """Ask the provider for its page, outside any transaction, then keep it."""
    public = current_app.config["PUBLIC_URL"].rstrip("/")
    order = Order(
        number=number,
        amount=amount,
        language=get_locale().language,
        return_url=public + url_for("PaymentView.back", number=number),
        cancel_url=public + url_for("PaymentView.cancelled", number=number),
        notification_url=public + url_for("NotificationView.receive", provider=gateway.name),
    )
    started = gateway.start(order)
    with transaction(SYSTEM) as session:
        online.mark_started(session, payment_id, started, clock.now)


def _payment(number: str) -> OnlinePayment:
    """A payment for an account of the reader's. Raises: NotFound."""
    if not number.isalnum() or len(number) > _LONGEST_ORDER:
        raise NotFound
    query = (
        sa.select(OnlinePayment)
        .where(OnlinePayment.order_number == number)
        .options(joinedload(OnlinePayment.top_up))
        .execution_options(populate_existing=True)
    )
    payment: OnlinePayment | None = db.session().scalar(query)
    if payment is None:
        raise NotFound
    return payment


def _when(instant: datetime | None) -> str:
    """Wednesday 25 November 2026, 10:59."""
    if instant is None:
        return ""
    return str(format_datetime(local(instant), "EEEE d MMMM y, HH:mm", rebase=False))


def _simulation(number: str) -> tuple[OnlinePayment, Simulated]:
    """A payment at the simulated provider, and that. Raises: NotFound where it is not in use."""
    payment = _payment(number)
    if payment.provider != "simulated" or payment.state is PaymentState.CREATED:
        raise NotFound
    provider = gateway_of(payment.provider, current_app.config)
    if not isinstance(provider, Simulated):
        raise NotFound
    return payment, provider
