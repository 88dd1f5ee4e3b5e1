"""Until when a meal is booked and cancelled. A deadline is the first instant that is too late."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from app.clock import instant_of


@dataclass(frozen=True)
class ServiceRules:
    """What the canteen's settings say about time; clock times are Zurich's, notice in days."""

    last_call: time = time(8, 15)
    end_of_service: time = time(14, 0)
    special_notice_days: int = 3


def last_call_of(day: date, rules: ServiceRules) -> datetime:
    """The same morning, for every meal type (guide: « avant 8h15 »)."""
    return instant_of(day, rules.last_call)


def end_of_service_of(day: date, rules: ServiceRules) -> datetime:
    """From here on nothing can make an unfunded meal good."""
    return instant_of(day, rules.end_of_service)


def notice_of(day: date, rules: ServiceRules) -> datetime:
    """When the kitchen wants to know of a special meal: calendar days before, at the last call."""
    return instant_of(day - timedelta(days=rules.special_notice_days), rules.last_call)


def booking_deadline(day: date, rules: ServiceRules, *, is_special: bool) -> datetime:
    """Until when a parent books: special meals need their notice, strictly."""
    return notice_of(day, rules) if is_special else last_call_of(day, rules)


def cancelling_deadline(day: date, rules: ServiceRules) -> datetime:
    """Until when a parent cancels; the last call for every meal type."""
    return last_call_of(day, rules)


def is_late_cancellation(
    day: date, rules: ServiceRules, *, is_special: bool, now: datetime
) -> bool:
    """A special meal cancelled after its notice is free, but marked and told to the kitchen."""
    return is_special and now >= notice_of(day, rules)
