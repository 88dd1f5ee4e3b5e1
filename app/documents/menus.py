"""The menus of a week for the wall, legible from two metres, with what the law declares."""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final, TypeAlias

from babel.dates import format_date
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm

from app.documents.letterhead import TITLE, Gettext, Letterhead, Paper, Sheet
from app.documents.lettering import BOLD
from app.documents.pen import GREY, PALE, Box
from app.documents.text import Face, format_day, wrap

DISHES: Final = Face(22, BOLD)
DECLARED: Final = Face(13)
MEAL: Final = Face(15, BOLD)
MOST, LEAST = 1.3, 0.7
"""How far the texts grow and shrink for a week to fill one page; below that it takes more.

At the least dishes are 15 points: from two metres as a book's letters from 40 centimetres.
"""

GUTTER: Final = 4 * mm
_DOT: Final = "\u00a0· "
"""Between two dishes; no line begins with it."""

DAY_SHARE: Final = 0.15
"""The column of the days, of the whole width."""


@dataclass(frozen=True)
class ServedMenu:
    """What is served as one meal type: dishes, allergens in words, lines of origin.

    An origin is a line such as « Poulet: Suisse ».
    """

    meal: str
    dishes: tuple[str, ...]
    allergens: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class MenuDay:
    """A day's menus; `closed` is the reason of a closed day."""

    day: date
    menus: tuple[ServedMenu, ...] = ()
    closed: str = ""


@dataclass(frozen=True)
class MenuWeek:
    """The days of a week in order, at least one, and a sentence for the foot of the page."""

    days: tuple[MenuDay, ...]
    note: str = ""
    locale: str = "fr"

    @property
    def meals(self) -> list[str]:
        """The meal types of the week, in order of first appearance; at least one place."""
        return list(dict.fromkeys(m.meal for day in self.days for m in day.menus)) or [""]


@dataclass(frozen=True)
class _Line:
    text: str
    face: Face


_Cell: TypeAlias = list[_Line]
_Row: TypeAlias = list[_Cell]
"""The day, then a cell for each meal type."""


