"""The top-up page: how much, and three ways side by side; the QR-bill on screen and as a PDF."""

from typing import Any, Final
from uuid import uuid4

from flask import Response, flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import gettext
from flask_login import current_user
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.bank.iban import format_iban
from app.bank.references import format_reference
from app.context import canteen_settings, letterhead, pdf_answer
from app.documents.code_svg import code_svg
from app.documents.qr_bill import render_qr_bill
from app.errors import BadAmount, BadInput, NotFound, Refusal
from app.extensions import db
from app.models import Account, QrBill, TopUp
from app.money import Cents, decimal_chf, parse_chf
from app.pages.asked import code_asked, record_asked
from app.pages.own import own_accounts
from app.pages.recharge_facts import (
    MONTHLY,
    ONCE,
    OPEN,
    bill_title,
    choices_of,
    content_of,
    household_of,
    on_its_way,
    online_offer,
    why_no_bill,
)
from app.pages.summary import coverage_sentence
from app.payments.limits import limits_of
from app.payments.qr_bills import (
    BillWish,
    arrival,
    order_bill,
    withdraw_top_up,
)
from app.security import current_actor, is_staff
from app.transaction import transaction
from app.web_errors import sentence_of

_LONGEST_REQUEST_ID: Final = 48


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
            page = self._page(record_asked(Account, str(account.id)), _typed(), refused)
            return page, refused.status
        return redirect(url_for("RechargeView.bill", pk=bill_id), 303)

    @expose("/bill/<pk>", methods=["GET"])
    @has_access
    def bill(self, pk: str) -> Any:
        """The QR-bill on screen, to scan or to copy."""
        bill = record_asked(QrBill, pk)
        content = content_of(bill)
        first, last = arrival(clock.today())
        return self.render_template(
            "recharge/bill.html",
            title=bill_title(bill),
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
        bill = record_asked(QrBill, pk)
        return pdf_answer(render_qr_bill(content_of(bill), letterhead(), gettext), f"qr-{bill.id}")

    @expose("/bill/<pk>/code", methods=["GET"])
    @has_access
    def code(self, pk: str) -> Response:
        """The code alone, as a picture for the page."""
        return Response(
            code_svg(content_of(record_asked(QrBill, pk)).bill), mimetype="image/svg+xml"
        )

    @expose("/withdraw/<pk>", methods=["POST"])
    @has_access
    def withdraw(self, pk: str) -> AnyResponse:
        """A bank top-up that will not be paid after all."""
        top_up = record_asked(TopUp, pk)
        account_id, top_up_id = top_up.account_id, top_up.id
        with transaction(current_actor()) as session:
            withdraw_top_up(session, top_up_id, clock.now)
        flash(gettext("The announced top-up is cancelled."), "success")
        return redirect(url_for("RechargeView.index", account=account_id), 303)

    def _page(self, account: Account, typed: str, refused: Refusal | None = None) -> str:
        session, canteen = db.session(), canteen_settings()
        household = household_of(session, account)
        limits = limits_of(canteen)
        known = household.proposals
        proposed = known.month or known.year or limits.fit(household.coverage.missing)
        first, last = arrival(clock.today())
        html: str = self.render_template(
            "recharge/index.html",
            title=gettext("Top up"),
            household=household,
            accounts=_accounts_in_use(),
            coverage=coverage_sentence(household.coverage),
            choices=choices_of(known),
            amount=typed or decimal_chf(proposed),
            limits=limits,
            chosen=request.values.get("kind", ONCE),
            error=sentence_of(refused) if refused else "",
            no_bill=why_no_bill(account),
            arrival=(first, last),
            on_its_way=on_its_way(session, account.id),
            online=online_offer(session),
            request_id=uuid4().hex,
            is_for_family=is_staff(current_user),
        )
        return html


def _account(text: str | None) -> Account | None:
    """The account that is asked for, a parent's first where none is. Raises: NotFound."""
    if text:
        found: Account = record_asked(Account, text)
        return found
    accounts = _accounts_in_use()
    return accounts[0] if accounts else None


def _accounts_in_use() -> list[Account]:
    """What a parent chooses from; staff came for one account."""
    if is_staff(current_user):
        return []
    return [account for account in own_accounts() if account.archived_at is None]


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
