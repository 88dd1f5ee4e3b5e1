"""The next days in the kitchen: what is booked, and what usually comes until the last call."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from app.clock import local
from app.kitchen.roll import COOKED
from app.models import Booking, BookingChange, MealType, ServiceDay
from app.rules.expectation import expected_meals

DAYS_AHEAD: Final = 3
DAYS_LIKE_IT: Final = 4
"""How many past days of the same weekday say what is usual."""

_LOOKED_AT: Final = timedelta(weeks=15)
_EARLIER: Final = aliased(BookingChange)


@dataclass(frozen=True)
class Expected:
    """One meal type on one day: booked by now, expected in the end."""

    meal: str
    booked: int
    expected: int


@dataclass(frozen=True)
class DayAhead:
    """A day to come; `is_usual_known` once there were days like it."""

    day: date
    meals: tuple[Expected, ...]
    is_usual_known: bool

    @property
    def booked(self) -> int:
        """Meals that are booked."""
        return sum(meal.booked for meal in self.meals)

    @property
    def expected(self) -> int:
        """Meals that are expected."""
        return sum(meal.expected for meal in self.meals)


def days_ahead(session: Session, now: datetime) -> list[DayAhead]:
    """The next days on which the canteen serves, today not among them."""
    coming = (
        sa.select(ServiceDay)
        .where(ServiceDay.date > local(now).date(), ServiceDay.closure.is_(None))
        .order_by(ServiceDay.date)
        .limit(DAYS_AHEAD)
    )
    types = session.scalars(
        sa.select(MealType)
        .where(MealType.archived_at.is_(None))
        .order_by(MealType.position, MealType.id)
    ).all()
    return [_ahead(session, day, types, now) for day in session.scalars(coming)]


def _ahead(session: Session, day: ServiceDay, types: Sequence[MealType], now: datetime) -> DayAhead:
    like_it = _days_like(session, day, local(now).date())
    # By elapsed days: the hour that a clock change adds or takes is nothing to a forecast.
    then = {each.id: now - (day.date - each.date) for each in like_it}
    booked = _cooked_at(session, {day.id: now, **then})
    cooked = _cooked_at(session, {each.id: each.closed_at or now for each in like_it})
    return DayAhead(
        day.date,
        tuple(
            Expected(
                each.name,
                booked.get((day.id, each.id), 0),
                expected_meals(
                    booked.get((day.id, each.id), 0),
                    [
                        (booked.get((past.id, each.id), 0), cooked.get((past.id, each.id), 0))
                        for past in like_it
                    ],
                ),
            )
            for each in types
        ),
        bool(like_it),
    )


def _days_like(session: Session, day: ServiceDay, today: date) -> list[ServiceDay]:
    """The last days of the same weekday that were served."""
    query = (
        sa.select(ServiceDay)
        .where(
            ServiceDay.date < today,
            ServiceDay.date >= today - _LOOKED_AT,
            ServiceDay.closure.is_(None),
            ServiceDay.closed_at.is_not(None),
        )
        .order_by(ServiceDay.date.desc())
    )
    same = [each for each in session.scalars(query) if each.date.weekday() == day.date.weekday()]
    return same[:DAYS_LIKE_IT]


def _cooked_at(session: Session, instants: dict[int, datetime]) -> dict[tuple[int, int], int]:
    """How many meals of each service day and type were to be cooked at an instant of it."""
    if not instants:
        return {}
    kind = BookingChange.changed_at.type
    instant = sa.case(
        *((Booking.service_day_id == day, sa.literal(at, kind)) for day, at in instants.items())
    )
    latest = (
        sa.select(sa.func.max(_EARLIER.id))
        .where(_EARLIER.booking_id == Booking.id, _EARLIER.changed_at <= instant)
        .scalar_subquery()
    )
    query = (
        sa.select(Booking.service_day_id, BookingChange.new_meal_type_id, sa.func.count())
        .select_from(Booking)
        .join(BookingChange, BookingChange.id == latest)
        .where(Booking.service_day_id.in_(instants), BookingChange.new_state.in_(COOKED))
        .group_by(Booking.service_day_id, BookingChange.new_meal_type_id)
    )
    return {(day_id, type_id): count for day_id, type_id, count in session.execute(query)}
