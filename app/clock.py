"""The only place that reads the clock. Instants are aware, in UTC; service days are dates."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

ZURICH = ZoneInfo("Europe/Zurich")

Now: TypeAlias = Callable[[], datetime]
"""A service calls it once its locks are held, so that waiting never wins time."""


def now() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """The present date in Zurich."""
    return local(now()).date()


def local(instant: datetime) -> datetime:
    """The same instant as a Zurich clock shows it."""
    return instant.astimezone(ZURICH)


@lru_cache(maxsize=4096)
def instant_of(day: date, at: time) -> datetime:
    """The UTC instant at which Zurich clocks show `at` on `day` (the first one, if twice)."""
    return datetime.combine(day, at, ZURICH).astimezone(UTC)
