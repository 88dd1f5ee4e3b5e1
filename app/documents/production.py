"""The kitchen's week: how many meals of each kind each day, and for whom special trays are."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.units import mm

from app.documents.letterhead import SMALL, Gettext, Letterhead, Paper, Sheet
from app.documents.pen import PALE
from app.documents.table import Column, Table
from app.documents.text import Face, format_day, format_long_day, format_moment

FIGURES: Final = Face(22)
"""Counts are read at arm's length, with busy hands."""

TRAYS: Final = Face(14)


@dataclass(frozen=True)
class MealCount:
    """Meals of one type on one day; `classes` adds (class, count) where it is wanted."""

    meal: str
    count: int
    classes: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class SpecialTray:
    """A tray that is made for one pupil, and what it must respect."""

    pupil: str
    school_class: str
    restriction: str


@dataclass(frozen=True)
class ProductionDay:
    """One day's counts and trays; `closed` is the reason why there is no service."""

    day: date
    counts: tuple[MealCount, ...] = ()
    trays: tuple[SpecialTray, ...] = ()
    closed: str = ""

    def count(self, meal: str) -> int:
        """Meals of this type on this day."""
        return sum(count.count for count in self.counts if count.meal == meal)

    def count_in_class(self, meal: str, school_class: str) -> int:
        """Meals of this type for this class."""
        return sum(
            number
            for count in self.counts
            for name, number in count.classes
            if (count.meal, name) == (meal, school_class)
        )


@dataclass(frozen=True)
class ProductionWeek:
    """The days of a week, at least one, and the instant at which they were counted."""

    days: tuple[ProductionDay, ...]
    printed_at: datetime
    locale: str = "fr"

    @property
    def meals(self) -> list[str]:
        """The meal types of the week, in order of first appearance."""
        return list(dict.fromkeys(count.meal for day in self.days for count in day.counts))

    @property
    def classes(self) -> list[str]:
        """The classes that are counted apart, by name."""
        counts = [count for day in self.days for count in day.counts]
        return sorted({name for count in counts for name, _number in count.classes})


def render_production(content: ProductionWeek, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The production list as a landscape A4 PDF: counts, counts by class, special trays.

    Raises: ValueError if there is no day or `printed_at` is naive.
    """
    if not content.days:
        raise ValueError(content.days)
    _ = gettext
    paper = Paper(content.locale, landscape(A4), 14 * mm)
    sheet = Sheet(letterhead, gettext, _("Production list"), paper)
    sheet.title(_("Production list"), *_subtitles(content, gettext))
    _counts(sheet, content, gettext)
    if content.classes:
        _counts_by_class(sheet, content, gettext)
    for day in content.days:
        _trays(sheet, day, content.locale, gettext)
    if any(day.trays for day in content.days):
        sheet.paragraph(_("This list holds health data: do not leave it lying about."), SMALL)
    return sheet.pdf()


def _subtitles(content: ProductionWeek, gettext: Gettext) -> tuple[str, str]:
    _ = gettext
    first, last = content.days[0].day, content.days[-1].day
    week = _("Week from %(first)s to %(last)s")
    moment = _("As of %(moment)s") % {"moment": format_moment(content.printed_at)}
    return week % {"first": format_day(first), "last": format_day(last)}, moment


def _day_columns(content: ProductionWeek, *titles: str) -> list[Column]:
    days = [
        Column(f"{weekday} {day.day:%d.%m.}", 14, "centre")
        for day in content.days
        for weekday in [format_long_day(day.day, content.locale).split(" ")[0].rstrip(",")]
    ]
    return [*(Column(title, 19) for title in titles), *days]


def _counts(sheet: Sheet, content: ProductionWeek, gettext: Gettext) -> None:
    _ = gettext
    table = Table(sheet, _day_columns(content, _("Meal")), FIGURES, head=Face(13))
    for meal in content.meals:
        table.row((meal, *(_figure(day, day.count(meal)) for day in content.days)))
    totals = (sum(count.count for count in day.counts) for day in content.days)
    figures = map(_figure, content.days, totals)
    table.row((_("Total"), *figures), bold=True, fill=PALE)
    for day in content.days:
        if day.closed:
            _closed(sheet, day, content.locale, gettext)
    sheet.skip(8 * mm)


def _figure(day: ProductionDay, count: int) -> str:
    return "–" if day.closed and not count else str(count)


def _closed(sheet: Sheet, day: ProductionDay, locale: str, gettext: Gettext) -> None:
    _ = gettext
    words = {"day": format_long_day(day.day, locale), "reason": day.closed}
    sheet.skip(2 * mm)
    sheet.paragraph(_("%(day)s: closed (%(reason)s)") % words, TRAYS)


def _counts_by_class(sheet: Sheet, content: ProductionWeek, gettext: Gettext) -> None:
    _ = gettext
    columns = _day_columns(content, _("Class"), _("Meal"))
    table = Table(sheet, columns, Face(12), caption=_("Meals by class"))
    for school_class in content.classes:
        for meal in content.meals:
            figures = [day.count_in_class(meal, school_class) for day in content.days]
            if any(figures):
                table.row((school_class, meal, *map(_figure, content.days, figures)))
    sheet.skip(8 * mm)


def _trays(sheet: Sheet, day: ProductionDay, locale: str, gettext: Gettext) -> None:
    if not day.trays:
        return
    _ = gettext
    caption = _("Special trays, %(day)s: %(count)s")
    words = {"day": format_long_day(day.day, locale), "count": len(day.trays)}
    columns = (
        Column(_("Pupil"), 35),
        Column(_("Class"), 15),
        Column(_("Restriction"), 50, bold=True),
    )
    table = Table(sheet, columns, TRAYS, caption=caption % words)
    for tray in day.trays:
        table.row((tray.pupil, tray.school_class, tray.restriction))
    sheet.skip(8 * mm)