def render_menus(content: MenuWeek, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The menus as a landscape A4 PDF: one page, unless the texts are too long to stay legible.

    Raises: ValueError if there is no day.
    """
    if not content.days:
        raise ValueError(content.days)
    _ = gettext
    week = _("Menus from %(first)s to %(last)s") % {
        "first": format_day(content.days[0].day),
        "last": format_day(content.days[-1].day),
    }
    sheet = Sheet(letterhead, gettext, week, Paper(content.locale, landscape(A4), 12 * mm))
    sheet.paragraph(week, replace(TITLE, size=22))
    sheet.skip(2 * mm)
    _Poster(sheet, content, gettext).draw()
    return sheet.pdf()


class _Poster:
    """A table: a row for each day, a column for each meal type."""

    def __init__(self, sheet: Sheet, content: MenuWeek, gettext: Gettext) -> None:
        self.sheet, self.content, self.gettext = sheet, content, gettext
        meals = content.meals
        first = sheet.width * DAY_SHARE
        share = (sheet.width - first) / len(meals)
        self.lefts = [sheet.left, *(sheet.left + first + share * i for i in range(len(meals)))]
        self.widths = [first - GUTTER, *[share - GUTTER] * len(meals)]
        self.head = meals if any(meals) and len(meals) > 1 else []
        self.note = self._wrapped(content.note, DECLARED, sheet.width) if content.note else []

    def draw(self) -> None:
        """The whole week."""
        self._head()
        scale = self._fitting_scale()
        rows = [self._row(day, scale) for day in self.content.days]
        spare = self._room() - sum(_height(row) for row in rows)
        for row in rows:
            self._draw_row(row, max(0.0, spare) / len(rows))
        for line in self.note:
            self.sheet.paragraph(line.text, line.face)

    def _head(self) -> None:
        if not self.head:
            return
        sheet = self.sheet
        height = MEAL.leading + 2
        sheet.fill(Box(sheet.left, sheet.y - height, sheet.width, height), PALE)
        for meal, left, width in zip(self.head, self.lefts[1:], self.widths[1:], strict=True):
            sheet.write_within(meal, left, sheet.y - MEAL.ascent, MEAL, width)
        sheet.y -= height

    def _room(self) -> float:
        """Points for the rows; one is kept back, for sums of fractions are never exact."""
        below = sum(line.face.leading for line in self.note) + 1
        return self.sheet.y - self.sheet.bottom - below

    def _fitting_scale(self) -> float:
        """The largest scale at which the week ends on this page, or `LEAST`."""
        for hundredths in range(round(MOST * 100), round(LEAST * 100), -5):
            scale = hundredths / 100
            if sum(_height(self._row(day, scale)) for day in self.content.days) <= self._room():
                return scale
        return LEAST

    def _row(self, day: MenuDay, scale: float) -> _Row:
        faces = [replace(face, size=face.size * scale) for face in (DISHES, DECLARED)]
        return [self._day(day.day, *faces), *self._cells(day, *faces)]

    def _day(self, day: date, dishes: Face, declared: Face) -> _Cell:
        weekday = format_date(day, "EEEE", locale=self.content.locale).capitalize()
        on = format_date(day, "d MMMM", locale=self.content.locale)
        width = self.widths[0]
        wide = min(dishes.size, dishes.size * width / max(1.0, dishes.width(weekday)))
        return [_Line(weekday, replace(dishes, size=wide)), *self._wrapped(on, declared, width)]

    def _cells(self, day: MenuDay, dishes: Face, declared: Face) -> list[_Cell]:
        _ = self.gettext
        if day.closed:
            closed = _("Closed: %(reason)s") % {"reason": day.closed}
            whole = sum(self.widths[1:]) + GUTTER * (len(self.widths) - 2)
            cells: list[_Cell] = [[] for _meal in self.content.meals]
            return [self._wrapped(closed, replace(dishes, colour=GREY), whole), *cells[1:]]
        found = {menu.meal: menu for menu in day.menus}
        return [
            self._menu(found[meal], width, dishes, declared) if meal in found else []
            for meal, width in zip(self.content.meals, self.widths[1:], strict=True)
        ]

    def _menu(self, menu: ServedMenu, width: float, dishes: Face, declared: Face) -> _Cell:
        _ = self.gettext
        lines = self._wrapped(_DOT.join(menu.dishes), dishes, width)
        if menu.allergens:
            words = _("Allergens: %(names)s") % {"names": ", ".join(menu.allergens)}
            lines += self._wrapped(words, declared, width)
        if menu.origins:
            words = _("Origin: %(lines)s") % {"lines": _DOT.join(menu.origins)}
            lines += self._wrapped(words, declared, width)
        return lines

    def _wrapped(self, text: str, face: Face, width: float) -> _Cell:
        return [_Line(line, face) for line in wrap(text, width, face, most=999)]

    def _draw_row(self, row: _Row, spare: float) -> None:
        """On the next page if it does not fit here, over several if it fits on none."""
        sheet = self.sheet
        if sheet.y - _height(row) < sheet.bottom and _height(row) <= sheet.empty_height - 40:
            sheet.next_page()
            self._head()
        sheet.rule(sheet.left, sheet.y, sheet.width)
        left_over = row
        while True:
            left_over = self._draw_slice(left_over, spare)
            if not any(left_over):
                return
            sheet.next_page()
            self._head()

    def _draw_slice(self, row: _Row, spare: float) -> _Row:
        """What fits on this page; what is left of each cell."""
        sheet, left_over, lowest = self.sheet, [], self.sheet.y
        for cell, x in zip(row, self.lefts, strict=True):
            y, place = sheet.y - PADDING - spare / 2, 0
            while place < len(cell) and y - cell[place].face.leading >= sheet.bottom:
                y = sheet.line(cell[place].text, x, y, cell[place].face)
                place += 1
            left_over.append(cell[place:])
            lowest = min(lowest, y)
        sheet.y = lowest - PADDING - spare / 2
        return left_over


PADDING: Final = 1.2 * mm


def _height(row: _Row) -> float:
    """Points that a row takes."""
    return max(sum(line.face.leading for line in cell) for cell in row) + 2 * PADDING
