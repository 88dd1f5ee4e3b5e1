"""School weeks."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.weeks import (
    SCHOOL_DAYS,
    days_between,
    days_of,
    monday_of,
    week_to_show,
    weekday_after,
    weekday_before,
)

DAYS = st.dates(date(2000, 1, 1), date(2100, 12, 31))


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        (date(2026, 11, 16), date(2026, 11, 16)),
        (date(2026, 11, 20), date(2026, 11, 16)),
        (date(2026, 11, 21), date(2026, 11, 23)),  # on Saturday the next week is meant
        (date(2026, 11, 22), date(2026, 11, 23)),
        (date(2027, 1, 1), date(2026, 12, 28)),
    ],
)
def test_the_week_that_a_reader_means(day: date, monday: date) -> None:
    assert week_to_show(day) == monday


@given(DAYS)
def test_a_week_begins_on_monday_and_holds_its_day(day: date) -> None:
    monday = monday_of(day)

    assert monday.weekday() == 0
    assert 0 <= (day - monday).days < 7


@given(DAYS)
def test_a_week_has_five_days_in_order(day: date) -> None:
    days = days_of(monday_of(day))

    assert [each.weekday() for each in days] == list(range(SCHOOL_DAYS))


def test_the_days_of_a_range_are_half_open_and_only_of_the_weekdays() -> None:
    monday_and_thursday = frozenset({0, 3})

    found = days_between(date(2026, 11, 16), date(2026, 11, 26), monday_and_thursday)

    assert found == [date(2026, 11, 16), date(2026, 11, 19), date(2026, 11, 23)]


@pytest.mark.parametrize("until", [date(2026, 11, 16), date(2026, 11, 1)])
def test_an_empty_range_has_no_days(until: date) -> None:
    assert days_between(date(2026, 11, 16), until, frozenset(range(7))) == []


@pytest.mark.parametrize(
    ("day", "before", "after"),
    [
        (date(2026, 11, 20), date(2026, 11, 20), date(2026, 11, 20)),
        (date(2026, 11, 21), date(2026, 11, 20), date(2026, 11, 23)),
        (date(2026, 11, 22), date(2026, 11, 20), date(2026, 11, 23)),
        (date(2026, 11, 23), date(2026, 11, 23), date(2026, 11, 23)),
    ],
)
def test_a_weekend_gives_way_to_the_weekday_beside_it(day: date, before: date, after: date) -> None:
    assert (weekday_before(day), weekday_after(day)) == (before, after)
