"""The top-up page: how much, and three ways side by side; the QR-bill on screen and as a PDF."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from flask import Response, current_app, flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import format_date, get_locale, gettext
from flask_login import current_user
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.access import accounts_of
from app.bank.iban import format_iban
from app.bank.references import format_reference
from app.booking.forecast import meals_by_account
from app.booking.prices import price_list
from app.clock import local
from app.context import canteen_settings, letterhead, pdf_answer
from app.documents.code_svg import code_svg
from app.documents.qr_bill import TopUpBill, render_qr_bill
from app.errors import BadAmount, BadInput, NoBankDetails, NotFound, Refusal
from app.extensions import db
from app.models import Account, QrBill, TopUp
from app.money import Cents, format_chf, parse_chf
from app.pages.asked import code_asked, id_asked
from app.pages.summary import coverage_sentence
from app.payments.limits import limits_of
from app.payments.online import current_terms
from app.payments.providers import is_open
from app.payments.qr_bills import (
    BillTerms,
    BillWish,
    address_of,
    arrival,
    bill_content,
    check_bank_details,
    children_of,
    first_holder,
    order_bill,
    withdraw_top_up,
)
from app.rules.coverage import Coverage, coverage_of
from app.rules.top_ups import Proposals, proposals
from app.security import current_actor, is_staff
from app.transaction import transaction
from app.vocabulary import TopUpChannel, TopUpState
from app.web_errors import sentence_of

_LONGEST_REQUEST_ID: Final = 48
ONCE, MONTHLY, OPEN = "once", "monthly", "open"


@dataclass(frozen=True)
class Household:
    """Whose account is topped up, as the form is prefilled."""

    account: Account
    children: list[str]
    address: tuple[str, ...]
    reference: str
    coverage: Coverage
    proposals: Proposals


@dataclass(frozen=True)
class OnItsWay:
    """A top-up that is not credited yet; an announced one can still be withdrawn."""

    id: int
    channel: TopUpChannel
    amount: Cents
    counts_on: date | None
    can_withdraw: bool


class RechargeView(BaseView):
    """Top an account up: parents theirs, staff any for a family that asks."""

    route_base = "/recharge"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    def index(self) -> Any:
        """The page of ?account=, for ?amount= francs or what we propose."""
        account_id = request.args.get("account")
        if account_id is None and is_staff(current_user):
            return redirect(url_for("TillView.search"))
        account = _account(account_id)
        if account is None:
            return self.render_template("recharge/none.html", title=gettext("Top up"))
        return self._page(account, request.args.get("amount", ""))

    @expose("/", methods=["POST"])
    @has_access
    def order(self) -> Any:
        """Make the QR-bill, then show it; a form sent twice shows the same one."""
        account = _account(request.form.get("account"))
        if account is None:
            raise NotFound
        try:
            bill_id = _order(account.id)
        except Refusal as refused:
            db.session().rollback()
            page = self._page(_find(Account, str(account.id)), _typed(), refused)
            return page, refused.status
        return redirect(url_for("RechargeView.bill", pk=bill_id), 303)

    @expose("/bill/<pk>", methods=["GET"])
    @has_access
    def bill(self, pk: str) -> Any:
        """The QR-bill on screen, to scan or to copy."""
        bill = _find(QrBill, pk)
        content = _content(bill)
        first, last = arrival(clock.today())
        return self.render_template(
            "recharge/bill.html",
            title=_bill_title(bill),
            bill=bill,
            content=content,
            iban=format_iban(content.bill.iban),
            reference=format_reference(content.bill.reference),
            arrival=(first, last),
            state=bill.top_up.state.value if bill.top_up else "",
        )

    @expose("/bill/<pk>/pdf", methods=["GET"])
    @has_access
    def pdf(self, pk: str) -> Response:
        """The QR-bill to print, for the post office's counter too."""
        bill = _find(QrBill, pk)
        return pdf_answer(render_qr_bill(_content(bill), letterhead(), gettext), f"qr-{bill.id}")

    @expose("/bill/<pk>/code", methods=["GET"])
    @has_access
    def code(self, pk: str) -> Response:
        """The code alone, as a picture for the page."""
        return Response(code_svg(_content(_find(QrBill, pk)).bill), mimetype="image/svg+xml")

    @expose("/withdraw/<pk>", methods=["POST"])
    @has_access
    def withdraw(self, pk: str) -> AnyResponse:
        """A bank top-up that will not be paid after all."""
        top_up = _find(TopUp, pk)
        account_id, top_up_id = top_up.account_id, top_up.id
        with transaction(current_actor()) as session:
            withdraw_top_up(session, top_up_id, clock.now)
        flash(gettext("The announced top-up is cancelled."), "success")
        return redirect(url_for("RechargeView.index", account=account_id), 303)

    def _page(self, account: Account, typed: str, refused: Refusal | None = None) -> str:
        session, canteen = db.session(), canteen_settings()
        household = _household(session, account)
        limits = limits_of(canteen)
        known = household.proposals
        amount = typed or _plain(
            known.month or known.year or limits.fit(household.coverage.missing)
        )
        first, last = arrival(clock.today())
        html: str = self.render_template(
            "recharge/index.html",
            title=gettext("Top up"),
            household=household,
            accounts=_own_accounts(session),
            coverage=coverage_sentence(household.coverage),
            choices=_choices(known),
            amount=amount,
            monthly=_plain(known.monthly) if known.monthly else amount,
            limits=limits,
            chosen=request.form.get("kind", ONCE),
            error=sentence_of(refused) if refused else "",
            no_bill=_why_no_bill(account),
            arrival=(first, last),
            on_its_way=_on_its_way(session, account.id),
            online=_online_offer(session),
            request_id=uuid4().hex,
            is_for_family=is_staff(current_user),
        )
        return html


