"""What lies at the provider of online payments, movement by movement.

Whatever moves the clearing account and is no line of a payout (`PayoutLine`) is open. A payout and
its fees are lines of themselves, so that the lines of each come to zero and the open movements come
to what the account holds, exactly, on any day.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app import ledger
from app.models import OnlinePayment, PayoutLine, Transfer
from app.money import Cents
from app.vocabulary import LedgerKind, PaymentState, TransferKind

_OWN: Final = frozenset({TransferKind.PAYOUT, TransferKind.FEE})
_HOLDS: Final = (PaymentState.VALIDATED, PaymentState.CHARGED_BACK)
_TOP_UP, _ONLINE = "top-up:", "online:"


@dataclass(frozen=True)
class Open:
    """A movement that no payout covers; in centimes, above zero what the provider owes."""

    id: int
    booked_on: date
    kind: TransferKind
    amount: Cents
    operation: str
    undoes: int | None
    payment: OnlinePayment | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """By what a list of the provider calls the payment: our number and the provider's."""
        if self.payment is None:
            return ()
        return self.payment.order_number, self.payment.provider_reference or ""


def open_movements(session: Session, until: date | None = None) -> list[Open]:
    """Those of today, or those of the evening before a day; the oldest first.

    A payout that had a line booked on the day or later did not cover any of them before.
    """
    line, original = ledger.chart_id(session, LedgerKind.CLEARING), aliased(Transfer)
    query = (
        sa.select(
            Transfer.id,
            Transfer.booked_on,
            sa.func.coalesce(original.kind, Transfer.kind),
            -ledger.gained(line),
            sa.func.coalesce(original.operation_id, Transfer.operation_id),
            Transfer.reverses_id,
        )
        .outerjoin(original, original.id == Transfer.reverses_id)
        .outerjoin(PayoutLine, PayoutLine.transfer_id == Transfer.id)
        .where(ledger.moves(line))
        .order_by(Transfer.booked_on, Transfer.id)
    )
    is_open: sa.ColumnElement[bool] = PayoutLine.id.is_(None)
    if until is not None:
        query = query.where(Transfer.booked_on < until)
        is_open |= PayoutLine.bank_entry_id.in_(_covered_later(until))
    return [Open(*row) for row in session.execute(query.where(is_open))]


def _covered_later(until: date) -> sa.Select[int]:
    """The payouts that have a line of the day or later."""
    query = sa.select(PayoutLine.bank_entry_id).join(PayoutLine.transfer)
    return query.where(Transfer.booked_on >= until)


def left_over(movements: Sequence[Open], before: date) -> list[Open]:
    """Those from before a day that nothing open has undone: their payout is missing."""
    ids = {each.id for each in movements}
    undone = {each.undoes for each in movements} - {None}
    return [
        each
        for each in movements
        if each.booked_on < before and each.id not in undone and each.undoes not in ids
    ]


def with_payments(session: Session, movements: Sequence[Open]) -> list[Open]:
    """The same, each with the online payment that it is of."""
    by_top_up, by_id = _payments(session, movements)
    return [
        replace(
            each,
            payment=by_top_up.get(_number(each, _TOP_UP)) or by_id.get(_number(each, _ONLINE)),
        )
        for each in movements
    ]


def _payments(
    session: Session, movements: Sequence[Open]
) -> tuple[dict[int, OnlinePayment], dict[int, OnlinePayment]]:
    """By the top-up that they paid, and by their own number."""
    top_ups, ids = ({_number(each, name) for each in movements} for name in (_TOP_UP, _ONLINE))
    query = sa.select(OnlinePayment).where(
        sa.or_(
            sa.and_(OnlinePayment.top_up_id.in_(top_ups), OnlinePayment.state.in_(_HOLDS)),
            OnlinePayment.id.in_(ids),
        )
    )
    found = session.scalars(query).all()
    paid = {each.top_up_id: each for each in found if each.state in _HOLDS}
    return paid, {each.id: each for each in found}


def _number(movement: Open, name: str) -> int:
    """The id in an operation such as top-up:12 or online:7:0; 0 in any other."""
    if not movement.operation.startswith(name):
        return 0
    number = movement.operation.removeprefix(name).partition(":")[0]
    return int(number) if number.isdecimal() else 0


def cover(session: Session, entry_id: int, transfer_ids: Sequence[int]) -> None:
    """Make the movements lines of a payout. Raises: IntegrityError for one that is a line already.

    They come to zero together.
    """
    session.add_all(
        PayoutLine(bank_entry_id=entry_id, transfer_id=transfer_id) for transfer_id in transfer_ids
    )
    session.flush()


def lines_of(session: Session, entry_id: int) -> list[PayoutLine]:
    """The lines of a payout, in the order of the journal."""
    query = sa.select(PayoutLine).where(PayoutLine.bank_entry_id == entry_id)
    return list(session.scalars(query.order_by(PayoutLine.transfer_id)))


def own_lines(lines: Sequence[PayoutLine]) -> list[int]:
    """The transfers of a payout itself and of its fees that were not undone."""
    undone = {each.transfer.reverses_id for each in lines}
    return [
        each.transfer_id
        for each in lines
        if each.transfer.kind in _OWN and each.transfer_id not in undone
    ]


def covered(lines: Sequence[PayoutLine]) -> list[PayoutLine]:
    """The lines that are movements of payments."""
    return [each for each in lines if (each.transfer.reverses or each.transfer).kind not in _OWN]
