"""A repeating pattern: previewed without a trace, booked in one go, undone."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from flask import Flask

from app.access import SYSTEM
from app.booking import (
    Pattern,
    Planned,
    Wish,
    book_meal,
    book_pattern,
    cancel_meal,
    pattern_days,
    plan_pattern,
    undo_operation,
)
from app.errors import CanteenClosed, DayFull, NotEnrolled, NothingToUndo
from app.models import ServiceDay
from app.transaction import transaction
from app.vocabulary import BookingState, MealKind
from tests.booking.acting import (
    RULES,
    book,
    meal_type_id,
    parent,
    state_of,
    the_day,
    weeks_before,
)
from tests.database import contents
from tests.factories import YEAR_ENDS, Family, make_family

S = BookingState
WEEK = frozenset(range(5))


@pytest.fixture
def week(days: Iterator[date]) -> list[date]:
    """Five days from a Monday on that no other test uses."""
    first = next(day for day in days if day.weekday() == 0)
    return [first, *(next(days) for _ in range(4))]


@pytest.fixture
def family(canteen: Flask) -> Family:
    with transaction(SYSTEM) as session:
        return make_family(session)


def whole_week(family: Family, week: list[date]) -> Pattern:
    return Pattern(family.pupil_id, week[0], week[-1] + timedelta(days=1), WEEK)


def states(planned: list[Planned]) -> list[object]:
    return [
        "stands" if each.was_booked else type(each.refusal) if each.refusal else "booked"
        for each in planned
    ]


def test_the_days_of_a_pattern_are_service_days_of_its_weekdays(
    family: Family, week: list[date]
) -> None:
    tuesdays_and_sundays = Pattern(
        family.pupil_id, week[0], week[0] + timedelta(days=14), frozenset({1, 6})
    )

    with transaction(parent(family)) as session:
        found = pattern_days(session, tuesdays_and_sundays)

    assert found == [week[1], week[1] + timedelta(days=7)]


def test_an_endless_pattern_ends_with_the_service_days(family: Family) -> None:
    endless = Pattern(family.pupil_id, date(2027, 6, 28), date.max, WEEK)

    with transaction(parent(family)) as session:
        found = pattern_days(session, endless)

    assert found
    assert found[-1] < YEAR_ENDS


def test_a_pattern_books_what_can_be_booked_and_says_why_of_the_rest(
    family: Family, week: list[date]
) -> None:
    pattern = whole_week(family, week)
    with transaction(SYSTEM) as session:
        the_day(session, week[1]).closure = "Fermé"
        the_day(session, week[2]).capacity = 0
        book(session, family.pupil_id, week[3])

    with transaction(parent(family)) as session:
        planned = book_pattern(session, pattern, week, RULES, weeks_before(week[0]))

        assert states(planned) == ["booked", CanteenClosed, DayFull, "stands", "booked"]
        assert state_of(session, family.pupil_id, week[0]) is S.BOOKED
        assert state_of(session, family.pupil_id, week[4]) is S.BOOKED


def test_a_preview_says_the_same_and_leaves_no_trace(
    canteen: Flask, family: Family, week: list[date]
) -> None:
    pattern = whole_week(family, week)
    with transaction(SYSTEM) as session:
        the_day(session, week[2]).capacity = 0
    before = contents(canteen)

    with transaction(parent(family)) as session:
        previewed = plan_pattern(session, pattern, week, RULES, weeks_before(week[0]))

    assert contents(canteen) == before
    with transaction(parent(family)) as session:
        done = book_pattern(session, pattern, week, RULES, weeks_before(week[0]))
    assert states(previewed) == states(done) == ["booked", "booked", DayFull, "booked", "booked"]


def test_a_pattern_sent_twice_books_once(family: Family, week: list[date]) -> None:
    pattern = whole_week(family, week)
    with transaction(parent(family)) as session:
        book_pattern(session, pattern, week, RULES, weeks_before(week[0]))

        again = book_pattern(session, pattern, week, RULES, weeks_before(week[0]))

        assert states(again) == ["stands"] * 5
        assert the_day(session, week[0]).seats_taken == 1


def test_a_pattern_beyond_the_enrolment_is_refused_day_by_day(family: Family) -> None:
    with transaction(SYSTEM) as session:
        session.add(ServiceDay(date=date(2027, 8, 30), capacity=40))
    pattern = Pattern(family.pupil_id, date(2027, 8, 30), date(2027, 8, 31), WEEK)

    with transaction(parent(family)) as session:
        days = pattern_days(session, pattern)
        planned = book_pattern(session, pattern, days, RULES, weeks_before(days[0]))

        assert states(planned) == [NotEnrolled]


def test_undoing_cancels_what_the_pattern_booked_and_nobody_changed(
    family: Family, week: list[date]
) -> None:
    pattern, now = whole_week(family, week), weeks_before(week[0])
    with transaction(parent(family)) as session:
        book(session, family.pupil_id, week[0])
        book_pattern(session, pattern, week, RULES, now)
        cancel_meal(session, Wish(family.pupil_id, week[1]), RULES, now)
        vegetarian = meal_type_id(session, MealKind.VEGETARIAN)
        book_meal(session, Wish(family.pupil_id, week[2], None, vegetarian), RULES, now)

        undone = undo_operation(session, pattern.operation, RULES, now)

        assert [each.day for each in undone] == week[3:]
        assert [state_of(session, family.pupil_id, day) for day in week] == [
            S.BOOKED,
            S.CANCELLED,
            S.BOOKED,
            S.CANCELLED,
            S.CANCELLED,
        ]


def test_there_is_nothing_to_undo_twice(family: Family, week: list[date]) -> None:
    pattern, now = whole_week(family, week), weeks_before(week[0])
    with transaction(parent(family)) as session:
        book_pattern(session, pattern, week, RULES, now)
        undo_operation(session, pattern.operation, RULES, now)

    with pytest.raises(NothingToUndo), transaction(parent(family)) as session:
        undo_operation(session, pattern.operation, RULES, now)
    with pytest.raises(NothingToUndo), transaction(parent(family)) as session:
        undo_operation(session, "unheard of", RULES, now)


def test_a_change_of_type_is_not_undone_by_cancelling(family: Family, week: list[date]) -> None:
    now = weeks_before(week[0])
    with transaction(parent(family)) as session:
        book(session, family.pupil_id, week[0])
        wish = Wish(family.pupil_id, week[0], None, meal_type_id(session, MealKind.VEGETARIAN))
        book_meal(session, wish, RULES, now)

    with pytest.raises(NothingToUndo), transaction(parent(family)) as session:
        undo_operation(session, wish.operation, RULES, now)


def test_nobody_undoes_what_another_family_booked(family: Family, week: list[date]) -> None:
    pattern, now = whole_week(family, week), weeks_before(week[0])
    with transaction(SYSTEM) as session:
        stranger = make_family(session)
    with transaction(parent(family)) as session:
        book_pattern(session, pattern, week, RULES, now)

    with pytest.raises(NothingToUndo), transaction(parent(stranger)) as session:
        undo_operation(session, pattern.operation, RULES, now)
    with transaction(SYSTEM) as session:
        assert state_of(session, family.pupil_id, week[0]) is S.BOOKED


def test_each_pattern_has_an_operation_of_its_own(family: Family, week: list[date]) -> None:
    pattern = whole_week(family, week)

    assert replace(pattern).operation == pattern.operation
    assert whole_week(family, week).operation != pattern.operation
