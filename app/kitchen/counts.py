"""The kitchen's days as values: how many meals of each kind, for whom special trays are made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.documents.production import (
    AllergyMet,
    ClassCount,
    MealCount,
    ProductionDay,
    ProductionWeek,
    SpecialTray,
)
from app.kitchen.prints import Paper, Tray, last_papers
from app.kitchen.roll import COOKED, Meal, meals_on
from app.models import Booking, Enrolment, HealthRecord, MealType, Pupil, SchoolClass, ServiceDay
from app.vocabulary import BookingState, MealKind

_IS_SPECIAL: Final = Booking.meal_type.has(MealType.kind == MealKind.SPECIAL)


@dataclass(frozen=True)
class Kitchen:
    """Days to cook for; `unfunded` counts the meals among them that are not covered, by day.

    `papers` is what a print of it says; `shown_pupils` are those whose health data is among it.
    """

    week: ProductionWeek
    unfunded: dict[date, int]
    papers: dict[date, Paper]
    shown_pupils: frozenset[int]


def kitchen_of(
    session: Session, days: Sequence[date], now: datetime, gettext: Callable[[str], str], lang: str
) -> Kitchen:
    """The days' counts and trays, with what has changed since the last paper of each."""
    names, papers, before = _Names(session), papers_of(session, days), last_papers(session, days)
    meals = {day: _meals_to_watch(session, day) for day in days}
    closures = _closures(session, days, gettext("no service"))
    week = ProductionWeek(
        days=tuple(
            ProductionDay(
                day,
                _counts(papers[day], before.get(day), names),
                _trays(meals[day], before.get(day)),
                closures[day],
                _met(meals[day]),
                _gone(session, papers[day], before.get(day)),
                before[day].printed_at if day in before else None,
            )
            for day in days
        ),
        printed_at=now,
        locale=lang,
    )
    return Kitchen(week, _unfunded(session, days), papers, _shown(meals))


def papers_of(session: Session, days: Sequence[date]) -> dict[date, Paper]:
    """What a paper of each day says now."""
    counts: dict[date, dict[tuple[int, int | None], int]] = {day: {} for day in days}
    for day, meal_type_id, class_id, number in session.execute(_by_class(days)):
        counts[day][meal_type_id, class_id] = number
    trays: dict[date, set[Tray]] = {day: set() for day in days}
    for day, pupil_id, meal_type_id in session.execute(_special(days)):
        trays[day].add(Tray(pupil_id, meal_type_id))
    return {day: Paper(counts[day], frozenset(trays[day])) for day in days}


def _by_class(days: Sequence[date]) -> Any:
    return (
        sa.select(
            ServiceDay.date,
            Booking.meal_type_id,
            Enrolment.school_class_id,
            sa.func.count(Booking.id),
        )
        .select_from(Booking)
        .join(ServiceDay, ServiceDay.id == Booking.service_day_id)
        .outerjoin(
            Enrolment,
            sa.and_(
                Enrolment.pupil_id == Booking.pupil_id,
                Enrolment.valid_from <= ServiceDay.date,
                Enrolment.valid_until > ServiceDay.date,
            ),
        )
        .where(ServiceDay.date.in_(days), Booking.state.in_(COOKED))
        .group_by(ServiceDay.date, Booking.meal_type_id, Enrolment.school_class_id)
    )


def _special(days: Sequence[date]) -> Any:
    return (
        sa.select(ServiceDay.date, Booking.pupil_id, Booking.meal_type_id)
        .join(ServiceDay, ServiceDay.id == Booking.service_day_id)
        .where(ServiceDay.date.in_(days), Booking.state.in_(COOKED), _IS_SPECIAL)
    )


