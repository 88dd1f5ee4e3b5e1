"""The kitchen's week: how many meals of each kind each day, and for whom special trays are."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product
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
class ClassCount:
    """Meals of one type for one class; `before` is what the last paper said, if there was one."""

    school_class: str
    count: int
    before: int | None = None


@dataclass(frozen=True)
class MealCount:
    """Meals of one type on one day; `before` is what the last paper said, if there was one."""

    meal: str
    count: int
    classes: tuple[ClassCount, ...] = ()
    before: int | None = None


@dataclass(frozen=True)
class SpecialTray:
    """A tray that is made for one pupil, and what it must respect."""

    pupil: str
    school_class: str
    restriction: str
    is_new: bool = False


@dataclass(frozen=True)
class AllergyMet:
    """A pupil whose meal holds, by the day's menu, what they are allergic to."""

    pupil: str
    school_class: str
    meal: str
    allergens: tuple[str, ...]


@dataclass(frozen=True)
class ProductionDay:
    """One day's counts and trays; `closed` is the reason why there is no service.

    `printed_at` is when the last paper was made; `gone` are its trays that are wanted no more.
    """

    day: date
    counts: tuple[MealCount, ...] = ()
    trays: tuple[SpecialTray, ...] = ()
    closed: str = ""
    met: tuple[AllergyMet, ...] = ()
    gone: tuple[SpecialTray, ...] = ()
    printed_at: datetime | None = None

    @property
    def total(self) -> int:
        """Meals of this day."""
        return sum(count.count for count in self.counts)

    def count(self, meal: str) -> int:
        """Meals of this type on this day."""
        return sum(count.count for count in self.counts if count.meal == meal)

    def change(self, meal: str | None = None) -> int:
        """How many more, or fewer, than the last paper said; of all meals unless one is named."""
        return sum(
            count.count - count.before
            for count in self.counts
            if count.before is not None and meal in {None, count.meal}
        )

    def count_in_class(self, meal: str, school_class: str) -> int:
        """Meals of this type for this class."""
        return sum(each.count for each in self._in_class(meal, school_class))

    def change_in_class(self, meal: str, school_class: str) -> int:
        """How many more, or fewer, for this class than the last paper said."""
        found = self._in_class(meal, school_class)
        return sum(each.count - each.before for each in found if each.before is not None)

    def _in_class(self, meal: str, school_class: str) -> list[ClassCount]:
        of_meal = [each for count in self.counts if count.meal == meal for each in count.classes]
        return [each for each in of_meal if each.school_class == school_class]


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
        return sorted({each.school_class for count in counts for each in count.classes})

    def class_rows(self) -> Iterator[tuple[str, str, list[tuple[int, int]]]]:
        """A class, a meal type, and of each day the meals and their change, where there are any."""
        for school_class, meal in product(self.classes, self.meals):
            figures = [
                (day.count_in_class(meal, school_class), day.change_in_class(meal, school_class))
                for day in self.days
            ]
            if any(map(any, figures)):
                yield school_class, meal, figures


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
        _met(sheet, day, content.locale, gettext)
        _trays(sheet, day, content.locale, gettext)
    if any(day.trays or day.met for day in content.days):
        sheet.paragraph(_("This list holds health data: do not leave it lying about."), SMALL)
    return sheet.pdf()


def _subtitles(content: ProductionWeek, gettext: Gettext) -> list[str]:
    _ = gettext
    first, last = content.days[0].day, content.days[-1].day
    week = _("Week from %(first)s to %(last)s")
    words = {"first": format_day(first), "last": format_day(last)}
    moment = _("As of %(moment)s") % {"moment": format_moment(content.printed_at)}
    lines = [format_long_day(first, content.locale) if first == last else week % words, moment]
    if any(day.printed_at for day in content.days):
        lines.append(_("In brackets: what has changed since the last print of that day."))
    return lines


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
        figures = (_figure(day, day.count(meal), day.change(meal)) for day in content.days)
        table.row((meal, *figures))
    totals = (_figure(day, day.total, day.change()) for day in content.days)
    table.row((_("Total"), *totals), bold=True, fill=PALE)
    for day in content.days:
        if day.closed:
            _closed(sheet, day, content.locale, gettext)
    sheet.skip(8 * mm)


def _figure(day: ProductionDay, count: int, change: int) -> str:
    figure = "–" if day.closed and not count else str(count)
    return f"{figure} ({signed(change)})" if change else figure


def signed(change: int) -> str:
    """A change with its sign, the minus as wide as the plus."""
    return f"{change:+}".replace("-", "\u2212")


def _closed(sheet: Sheet, day: ProductionDay, locale: str, gettext: Gettext) -> None:
    _ = gettext
    words = {"day": format_long_day(day.day, locale), "reason": day.closed}
    sheet.skip(2 * mm)
    sheet.paragraph(_("%(day)s: closed (%(reason)s)") % words, TRAYS)


def _counts_by_class(sheet: Sheet, content: ProductionWeek, gettext: Gettext) -> None:
    _ = gettext
    columns = _day_columns(content, _("Class"), _("Meal"))
    table = Table(sheet, columns, Face(12), caption=_("Meals by class"))
    for school_class, meal, figures in content.class_rows():
        shown = (_figure(day, *each) for day, each in zip(content.days, figures, strict=True))
        table.row((school_class, meal, *shown))
    sheet.skip(8 * mm)


def _met(sheet: Sheet, day: ProductionDay, locale: str, gettext: Gettext) -> None:
    if not day.met:
        return
    _ = gettext
    caption = _("Allergies that meet the menu, %(day)s: %(count)s")
    words = {"day": format_long_day(day.day, locale), "count": len(day.met)}
    columns = (
        Column(_("Pupil"), 35),
        Column(_("Class"), 15),
        Column(_("Meal"), 20),
        Column(_("Allergens"), 30, bold=True),
    )
    table = Table(sheet, columns, TRAYS, caption=caption % words)
    for each in day.met:
        table.row((each.pupil, each.school_class, each.meal, ", ".join(each.allergens)))
    sheet.skip(8 * mm)


def _trays(sheet: Sheet, day: ProductionDay, locale: str, gettext: Gettext) -> None:
    if not (day.trays or day.gone):
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
        pupil = _("%(pupil)s (new)") % {"pupil": tray.pupil} if tray.is_new else tray.pupil
        table.row((pupil, tray.school_class, tray.restriction))
    for tray in day.gone:
        table.row((tray.pupil, tray.school_class, _("no longer wanted")))
    sheet.skip(8 * mm)
