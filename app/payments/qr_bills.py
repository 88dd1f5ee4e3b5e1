"""QR-bills that families ask for: announced as money on its way, withdrawn, and what they say."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger, outbox
from app.access import actor_of, holds_account, is_held_on
from app.bank.qrbill import Address, cleaned, cleaned_address
from app.bank.qrbill import QrBill as Content
from app.bank.references import goes_with
from app.bank.refusals import AddressIncomplete, TextTooLong
from app.clock import Now, instant_of, local
from app.documents.qr_bill import TopUpBill
from app.errors import AccountArchived, NoBankDetails, NotFound, NotOnItsWay, Refusal, SentBefore
from app.models import (
    Account,
    AccountHolder,
    CanteenSettings,
    CanteenUser,
    Pupil,
    PupilAccount,
    QrBill,
    TopUp,
)
from app.money import Cents
from app.rules.school_days import public_holidays
from app.rules.top_ups import FASTEST, SLOWEST, TopUpLimits, working_days_after
from app.vocabulary import FactKind, TopUpChannel, TopUpState

_ARRIVES_AT = time(12)


@dataclass(frozen=True)
class BillWish:
    """What a family asks for. Without an amount the payer chooses it at the bank.

    `request_id` is the form's: sent twice it is one bill.
    """

    account_id: int
    amount: Cents | None
    is_standing: bool
    request_id: str


def order_bill(session: Session, wish: BillWish, limits: TopUpLimits, now: Now) -> QrBill:
    """Make a QR-bill, mail it, and announce one amount as a top-up on its way.

    A parent gets the mail they asked for; asked for by staff, it goes to every holder.
    Raises: NotFound for an account out of reach, AccountArchived, AmountOutOfRange,
    AmountNotInSteps, NoBankDetails, SentBefore.
    """
    account = _account(session, wish.account_id)
    known = session.scalar(sa.select(QrBill).where(QrBill.request_id == wish.request_id))
    if known is not None:
        return _same(known, wish)
    if account.archived_at is not None:
        raise AccountArchived
    if wish.amount is not None:
        limits.check(wish.amount)
    canteen = session.get_one(CanteenSettings, 1)
    ledger.give_reference(account, canteen)
    check_bank_details(canteen, account)
    return _make(session, wish, now())


def _account(session: Session, account_id: int) -> Account:
    actor = actor_of(session)
    account = ledger.lock_accounts(session, [account_id]).get(account_id)
    if account is None or not (actor.is_staff or holds_account(session, actor.user_id, account_id)):
        raise NotFound
    return account


def _same(known: QrBill, wish: BillWish) -> QrBill:
    if (known.account_id, known.amount, known.is_standing) != (
        wish.account_id,
        wish.amount,
        wish.is_standing,
    ):
        raise SentBefore
    return known


def _make(session: Session, wish: BillWish, now: datetime) -> QrBill:
    bill = QrBill(
        account_id=wish.account_id,
        amount=wish.amount,
        is_standing=wish.is_standing,
        made_at=now,
        request_id=wish.request_id,
    )
    if wish.amount is not None and not wish.is_standing:
        bill.top_up = _announced(wish, wish.amount, now)
    session.add(bill)
    session.flush()
    actor = actor_of(session)
    outbox.tell(
        session,
        FactKind.QR_BILL,
        now=now,
        account_id=wish.account_id,
        user_id=None if actor.is_staff else actor.user_id,
        record_id=bill.id,
    )
    return bill


def _announced(wish: BillWish, amount: Cents, now: datetime) -> TopUp:
    _, latest = arrival(local(now).date())
    return TopUp(
        account_id=wish.account_id,
        channel=TopUpChannel.BANK,
        state=TopUpState.ANNOUNCED,
        amount=amount,
        made_at=now,
        credit_at=instant_of(latest, _ARRIVES_AT),
        request_id=f"qr-bill:{wish.request_id}"[:64],
    )


def arrival(today: date) -> tuple[date, date]:
    """The first and the last day on which money that is paid today is expected."""
    holidays = public_holidays(today, today + timedelta(days=60))
    return (
        working_days_after(today, FASTEST, holidays),
        working_days_after(today, SLOWEST, holidays),
    )


def withdraw_top_up(session: Session, top_up_id: int, now: Now) -> TopUp:  # noqa: ARG001
    """Forget a bank top-up that was announced: it will not be paid. Twice changes nothing.

    Money that comes all the same is credited as a new top-up.
    Raises: NotFound for one out of reach, NotOnItsWay.
    """
    top_up = session.get(TopUp, top_up_id)
    if top_up is None:
        raise NotFound
    _account(session, top_up.account_id)
    session.refresh(top_up, with_for_update=True)
    if top_up.channel is not TopUpChannel.BANK or top_up.state not in {
        TopUpState.ANNOUNCED,
        TopUpState.CANCELLED,
    }:
        raise NotOnItsWay
    top_up.state = TopUpState.CANCELLED
    session.flush()
    return top_up


def check_bank_details(canteen: CanteenSettings, account: Account) -> None:
    """A bill needs the canteen's IBAN and address, and a reference that goes with that IBAN.

    Raises: NoBankDetails, also for an IBAN of another kind than the references that were given.
    """
    if not account.reference or not goes_with(account.reference, canteen.creditor_iban):
        raise NoBankDetails
    try:
        cleaned(_content(canteen, account))
    except Refusal:
        raise NoBankDetails from None


def _content(canteen: CanteenSettings, account: Account) -> Content:
    creditor = Address(
        canteen.creditor_name or canteen.name,
        canteen.street,
        "",
        canteen.postal_code,
        canteen.town,
    )
    return Content(canteen.creditor_iban, creditor, account.reference or "", message=account.label)


@dataclass(frozen=True)
class BillTerms:
    """For how much, and whether every month; without an amount the payer chooses it."""

    amount: Cents | None
    is_monthly: bool = False


def bill_content(
    session: Session,
    account: Account,
    terms: BillTerms,
    payer: CanteenUser | None,
    issued_on: date,
    locale: str = "fr",
) -> TopUpBill:
    """Everything that the bill says; the payer's address only where it is complete.

    Raises: NoBankDetails.
    """
    canteen = session.get_one(CanteenSettings, 1)
    check_bank_details(canteen, account)
    content = _content(canteen, account)
    return TopUpBill(
        bill=Content(
            content.iban,
            content.creditor,
            content.reference,
            terms.amount,
            payer and address_of(payer),
            content.message,
        ),
        account=account.label,
        children=tuple(children_of(session, account.id)),
        issued_on=issued_on,
        is_monthly=terms.is_monthly,
        locale=locale,
    )


def address_of(user: CanteenUser) -> Address | None:
    """The user's address as a payment needs it; None where something is missing."""
    name = f"{user.first_name} {user.last_name}".strip()
    try:
        return cleaned_address(Address(name, user.street, "", user.postal_code, user.town))
    except (AddressIncomplete, TextTooLong):
        return None


def children_of(session: Session, account_id: int) -> list[str]:
    """The names of the account's children, the oldest first."""
    query = (
        sa.select(Pupil)
        .join(PupilAccount, PupilAccount.pupil_id == Pupil.id)
        .where(PupilAccount.account_id == account_id, Pupil.archived_at.is_(None))
        .order_by(Pupil.birth_date, Pupil.id)
    )
    return [pupil.full_name for pupil in session.scalars(query)]


def first_holder(session: Session, account_id: int, today: date) -> CanteenUser | None:
    """Who pays where staff prepare the bill: the account's first holder."""
    query = (
        sa.select(CanteenUser)
        .join(AccountHolder, AccountHolder.user_id == CanteenUser.id)
        .where(AccountHolder.account_id == account_id, is_held_on(today))
        .order_by(AccountHolder.id)
        .limit(1)
    )
    found: CanteenUser | None = session.scalar(query)
    return found
