"""Changes that take many meals away: an exclusion, a day on which the canteen stays closed."""

from collections.abc import Sequence
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.booking.closing import give_back
from app.booking.record import Move, apply, lock_bookings, lock_day, new_operation
from app.clock import Now
from app.models import Booking, Enrolment, Exclusion, Pupil, ServiceDay
from app.vocabulary import Attendance, BookingState, Reason

_STANDING = (BookingState.BOOKED, BookingState.UNFUNDED, BookingState.CHARGED)


def exclude(session: Session, exclusion: Exclusion, now: Now) -> int:
    """Cancel the pupil's open meals in the range; how many. What was charged before stays."""
    in_range = ServiceDay.date >= exclusion.valid_from, ServiceDay.date < exclusion.valid_until
    days = _days_booked(session, exclusion.pupil_id, *in_range)
    return _cancel_days(session, days, exclusion.pupil_id, Reason.EXCLUSION, now)


def depart(session: Session, pupil_id: int, now: Now) -> int:
    """Cancel the open meals of days on which the pupil is not enrolled; how many.

    Left standing they would have no price, and be told as unfunded.
    """
    is_enrolled = sa.exists().where(
        Enrolment.pupil_id == pupil_id,
        Enrolment.valid_from <= ServiceDay.date,
        Enrolment.valid_until > ServiceDay.date,
        Enrolment.pupil.has(Pupil.archived_at.is_(None)),
    )
    days = _days_booked(session, pupil_id, ~is_enrolled)
    return _cancel_days(session, days, pupil_id, Reason.DEPARTURE, now)


def _days_booked(
    session: Session, pupil_id: int, *conditions: sa.ColumnElement[bool]
) -> Sequence[date]:
    query = (
        sa.select(ServiceDay.date)
        .join(Booking, Booking.service_day_id == ServiceDay.id)
        .where(Booking.pupil_id == pupil_id, Booking.state == BookingState.BOOKED, *conditions)
        .order_by(ServiceDay.date)
    )
    return session.scalars(query).all()


def _cancel_days(
    session: Session, days: Sequence[date], pupil_id: int, reason: Reason, now: Now
) -> int:
    operation = new_operation()
    return sum(_cancel_one(session, day, pupil_id, reason, now, operation) for day in days)


def _cancel_one(
    session: Session, day: date, pupil_id: int, reason: Reason, now: Now, operation: str
) -> int:
    locked = lock_day(session, day)
    bookings = lock_bookings(
        session,
        Booking.service_day_id == locked.id,
        Booking.pupil_id == pupil_id,
        Booking.state == BookingState.BOOKED,
    )
    return _cancel(session, locked, bookings, reason, now(), operation)


def close_canteen(session: Session, day: date, closure: str, now: Now) -> int:
    """Serve nobody on the day: cancel its meals, give back what was charged; how many."""
    locked = lock_day(session, day)
    bookings = lock_bookings(
        session, Booking.service_day_id == locked.id, Booking.state.in_(_STANDING)
    )
    locked.closure = closure
    standing = [b for b in bookings if b.attendance is not Attendance.SERVED]
    return _cancel(session, locked, standing, Reason.CLOSED_DAY, now(), new_operation())


def reopen_canteen(session: Session, day: date) -> None:
    """Serve on the day after all; cancelled meals stay cancelled."""
    lock_day(session, day).closure = None
    session.flush()


def _cancel(
    session: Session,
    day: ServiceDay,
    bookings: Sequence[Booking],
    reason: Reason,
    now: datetime,
    operation: str,
) -> int:
    charged = [b for b in bookings if b.state is BookingState.CHARGED]
    ledger.lock_accounts(session, {b.account_id for b in charged})
    moves = []
    for booking in bookings:
        if booking.state is BookingState.CHARGED:
            give_back(session, booking, now=now)
            moves.append(Move(booking, BookingState.GIVEN_BACK, reason=reason))
        else:
            moves.append(Move(booking, BookingState.CANCELLED, reason=reason))
    apply(session, day, moves, now=now, operation=operation)
    return len(moves)
