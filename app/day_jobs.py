"""The worker closes days at the last call, and refuses after the service what nobody paid for."""

from collections.abc import Generator
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking, clock
from app.access import SYSTEM
from app.booking.record import lock_day
from app.booking.rules import service_rules
from app.clock import local
from app.kitchen.final_list import tell_kitchen
from app.models import Booking, ServiceDay
from app.payments.credit import credit_due
from app.rules.deadlines import end_of_service_of, last_call_of
from app.transaction import look, transaction
from app.vocabulary import BookingState


def close_day(day: date) -> Generator[int]:
    """Close a day for good; each step is a commit, and yields how many meals it settled.

    First the online top-ups that are due are credited, then nobody but staff may change the day,
    then its meals are charged or marked unfunded. Begun again after a crash it goes on.

    Raises: NoServiceDay, DayStillOpen.
    """
    with transaction(SYSTEM) as session:
        credit_due(session, service_rules(session), clock.now)
    yield 0
    with transaction(SYSTEM) as session:
        locked = lock_day(session, day)
        is_closed_now = locked.closed_at is None
        booking.begin_closing(session, locked, service_rules(session), clock.now)
        if is_closed_now:
            tell_kitchen(session, locked, clock.now)
    yield 0
    while settled := _charge_next(day):
        yield settled


def _charge_next(day: date) -> int:
    with transaction(SYSTEM) as session:
        return booking.charge_next(session, lock_day(session, day), clock.now)


def days_to_close(session: Session, now: datetime) -> list[date]:
    """Days whose last call is over and that are open, or not charged to the end; earliest first."""
    rules = service_rules(session)
    today = local(now).date()
    is_over = ServiceDay.date <= today
    if now < last_call_of(today, rules):
        is_over = ServiceDay.date < today
    is_uncharged = sa.exists().where(
        Booking.service_day_id == ServiceDay.id, Booking.state == BookingState.BOOKED
    )
    query = sa.select(ServiceDay.date).where(
        is_over, sa.or_(ServiceDay.closed_at.is_(None), is_uncharged)
    )
    return list(session.scalars(query.order_by(ServiceDay.date)))


def close_days(_: str) -> Generator[int]:
    """A day that cannot be closed does not keep the others open."""
    failure: Exception | None = None
    for day in look(days_to_close):
        try:
            yield from close_day(day)
        except Exception as error:  # noqa: BLE001 - noted below
            failure = failure or error
    if failure is not None:
        raise failure


def days_to_refuse(session: Session, now: datetime) -> list[date]:
    """Days whose service is over and that hold meals nobody paid for."""
    rules = service_rules(session)
    query = (
        sa.select(ServiceDay.date)
        .join(Booking, Booking.service_day_id == ServiceDay.id)
        .where(Booking.state == BookingState.UNFUNDED)
        .distinct()
    )
    return [day for day in session.scalars(query) if now >= end_of_service_of(day, rules)]


def refuse_unfunded(_: str) -> Generator[int]:
    """A day is a commit."""
    for day in look(days_to_refuse):
        with transaction(SYSTEM) as session:
            rules = service_rules(session)
            refused = booking.refuse_unfunded(session, lock_day(session, day), rules, clock.now)
        yield refused
