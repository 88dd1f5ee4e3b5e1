from datetime import date

import pytest

from app.rules.school_days import (
    Holiday,
    UnreadableLineError,
    public_holidays,
    read_holidays,
    service_days,
)

MONDAY, SATURDAY = date(2026, 9, 21), date(2026, 9, 26)


def test_a_holiday_is_a_line_with_its_first_and_last_day() -> None:
    read = read_holidays("10.10.2026 - 25.10.2026 Automne\n\n 8.12.2026\n")

    assert read == [
        Holiday(date(2026, 10, 10), date(2026, 10, 26), "Automne"),
        Holiday(date(2026, 12, 8), date(2026, 12, 9), ""),
    ]


@pytest.mark.parametrize(
    "line", ["octobre", "32.10.2026", "25.10.2026 - 10.10.2026", "31.12.9999", "1.1.26"]
)
def test_a_line_without_dates_is_refused(line: str) -> None:
    with pytest.raises(UnreadableLineError):
        read_holidays(line)


def test_the_fast_is_a_public_holiday_of_the_canton() -> None:
    assert list(public_holidays(MONDAY, SATURDAY)) == [date(2026, 9, 21)]


def test_school_days_are_those_of_the_week_some_closed_with_their_reason() -> None:
    outing = Holiday(date(2026, 9, 24), date(2026, 9, 26), "Camp")

    days = service_days(MONDAY, SATURDAY, {0, 1, 3, 4}, [outing], {MONDAY: "Jeûne"})

    assert days == {
        date(2026, 9, 21): "Jeûne",
        date(2026, 9, 22): None,
        date(2026, 9, 24): "Camp",
        date(2026, 9, 25): "Camp",
    }