def _unfunded(session: Session, days: Sequence[date]) -> dict[date, int]:
    query = (
        sa.select(ServiceDay.date, sa.func.count(Booking.id))
        .join(ServiceDay, ServiceDay.id == Booking.service_day_id)
        .where(ServiceDay.date.in_(days), Booking.state == BookingState.UNFUNDED)
        .group_by(ServiceDay.date)
    )
    return dict.fromkeys(days, 0) | dict(session.execute(query).all())


class _Names:
    """What meal types and classes are called; types in the order of the price list."""

    def __init__(self, session: Session) -> None:
        query = sa.select(MealType).order_by(MealType.position, MealType.id)
        self.meal_types = list(session.scalars(query))
        self.classes = {each.id: each.name for each in session.scalars(sa.select(SchoolClass))}


def _counts(now: Paper, before: Paper | None, names: _Names) -> tuple[MealCount, ...]:
    """The types on offer, and whatever else is cooked or was on the last paper."""
    said = {} if before is None else before.counts
    wanted = {meal_type_id for meal_type_id, _class in (*now.counts, *said)}
    return tuple(
        MealCount(
            each.name,
            now.total(each.id),
            _class_counts(now, before, each.id, names.classes),
            None if before is None else before.total(each.id),
        )
        for each in names.meal_types
        if each.archived_at is None or each.id in wanted
    )


def _class_counts(
    now: Paper, before: Paper | None, meal_type_id: int, classes: dict[int, str]
) -> tuple[ClassCount, ...]:
    said = {} if before is None else before.counts
    ids = {key[1] for key in (*now.counts, *said) if key[0] == meal_type_id and key[1] is not None}
    return tuple(
        ClassCount(
            classes[class_id],
            now.counts.get((meal_type_id, class_id), 0),
            None if before is None else said.get((meal_type_id, class_id), 0),
        )
        for class_id in sorted(ids, key=lambda class_id: (classes[class_id], class_id))
    )


def _closures(session: Session, days: Sequence[date], no_service: str) -> dict[date, str]:
    query = sa.select(ServiceDay.date, ServiceDay.closure).where(ServiceDay.date.in_(days))
    served = {day: closure or "" for day, closure in session.execute(query)}
    return {day: served.get(day, no_service) for day in days}


def _meals_to_watch(session: Session, day: date) -> list[Meal]:
    """Those on trays of their own, and those that the day's menu may harm."""
    has_record = Booking.pupil_id.in_(sa.select(HealthRecord.pupil_id))
    is_watched = sa.or_(_IS_SPECIAL, has_record)
    cooked = meals_on(session, day, Booking.state.in_(COOKED), is_watched)
    return [meal for meal in cooked if meal.is_special or meal.meets]


def _trays(meals: Sequence[Meal], before: Paper | None) -> tuple[SpecialTray, ...]:
    return tuple(
        SpecialTray(
            meal.name,
            meal.school_class,
            ", ".join(meal.health.words) or meal.diet,
            before is not None and Tray(meal.pupil_id, meal.meal_type_id) not in before.trays,
        )
        for meal in meals
        if meal.is_special
    )


def _gone(session: Session, now: Paper, before: Paper | None) -> tuple[SpecialTray, ...]:
    """Trays of the last paper that are wanted no more."""
    missing = frozenset() if before is None else before.trays - now.trays
    if not missing:
        return ()
    query = sa.select(Pupil).where(Pupil.id.in_([tray.pupil_id for tray in missing]))
    pupils = session.scalars(query.order_by(Pupil.last_name, Pupil.first_name))
    return tuple(SpecialTray(pupil.full_name, "", "") for pupil in pupils)


def _met(meals: Sequence[Meal]) -> tuple[AllergyMet, ...]:
    return tuple(
        AllergyMet(meal.name, meal.school_class, meal.meal, meal.meets)
        for meal in meals
        if meal.meets
    )


def _shown(meals: dict[date, list[Meal]]) -> frozenset[int]:
    watched = [meal for found in meals.values() for meal in found]
    return frozenset(meal.pupil_id for meal in watched if meal.health.words)
