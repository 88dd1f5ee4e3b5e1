"""The daily cash book of the till: what should lie there, what was counted, who signs for it.

The difference is booked on the day itself; a correction is a new count that names its reason and
books the former one's difference back. A day whose cash has changed since asks for a new count.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased, joinedload

from app import ledger
from app.access import staff_id
from app.clock import Now, local
from app.errors import AmountOutOfRange, BadAmount, ChangedMeanwhile, ReasonMissing
from app.models import CashCount, LedgerAccount, Transfer
from app.money import MAX_CENTS, Cents
from app.payments.till import SMALLEST_COIN
from app.periods import require_open
from app.refusals import CountAhead
from app.vocabulary import LedgerKind, Reason, TransferKind


@dataclass(frozen=True)
class CashDay:
    """A day of the till: what lay there in the morning, what came and went, who signed for it."""

    day: date
    opening: Cents
    received: Cents
    paid_back: Cents
    banked: Cents
    difference: Cents
    count: CashCount | None

    @property
    def closing(self) -> Cents:
        """What the ledger says lies there in the evening."""
        moved = self.received - self.paid_back - self.banked + self.difference
        return self.opening + moved

    @property
    def expected(self) -> Cents:
        """What whoever counts should find."""
        return self.closing - self.difference

    @property
    def is_signed(self) -> bool:
        """Whether what was counted is what the ledger holds still."""
        return self.count is not None and self.count.counted == self.closing


def count_in_force(session: Session, day: date) -> CashCount | None:
    """The last count of the day: it replaces those before."""
    query = sa.select(CashCount).where(CashCount.day == day)
    found: CashCount | None = session.scalar(query.order_by(CashCount.number.desc()).limit(1))
    return found


def cash_at_end(session: Session, day: date) -> Cents:
    """What the ledger says lies in the till at the end of a day."""
    line = ledger.chart_id(session, LedgerKind.CASH)
    return -ledger.balance(session, line, Transfer.booked_on <= day)


def uncounted_days(session: Session, first: date, last: date) -> list[date]:
    """The days from first to last, both included, on which cash moved and nobody signs for it."""
    return [each.day for each in cash_days(session, first, last) if not each.is_signed]


def cash_days(session: Session, first: date, last: date) -> list[CashDay]:
    """The days from first to last on which cash moved or was counted, in order."""
    line = ledger.chart_id(session, LedgerKind.CASH)
    moves = _moves(session, line, first, last)
    counts = _counts(session, first, last)
    opening, found = cash_at_end(session, first - timedelta(days=1)), []
    for day in sorted({*moves, *counts}):
        found.append(_cash_day(day, opening, moves.get(day, []), counts.get(day)))
        opening = found[-1].closing
    return found


def _moves(
    session: Session, line: int, first: date, last: date
) -> dict[date, list[tuple[TransferKind, Cents]]]:
    """What moved the till, by day; a reversed difference counts as one, the other way round."""
    original = aliased(Transfer)
    query = (
        sa.select(Transfer, original.kind)
        .outerjoin(original, Transfer.reverses_id == original.id)
        .where(ledger.moves(line), Transfer.booked_on.between(first, last))
    )
    moves: dict[date, list[tuple[TransferKind, Cents]]] = {}
    for transfer, reversed_kind in session.execute(query):
        amount = transfer.amount if transfer.debit_id == line else -transfer.amount
        is_difference = TransferKind.CASH_DIFFERENCE in {transfer.kind, reversed_kind}
        kind = TransferKind.CASH_DIFFERENCE if is_difference else transfer.kind
        moves.setdefault(transfer.booked_on, []).append((kind, amount))
    return moves


def _counts(session: Session, first: date, last: date) -> dict[date, CashCount]:
    query = sa.select(CashCount).where(CashCount.day.between(first, last))
    ordered = query.order_by(CashCount.number).options(joinedload(CashCount.signed_by))
    return {count.day: count for count in session.scalars(ordered)}


def _cash_day(
    day: date,
    opening: Cents,
    moves: list[tuple[TransferKind, Cents]],
    count: CashCount | None,
) -> CashDay:
    banked = -sum(a for kind, a in moves if kind is TransferKind.DEPOSIT)
    difference = sum(a for kind, a in moves if kind is TransferKind.CASH_DIFFERENCE)
    others = {TransferKind.DEPOSIT, TransferKind.CASH_DIFFERENCE}
    received = sum(a for kind, a in moves if kind not in others and a > 0)
    paid_back = -sum(a for kind, a in moves if kind not in others and a < 0)
    return CashDay(day, opening, received, paid_back, banked, difference, count)


def count_cash(
    session: Session,
    day: date,
    counted: Cents,
    *,
    replaces: int,
    reason: Reason | None,
    now: Now,
) -> CashCount:
    """Sign for the till of a day; `replaces` is the number of the count in force, 0 for none.

    Raises: NotAllowed, BadAmount, AmountOutOfRange, CountAhead for a day to come, ReasonMissing for
    a correction without one, ChangedMeanwhile when somebody counted first, PeriodClosed.
    """
    user_id = staff_id(session)
    _check(counted)
    _lock_till(session)
    at = now()
    former = _replaced(session, day, replaces, at)
    if former is not None and reason is None:
        raise ReasonMissing
    require_open(session, day)
    if former is not None and former.transfer_id is not None:
        # On its own day, so that the day's expected cash is what it was before it.
        ledger.reverse(session, former.transfer_id, now=at, booked_on=day)
    expected, number = cash_at_end(session, day), replaces + 1
    count = CashCount(
        day=day,
        number=number,
        expected=expected,
        counted=counted,
        reason=reason if former else None,
        transfer_id=_book(session, day, number, counted - expected, at),
        signed_by_id=user_id,
        signed_at=at,
    )
    session.add(count)
    session.flush()
    return count


def _lock_till(session: Session) -> None:
    query = sa.select(LedgerAccount).where(LedgerAccount.kind == LedgerKind.CASH)
    session.scalar(query.with_for_update())


def _replaced(session: Session, day: date, replaces: int, at: datetime) -> CashCount | None:
    """The count in force, if it is the one that was seen. Raises: ChangedMeanwhile, CountAhead."""
    former = count_in_force(session, day)
    if (former.number if former else 0) != replaces:
        raise ChangedMeanwhile
    if day > local(at).date():
        raise CountAhead
    return former


def _check(counted: Cents) -> None:
    if counted < 0 or counted % SMALLEST_COIN:
        raise BadAmount
    if counted > MAX_CENTS:
        raise AmountOutOfRange(0, MAX_CENTS)


def _book(session: Session, day: date, number: int, difference: Cents, at: datetime) -> int | None:
    """Cash that is too much is debited to the till, cash that is missing is credited."""
    if not difference:
        return None
    cash = ledger.chart_id(session, LedgerKind.CASH)
    other = ledger.chart_id(session, LedgerKind.CASH_DIFFERENCE)
    debit, credit = (cash, other) if difference > 0 else (other, cash)
    entry = ledger.Entry(
        TransferKind.CASH_DIFFERENCE, f"count:{day}:{number}", debit, credit, abs(difference), day
    )
    return ledger.transfer(session, entry, now=at)
