"""The service of today: who was served, who was absent, whose meal is refused."""

from datetime import date, datetime

from sqlalchemy.orm import Session

from app.booking.record import (
    Before,
    Move,
    Step,
    apply,
    lock_bookings,
    lock_day,
    new_operation,
    remember,
)
from app.clock import Now, local
from app.errors import CannotChange, ChangedMeanwhile, NotFound, NotFunded, ServiceOver
from app.models import Booking, ServiceDay
from app.vocabulary import Attendance, BookingState, Reason


def mark_attendance(
    session: Session,
    booking_id: int,
    attendance: Attendance,
    day: date,
    now: Now,
    *,
    seen: int | None = None,
) -> Booking:
    """Served, absent, or expected again (undo); marking twice changes nothing.

    `seen` is the version on the screen that was tapped: two tablets do not overwrite each other.

    Raises: NoServiceDay, NotFound, NotFunded for a meal that is not paid for, ServiceOver on
    another day than today, CannotChange, ChangedMeanwhile.
    """
    _, booking, instant = _lock(session, booking_id, day, now)
    if booking.attendance is attendance:
        return booking
    if seen not in {None, booking.version}:
        raise ChangedMeanwhile
    if attendance is Attendance.SERVED and booking.state is not BookingState.CHARGED:
        raise NotFunded
    if booking.state not in {BookingState.CHARGED, BookingState.UNFUNDED}:
        raise CannotChange
    before = Before.of(booking)
    booking.attendance = attendance
    remember(session, [Step(before, booking)], now=instant, operation=new_operation())
    return booking


def refuse_meal(session: Session, booking_id: int, day: date, reason: Reason, now: Now) -> Booking:
    """The till refuses a meal that is not paid for; the family is told.

    Raises: NoServiceDay, NotFound, ServiceOver, CannotChange for a meal that is paid for.
    """
    locked, booking, instant = _lock(session, booking_id, day, now)
    if booking.state is BookingState.REFUSED:
        return booking
    move = Move(booking, BookingState.REFUSED, reason=reason)
    apply(session, locked, [move], now=instant, operation=new_operation())
    return booking


def _lock(
    session: Session, booking_id: int, day: date, now: Now
) -> tuple[ServiceDay, Booking, datetime]:
    locked = lock_day(session, day)
    instant = now()
    if local(instant).date() != day:
        raise ServiceOver
    found = lock_bookings(session, Booking.id == booking_id, Booking.service_day_id == locked.id)
    if not found:
        raise NotFound
    return locked, found[0], instant
