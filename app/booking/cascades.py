"""Changes that take many meals away: an exclusion, a day on which the canteen stays closed."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger, outbox
from app.booking.changes import hold_today
from app.booking.closing import fund_today, give_back
from app.booking.record import Move, apply, lock_bookings, lock_day, new_operation
from app.booking.rules import service_rules
from app.clock import Now
from app.models import (
    Account,
    Booking,
    Enrolment,
    Exclusion,
    Pupil,
    PupilAccount,
    ServiceDay,
)
from app.vocabulary import Attendance, BookingState, FactKind, Reason

STANDING: Final = (BookingState.BOOKED, BookingState.UNFUNDED, BookingState.CHARGED)
FALLING: Final = (Booking.state.in_(STANDING), Booking.attendance != Attendance.SERVED)
"""The meals that fall away when there is no service: those that nobody has eaten."""


def exclude(session: Session, exclusion: Exclusion, now: Now) -> int:
    """Cancel the pupil's open meals in the range and tell every household; how many meals.

    What was charged before stays. Whoever books meanwhile comes before, or is refused.
    """
    lock_days(session, exclusion.valid_from, exclusion.valid_until)
    instant = now()
    in_range = ServiceDay.date >= exclusion.valid_from, ServiceDay.date < exclusion.valid_until
    days = _days_booked(session, exclusion.pupil_id, *in_range)
    operation = exclusion.operation_id
    cancelled = _cancel_days(
        session, days, exclusion.pupil_id, Reason.EXCLUSION, lambda: instant, operation
    )
    tell_households(session, exclusion, FactKind.EXCLUDED, instant)
    return cancelled


def tell_households(session: Session, exclusion: Exclusion, kind: FactKind, now: datetime) -> None:
    """Every account that pays for the pupil learns of it."""
    query = (
        sa.select(PupilAccount.account_id)
        .join(PupilAccount.account)
        .where(PupilAccount.pupil_id == exclusion.pupil_id, Account.archived_at.is_(None))
        .order_by(PupilAccount.account_id)
    )
    for account_id in session.scalars(query):
        outbox.tell(session, kind, now=now, account_id=account_id, record_id=exclusion.id)


def lock_days(session: Session, first: date, until: date) -> Sequence[ServiceDay]:
    """The service days of a half-open range, locked in their order and read afresh."""
    query = (
        sa.select(ServiceDay)
        .where(ServiceDay.date >= first, ServiceDay.date < until)
        .order_by(ServiceDay.date)
        .with_for_update(of=ServiceDay)
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).all()


def depart(session: Session, pupil_id: int, now: Now, operation: str = "") -> int:
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
    return _cancel_days(session, days, pupil_id, Reason.DEPARTURE, now, operation)


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
    session: Session,
    days: Sequence[date],
    pupil_id: int,
    reason: Reason,
    now: Now,
    operation: str = "",
) -> int:
    operation = operation or new_operation()
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


def close_canteen(session: Session, day: date, closure: str, now: Now, operation: str = "") -> int:
    """Serve nobody on the day: cancel its meals, give back what was charged; how many."""
    lock_day(session, day).closure = closure
    return call_off(session, day, Reason.CLOSED_DAY, now, operation or new_operation())


def call_off(
    session: Session,
    day: date,
    reason: Reason,
    now: Now,
    operation: str,
    *conditions: sa.ColumnElement[bool],
) -> int:
    """Cancel the meals of a day that are not eaten yet, all or those meant; how many.

    What was charged is given back, and may make meals of today good.
    """
    locked = lock_day(session, day)
    hold_today(session, day, now)
    bookings = lock_bookings(session, Booking.service_day_id == locked.id, *FALLING, *conditions)
    richer = {b.account_id for b in bookings if b.state is BookingState.CHARGED}
    instant, rules = now(), service_rules(session)
    cancelled = _cancel(session, locked, bookings, reason, instant, operation)
    for account_id in sorted(richer):
        fund_today(session, account_id, rules, instant)
    return cancelled


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
