"""The operations of client accounts as their holders read them: a transfer seen from the wallet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import Session, aliased, joinedload

from app.documents.text import format_day
from app.labels import label
from app.models import Account, Booking, LedgerAccount, TopUp, Transfer
from app.money import Cents
from app.vocabulary import TransferKind

# What a list of operations reads along with its transfers.
LOAD: Final = (
    joinedload(Transfer.debit).joinedload(LedgerAccount.account),
    joinedload(Transfer.credit).joinedload(LedgerAccount.account),
    joinedload(Transfer.booking).options(
        joinedload(Booking.pupil), joinedload(Booking.service_day), joinedload(Booking.meal_type)
    ),
    joinedload(Transfer.reverses),
)


@dataclass(frozen=True)
class Operation:
    """One movement of a client account; below zero when it takes money away."""

    transfer_id: int
    recorded_at: datetime
    booked_on: date
    account: Account
    label: str
    child: str
    amount: Cents
    balance: Cents


def operations(
    session: Session, transfers: Sequence[Transfer], account_ids: set[int]
) -> list[Operation]:
    """The transfers, newest first and without a gap, as operations of those accounts."""
    channels = _channels(session, transfers)
    balances: dict[int, Cents] = {}
    seen = []
    for transfer in transfers:
        account, amount = _side(transfer, account_ids)
        if account.id not in balances:
            balances[account.id] = account.balance - _later(session, account.id, transfer)
        seen.append(
            Operation(
                transfer_id=transfer.id,
                recorded_at=transfer.recorded_at,
                booked_on=transfer.booked_on,
                account=account,
                label=_label(transfer, channels),
                child=transfer.booking.pupil.full_name if transfer.booking else "",
                amount=amount,
                balance=balances[account.id],
            )
        )
        balances[account.id] -= amount
    return seen


def latest(session: Session, account_id: int, count: int) -> list[Operation]:
    """The last operations of an account."""
    line = sa.select(LedgerAccount.id).where(LedgerAccount.account_id == account_id)
    query = (
        sa.select(Transfer)
        .where(sa.or_(Transfer.debit_id.in_(line), Transfer.credit_id.in_(line)))
        .order_by(Transfer.recorded_at.desc(), Transfer.id.desc())
        .limit(count)
        .options(*LOAD)
    )
    return operations(session, session.scalars(query).all(), {account_id})


def _side(transfer: Transfer, account_ids: set[int]) -> tuple[Account, Cents]:
    """Which of the accounts it moves, and by how much."""
    # Under a parent's scope the wallet of another family is not even there.
    lines: list[tuple[LedgerAccount | None, int]] = [(transfer.credit, 1), (transfer.debit, -1)]
    for line, sign in lines:
        account = None if line is None else line.account
        if account is not None and account.id in account_ids:
            return account, sign * transfer.amount
    raise ValueError(transfer.id)


def _later(session: Session, account_id: int, transfer: Transfer) -> Cents:
    """What the operations after this one have added to the account."""
    line = aliased(LedgerAccount)
    change = sa.case((Transfer.credit_id == line.id, Transfer.amount), else_=-Transfer.amount)
    query = (
        sa.select(sa.func.coalesce(sa.func.sum(change), 0))
        .select_from(Transfer)
        .join(line, sa.or_(Transfer.credit_id == line.id, Transfer.debit_id == line.id))
        .where(
            line.account_id == account_id,
            sa.or_(
                Transfer.recorded_at > transfer.recorded_at,
                sa.and_(Transfer.recorded_at == transfer.recorded_at, Transfer.id > transfer.id),
            ),
        )
    )
    return int(session.scalar(query) or 0)


def _channels(session: Session, transfers: Sequence[Transfer]) -> dict[str, Any]:
    """How the money of each top-up came in, by operation."""
    ids = [
        int(t.operation_id.removeprefix("top-up:"))
        for t in map(_origin, transfers)
        if t.kind is TransferKind.TOP_UP and t.operation_id.startswith("top-up:")
    ]
    query = sa.select(TopUp.id, TopUp.channel).where(TopUp.id.in_(ids))
    return {f"top-up:{i}": channel for i, channel in session.execute(query)} if ids else {}


def _origin(transfer: Transfer) -> Transfer:
    return transfer.reverses or transfer


def _label(transfer: Transfer, channels: dict[str, Any]) -> str:
    what = _what(_origin(transfer), channels)
    if transfer.reverses is None:
        return what
    if transfer.booking is not None:
        return _("%(operation)s, given back", operation=what)
    return _("%(operation)s, cancelled", operation=what)


def _what(transfer: Transfer, channels: dict[str, Any]) -> str:
    booking = transfer.booking
    if booking is not None:
        day = format_day(booking.service_day.date)
        return _("Meal of %(day)s (%(meal)s)", day=day, meal=booking.meal_type.name)
    channel = channels.get(transfer.operation_id)
    if channel is not None:
        return _("Top-up (%(channel)s)", channel=label(channel))
    return label(transfer.kind)
