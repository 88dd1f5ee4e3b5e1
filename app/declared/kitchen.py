"""The kitchen's week as values: how many meals of each kind, for whom special trays are made."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from flask_babel import get_locale, gettext
from sqlalchemy.orm import Session

from app.declared.roll import Meal, meals_on
from app.documents.production import MealCount, ProductionDay, ProductionWeek, SpecialTray
from app.models import Booking, Enrolment, MealType, SchoolClass, ServiceDay
from app.vocabulary import BookingState, MealKind

_COOKED = (BookingState.BOOKED, BookingState.CHARGED, BookingState.UNFUNDED)


@dataclass(frozen=True)
class Kitchen:
    """A week to cook for; `unfunded` counts the meals among them that are not covered, by day."""

    week: ProductionWeek
    unfunded: dict[date, int]
    shown_pupils: frozenset[int]


@dataclass(frozen=True)
class _Group:
    day: date
    meal: str
    school_class: str
    count: int
    unfunded: int


def kitchen_of(session: Session, days: Sequence[date], now: datetime) -> Kitchen:
    """The week's counts and trays; `shown_pupils` are those whose health data is among them."""
    groups = _groups(session, days)
    meals = _meal_types(session, {group.meal for group in groups})
    closures = _closures(session, days)
    trays = {day: _special_meals(session, day) for day in days}
    week = ProductionWeek(
        days=tuple(
            ProductionDay(day, _counts(groups, day, meals), _trays(trays[day]), closures[day])
            for day in days
        ),
        printed_at=now,
        locale=get_locale().language,
    )
    unfunded: dict[date, int] = defaultdict(int)
    for group in groups:
        unfunded[group.day] += group.unfunded
    seen = {meal.pupil_id for day in days for meal in trays[day] if meal.health.words}
    return Kitchen(week, unfunded, frozenset(seen))


def _groups(session: Session, days: Sequence[date]) -> list[_Group]:
    is_unfunded = sa.case((Booking.state == BookingState.UNFUNDED, 1), else_=0)
    query = (
        sa.select(
            ServiceDay.date,
            MealType.name,
            sa.func.coalesce(SchoolClass.name, ""),
            sa.func.count(Booking.id),
            sa.func.sum(is_unfunded),
        )
        .select_from(Booking)
        .join(ServiceDay, ServiceDay.id == Booking.service_day_id)
        .join(MealType, MealType.id == Booking.meal_type_id)
        .outerjoin(
            Enrolment,
            sa.and_(
                Enrolment.pupil_id == Booking.pupil_id,
                Enrolment.valid_from <= ServiceDay.date,
                Enrolment.valid_until > ServiceDay.date,
            ),
        )
        .outerjoin(SchoolClass, SchoolClass.id == Enrolment.school_class_id)
        .where(ServiceDay.date.in_(days), Booking.state.in_(_COOKED))
        .group_by(ServiceDay.date, MealType.name, SchoolClass.name)
    )
    return [_Group(*row) for row in session.execute(query)]


def _meal_types(session: Session, cooked: set[str]) -> list[str]:
    """Those on offer and those that are cooked, in the order of the price list."""
    query = (
        sa.select(MealType)
        .where(sa.or_(MealType.archived_at.is_(None), MealType.name.in_(cooked)))
        .order_by(MealType.position, MealType.id)
    )
    return [meal_type.name for meal_type in session.scalars(query)]


def _counts(groups: Sequence[_Group], day: date, meals: Sequence[str]) -> tuple[MealCount, ...]:
    return tuple(
        MealCount(
            meal,
            sum(group.count for group in groups if (group.day, group.meal) == (day, meal)),
            tuple(
                (group.school_class, group.count)
                for group in groups
                if (group.day, group.meal) == (day, meal) and group.school_class
            ),
        )
        for meal in meals
    )


def _closures(session: Session, days: Sequence[date]) -> dict[date, str]:
    query = sa.select(ServiceDay.date, ServiceDay.closure).where(ServiceDay.date.in_(days))
    served = {day: closure or "" for day, closure in session.execute(query)}
    return {day: served.get(day, gettext("no service")) for day in days}


def _special_meals(session: Session, day: date) -> list[Meal]:
    is_special = Booking.meal_type.has(MealType.kind == MealKind.SPECIAL)
    return meals_on(session, day, Booking.state.in_(_COOKED), is_special)


def _trays(meals: Sequence[Meal]) -> tuple[SpecialTray, ...]:
    return tuple(
        SpecialTray(meal.name, meal.school_class, ", ".join(meal.health.words) or meal.diet)
        for meal in meals
    )
