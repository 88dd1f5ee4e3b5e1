"""Charging meals: at the closing of the day, when money comes in, and when staff book late."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app import ledger
from app.booking.prices import categories_on, price_list
from app.booking.record import Move, apply, lock_bookings, lock_day, new_operation
from app.clock import Now, local
from app.errors import DayStillOpen, InsufficientFunds, NoServiceDay
from app.ledger import Entry
from app.models import Booking, MealType, Pupil, ServiceDay, Transfer
from app.money import Cents
from app.rules.deadlines import ServiceRules, end_of_service_of, last_call_of
from app.vocabulary import BookingState, LedgerKind, MealKind, TransferKind

MEALS_PER_COMMIT: Final = 50


def begin_closing(session: Session, day: ServiceDay, rules: ServiceRules, now: Now) -> None:
    """From here on only staff change the day. Idempotent. Raises: DayStillOpen."""
    locked = lock_day(session, day.date)
    instant = now()
    if instant < last_call_of(locked.date, rules):
        raise DayStillOpen
    if locked.closed_at is None:
        locked.closed_at = instant
        session.flush()


def charge_next(session: Session, day: ServiceDay, now: Now) -> int:
    """Charge or mark unfunded up to MEALS_PER_COMMIT meals of a closed day; 0 when none is left.

    Per account: special meals first, then the youngest child, then by id.
    """
    locked = lock_day(session, day.date)
    ids = session.scalars(_next_to_charge(locked)).all()
    if not ids:
        return 0
    bookings = {b.id: b for b in lock_bookings(session, Booking.id.in_(ids))}
    ordered = [bookings[i] for i in ids]
    _charge(session, locked, ordered, now=now(), operation=new_operation())
    return len(ordered)


def _next_to_charge(day: ServiceDay) -> sa.Select[int]:
    return (
        sa.select(Booking.id)
        .join(Booking.meal_type)
        .join(Booking.pupil)
        .where(Booking.service_day_id == day.id, Booking.state == BookingState.BOOKED)
        .order_by(Booking.account_id, *_turn())
        .limit(MEALS_PER_COMMIT)
    )


def _turn() -> tuple[sa.ColumnElement[Any], ...]:
    special_first = MealType.kind != MealKind.SPECIAL
    return special_first, Pupil.birth_date.desc(), Booking.id.expression


def fund_today(session: Session, account_id: int, rules: ServiceRules, now: datetime) -> int:
    """Charge what a credit covers of today's unfunded meals; how many became paid.

    The caller holds the lock of today's service day. Nothing after the end of service.
    """
    today = local(now).date()
    if now >= end_of_service_of(today, rules):
        return 0
    try:
        day = lock_day(session, today)
    except NoServiceDay:
        return 0
    waiting = lock_bookings(
        session,
        Booking.service_day_id == day.id,
        Booking.account_id == account_id,
        Booking.state == BookingState.UNFUNDED,
    )
    if not waiting:
        return 0
    return _charge(session, day, sorted(waiting, key=_by_turn), now=now, operation=new_operation())


def _by_turn(booking: Booking) -> tuple[bool, int, int]:
    return (
        not booking.meal_type.is_special,
        -booking.pupil.birth_date.toordinal(),
        booking.id,
    )


def _charge(
    session: Session,
    day: ServiceDay,
    bookings: Sequence[Booking],
    *,
    now: datetime,
    operation: str,
) -> int:
    """Each meal wholly or not at all, in the order given; how many were paid for.

    A meal without a price is not paid for: it must not keep the others from being charged.
    """
    prices = _prices(session, day, bookings)
    accounts = ledger.lock_accounts(session, {b.account_id for b in bookings})
    available = {a.id: max(0, a.balance + a.tolerance) for a in accounts.values()}
    moves = []
    for booking in bookings:
        price = prices[booking.id]
        if price is not None and price <= available[booking.account_id]:
            available[booking.account_id] -= price
            moves.append(Move(booking, BookingState.CHARGED, price=price))
        elif booking.state is not BookingState.UNFUNDED:
            moves.append(Move(booking, BookingState.UNFUNDED))
    apply(session, day, moves, now=now, operation=operation)
    paid = [move.booking for move in moves if move.state is BookingState.CHARGED]
    _post(session, day, paid, now)
    return len(paid)


def _prices(
    session: Session, day: ServiceDay, bookings: Sequence[Booking]
) -> dict[int, Cents | None]:
    prices = price_list(session)
    categories = categories_on(session, day.date, [b.pupil_id for b in bookings])
    return {
        b.id: prices.on(
            day.date, meal_type_id=b.meal_type_id, category_id=categories.get(b.pupil_id, 0)
        )
        for b in bookings
    }


def _post(session: Session, day: ServiceDay, bookings: Sequence[Booking], now: datetime) -> None:
    charged = [b for b in bookings if b.price]
    if not charged:
        return
    wallets = ledger.wallet_ids(session, {b.account_id for b in charged})
    income = ledger.chart_id(session, LedgerKind.MEAL_INCOME)
    entries = [
        Entry(
            kind=TransferKind.MEAL,
            operation_id=f"booking:{b.id}:{b.version}",
            debit_id=wallets[b.account_id],
            credit_id=income,
            amount=b.price or 0,
            booked_on=day.date,
            booking_id=b.id,
        )
        for b in charged
    ]
    ledger.post_many(session, entries, now=now)


def charge_at_once(
    session: Session, day: ServiceDay, move: Move, price: Cents, *, now: datetime, operation: str
) -> None:
    """A meal that staff book after the last call: paid now, or refused.

    Raises: InsufficientFunds, and whatever `apply` raises.
    """
    payer_id = move.account_id or move.booking.account_id
    account = ledger.lock_accounts(session, [payer_id])[payer_id]
    if price > max(0, account.balance + account.tolerance):
        raise InsufficientFunds(account.balance, price)
    charged = replace(move, state=BookingState.CHARGED, price=price)
    apply(session, day, [charged], now=now, operation=operation)
    _post(session, day, [charged.booking], now)


def give_back(session: Session, booking: Booking, *, now: datetime) -> None:
    """Reverse what was charged for the meal; a free meal has nothing to reverse."""
    undone = aliased(Transfer)
    query = (
        sa.select(Transfer.id)
        .outerjoin(undone, undone.reverses_id == Transfer.id)
        .where(
            Transfer.booking_id == booking.id,
            Transfer.kind == TransferKind.MEAL,
            undone.id.is_(None),
        )
    )
    for transfer_id in session.scalars(query).all():
        ledger.reverse(session, transfer_id, now=now)


def refuse_unfunded(session: Session, day: ServiceDay, rules: ServiceRules, now: Now) -> int:
    """After the end of service, what nobody paid for is refused and never charged later."""
    locked = lock_day(session, day.date)
    instant = now()
    if instant < end_of_service_of(locked.date, rules):
        return 0
    waiting = lock_bookings(
        session, Booking.service_day_id == locked.id, Booking.state == BookingState.UNFUNDED
    )
    moves = [Move(booking, BookingState.REFUSED) for booking in waiting]
    apply(session, locked, moves, now=instant, operation=new_operation())
    return len(moves)
