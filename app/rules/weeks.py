"""School weeks: Monday to Friday."""

from datetime import date, timedelta

SCHOOL_DAYS = 5


def monday_of(day: date) -> date:
    """The Monday of the week that holds `day`."""
    return day - timedelta(days=day.weekday())


def week_to_show(day: date) -> date:
    """The Monday a reader means: at the week-end already the next week's."""
    return monday_of(day + timedelta(days=2)) if day.weekday() >= SCHOOL_DAYS else monday_of(day)


def weekday_before(day: date) -> date:
    """The day itself, or the Friday before a week-end."""
    return min(day, monday_of(day) + timedelta(days=SCHOOL_DAYS - 1))


def weekday_after(day: date) -> date:
    """The day itself, or the Monday after a week-end."""
    return day if day.weekday() < SCHOOL_DAYS else monday_of(day) + timedelta(days=7)


def days_of(monday: date) -> list[date]:
    """The five school days of a week."""
    return [monday + timedelta(days=offset) for offset in range(SCHOOL_DAYS)]


def days_between(first: date, until: date, weekdays: frozenset[int]) -> list[date]:
    """The days in the half-open range that fall on one of the weekdays (0 is Monday)."""
    span = (until - first).days
    days = (first + timedelta(days=offset) for offset in range(span))
    return [day for day in days if day.weekday() in weekdays]
