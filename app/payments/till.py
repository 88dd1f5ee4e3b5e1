"""Cash at the till: credited at once, with a receipt whose numbers have no gap."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import ledger, outbox
from app.access import staff_id
from app.clock import Now, local
from app.errors import (
    AccountArchived,
    AmountOutOfRange,
    BadAmount,
    NotFound,
    ReceiptNotToday,
    SentBefore,
)
from app.models import Account, Counter, Receipt, TopUp
from app.money import Cents
from app.payments.credit import credit, hold_today
from app.rules.deadlines import ServiceRules
from app.vocabulary import FactKind, TopUpChannel, TopUpState, TransferKind

SMALLEST_COIN: Cents = 5
LARGEST_PAYMENT: Cents = 200_000


def record_cash(
    session: Session,
    account_id: int,
    amount: Cents,
    request_id: str,
    rules: ServiceRules,
    now: Now,
) -> Receipt:
    """Take cash for an account; the same request sent twice gives the same receipt.

    Raises: NotAllowed for who is not staff, NotFound, BadAmount for what no coins make,
    AmountOutOfRange, SentBefore for a request that was for another account or amount,
    AccountArchived.
    """
    staff_id(session)
    if amount <= 0 or amount % SMALLEST_COIN:
        raise BadAmount
    if amount > LARGEST_PAYMENT:
        raise AmountOutOfRange(SMALLEST_COIN, LARGEST_PAYMENT)
    hold_today(session, now())
    account = ledger.lock_accounts(session, [account_id]).get(account_id)
    if account is None:
        raise NotFound
    known = _receipt_of(session, request_id)
    if known is not None:
        return _same(known, account_id, amount)
    if account.archived_at is not None:
        raise AccountArchived
    return _issue(session, account_id, amount, request_id, rules, now())


def _receipt_of(session: Session, request_id: str) -> Receipt | None:
    query = sa.select(Receipt).join(Receipt.top_up).where(TopUp.request_id == request_id)
    found: Receipt | None = session.scalar(query)
    return found


def _same(known: Receipt, account_id: int, amount: Cents) -> Receipt:
    if (known.top_up.account_id, known.top_up.amount) != (account_id, amount):
        raise SentBefore
    return known


def _issue(
    session: Session,
    account_id: int,
    amount: Cents,
    request_id: str,
    rules: ServiceRules,
    now: datetime,
) -> Receipt:
    top_up = TopUp(
        account_id=account_id,
        channel=TopUpChannel.CASH,
        state=TopUpState.VALIDATED,
        amount=amount,
        made_at=now,
        credit_at=now,
        request_id=request_id,
    )
    session.add(top_up)
    credit(session, top_up, rules, now)
    year = local(now).year
    receipt = Receipt(
        year=year,
        number=next_number(session, "receipt", year),
        top_up_id=top_up.id,
        issued_at=now,
        cashier_id=staff_id(session),
        balance_after=session.get_one(Account, account_id).balance,
    )
    session.add(receipt)
    session.flush()
    return receipt


def next_number(session: Session, name: str, year: int) -> int:
    """The next number of a series without gaps: the row is locked, a rollback gives it back."""
    query = (
        sa.select(Counter)
        .where(Counter.name == name, Counter.year == year)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    counter = session.scalar(query)
    if counter is None:
        _begin_series(session, name, year)
        counter = session.scalars(query).one()
    counter.value += 1
    session.flush()
    return counter.value


def _begin_series(session: Session, name: str, year: int) -> None:
    """The series' row, whoever comes first with it."""
    try:
        with session.begin_nested():
            session.add(Counter(name=name, year=year, value=0))
    except IntegrityError:
        return


def cancel_receipt(session: Session, receipt_id: int, now: Now) -> Receipt:
    """Pay the cash of a receipt back, on the same day, and tell the holders; its number stays.

    Cancelling twice changes nothing. Raises: NotAllowed for who is not staff, NotFound,
    ReceiptNotToday, InsufficientFunds when the money is spent.
    """
    staff_id(session)
    hold_today(session, now())
    query = (
        sa.select(Receipt)
        .where(Receipt.id == receipt_id)
        .with_for_update(of=Receipt)
        .execution_options(populate_existing=True)
    )
    receipt: Receipt | None = session.scalar(query)
    if receipt is None:
        raise NotFound
    if receipt.cancelled_at is not None:
        return receipt
    instant = now()
    if local(receipt.issued_at).date() != local(instant).date():
        raise ReceiptNotToday
    credited = ledger.posted(session, TransferKind.TOP_UP, f"top-up:{receipt.top_up_id}")
    ledger.reverse(session, credited, now=instant)
    receipt.cancelled_at = instant
    receipt.top_up.state, receipt.top_up.credited_at = TopUpState.CANCELLED, None
    session.flush()
    outbox.tell(
        session,
        FactKind.RECEIPT_CANCELLED,
        now=instant,
        account_id=receipt.top_up.account_id,
        record_id=receipt.id,
    )
    return receipt
