"""Closing an accounting month: what is missing before, and that nothing is booked into it after.

Months are closed in order, each from the first to the last day. A closed month stays closed: what
comes late is booked on the first open day (`ledger`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.clock import Now, local
from app.errors import PeriodClosed
from app.models import BankBalance, BankEntry, Period, RefundRequest, Transfer
from app.money import Cents
from app.payments.cash_book import uncounted_days
from app.periods import lock_journal
from app.reconciliation.clearing import Open, left_over, open_movements
from app.reconciliation.proof import BankDifference, bank_difference, ledger_bank
from app.refusals import MonthIncomplete
from app.rules.weeks import weekday_before
from app.vocabulary import OPEN_REFUNDS, BankEntryState, PeriodState


@dataclass(frozen=True)
class MonthEnd:
    """A month that is next to be closed, and what stands against it; amounts in centimes.

    `lying` is what the provider of online payments held on the last day: payments that no payout
    covers; it is explained when none of them is from before the month (`left_over`), for a provider
    pays out within the month. `last_statement` is
    the account statement of the bank with which `bank_off` was found: what the ledger's bank
    account has too much on the last day. `is_bank_heard`: a statement reaches that day.
    """

    first: date
    until: date
    is_over: bool
    last_statement: BankDifference | None
    bank_off: Cents
    is_bank_heard: bool
    queued: int
    lying: Cents
    left_over: list[Open]
    uncounted: list[date]
    wrong_balances: int
    overdue_refunds: int

    @property
    def last(self) -> date:
        """Its last day."""
        return self.until - timedelta(days=1)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return (
            self.is_over
            and self.is_bank_heard
            and not (self.bank_off or self.queued or self.left_over or self.uncounted)
            and not (self.wrong_balances or self.overdue_refunds)
        )


def month_after(first: date) -> date:
    """The first day of the next month."""
    return (first.replace(day=1) + timedelta(days=31)).replace(day=1)


def month_to_close(session: Session, today: date) -> date:
    """The month after the last closed one; else that of the first transfer, else the present."""
    closed = session.scalar(
        sa.select(sa.func.max(Period.ends_on)).where(Period.state == PeriodState.CLOSED)
    )
    first = closed or session.scalar(sa.select(sa.func.min(Transfer.booked_on)))
    return (first or today).replace(day=1)


def look_at(session: Session, first: date, today: date) -> MonthEnd:
    """What is missing before the month that begins on the day can be closed."""
    until = month_after(first)
    last = until - timedelta(days=1)
    statement = bank_difference(session, last)
    lying = open_movements(session, until)
    return MonthEnd(
        first=first,
        until=until,
        is_over=until <= today,
        last_statement=statement,
        bank_off=ledger_bank(session, last) - (statement.bank if statement else 0),
        is_bank_heard=_is_bank_heard(session, last),
        queued=_count(
            session,
            BankEntry.id,
            BankEntry.state == BankEntryState.QUEUED,
            BankEntry.booked_on < until,
        ),
        lying=sum(each.amount for each in lying),
        left_over=left_over(lying, first),
        uncounted=uncounted_days(session, first, last),
        wrong_balances=len(ledger.discrepancies(session)),
        overdue_refunds=_count(
            session,
            RefundRequest.id,
            RefundRequest.state.in_(OPEN_REFUNDS),
            RefundRequest.due_on < until,
        ),
    )


def _is_bank_heard(session: Session, last: date) -> bool:
    """Whether a statement reaches the month's last weekday, once there is any statement at all."""
    reached = session.scalar(sa.select(sa.func.max(BankBalance.on)))
    return reached is None or reached >= weekday_before(last)


def _count(session: Session, key: sa.orm.Mapped[int], *conditions: sa.ColumnElement[bool]) -> int:
    return session.scalars(sa.select(sa.func.count(key)).where(*conditions)).one()


def close_month(session: Session, first: date, now: Now) -> None:
    """Close the month for good; of several who close it at once, one does.

    Nothing is booked meanwhile: whoever posts holds the journal open until the commit.

    Raises: PeriodClosed when it is not the next one; MonthIncomplete.
    """
    lock_journal(session)
    at = now()
    today = local(at).date()
    if first != month_to_close(session, today):
        raise PeriodClosed
    month = look_at(session, first, today)
    if not month.is_complete:
        raise MonthIncomplete
    period = session.scalar(sa.select(Period).where(Period.starts_on == first))
    if period is None:
        period = Period(starts_on=first)
        session.add(period)
    period.ends_on, period.state, period.closed_at = month.until, PeriodState.CLOSED, at
    session.flush()
