"""What a mail says, before it is HTML or text."""

from dataclasses import dataclass
from datetime import date, datetime, time

from flask_babel import format_date
from flask_babel import gettext as _

from app.clock import local


@dataclass(frozen=True)
class Section:
    """Lines under a heading, with a sentence about all of them."""

    title: str
    lines: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Link:
    """Where to go on."""

    label: str
    url: str


@dataclass(frozen=True)
class Attachment:
    """A PDF that goes along."""

    name: str
    content: bytes


@dataclass(frozen=True)
class Letter:
    """One mail, in the reader's language."""

    subject: str
    opening: str
    sections: tuple[Section, ...] = ()
    notes: tuple[str, ...] = ()
    link: Link | None = None
    is_urgent: bool = False
    is_by_hand: bool = False
    attachments: tuple[Attachment, ...] = ()


def in_full(day: date) -> str:
    """Monday 30 November 2026."""
    return format_date(day, "EEEE d MMMM y")


def clock_time(at: time) -> str:
    """08:15."""
    return f"{at:%H:%M}"


def moment(instant: datetime) -> str:
    """Monday 30 November 2026 at 08:15."""
    shown = local(instant)
    return _("%(day)s at %(time)s", day=in_full(shown.date()), time=clock_time(shown.time()))
