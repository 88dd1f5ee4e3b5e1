"""What is asked for: the next school year as the office corrects the proposal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Enrolment, Price, Pupil, SchoolClass, SchoolYear, ServiceDay
from app.money import Cents
from app.rules.classes import next_class_name, next_year_name, stays
from app.rules.school_days import Holiday

WHOLE_WEEKS: Final = timedelta(weeks=52)
SEATS: Final = 200

PriceKey: TypeAlias = tuple[int, int]
"""A meal type and a tariff category."""


@dataclass(frozen=True)
class Wanted:
    """The next year; `ends_on` is half-open, an empty class means to leave the school.

    `classes` is by class of the year that ends, `pupils` holds those who go elsewhere than their
    class. Prices hold from `prices_from` on; those that do not change are not made again.
    """

    from_year_id: int
    name: str
    starts_on: date
    ends_on: date
    weekdays: frozenset[int]
    capacity: int
    holidays: tuple[Holiday, ...] = ()
    classes: Mapping[int, str] = field(default_factory=dict)
    pupils: Mapping[int, str] = field(default_factory=dict)
    prices: Mapping[PriceKey, Cents] = field(default_factory=dict)
    prices_from: date | None = None


def propose(session: Session, year: SchoolYear, changed: Mapping[str, str] | None = None) -> Wanted:
    """The year after, whole weeks later; every class one higher, the same days, seats, prices.

    Of a class of two levels the younger pupils stay, by their age.
    `changed` names the class after a class where it is another.
    """
    known = next_year(session, year)
    starts_on = year.starts_on + WHOLE_WEEKS if known is None else known.starts_on
    days = session.scalars(_days(year)).all()
    return Wanted(
        from_year_id=year.id,
        name=next_year_name(year.name) if known is None else known.name,
        starts_on=starts_on,
        ends_on=year.ends_on + WHOLE_WEEKS if known is None else known.ends_on,
        weekdays=frozenset(day.date.weekday() for day in days) or frozenset(range(5)),
        capacity=days[-1].capacity if days else SEATS,
        classes={
            each.id: (changed or {}).get(each.name, next_class_name(each.name))
            for each in classes_of(session, year.id)
        },
        pupils=_staying(session, year),
        prices=prices_on(session, starts_on),
        prices_from=starts_on,
    )


def _staying(session: Session, year: SchoolYear) -> dict[int, str]:
    query = (
        sa.select(Enrolment.pupil_id, SchoolClass.name, Pupil.birth_date)
        .join(Enrolment.school_class)
        .join(Enrolment.pupil)
        .where(SchoolClass.school_year_id == year.id, Enrolment.valid_until >= year.ends_on)
    )
    return {
        pupil_id: name
        for pupil_id, name, born in session.execute(query)
        if stays(name, born, year.starts_on)
    }


def next_year(session: Session, year: SchoolYear) -> SchoolYear | None:
    """The school year that follows, if it is entered."""
    query = sa.select(SchoolYear).where(SchoolYear.starts_on >= year.ends_on)
    found: SchoolYear | None = session.scalar(query.order_by(SchoolYear.starts_on).limit(1))
    return found


def classes_of(session: Session, year_id: int) -> list[SchoolClass]:
    """The classes of a year by name."""
    query = sa.select(SchoolClass).where(SchoolClass.school_year_id == year_id)
    return list(session.scalars(query.order_by(SchoolClass.name)))


def prices_on(session: Session, day: date) -> dict[PriceKey, Cents]:
    """The price of each meal type for each category on a day."""
    query = sa.select(Price).where(Price.valid_from <= day).order_by(Price.valid_from)
    return {(p.meal_type_id, p.category_id): p.amount for p in session.scalars(query)}


def _days(year: SchoolYear) -> sa.Select[ServiceDay]:
    return (
        sa.select(ServiceDay)
        .where(ServiceDay.date >= year.starts_on, ServiceDay.date < year.ends_on)
        .order_by(ServiceDay.date)
    )
