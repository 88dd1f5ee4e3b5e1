"""The days of a school year on which a canteen serves, and why it stays closed on others."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import holidays

from app.rules.weeks import days_between

_LINE: Final = re.compile(
    r"\s*(?P<first>\d{1,2}\.\d{1,2}\.\d{4})(?:\s*[-–]\s*(?P<last>\d{1,2}\.\d{1,2}\.\d{4}))?(?P<name>.*)"
)


@dataclass(frozen=True)
class Holiday:
    """A half-open range of days without school."""

    first: date
    until: date
    name: str


class UnreadableLineError(ValueError):
    """A line that is no range of dates; its text is the first argument."""


def read_holidays(text: str) -> list[Holiday]:
    """One holiday a line: « 10.10.2026 - 25.10.2026 Automne ». Raises: UnreadableLineError."""
    return [_read(line) for line in text.splitlines() if line.strip()]


def _read(line: str) -> Holiday:
    found = _LINE.fullmatch(line)
    if found is None:
        raise UnreadableLineError(line)
    try:
        first = _day(found["first"])
        last = _day(found["last"] or found["first"])
        until = last + timedelta(days=1)
    except (ValueError, OverflowError):
        raise UnreadableLineError(line) from None
    if until <= first:
        raise UnreadableLineError(line)
    return Holiday(first, until, found["name"].strip(" ,;:-–"))


def _day(text: str) -> date:
    return datetime.strptime(text, "%d.%m.%Y").date()  # noqa: DTZ007 - a day has no zone


def public_holidays(first: date, until: date) -> Mapping[date, str]:
    """The public holidays of the canton of Vaud in the half-open range."""
    years = range(first.year, until.year + 1)
    found = holidays.country_holidays("CH", subdiv="VD", years=years, language="fr")
    return {day: name for day, name in found.items() if first <= day < until}


def service_days(
    first: date,
    until: date,
    weekdays: Collection[int],
    closed: Iterable[Holiday],
    public: Mapping[date, str],
) -> dict[date, str | None]:
    """The days on those weekdays (0 is Monday), each with the reason why it is closed, or None."""
    days: dict[date, str | None] = {
        day: public.get(day) for day in days_between(first, until, frozenset(weekdays))
    }
    for holiday in closed:
        for day in days:
            if holiday.first <= day < holiday.until:
                days[day] = holiday.name
    return days
