"""Instants are aware and in UTC; days are Zurich's."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import clock
from tests.conftest import FrozenClock


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - clock.now()) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("shown", "day"),
    [
        ("2026-11-16 23:59:59", date(2026, 11, 16)),
        ("2026-11-17 00:00:00", date(2026, 11, 17)),  # in UTC still the 16th
        ("2026-07-01 00:30:00", date(2026, 7, 1)),
    ],
)
def test_today_is_the_day_in_zurich(frozen_clock: FrozenClock, shown: str, day: date) -> None:
    frozen_clock.set(shown)

    assert clock.today() == day


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.times())
def test_an_instant_of_a_day_shows_that_day_or_the_hour_that_the_clocks_skip(
    day: date, at: time
) -> None:
    found = clock.instant_of(day, at)

    shown = clock.local(found).replace(tzinfo=None)
    assert found.tzinfo is UTC
    assert shown - datetime.combine(day, at) in {timedelta(0), timedelta(hours=1)}


def test_an_hour_that_comes_twice_is_the_first_one() -> None:
    first = clock.instant_of(date(2026, 10, 25), time(2, 30))

    assert first == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
