"""How a booking changes: its row, its seat, its history and the fact to tell, always together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import outbox
from app.access import actor_of
from app.errors import CannotChange, DayFull, NoServiceDay
from app.models import Booking, BookingChange, ServiceDay
from app.money import Cents
from app.vocabulary import (
    HOLDS_A_SEAT,
    TRANSITIONS,
    Attendance,
    BookingState,
    FactKind,
    Reason,
)

_TOLD_AS = {
    BookingState.UNFUNDED: FactKind.MEAL_UNFUNDED,
    BookingState.REFUSED: FactKind.MEAL_REFUSED,
}


@dataclass(frozen=True)
class Move:
    """One booking's next state; what is None stays as it is."""

    booking: Booking
    state: BookingState
    meal_type_id: int | None = None
    account_id: int | None = None
    price: Cents | None = None
    attendance: Attendance | None = None
    reason: Reason | None = None
    is_late: bool = False


@dataclass(frozen=True)
class Before:
    """What a booking was; a new one was nothing."""

    state: BookingState | None
    meal_type_id: int | None
    version: int

    @classmethod
    def of(cls, booking: Booking) -> "Before":
        """Its state and meal type now."""
        if booking.id is None:
            return cls(None, None, 0)
        return cls(booking.state, booking.meal_type_id, booking.version)


@dataclass(frozen=True)
class Step:
    """What a booking was, what it has become, and why."""

    before: Before
    booking: Booking
    reason: Reason | None = None


# Built once: they run at every tap.
_DAY: Final = (
    sa.select(ServiceDay)
    .where(ServiceDay.date == sa.bindparam("day"))
    .with_for_update(of=ServiceDay)
    .execution_options(populate_existing=True)
)
_BOOKING: Final = (
    sa.select(Booking)
    .where(Booking.pupil_id == sa.bindparam("pupil"), Booking.service_day_id == sa.bindparam("day"))
    .with_for_update(of=Booking)
    .options(joinedload(Booking.meal_type, innerjoin=True))
    .execution_options(populate_existing=True)
)
_history: Final = sa.inspect(BookingChange).local_table
_REMEMBER: Final = sa.insert(_history).returning(_history.c.id, sort_by_parameter_order=True)


def new_operation() -> str:
    """An id for changes made in one go."""
    return uuid4().hex


def lock_day(session: Session, day: date) -> ServiceDay:
    """The service day, locked and read afresh. Raises: NoServiceDay."""
    found: ServiceDay | None = session.scalar(_DAY, {"day": day})
    if found is None:
        raise NoServiceDay
    return found


def lock_booking(session: Session, pupil_id: int, service_day_id: int) -> Booking | None:
    """The pupil's booking of a day that is locked already, read afresh, with its meal type."""
    given = {"pupil": pupil_id, "day": service_day_id}
    found: Booking | None = session.scalar(_BOOKING, given)
    return found


def lock_bookings(session: Session, *conditions: sa.ColumnElement[bool]) -> Sequence[Booking]:
    """Bookings of days that are locked already, by id, with pupil and meal type."""
    query = (
        sa.select(Booking)
        .where(*conditions)
        .order_by(Booking.id)
        .options(joinedload(Booking.pupil), joinedload(Booking.meal_type))
        .with_for_update(of=Booking)
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).all()


def apply(
    session: Session, day: ServiceDay, moves: Sequence[Move], *, now: datetime, operation: str
) -> None:
    """Make the moves of one locked day: all of them, or none.

    Raises: CannotChange for a step the transition table does not have; DayFull.
    """
    befores = [Before.of(move.booking) for move in moves]
    for before, move in zip(befores, moves, strict=True):
        if move.state not in TRANSITIONS[before.state]:
            raise CannotChange
    _take_seats(day, befores, moves)
    for move in moves:
        _write(move)
        session.add(move.booking)
    steps = [Step(b, move.booking, move.reason) for b, move in zip(befores, moves, strict=True)]
    lines = remember(session, steps, now=now, operation=operation)
    for move, before, line in zip(moves, befores, lines, strict=True):
        _tell(session, move, before, line, now)


def _take_seats(day: ServiceDay, befores: Sequence[Before], moves: Sequence[Move]) -> None:
    wanted = sum(move.state in HOLDS_A_SEAT for move in moves)
    wanted -= sum(before.state in HOLDS_A_SEAT for before in befores)
    if wanted > 0 and day.seats_taken + wanted > day.capacity:
        raise DayFull(day.date)
    day.seats_taken += wanted


def _write(move: Move) -> None:
    booking = move.booking
    booking.state, booking.is_late = move.state, move.is_late
    for name in ("meal_type_id", "account_id", "price", "attendance"):
        value = getattr(move, name)
        if value is not None:
            setattr(booking, name, value)


def remember(
    session: Session, steps: Sequence[Step], *, now: datetime, operation: str
) -> Sequence[int]:
    """Flush what the bookings have become, with a line of history for each; the lines' ids."""
    session.flush()
    actor = actor_of(session)
    lines = [
        {
            "booking_id": step.booking.id,
            "operation_id": operation,
            "changed_at": now,
            "actor_id": actor.user_id,
            "channel": actor.channel,
            "reason": step.reason,
            "old_state": step.before.state,
            "new_state": step.booking.state,
            "old_meal_type_id": step.before.meal_type_id,
            "new_meal_type_id": step.booking.meal_type_id,
            "attendance": step.booking.attendance,
            "version": step.before.version + 1,
            "is_late": step.booking.is_late,
        }
        for step in steps
    ]
    return session.scalars(_REMEMBER, lines).all() if lines else []


def _tell(session: Session, move: Move, before: Before, line: int, now: datetime) -> None:
    """The payer's holders learn of every change, except that what they booked is charged."""
    was_booked = before.state is BookingState.BOOKED
    is_same_meal = before.meal_type_id == move.booking.meal_type_id
    if was_booked and is_same_meal and move.state is BookingState.CHARGED:
        return
    kind = _TOLD_AS.get(move.state, FactKind.BOOKING_CHANGED)
    account_id = move.booking.account_id
    outbox.tell(session, kind, now=now, account_id=account_id, record_id=line)
    if move.is_late and move.state is BookingState.CANCELLED:
        outbox.tell(session, FactKind.LATE_CANCELLATION, now=now, record_id=line)
