"""What the top-up page shows, as read: whose account, what it lacks, what is on its way."""

from dataclasses import dataclass
from typing import Any

from flask import current_app, url_for
from flask_babel import format_date, get_locale, gettext
from flask_login import current_user
from sqlalchemy.orm import Session

from app import clock
from app.bank.references import format_reference
from app.booking.forecast import meals_by_account
from app.booking.prices import price_list
from app.clock import local
from app.context import canteen_settings
from app.documents.qr_bill import TopUpBill
from app.errors import NoBankDetails
from app.extensions import db
from app.models import Account, QrBill
from app.money import Cents, decimal_chf, format_chf
from app.pages.incoming import can_withdraw, not_arrived, top_ups_on_their_way, when_it_counts
from app.payments.limits import limits_of
from app.payments.online import current_terms
from app.payments.providers import is_open
from app.payments.qr_bills import (
    BillTerms,
    address_of,
    bill_content,
    check_bank_details,
    children_of,
    first_holder,
)
from app.rules.coverage import Coverage, coverage_of
from app.rules.top_ups import Proposals, proposals
from app.security import is_staff
from app.vocabulary import TopUpChannel
from app.web_errors import sentence_of

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
    when: str
    can_withdraw: bool


def household_of(session: Session, account: Account) -> Household:
    """Whom the account is for, and what its booked meals lack."""
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


def payer_of(session: Session, account: Account) -> Any:
    """The parent who asks; where staff ask, the account's first holder."""
    if is_staff(current_user):
        return first_holder(session, account.id, clock.today())
    return current_user


def _address(session: Session, account: Account) -> tuple[str, ...]:
    payer = payer_of(session, account)
    found = payer and address_of(payer)
    if not found:
        return ()
    return (found.name, found.street, f"{found.postal_code} {found.town}")


def content_of(bill: QrBill) -> TopUpBill:
    """What the bill says to this reader. Raises: NoBankDetails."""
    session, issued_on = db.session(), local(bill.made_at).date()
    terms = BillTerms(bill.amount, is_monthly=bill.is_standing)
    payer, account = payer_of(session, bill.account), bill.account
    return bill_content(session, account, terms, payer, issued_on, str(get_locale().language))


def bill_title(bill: QrBill) -> str:
    """For how much the bill is."""
    if bill.amount is None:
        return gettext("QR-bill with an open amount")
    amount = format_chf(bill.amount)
    if bill.is_standing:
        return gettext("QR-bill of CHF %(amount)s every month", amount=amount)
    return gettext("QR-bill of CHF %(amount)s", amount=amount)


@dataclass(frozen=True)
class Choice:
    """An amount that we propose, until when it lasts, and how it is paid."""

    label: str
    amount: Cents
    kind: str

    @property
    def typed(self) -> str:
        """The amount as it stands in the field."""
        return decimal_chf(self.amount)


def choices_of(known: Proposals) -> list[Choice]:
    """What we propose: for a month, for the year at once, or every month of it."""
    if known.gap is None:
        return []
    month = format_date(known.gap, "MMMM")
    monthly = gettext("every month, for %(count)s months", count=known.months)
    found = [
        Choice(gettext("to the end of %(month)s", month=month), known.month, ONCE),
        Choice(gettext("to the end of the school year"), known.year, ONCE),
        Choice(monthly, known.monthly, MONTHLY),
    ]
    return [choice for choice in found if choice.amount]


def why_no_bill(account: Account) -> str:
    """Why the account cannot have a QR-bill, nothing when it can."""
    canteen = canteen_settings()
    if account.reference is None and canteen.creditor_iban:
        return ""  # it gets one with its first bill
    try:
        check_bank_details(canteen, account)
    except NoBankDetails as refused:
        return sentence_of(refused)
    return ""


def on_its_way(session: Session, account_id: int) -> list[OnItsWay]:
    """The account's money on its way, the soonest first; then what never came."""
    return [
        OnItsWay(
            top_up.id,
            top_up.channel,
            top_up.amount,
            when_it_counts(top_up),
            can_withdraw(top_up),
        )
        for top_up in (
            *top_ups_on_their_way(session, account_id),
            *not_arrived(session, account_id),
        )
    ]


@dataclass(frozen=True)
class OnlineOffer:
    """Where a parent pays online, by which terms, and how long the money takes to count."""

    url: str
    terms_version: int
    terms_url: str
    hours: int


def online_offer(session: Session) -> OnlineOffer | None:
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
