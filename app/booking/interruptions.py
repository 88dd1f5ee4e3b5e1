"""Closed days and class outings: foreseen, put in force, lifted.

What holds from now on is decided in one transaction; the meals of each day follow in one of their
own, and go on where they stopped if they are sent again.
"""

from collections.abc import Sequence
from datetime import date
from typing import TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.access import actor_of
from app.booking.cascades import FALLING, call_off, lock_days
from app.booking.foresight import FallingMeal, falling_meals, lock_decision, mark_of
from app.booking.outings import Day, is_on
from app.clock import Now
from app.errors import ChangedMeanwhile, NoServiceDay
from app.models import Booking, Enrolment, Interruption, ServiceDay
from app.rules.deadlines import ServiceRules, end_of_service_of
from app.vocabulary import DecisionState, InterruptionKind, Reason

Conditions: TypeAlias = tuple[sa.ColumnElement[bool], ...]


def foresee(session: Session, interruption: Interruption) -> list[FallingMeal]:
    """The meals that fall away with it."""
    return falling_meals(
        session,
        ServiceDay.date >= interruption.valid_from,
        ServiceDay.date < interruption.valid_until,
        *FALLING,
        *_of_its_pupils(interruption, ServiceDay.date),
    )


def mark_of_interruption(interruption: Interruption, meals: Sequence[FallingMeal]) -> str:
    """What was foreseen of it, as it stands."""
    return mark_of(
        interruption.valid_from,
        interruption.valid_until,
        interruption.reason,
        sorted(each.id for each in interruption.classes),
        [(meal.booking_id, meal.version) for meal in meals],
    )


def days_of(session: Session, interruption: Interruption) -> Sequence[date]:
    """The service days that it means, in order."""
    query = sa.select(ServiceDay.date).where(
        ServiceDay.date >= interruption.valid_from, ServiceDay.date < interruption.valid_until
    )
    return session.scalars(query.order_by(ServiceDay.date)).all()


def put_in_force(session: Session, interruption_id: int, mark: str, now: Now) -> None:
    """From here on nobody books a meal that it touches; sent twice, it changes nothing more.

    Raises: NoServiceDay; ChangedMeanwhile where it is not what was previewed any more, or lifted.
    """
    interruption = lock_decision(session, Interruption, interruption_id)
    if interruption.state is DecisionState.IN_FORCE:
        return
    days = lock_days(session, interruption.valid_from, interruption.valid_until)
    if not days:
        raise NoServiceDay
    is_seen = mark == mark_of_interruption(interruption, foresee(session, interruption))
    if interruption.state is DecisionState.LIFTED or not is_seen:
        raise ChangedMeanwhile
    interruption.state = DecisionState.IN_FORCE
    interruption.begun_at, interruption.begun_by_id = now(), actor_of(session).user_id
    if interruption.kind is InterruptionKind.CLOSURE:
        for day in days:
            day.closure = day.closure or interruption.reason
    session.flush()


def cancel_meals(session: Session, interruption: Interruption, day: date, now: Now) -> int:
    """Cancel the meals of one of its days, and give back what was charged; how many."""
    is_closure = interruption.kind is InterruptionKind.CLOSURE
    reason = Reason.CLOSED_DAY if is_closure else Reason.OUTING
    meant = _of_its_pupils(interruption, day)
    return call_off(session, day, reason, now, interruption.operation_id, *meant)


def lift(session: Session, interruption_id: int, rules: ServiceRules, now: Now) -> None:
    """From here on its days to come can be booked again; sent twice, it changes nothing more.

    Its meals are booked again by `restore_meals`. Raises: ChangedMeanwhile for one not in force.
    """
    interruption = lock_decision(session, Interruption, interruption_id)
    if interruption.state is DecisionState.LIFTED:
        return
    if interruption.state is not DecisionState.IN_FORCE:
        raise ChangedMeanwhile
    days = lock_days(session, interruption.valid_from, interruption.valid_until)
    interruption.state = DecisionState.LIFTED
    interruption.lifted_at, interruption.lifted_by_id = now(), actor_of(session).user_id
    session.flush()
    if interruption.kind is InterruptionKind.CLOSURE:
        for day in days:
            if day.closure == interruption.reason and now() < end_of_service_of(day.date, rules):
                day.closure = _closed_as_well(session, day.date)
    session.flush()


def _closed_as_well(session: Session, day: date) -> str | None:
    """Why the canteen stays closed on the day: another closure's reason."""
    query = sa.select(Interruption.reason).where(
        is_on(day), Interruption.kind == InterruptionKind.CLOSURE
    )
    found: str | None = session.scalar(query.order_by(Interruption.id).limit(1))
    return found


def _of_its_pupils(interruption: Interruption, day: Day) -> Conditions:
    """The bookings of pupils whose class is away on the day; of everybody for a closure."""
    if interruption.kind is InterruptionKind.CLOSURE:
        return ()
    stay = aliased(Enrolment)
    return (
        sa.exists().where(
            stay.pupil_id == Booking.pupil_id,
            stay.school_class_id.in_([each.id for each in interruption.classes]),
            stay.valid_from <= day,
            stay.valid_until > day,
        ),
    )