def _plain(amount: Cents) -> str:
    """Francs for a field: 57.00."""
    return f"{amount / 100:.2f}"


def _find(model: type[Any], pk: str) -> Any:
    found = db.session().get(model, id_asked(pk))
    if found is None:
        raise NotFound
    return found


def _account(text: str | None) -> Account | None:
    """The account that is asked for, a parent's first where none is. Raises: NotFound."""
    if text:
        found: Account = _find(Account, text)
        return found
    accounts = _own_accounts(db.session())
    return accounts[0] if accounts else None


def _own_accounts(session: Session) -> list[Account]:
    """What a parent chooses from; staff came for one account."""
    if is_staff(current_user):
        return []
    query = sa.select(Account).where(
        Account.id.in_(accounts_of(current_user.id)), Account.archived_at.is_(None)
    )
    return list(session.scalars(query.order_by(Account.id)))


def _typed() -> str:
    return request.form.get("amount", "")[:20]


def _order(account_id: int) -> int:
    request_id = code_asked(request.form.get("request_id"))
    kind = request.form.get("kind")
    if kind not in {ONCE, MONTHLY, OPEN} or len(request_id) > _LONGEST_REQUEST_ID:
        raise BadInput
    amount = None if kind == OPEN else _amount(_typed())
    wish = BillWish(account_id, amount, kind != ONCE, request_id)
    limits = limits_of(canteen_settings())
    with transaction(current_actor()) as session:
        bill_id: int = order_bill(session, wish, limits, clock.now).id
    return bill_id


def _amount(text: str) -> Cents:
    try:
        return parse_chf(text)
    except ValueError:
        raise BadAmount from None


def _household(session: Session, account: Account) -> Household:
    today = clock.today()
    limits = limits_of(canteen_settings())
    meals = meals_by_account(session, [account.id], today, price_list(session))
    own, available = meals.get(account.id, []), account.balance + account.tolerance
    return Household(
        account=account,
        children=children_of(session, account.id),
        address=_address(session, account),
        reference=format_reference(account.reference or ""),
        coverage=coverage_of(available, own),
        proposals=proposals(available, own, today, limits),
    )


def _payer(session: Session, account: Account) -> Any:
    """The parent who asks; where staff ask, the account's first holder."""
    if is_staff(current_user):
        return first_holder(session, account.id, clock.today())
    return current_user


def _address(session: Session, account: Account) -> tuple[str, ...]:
    payer = _payer(session, account)
    found = payer and address_of(payer)
    if not found:
        return ()
    return (found.name, found.street, f"{found.postal_code} {found.town}")


def _content(bill: QrBill) -> TopUpBill:
    session, issued_on = db.session(), local(bill.made_at).date()
    terms = BillTerms(bill.amount, is_monthly=bill.is_standing)
    payer, account = _payer(session, bill.account), bill.account
    return bill_content(session, account, terms, payer, issued_on, str(get_locale().language))


def _bill_title(bill: QrBill) -> str:
    if bill.amount is None:
        return gettext("QR-bill with an open amount")
    amount = format_chf(bill.amount)
    if bill.is_standing:
        return gettext("QR-bill of CHF %(amount)s every month", amount=amount)
    return gettext("QR-bill of CHF %(amount)s", amount=amount)


def _choices(known: Proposals) -> list[tuple[str, Cents]]:
    """What we propose, and until when it lasts."""
    if known.gap is None:
        return []
    month = format_date(known.gap, "MMMM")
    found = [
        (gettext("to the end of %(month)s", month=month), known.month),
        (gettext("to the end of the school year"), known.year),
    ]
    return [(label, amount) for label, amount in found if amount]


def _why_no_bill(account: Account) -> str:
    canteen = canteen_settings()
    if account.reference is None and canteen.creditor_iban:
        return ""  # it gets one with its first bill
    try:
        check_bank_details(canteen, account)
    except NoBankDetails as refused:
        return sentence_of(refused)
    return ""


def _on_its_way(session: Session, account_id: int) -> list[OnItsWay]:
    query = (
        sa.select(TopUp)
        .where(
            TopUp.account_id == account_id,
            TopUp.state.in_([TopUpState.ANNOUNCED, TopUpState.VALIDATED]),
        )
        .order_by(TopUp.credit_at, TopUp.id)
    )
    return [
        OnItsWay(
            top_up.id,
            top_up.channel,
            top_up.amount,
            local(top_up.credit_at).date() if top_up.credit_at else None,
            top_up.channel is TopUpChannel.BANK and top_up.state is TopUpState.ANNOUNCED,
        )
        for top_up in session.scalars(query)
    ]


@dataclass(frozen=True)
class OnlineOffer:
    """Where a parent pays online, by which terms, and how long the money takes to count."""

    url: str
    terms_version: int
    terms_url: str
    hours: int


def _online_offer(session: Session) -> OnlineOffer | None:
    """None for staff, without a provider, or before terms were published."""
    terms = current_terms(session)
    if is_staff(current_user) or terms is None or not is_open(current_app.config):
        return None
    return OnlineOffer(
        url_for("PaymentView.start"),
        terms.version,
        url_for("PaymentView.terms", version=terms.version),
        current_app.config["ONLINE_CREDIT_DELAY_HOURS"],
    )
