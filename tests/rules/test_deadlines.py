"""Deadlines: 08:15 in Zurich, on every day, whatever the clocks do (invariant 8)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.clock import ZURICH
from app.rules.deadlines import (
    ServiceRules,
    booking_deadline,
    cancelling_deadline,
    end_of_service_of,
    is_late_cancellation,
    last_call_of,
    notice_of,
)

RULES = ServiceRules()
SECOND = timedelta(seconds=1)
TEN_YEARS = [date(2025, 1, 1) + timedelta(days=n) for n in range(3653)]


def zurich(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZURICH)


@pytest.mark.parametrize("year", range(2025, 2035))
def test_the_last_call_is_0815_on_every_day_of_ten_years(year: int) -> None:
    days = [day for day in TEN_YEARS if day.year == year]

    shown = {last_call_of(day, RULES).astimezone(ZURICH).isoformat()[:19] for day in days}
    a_second_before = {
        (last_call_of(day, RULES) - SECOND).astimezone(ZURICH).isoformat()[:19] for day in days
    }

    assert shown == {f"{day}T08:15:00" for day in days}
    assert a_second_before == {f"{day}T08:14:59" for day in days}


def test_at_081459_a_meal_is_booked_and_cancelled_and_at_0815_no_longer() -> None:
    for day in TEN_YEARS:
        too_early = datetime.combine(day, time(8, 14, 59), ZURICH)
        too_late = datetime.combine(day, time(8, 15), ZURICH)
        for deadline in (
            booking_deadline(day, RULES, is_special=False),
            cancelling_deadline(day, RULES),
        ):
            assert too_early < deadline
            assert too_late >= deadline


@pytest.mark.parametrize(
    ("day", "utc"),
    [
        (date(2026, 3, 28), "07:15"),  # winter time
        (date(2026, 3, 29), "06:15"),  # the clocks went forward at 02:00
        (date(2026, 10, 24), "06:15"),  # summer time
        (date(2026, 10, 25), "07:15"),  # the clocks went back at 03:00
    ],
)
def test_both_changes_of_the_clocks(day: date, utc: str) -> None:
    assert last_call_of(day, RULES).astimezone(UTC).strftime("%H:%M") == utc


def test_the_place_of_the_reader_changes_nothing() -> None:
    in_tokyo = zurich("2026-11-16 08:15").astimezone(ZoneInfo("Asia/Tokyo"))

    assert in_tokyo >= last_call_of(date(2026, 11, 16), RULES)


@pytest.mark.parametrize(
    ("day", "notice"),
    [
        (date(2026, 11, 19), "2026-11-16 08:15"),  # Thursday: Monday
        (date(2026, 11, 16), "2026-11-13 08:15"),  # Monday: Friday, calendar days
        (date(2026, 3, 30), "2026-03-27 08:15"),  # across the change of the clocks
        (date(2026, 3, 1), "2026-02-26 08:15"),
        (date(2028, 3, 1), "2028-02-27 08:15"),  # a leap year
        (date(2027, 1, 2), "2026-12-30 08:15"),
    ],
)
def test_special_meals_need_three_calendar_days(day: date, notice: str) -> None:
    assert notice_of(day, RULES) == zurich(notice)
    assert booking_deadline(day, RULES, is_special=True) == zurich(notice)
    assert cancelling_deadline(day, RULES) == last_call_of(day, RULES)


@pytest.mark.parametrize(
    ("now", "is_special", "is_late"),
    [
        ("2026-11-16 08:14:59", True, False),
        ("2026-11-16 08:15:00", True, True),
        ("2026-11-19 08:14:59", True, True),
        ("2026-11-19 08:14:59", False, False),
    ],
)
def test_a_special_meal_cancelled_after_its_notice_is_late(
    now: str, *, is_special: bool, is_late: bool
) -> None:
    thursday = date(2026, 11, 19)

    found = is_late_cancellation(thursday, RULES, is_special=is_special, now=zurich(now))

    assert found is is_late


def test_the_settings_move_every_deadline() -> None:
    rules = ServiceRules(last_call=time(9, 0), end_of_service=time(13, 30), special_notice_days=0)
    day = date(2026, 11, 16)

    assert last_call_of(day, rules) == zurich("2026-11-16 09:00")
    assert end_of_service_of(day, rules) == zurich("2026-11-16 13:30")
    assert booking_deadline(day, rules, is_special=True) == zurich("2026-11-16 09:00")


def test_no_deadline_is_later_than_the_last_call() -> None:
    for days in range(31):
        rules = ServiceRules(special_notice_days=days)
        day = date(2026, 11, 16)

        assert booking_deadline(day, rules, is_special=True) <= last_call_of(day, rules)
