"""Exclusions by the committee: foreseen, put in force, shortened or lifted."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.booking.cascades import exclude, lock_days, tell_households
from app.booking.foresight import FallingMeal, falling_meals, lock_decision, mark_of
from app.booking.restoring import Restored, days_to_restore, restore_meals
from app.clock import Now, local
from app.errors import ChangedMeanwhile
from app.models import Booking, Exclusion, ServiceDay
from app.refusals import ExclusionOver
from app.rules.deadlines import ServiceRules
from app.vocabulary import Attendance, BookingState, DecisionState, FactKind


def foresee_exclusion(session: Session, exclusion: Exclusion) -> list[FallingMeal]:
    """The meals that fall away with it."""
    return _meals(session, exclusion, Booking.state == BookingState.BOOKED)


def charged_meals(session: Session, exclusion: Exclusion) -> list[FallingMeal]:
    """The meals in its range that are paid for and not eaten: they stay charged."""
    is_charged = Booking.state == BookingState.CHARGED
    return _meals(session, exclusion, is_charged, Booking.attendance == Attendance.EXPECTED)


def _meals(
    session: Session, exclusion: Exclusion, *conditions: sa.ColumnElement[bool]
) -> list[FallingMeal]:
    return falling_meals(
        session,
        Booking.pupil_id == exclusion.pupil_id,
        ServiceDay.date >= exclusion.valid_from,
        ServiceDay.date < exclusion.valid_until,
        *conditions,
    )


def mark_of_exclusion(exclusion: Exclusion, meals: Sequence[FallingMeal]) -> str:
    """What was foreseen of it, as it stands."""
    return mark_of(
        exclusion.pupil_id,
        exclusion.valid_from,
        exclusion.valid_until,
        exclusion.reason,
        [(meal.booking_id, meal.version) for meal in meals],
    )


def pronounce(session: Session, exclusion_id: int, mark: str, now: Now) -> int:
    """Put an exclusion in force: its meals go and every household is told; how many meals.

    Sent twice, it changes nothing more. Raises: ChangedMeanwhile where it is not what was previewed
    any more, or lifted.
    """
    exclusion = lock_decision(session, Exclusion, exclusion_id)
    if exclusion.state is DecisionState.IN_FORCE:
        return 0
    lock_days(session, exclusion.valid_from, exclusion.valid_until)
    is_seen = mark == mark_of_exclusion(exclusion, foresee_exclusion(session, exclusion))
    if exclusion.state is DecisionState.LIFTED or not is_seen:
        raise ChangedMeanwhile
    exclusion.state = DecisionState.IN_FORCE
    session.flush()
    return exclude(session, exclusion, now)


def shorten(
    session: Session, exclusion_id: int, opens_on: date, rules: ServiceRules, now: Now
) -> list[Restored]:
    """Let the pupil eat again from a day on; the meals that it had cancelled there come back.

    From its first day on it is lifted as a whole. Raises: ExclusionOver for a day that is past or
    outside its range; ChangedMeanwhile for one that is not in force.
    """
    exclusion = lock_decision(session, Exclusion, exclusion_id)
    if exclusion.state is not DecisionState.IN_FORCE:
        raise ChangedMeanwhile
    first, until = max(exclusion.valid_from, local(now()).date()), exclusion.valid_until
    if not first <= opens_on < until:
        raise ExclusionOver
    if opens_on == exclusion.valid_from:
        exclusion.state = DecisionState.LIFTED
    else:
        exclusion.valid_until = opens_on
    session.flush()
    # All of them before the first wallet: locks are taken in one order everywhere.
    lock_days(session, opens_on, until)
    instant = now()
    restored = [
        each
        for day in days_to_restore(session, exclusion.operation_id, opens_on)
        for each in restore_meals(session, exclusion.operation_id, day, rules, lambda: instant)
    ]
    tell_households(session, exclusion, FactKind.EXCLUSION_LIFTED, instant)
    return restored


def plan_shortening(
    session: Session, exclusion_id: int, opens_on: date, rules: ServiceRules, now: Now
) -> list[Restored]:
    """What `shorten` would do, by doing it and taking it back."""
    point = session.begin_nested()
    try:
        return shorten(session, exclusion_id, opens_on, rules, now)
    finally:
        point.rollback()
