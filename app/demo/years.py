"""School years of the canton of Vaud, by rules that its published calendars follow.

The rules give the published dates of 2024–25, 2025–26 and 2029 to the day; for every other year,
2026–27 first, what they give is plausible and not official.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

import holidays

from app.rules.weeks import SCHOOL_DAYS, days_between, monday_of, week_to_show

ENROLLING_AHEAD: Final = timedelta(weeks=12)
_WEEK, _MONDAY, _SATURDAY = timedelta(weeks=1), 1, 6
_EARLY_EASTER = (4, 10)


@dataclass(frozen=True)
class Year:
    """A school year, half-open; `closures` says of its weekdays without school why."""

    name: str
    starts_on: date
    ends_on: date
    closures: Mapping[date, str]

    def weekdays(self) -> list[date]:
        """Monday to Friday, with and without school."""
        return days_between(self.starts_on, self.ends_on, frozenset(range(SCHOOL_DAYS)))

    def open_days(self) -> list[date]:
        """The days with school."""
        return [day for day in self.weekdays() if day not in self.closures]


@dataclass(frozen=True)
class Span:
    """The school years of a demo; `served` are the days with school since it has the program."""

    years: list[Year]
    begins_on: date
    served: list[date]

    def start(self, day: date) -> date:
        """The day on which the program was first of use in the school year of `day`."""
        year = next(y for y in self.years if y.starts_on <= day < y.ends_on)
        return max(year.starts_on, self.begins_on)


def span_around(today: date, weeks: int) -> Span:
    """The year of today, and what so many school weeks of history take of those before.

    The summer holidays end early: in July and August the coming year starts with the week that the
    agenda shows, so that there is something to see. The next year is there from June on.
    """
    years = [_year_of(today)]
    following = _year(years[0].starts_on.year + 1)
    while len(past := _mondays(years, today)) < weeks:
        years.insert(0, _year(years[0].starts_on.year - 1))
    begins_on = past[-weeks]
    if following.starts_on - today < ENROLLING_AHEAD:
        years.append(following)
    served = [day for year in years for day in year.open_days() if day >= begins_on]
    return Span(years, begins_on, served)


def _mondays(years: list[Year], today: date) -> list[date]:
    """Of the weeks in which there was school before today."""
    return sorted({monday_of(d) for year in years for d in year.open_days() if d < today})


def _year_of(today: date) -> Year:
    first = today.year if today >= _summer_of(today.year) else today.year - 1
    return _year(first, no_later_than=week_to_show(today))


def _summer_of(year: int) -> date:
    return date.fromisocalendar(year, 26, _SATURDAY)


def _year(first: int, *, no_later_than: date = date.max) -> Year:
    starts_on = min(date.fromisocalendar(first, 34, _MONDAY), no_later_than)
    ends_on = _summer_of(first + 1)
    closures = {d: name for y in (first, first + 1) for d, name in _public_holidays(y).items()}
    for name, begins, until in _vacations(first):
        closures.update(dict.fromkeys(days_between(begins, until, frozenset(range(7))), name))
    within = {d: name for d, name in closures.items() if starts_on <= d < ends_on}
    return Year(f"{first}-{first + 1}", starts_on, ends_on, within)


@cache
def _public_holidays(year: int) -> Mapping[date, str]:
    found = holidays.country_holidays("CH", subdiv="VD", years=year, language="fr")
    return dict(found.items())


def _vacations(first: int) -> Iterator[tuple[str, date, date]]:
    """Name, first day and first day of school again."""
    autumn = date.fromisocalendar(first, 42, _MONDAY)
    winter = date.fromisocalendar(first, 52, _MONDAY)
    yield "Vacances d’automne", autumn, autumn + 2 * _WEEK
    yield "Vacances de fin d’année", winter, winter + 2 * _WEEK
    named = {name: day for day, name in _public_holidays(first + 1).items()}
    easter = named["Lundi de Pâques"]
    if (easter.month, easter.day) <= _EARLY_EASTER:
        yield "Relâches", easter - 7 * _WEEK, easter - 6 * _WEEK
        yield "Vacances de Pâques", named["Vendredi saint"], easter + 2 * _WEEK
    else:
        yield "Relâches", easter - 9 * _WEEK, easter - 8 * _WEEK
        yield "Vacances de Pâques", easter - _WEEK, easter + _WEEK
    ascension = named["Ascension"]
    yield "Pont de l’Ascension", ascension, ascension + timedelta(days=4)
