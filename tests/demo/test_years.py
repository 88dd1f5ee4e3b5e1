"""The rules of the demo's school years against the calendars that the canton published."""

from datetime import date, timedelta

import pytest

from app.demo.years import Year, _year, span_around

AUTUMN, WINTER = "Vacances d’automne", "Vacances de fin d’année"
WINTER_SPORTS, EASTER, ASCENSION = "Relâches", "Vacances de Pâques", "Pont de l’Ascension"


def school_days_off(year: Year, name: str) -> tuple[date, date]:
    """The first weekday off, and the first day of school after it."""
    off = [day for day, why in year.closures.items() if why == name and day.weekday() < 5]
    back = max(off) + timedelta(days=1)
    while back in year.closures or back.weekday() >= 5:
        back += timedelta(days=1)
    return min(off), back


@pytest.mark.parametrize(
    ("first", "name", "begins", "back"),
    [
        (2024, AUTUMN, date(2024, 10, 14), date(2024, 10, 28)),
        (2024, WINTER, date(2024, 12, 23), date(2025, 1, 6)),
        (2024, WINTER_SPORTS, date(2025, 2, 17), date(2025, 2, 24)),
        (2024, EASTER, date(2025, 4, 14), date(2025, 4, 28)),
        (2025, AUTUMN, date(2025, 10, 13), date(2025, 10, 27)),
        (2025, WINTER, date(2025, 12, 22), date(2026, 1, 5)),
        (2025, WINTER_SPORTS, date(2026, 2, 16), date(2026, 2, 23)),
        (2025, EASTER, date(2026, 4, 3), date(2026, 4, 20)),
        (2025, ASCENSION, date(2026, 5, 14), date(2026, 5, 18)),
        (2028, WINTER_SPORTS, date(2029, 2, 12), date(2029, 2, 19)),
        (2028, EASTER, date(2029, 3, 30), date(2029, 4, 16)),
        (2028, ASCENSION, date(2029, 5, 10), date(2029, 5, 14)),
        (2029, AUTUMN, date(2029, 10, 15), date(2029, 10, 29)),
        (2029, WINTER, date(2029, 12, 24), date(2030, 1, 7)),
    ],
)
def test_the_holidays_are_the_published_ones(
    first: int, name: str, begins: date, back: date
) -> None:
    year = _year(first)

    assert school_days_off(year, name) == (begins, back)


@pytest.mark.parametrize("starts_on", [date(2024, 8, 19), date(2025, 8, 18), date(2029, 8, 20)])
def test_a_year_begins_as_published(starts_on: date) -> None:
    assert _year(starts_on.year).starts_on == starts_on


@pytest.mark.parametrize("summer", [date(2026, 6, 27), date(2029, 6, 30)])
def test_the_summer_begins_as_published(summer: date) -> None:
    assert _year(summer.year - 1).ends_on == summer


@pytest.mark.parametrize(
    "day", [date(2024, 9, 16), date(2025, 9, 22), date(2025, 6, 9), date(2026, 5, 25)]
)
def test_there_is_no_school_on_public_holidays(day: date) -> None:
    years = [_year(2024), _year(2025)]

    assert not any(day in year.open_days() for year in years)


@pytest.mark.parametrize("start", [date(2026, 1, 1), date(2027, 7, 1), date(2028, 2, 29)])
def test_every_day_of_the_summer_finds_school_in_the_week_that_the_agenda_shows(
    start: date,
) -> None:
    days = [start + timedelta(days=offset) for offset in range(365)]

    summer = [day for day in days if day.month in {7, 8} and day != date(day.year, 8, 1)]

    assert all(span_around(day, 12).years for day in days)
    assert all(
        any(0 <= (served - day).days < 7 for served in span_around(day, 12).served)
        for day in summer
    )


def test_history_goes_back_so_many_school_weeks_over_as_many_years_as_it_takes() -> None:
    today = date(2026, 9, 2)

    short, long = span_around(today, 12), span_around(today, 120)

    assert [year.name for year in short.years] == ["2025-2026", "2026-2027"]
    assert short.begins_on == date(2026, 4, 27)
    assert [year.name[:4] for year in long.years] == ["2022", "2023", "2024", "2025", "2026"]


def test_the_next_year_is_there_from_june_on() -> None:
    may, june = span_around(date(2027, 5, 3), 12), span_around(date(2027, 6, 15), 12)

    assert may.years[-1].name == "2026-2027"
    assert june.years[-1].name == "2027-2028"
