"""The menus of a week as a poster, legible from two metres, with what the law declares."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from app.documents.letterhead import TITLE, Gettext, Letterhead, Paper, Sheet
from app.documents.lettering import BOLD
from app.documents.pen import GREY, PALE, Box
from app.documents.text import Face, format_day, format_long_day, wrap

DISHES: Final = Face(20, BOLD)
DECLARED: Final = Face(12)
DAY: Final = Face(15, BOLD)
LEAST: Final = 0.75
"""How far the texts shrink for a week to stay on one page; below that it takes more."""

INDENT: Final = 4 * mm


@dataclass(frozen=True)
class MenuDay:
    """What is served on a day: dishes, allergens in words, lines of origin.

    An origin is a line such as « Poulet: Suisse ». `closed` is the reason of a closed day.
    """

    day: date
    dishes: tuple[str, ...] = ()
    allergens: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    closed: str = ""


@dataclass(frozen=True)
class MenuWeek:
    """The days of a week in order, at least one, and a sentence for the foot of the page."""

    days: tuple[MenuDay, ...]
    note: str = ""
    locale: str = "fr"


@dataclass(frozen=True)
class _Line:
    text: str
    face: Face


def render_menus(content: MenuWeek, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The menus as an A4 PDF: one page, unless the texts are too long to stay legible.

    Raises: ValueError if there is no day.
    """
    if not content.days:
        raise ValueError(content.days)
    _ = gettext
    week = _("Menus from %(first)s to %(last)s") % {
        "first": format_day(content.days[0].day),
        "last": format_day(content.days[-1].day),
    }
    sheet = Sheet(letterhead, gettext, week, Paper(content.locale, A4, 14 * mm))
    sheet.paragraph(week, replace(TITLE, size=20))
    sheet.skip(3 * mm)
    scale = _fitting_scale(sheet, content, gettext)
    for day in content.days:
        _draw_day(sheet, day, _day_lines(sheet, day, scale, gettext), content.locale, scale)
    if content.note:
        sheet.paragraph(content.note, DECLARED)
    return sheet.pdf()


def _fitting_scale(sheet: Sheet, content: MenuWeek, gettext: Gettext) -> float:
    """The largest scale at which the week ends on this page, or `LEAST`."""
    note = len(wrap(content.note, sheet.width, DECLARED)) * DECLARED.leading if content.note else 0
    for hundredths in range(100, int(LEAST * 100), -5):
        scale = hundredths / 100
        days = [_day_lines(sheet, day, scale, gettext) for day in content.days]
        if sum(_height(lines, scale) for lines in days) + note <= sheet.y - sheet.bottom:
            return scale
    return LEAST


def _day_lines(sheet: Sheet, day: MenuDay, scale: float, gettext: Gettext) -> list[_Line]:
    _ = gettext
    dishes = replace(DISHES, size=DISHES.size * scale)
    declared = replace(DECLARED, size=DECLARED.size * scale)
    if day.closed:
        closed = _("Closed: %(reason)s") % {"reason": day.closed}
        return _wrapped(sheet, closed, replace(dishes, colour=GREY))
    texts = [(dish, dishes) for dish in day.dishes]
    if day.allergens:
        words = _("Allergens: %(names)s") % {"names": ", ".join(day.allergens)}
        texts.append((words, declared))
    if day.origins:
        words = _("Origin: %(lines)s") % {"lines": " · ".join(day.origins)}
        texts.append((words, declared))
    return [line for text, face in texts for line in _wrapped(sheet, text, face)]


def _wrapped(sheet: Sheet, text: str, face: Face) -> list[_Line]:
    return [_Line(line, face) for line in wrap(text, sheet.width - INDENT, face)]


def _band(scale: float) -> float:
    """Height of the band with the day's name, in points."""
    return DAY.leading * scale + 4


def _height(lines: list[_Line], scale: float) -> float:
    """Points that a day takes, the space below it included."""
    return _band(scale) + sum(line.face.leading for line in lines) + 6 * mm * scale


def _draw_day(sheet: Sheet, day: MenuDay, lines: list[_Line], locale: str, scale: float) -> None:
    sheet.room(min(_height(lines, scale), sheet.empty_height))
    band = _band(scale)
    sheet.y -= band
    sheet.fill(Box(sheet.left, sheet.y, sheet.width, band), PALE)
    face = replace(DAY, size=DAY.size * scale)
    name = format_long_day(day.day, locale)
    sheet.write_within(name, sheet.left + INDENT, sheet.y + band * 0.3, face, sheet.width)
    sheet.skip(1 * mm * scale)
    for line in lines:
        sheet.room(line.face.leading)
        sheet.y = sheet.line(line.text, sheet.left + INDENT, sheet.y, line.face)
    sheet.skip(5 * mm * scale)
