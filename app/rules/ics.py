"""Holidays from a calendar file, as vd.ch and every calendar program write it (iCalendar).

A day is a holiday when an event covers it wholly, as a Zurich clock shows it: a meeting closes
nothing, and midnight in UTC is the next morning here. Source: RFC 5545.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from typing import Any, Final
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Calendar

from app.rules.school_days import Holiday

LARGEST: Final = 5 * 1024 * 1024
LONGEST: Final = timedelta(days=93)
"""Summer holidays are shorter: what is longer is a term or a year, and closes nothing."""

MOST_EVENTS: Final = 5_000
MOST_REPEATED: Final = 200
"""Of a calendar of holidays; whole calendars of years take longer to read than a page may."""
_ZURICH: Final = ZoneInfo("Europe/Zurich")
_FOLD: Final = re.compile(rb"\r?\n[ \t]")
_DAY: Final = timedelta(days=1)
_REPEATED: Final = frozenset({"YEARLY", "MONTHLY", "WEEKLY", "DAILY"})


class UnreadableCalendarError(ValueError):
    """A file that is no calendar, or is broken."""


def read_calendar(content: bytes, first: date, until: date) -> list[Holiday]:
    """The holidays that touch the half-open range, in order, each once.

    In UTF-8, UTF-16 or Latin-1; long lines folded anywhere; 5,000 events at most.
    Raises: UnreadableCalendarError.
    """
    if content.count(b"BEGIN:VEVENT") > MOST_EVENTS:
        raise UnreadableCalendarError
    try:
        calendars: list[Any] = Calendar.from_ical(_text(content), multiple=True)
        events = [event for each in calendars for event in each.walk("VEVENT")]
        found = set(_holidays(events, first, until))
    except Exception as broken:  # the library fails in as many ways as there are broken files
        raise UnreadableCalendarError from broken
    if not calendars:
        raise UnreadableCalendarError
    return sorted(found, key=lambda each: (each.first, each.until, each.name))


def written(holiday: Holiday) -> str:
    """A holiday on a line, as `read_holidays` reads it."""
    last = holiday.until - _DAY
    return f"{holiday.first:%d.%m.%Y} - {last:%d.%m.%Y} {holiday.name}".rstrip()


def _text(content: bytes) -> str:
    """Unfolded before it is decoded: a fold may part a letter in two."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16")
    unfolded = _FOLD.sub(b"", content)
    try:
        return unfolded.decode("utf-8-sig")
    except UnicodeDecodeError:
        return unfolded.decode("latin-1")


def _holidays(events: Iterable[Any], first: date, until: date) -> Iterator[Holiday]:
    moved = _moved(events)
    repeated = 0
    for event in events:
        repeated += "RRULE" in event
        if repeated > MOST_REPEATED:
            raise UnreadableCalendarError
        begins = _local(event["DTSTART"].dt)
        length = _length(event, begins)
        if str(event.get("STATUS", "")).upper() == "CANCELLED" or length > LONGEST:
            continue
        left_out = moved.get(str(event.get("UID", "")), set()) | _exceptions(event)
        is_moved = "RECURRENCE-ID" in event
        for start in _starts(event, begins, until):
            if is_moved or start not in left_out:
                yield from _covered(start, start + length, _name(event), first, until)


def _covered(start: datetime, end: datetime, name: str, first: date, until: date) -> list[Holiday]:
    """The days that lie wholly between the two, if they touch the range."""
    begins = start.date() if start.time() == time() else start.date() + _DAY
    ends = end.date()
    if begins >= ends or ends <= first or begins >= until:
        return []
    return [Holiday(begins, ends, name)]


def _moved(events: Iterable[Any]) -> Mapping[str, set[datetime]]:
    """Which occurrences of a repeated event are told by an event of their own."""
    found: dict[str, set[datetime]] = {}
    for event in events:
        if "RECURRENCE-ID" in event:
            moved = _local(event["RECURRENCE-ID"].dt)
            found.setdefault(str(event.get("UID", "")), set()).add(moved)
    return found


def _exceptions(event: Any) -> set[datetime]:
    return {_local(each.dt) for dates in _listed(event, "EXDATE") for each in dates.dts}


def _listed(event: Any, name: str) -> list[Any]:
    value = event.get(name, [])
    return value if isinstance(value, list) else [value]


def _starts(event: Any, begins: datetime, until: date) -> Iterator[datetime]:
    """When it begins, each time before the end of the range."""
    end = datetime.combine(until, time())
    rules = _listed(event, "RRULE")
    if not rules:
        yield begins
    for rule in rules:
        yield from takewhile(lambda start: start < end, _repeated(rule, begins))
    for dates in _listed(event, "RDATE"):
        yield from (_local(each.dt) for each in dates.dts)


def _repeated(rule: Any, begins: datetime) -> Iterator[datetime]:
    """The occurrences of a rule, as a Zurich clock shows them. Raises: UnreadableCalendarError."""
    parts = dict(rule)
    if str(parts["FREQ"][0]) not in _REPEATED:
        raise UnreadableCalendarError
    (last,) = parts.pop("UNTIL", [None])
    text = ";".join(
        f"{name}={','.join(str(value) for value in values)}" for name, values in parts.items()
    )
    occurrences = iter(rrulestr(text, dtstart=begins))
    if last is None:
        return occurrences
    stop = _local(last) if isinstance(last, datetime) else datetime.combine(last, time.max)
    return takewhile(lambda start: start <= stop, occurrences)


def _length(event: Any, begins: datetime) -> timedelta:
    """How long it lasts by the clock; a day that ends as it begins is that day."""
    is_day = not isinstance(event["DTSTART"].dt, datetime)
    if "DTEND" in event:
        length = _local(event["DTEND"].dt) - begins
    elif "DURATION" in event:
        length = event["DURATION"].dt
    else:
        length = timedelta()
    if length < timedelta():
        raise UnreadableCalendarError
    return length or (_DAY if is_day else timedelta())


def _local(moment: date | datetime) -> datetime:
    """As a Zurich clock shows it; a time without a zone is one of ours."""
    if not isinstance(moment, datetime):
        return datetime.combine(moment, time())
    if moment.tzinfo is None:
        return moment
    return moment.astimezone(_ZURICH).replace(tzinfo=None)


def _name(event: Any) -> str:
    kept = "".join(sign if sign.isprintable() else " " for sign in str(event.get("SUMMARY", "")))
    return " ".join(kept.split()).strip(" ,;:-–")[:80]
