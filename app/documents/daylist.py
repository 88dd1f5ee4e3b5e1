"""Today's list for the canteen's door: pupils by class, with a box to tick for each."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from app.documents.letterhead import SMALL, Gettext, Letterhead, Paper, Sheet
from app.documents.pen import Box
from app.documents.table import PADDING, Column, Row, Table
from app.documents.text import Face, format_long_day, format_moment

ROWS: Final = Face(12)
TICK: Final = 4.5 * mm
UNFUNDED: Final = 1.3 * mm
"""Radius of the discreet circle beside a meal that is not paid for."""


@dataclass(frozen=True)
class ListedPupil:
    """A pupil who is expected; `allergies` are words, `funded` is whether the meal is paid."""

    name: str
    meal: str
    allergies: tuple[str, ...] = ()
    funded: bool = True


@dataclass(frozen=True)
class ListedClass:
    """A class and those of its pupils who are expected, in the order to print."""

    name: str
    pupils: tuple[ListedPupil, ...]


@dataclass(frozen=True)
class DayList:
    """All classes of a service day, and the instant at which the list was made."""

    day: date
    classes: tuple[ListedClass, ...]
    printed_at: datetime
    locale: str = "fr"


def render_day_list(content: DayList, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The list as an A4 PDF, each class beginning on a page of its own.

    Raises: ValueError if `printed_at` is naive.
    """
    _ = gettext
    sheet = Sheet(letterhead, gettext, _("Today's list"), Paper(content.locale, A4, 14 * mm))
    _heading(sheet, content, gettext)
    if not content.classes:
        sheet.paragraph(_("Nobody is expected on this day."), ROWS)
    for place, listed in enumerate(content.classes):
        if place:
            sheet.next_page()
        _listed_class(sheet, listed, content, gettext)
    return sheet.pdf()


def _heading(sheet: Sheet, content: DayList, gettext: Gettext) -> None:
    _ = gettext
    expected = sum(len(listed.pupils) for listed in content.classes)
    sheet.title(
        _("Today's list"),
        format_long_day(content.day, content.locale),
        _("Expected: %(count)s") % {"count": expected},
        _("As of %(moment)s") % {"moment": format_moment(content.printed_at)},
    )


def _listed_class(sheet: Sheet, listed: ListedClass, content: DayList, gettext: Gettext) -> None:
    _ = gettext
    words = {"name": listed.name, "count": len(listed.pupils)}
    day = format_long_day(content.day, content.locale)
    caption = _("Class %(name)s: %(count)s expected") % words
    columns = (
        Column("", 6),
        Column(_("Pupil"), 34),
        Column(_("Meal"), 19),
        Column(_("Allergies"), 41, bold=True),
        Column("", 4),
    )
    table = Table(sheet, columns, ROWS, caption=f"{caption} ({day})")
    for pupil in listed.pupils:
        cells = ("", pupil.name, pupil.meal, ", ".join(pupil.allergies), "")
        _marks(table, table.row(cells), funded=pupil.funded)
    _legend(sheet, listed, gettext)


def _marks(table: Table, row: Row, *, funded: bool) -> None:
    middle = row.top - ROWS.size * PADDING - ROWS.leading / 2
    table.sheet.frame(Box(table.lefts[0] + 3, middle - TICK / 2, TICK, TICK))
    if not funded:
        table.sheet.circle(table.lefts[-1] + table.widths[-1] / 2, middle, UNFUNDED)


def _legend(sheet: Sheet, listed: ListedClass, gettext: Gettext) -> None:
    """What the circle means, in words that a child reading along does not understand."""
    _ = gettext
    sheet.skip(3 * mm)
    if not all(pupil.funded for pupil in listed.pupils):
        sheet.room(2 * SMALL.leading)
        middle = sheet.y - SMALL.ascent + SMALL.size * 0.35
        sheet.circle(sheet.left + UNFUNDED + 1, middle, UNFUNDED)
        sheet.y = sheet.line(_("See the till first"), sheet.left + 5 * mm, sheet.y, SMALL)
    sheet.paragraph(_("This list holds health data: do not leave it lying about."), SMALL)
