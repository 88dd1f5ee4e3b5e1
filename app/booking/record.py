"""How a booking changes: its row, its seat, its history and the fact to tell, always together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import outbox
from app.access import actor_of
from app.errors import CannotChange, DayFull, NoServiceDay
from app.models import Booking, BookingChange, ServiceDay
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
    """One booking's next state; meal type and attendance stay unless given."""

    booking: Booking
    state: BookingState
    meal_type_id: int | None = None
    attendance: Attendance | None = None
    reason: Reason | None = None
    is_late: bool = False


def new_operation() -> str:
    """An id for changes made in one go."""
    return uuid4().hex


def lock_day(session: Session, day: date) -> ServiceDay:
    """The service day, locked and read afresh. Raises: NoServiceDay."""
    query = (
        sa.select(ServiceDay)
        .where(ServiceDay.date == day)
        .with_for_update(of=ServiceDay)
        .execution_options(populate_existing=True)
    )
    found: ServiceDay | None = session.scalar(query)
    if found is None:
        raise NoServiceDay
    return found


def lock_booking(session: Session, pupil_id: int, service_day_id: int) -> Booking | None:
    """The pupil's booking of a day that is locked already, read afresh."""
    query = (
        sa.select(Booking)
        .where(Booking.pupil_id == pupil_id, Booking.service_day_id == service_day_id)
        .with_for_update(of=Booking)
        .execution_options(populate_existing=True)
    )
    found: Booking | None = session.scalar(query)
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
    """Make the moves of one locked day.

    Raises: CannotChange for a step the transition table does not have; DayFull.
    """
    before = [_state_before(move.booking) for move in moves]
    for old, move in zip(before, moves, strict=True):
        if move.state not in TRANSITIONS[old[0]]:
            raise CannotChange
        _take_seat(day, old[0], move.state)
        _write(move)
    session.add_all(move.booking for move in moves)
    session.flush()
    changes = [
        _change(session, move, old, now, operation) for old, move in zip(before, moves, strict=True)
    ]
    session.add_all(changes)
    session.flush()
    for move, change in zip(moves, changes, strict=True):
        _tell(session, move, change, now)


def _state_before(booking: Booking) -> tuple[BookingState | None, int | None]:
    if booking.id is None:
        return None, None
    return booking.state, booking.meal_type_id


def _take_seat(day: ServiceDay, old: BookingState | None, new: BookingState) -> None:
    change = (new in HOLDS_A_SEAT) - (old in HOLDS_A_SEAT)
    if change > 0 and day.seats_taken >= day.capacity:
        raise DayFull(day.date)
    if change:
        day.seats_taken += change


def _write(move: Move) -> None:
    booking = move.booking
    booking.state = move.state
    booking.is_late = move.is_late
    if move.meal_type_id is not None:
        booking.meal_type_id = move.meal_type_id
    if move.attendance is not None:
        booking.attendance = move.attendance


def _change(
    session: Session,
    move: Move,
    old: tuple[BookingState | None, int | None],
    now: datetime,
    operation: str,
) -> BookingChange:
    actor = actor_of(session)
    return BookingChange(
        booking_id=move.booking.id,
        operation_id=operation,
        changed_at=now,
        actor_id=actor.user_id,
        channel=actor.channel,
        reason=move.reason,
        old_state=old[0],
        new_state=move.state,
        old_meal_type_id=old[1],
        new_meal_type_id=move.booking.meal_type_id,
        attendance=move.booking.attendance,
        version=move.booking.version,
        is_late=move.is_late,
    )


def _tell(session: Session, move: Move, change: BookingChange, now: datetime) -> None:
    is_closing = change.old_state == BookingState.BOOKED and move.state is BookingState.CHARGED
    if is_closing or change.old_state == BookingState.UNFUNDED == move.state:
        return
    kind = _TOLD_AS.get(move.state, FactKind.BOOKING_CHANGED)
    account_id = move.booking.account_id
    outbox.tell(session, kind, now=now, account_id=account_id, record_id=change.id)
    if move.is_late and move.state is BookingState.CANCELLED:
        outbox.tell(session, FactKind.LATE_CANCELLATION, now=now, record_id=change.id)
