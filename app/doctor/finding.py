"""One line of what the doctor says."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from flask_babel import format_timedelta


class Level(StrEnum):
    """How bad it is: errors make the command exit with 1."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True)
class Finding:
    """What was looked at, and what is to be said of it; both in the reader's language."""

    level: Level
    title: str
    text: str


def for_real(production: object) -> Level:
    """What must not be where families use the program, and may be where it is tried."""
    return Level.ERROR if production else Level.WARNING


def by_age(age: timedelta, warning: timedelta, error: timedelta) -> Level:
    """How bad something of this age is, by the ages at which one should know and one must act."""
    if age < warning:
        return Level.OK
    return Level.WARNING if age < error else Level.ERROR


def how_long(age: timedelta) -> str:
    """About so long, in words."""
    return str(format_timedelta(age, threshold=1.5))
