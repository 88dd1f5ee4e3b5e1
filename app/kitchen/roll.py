"""Today's list as values: who is expected in which class, what they may eat, what became of it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.labels import label
from app.models import Booking, Enrolment, HealthRecord, Menu, Pupil, SchoolClass, ServiceDay
from app.rules.names import is_meant, words_of
from app.vocabulary import Allergen, Attendance, BookingState, Severity

COOKED: Final = (BookingState.BOOKED, BookingState.CHARGED, BookingState.UNFUNDED)
_LISTED: Final = (*COOKED, BookingState.REFUSED, BookingState.GIVEN_BACK)


@dataclass(frozen=True)
class Health:
    """What the kitchen must know of a pupil, in the reader's words."""

    allergens: tuple[str, ...] = ()
    is_severe: bool = False
    note: str = ""
    kept_away: frozenset[Allergen] = frozenset()

    @property
    def words(self) -> tuple[str, ...]:
        """All of it, as a printed list shows it."""
        return tuple(filter(None, (*self.allergens, self.note)))


@dataclass(frozen=True)
class Meal:
    """One pupil on the list. `is_open` is shown as a mark that children do not understand.

    `meets` is what the day's menu holds of the pupil's allergens.
    """

    booking_id: int
    pupil_id: int
    account_id: int
    version: int
    name: str
    school_class: str
    meal: str
    meal_type_id: int
    is_special: bool
    diet: str
    state: BookingState
    attendance: Attendance
    health: Health
    meets: tuple[str, ...] = ()

    @property
    def is_open(self) -> bool:
        """Whether the till must see the child first."""
        return self.state is BookingState.UNFUNDED

    @property
    def is_expected(self) -> bool:
        """Whether the child is still to come."""
        return self.state in COOKED and self.attendance is Attendance.EXPECTED

    @property
    def tone(self) -> str:
        """How the row looks; the same for all who are still to come, whatever they owe."""
        if self.state not in COOKED:
            return self.state.value
        return self.attendance.value

    @property
    def word(self) -> str:
        """The row's state in a word; none while the child is simply expected."""
        if self.state not in COOKED:
            return label(self.state)
        return "" if self.is_expected else label(self.attendance)

    @property
    def can_excuse(self) -> bool:
        """Whether staff may still give the meal back."""
        return self.state in COOKED and self.attendance is not Attendance.SERVED

    @property
    def marks(self) -> list[Attendance]:
        """What one tap may mark."""
        if self.state not in {BookingState.CHARGED, BookingState.UNFUNDED}:
            return []
        if self.attendance is not Attendance.EXPECTED:
            return [Attendance.EXPECTED]
        return [Attendance.ABSENT] if self.is_open else [Attendance.SERVED, Attendance.ABSENT]


@dataclass(frozen=True)
class Counts:
    """The figures at the top of the list."""

    expected: int
    served: int
    absent: int
    still_open: int
    by_meal: dict[str, int]


def meals_on(session: Session, day: date, *conditions: sa.ColumnElement[bool]) -> list[Meal]:
    """The day's meals by class and first name."""
    query = (
        sa.select(Booking, SchoolClass.name)
        .join(ServiceDay, ServiceDay.id == Booking.service_day_id)
        .outerjoin(
            Enrolment,
            sa.and_(
                Enrolment.pupil_id == Booking.pupil_id,
                Enrolment.valid_from <= day,
                Enrolment.valid_until > day,
            ),
        )
        .outerjoin(SchoolClass, SchoolClass.id == Enrolment.school_class_id)
        .where(ServiceDay.date == day, *conditions)
        .options(joinedload(Booking.pupil).joinedload(Pupil.diet), joinedload(Booking.meal_type))
    )
    found = session.execute(query).all()
    health = health_of(session, (booking.pupil_id for booking, _ in found), day)
    served = allergens_served(session, [day])
    meals = [
        _meal(
            booking,
            name or "",
            health.get(booking.pupil_id, Health()),
            served.get((day, booking.meal_type_id), frozenset()),
        )
        for booking, name in found
    ]
    return sorted(meals, key=lambda meal: (meal.school_class, words_of(meal.name)))


def roll_of(session: Session, day: date) -> list[Meal]:
    """Everybody who was expected at the last call, whatever became of their meal."""
    return meals_on(session, day, Booking.state.in_(_LISTED))


def allergens_served(
    session: Session, days: Iterable[date]
) -> dict[tuple[date, int], frozenset[Allergen]]:
    """What the menus declare, by day and meal type."""
    query = (
        sa.select(ServiceDay.date, Menu.meal_type_id, Menu.allergens)
        .join(ServiceDay, ServiceDay.id == Menu.service_day_id)
        .where(ServiceDay.date.in_(list(days)))
    )
    return {
        (day, meal_type_id): frozenset(map(Allergen, allergens))
        for day, meal_type_id, allergens in session.execute(query)
    }


def meeting(kept_away: Iterable[Allergen], served: Iterable[Allergen]) -> tuple[str, ...]:
    """The allergens that are in both, in the reader's words."""
    both = set(kept_away) & set(served)
    return tuple(label(allergen) for allergen in Allergen if allergen in both)


def _meal(booking: Booking, school_class: str, health: Health, served: frozenset[Allergen]) -> Meal:
    return Meal(
        booking_id=booking.id,
        pupil_id=booking.pupil_id,
        account_id=booking.account_id,
        version=booking.version,
        name=booking.pupil.full_name,
        school_class=school_class,
        meal=booking.meal_type.name,
        meal_type_id=booking.meal_type_id,
        is_special=booking.meal_type.is_special,
        diet=booking.pupil.diet.name,
        state=booking.state,
        attendance=booking.attendance,
        health=health,
        meets=meeting(health.kept_away, served),
    )


def health_of(session: Session, pupil_ids: Iterable[int], day: date) -> dict[int, Health]:
    """Health data that is valid on the day, by pupil; who shows it logs it."""
    query = sa.select(HealthRecord).where(
        HealthRecord.pupil_id.in_(set(pupil_ids)),
        sa.or_(HealthRecord.expires_on.is_(None), HealthRecord.expires_on > day),
    )
    return {record.pupil_id: _health(record) for record in session.scalars(query)}


def _health(record: HealthRecord) -> Health:
    return Health(
        allergens=tuple(label(Allergen(each)) for each in record.allergens),
        is_severe=record.severity is Severity.ANAPHYLAXIS,
        note=record.note,
        kept_away=frozenset(map(Allergen, record.allergens)),
    )


def by_class(meals: Sequence[Meal]) -> list[tuple[str, list[Meal]]]:
    """The meals under the names of their classes; they are in that order already."""
    return [(name, list(group)) for name, group in groupby(meals, lambda meal: meal.school_class)]


def matching(meals: Sequence[Meal], text: str) -> list[Meal]:
    """Those whose names begin with what was typed."""
    typed = words_of(text[:80])
    return [meal for meal in meals if is_meant(typed, words_of(meal.name))]


def counts_of(meals: Sequence[Meal]) -> Counts:
    """What is left to do, and how many meals of each type there are."""
    attendance = Counter(meal.attendance for meal in meals)
    return Counts(
        expected=sum(meal.is_expected for meal in meals),
        served=attendance[Attendance.SERVED],
        absent=attendance[Attendance.ABSENT],
        still_open=sum(meal.is_open for meal in meals),
        by_meal=dict(Counter(m.meal for m in meals if m.state in COOKED).most_common()),
    )
