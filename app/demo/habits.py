"""How families book: most for the whole year at once, some week by week, with second thoughts."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import groupby
from random import Random
from typing import Final

from app.access import Actor
from app.clock import instant_of
from app.demo.meals import Cause, Meal, new_operation
from app.demo.people import PARENT, PARENT2, Child, Family, People
from app.demo.school import DIETS, RULES, School
from app.rules.deadlines import booking_deadline, is_late_cancellation
from app.rules.weeks import monday_of
from app.vocabulary import BookingState, Channel, MealKind

# On which weekdays children eat; the number is how many in twenty.
_WEEKDAYS: Final = (
    *[frozenset({0, 1, 2, 3, 4})] * 5,
    *[frozenset({0, 1, 3, 4})] * 11,
    *[frozenset({0, 1, 3})] * 2,
    *[frozenset({1, 4})] * 2,
)
_BOOKS_THE_YEAR: Final = 0.75
_CANCELS, _BOOKS_AGAIN, _CHANGES_TYPE = 0.04, 0.15, 0.01
_BY_STAFF: Final = 0.08


@dataclass(frozen=True)
class Custom:
    """A household's way with one child: on which days, and how many weeks ahead (None: all)."""

    child: Child
    family: Family
    weekdays: frozenset[int]
    weeks_ahead: int | None


def plan_meals(rng: Random, school: School, people: People, now: datetime) -> list[Meal]:
    """Every meal that was booked until now, with what its family did to it before its day."""
    meals = [
        meal for custom in _customs(rng, people) for meal in _book(rng, school, people, custom, now)
    ]
    for meal in meals:
        _reconsider(rng, school, meal, now)
    return meals


def _customs(rng: Random, people: People) -> Iterator[Custom]:
    for family in people.families:
        books_the_year = family.number == PARENT or rng.random() < _BOOKS_THE_YEAR
        ahead = None if books_the_year else rng.randint(0, 2)
        for child in family.children:
            yield Custom(child, family, _weekdays(rng, family, child), _least(ahead, child))


def _least(ahead: int | None, child: Child) -> int | None:
    """Special meals need three days’ notice: booking them for tomorrow is no custom."""
    return ahead if ahead is None or not child.eats_specially else max(1, ahead)


def _weekdays(rng: Random, family: Family, child: Child) -> frozenset[int]:
    """A child of two households eats at the expense of each on its own days."""
    usual = rng.choice(_WEEKDAYS)
    if not child.is_shared:
        return usual
    return frozenset({0, 1}) if child in family.own else frozenset({3, 4})


def _book(
    rng: Random, school: School, people: People, custom: Custom, now: datetime
) -> Iterator[Meal]:
    kind = DIETS[custom.child.diet][1]
    for cause, days in _occasions(rng, school, people, custom):
        if cause.at > now:
            return
        for day in days:
            type_id, is_special = school.types[kind], kind is MealKind.SPECIAL
            meal = Meal(custom.child, day, custom.family, type_id, is_special)
            meal.move(BookingState.BOOKED, cause)
            yield meal


def _occasions(
    rng: Random, school: School, people: People, custom: Custom
) -> Iterator[tuple[Cause, list[date]]]:
    """When the household booked, and which days."""
    actor = custom.family.parent(rng.randrange(2))
    if custom.family.number > PARENT2 and rng.random() < _BY_STAFF:
        actor = people.at_work("secretariat", rng.choice((Channel.MAIL, Channel.TELEPHONE)))
    days = [d for d in school.span.served if d.weekday() in custom.weekdays]
    weeks = custom.weeks_ahead
    for first, group in groupby(days, key=monday_of if weeks is not None else school.span.start):
        lead = timedelta(days=rng.randint(4, 9)) if weeks is None else timedelta(weeks=weeks)
        at = _asked_at(rng, first - lead, actor)
        yield Cause(at, actor, new_operation(rng)), list(group)


def _asked_at(rng: Random, monday: date, actor: Actor) -> datetime:
    """Parents book on the evening before, the secretariat on the last morning of work."""
    if actor.is_staff:
        return moment(rng, monday - timedelta(days=3), time(8, 30), 150)
    return moment(rng, monday - timedelta(days=1), time(18), 240)


def moment(rng: Random, day: date, begins: time, minutes: int) -> datetime:
    """Some instant of the day within so many minutes."""
    return instant_of(day, begins) + timedelta(seconds=rng.randrange(60 * minutes))


def _reconsider(rng: Random, school: School, meal: Meal, now: datetime) -> None:
    drawn = rng.random()
    if drawn < _CANCELS:
        _cancel(rng, meal, now)
    elif drawn < _CANCELS + _CHANGES_TYPE and not meal.is_special:
        _change_type(rng, school, meal, now)


def _cancel(rng: Random, meal: Meal, now: datetime) -> None:
    day = meal.day - timedelta(days=rng.choice((0, 0, 0, 1, 1, 2, 5)))
    at = moment(rng, day, time(6, 30), 100)
    if not meal.last_change < at <= now:
        return
    parent = meal.family.parent(rng.randrange(2))
    is_late = is_late_cancellation(meal.day, RULES, is_special=meal.is_special, now=at)
    meal.move(BookingState.CANCELLED, Cause(at, parent, new_operation(rng)), is_late=is_late)
    again = at + timedelta(hours=3)
    if rng.random() < _BOOKS_AGAIN and _may_book(meal, again) and again <= now:
        meal.move(BookingState.BOOKED, Cause(again, parent, new_operation(rng)))


def _may_book(meal: Meal, at: datetime) -> bool:
    return at < booking_deadline(meal.day, RULES, is_special=meal.is_special)


def _change_type(rng: Random, school: School, meal: Meal, now: datetime) -> None:
    at = moment(rng, meal.day - timedelta(days=1), time(18), 240)
    if not meal.last_change < at <= now:
        return
    others = {school.types[MealKind.NORMAL], school.types[MealKind.VEGETARIAN]}
    cause = Cause(at, meal.family.parent(), new_operation(rng))
    meal.move(BookingState.BOOKED, cause, meal_type_id=(others - {meal.meal_type_id}).pop())
