"""Four weeks of menus as a sheet of cells: what they show, and what was typed into them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.fields import clean_line
from app.kitchen.menus import COURSES, ORIGINS, MenuText, Place, Wish, in_order, menus_at
from app.labels import label
from app.models import MealType, Menu, ServiceDay
from app.rules.names import folded
from app.rules.weeks import monday_of
from app.vocabulary import Allergen, MealKind

WEEKS: Final = 4
COLUMNS: Final = (*COURSES, "allergens", *ORIGINS)
LONGEST: Final = {**dict.fromkeys(COURSES, 120), "allergens": 400, **dict.fromkeys(ORIGINS, 80)}
FEWEST_LETTERS: Final = 2


@dataclass
class Row:
    """One menu's cells; `kept` is what is saved, `theirs` the same where somebody else has just."""

    day: date
    meal_type_id: int
    meal: str
    seen: str
    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    theirs: str = ""
    kept: dict[str, str] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Where the menu stands."""
        return self.day, self.meal_type_id

    def name(self, column: str) -> str:
        """What a cell is called in the form."""
        return f"{column}.{self.day.isoformat()}.{self.meal_type_id}"


@dataclass
class Day:
    """A service day's rows, or why there are none."""

    date: date
    rows: list[Row]
    closure: str = ""


@dataclass
class Grid:
    """The service days from a Monday on."""

    monday: date
    days: list[Day]

    @property
    def rows(self) -> Iterator[Row]:
        """Every row of every day."""
        return (row for day in self.days for row in day.rows)

    @property
    def errors(self) -> int:
        """How many cells cannot be kept."""
        return sum(len(row.errors) for row in self.rows)

    def weeks(self) -> list[tuple[date, list[Day]]]:
        """The days by the Mondays of their weeks."""
        mondays = [self.monday + timedelta(weeks=number) for number in range(WEEKS)]
        end = timedelta(weeks=1)
        return [(m, [d for d in self.days if m <= d.date < m + end]) for m in mondays]


def grid_of(session: Session, monday: date, *, with_special: bool) -> Grid:
    """What is kept. Special meals have rows where they have menus, or when they are asked for."""
    query = (
        sa.select(ServiceDay)
        .where(ServiceDay.date >= monday, ServiceDay.date < monday + timedelta(weeks=WEEKS))
        .order_by(ServiceDay.date)
    )
    days = session.scalars(query).all()
    menus = menus_at(session, [day.date for day in days])
    shown = {meal_type_id for _day, meal_type_id in menus}
    types = [
        each
        for each in session.scalars(sa.select(MealType).order_by(MealType.position, MealType.id))
        if each.id in shown
        or (each.archived_at is None and (with_special or each.kind is not MealKind.SPECIAL))
    ]
    return Grid(
        monday,
        [
            Day(
                day.date,
                [] if day.closure else [_row(day.date, each, menus) for each in types],
                day.closure or "",
            )
            for day in days
        ],
    )


def _row(day: date, meal_type: MealType, menus: Mapping[Place, Menu]) -> Row:
    text = MenuText.of(menus.get((day, meal_type.id)))
    cells = cells_of(text)
    return Row(day, meal_type.id, meal_type.name, text.seal, cells, kept=cells)


def cells_of(text: MenuText) -> dict[str, str]:
    """What the cells of a menu show."""
    shown = {name: getattr(text, name) for name in (*COURSES, *ORIGINS)}
    words = ", ".join(label(Allergen(each)) for each in text.allergens)
    return {**shown, "allergens": words}


def read_grid(grid: Grid, form: Mapping[str, str]) -> list[Wish]:
    """What was typed, kept in the rows with what is wrong with it; rows that were not sent stay."""
    return [_read(row, form) for row in grid.rows if row.name("seen") in form]


def _read(row: Row, form: Mapping[str, str]) -> Wish:
    row.seen = form[row.name("seen")]
    row.values = {name: clean_line(form.get(row.name(name))) for name in COLUMNS}
    allergens = _allergens(row)
    for name, value in row.values.items():
        if len(value) > LONGEST[name]:
            row.errors[name] = _("At most %(number)s characters.", number=LONGEST[name])
    if any(row.values.values()) and not row.values["main"]:
        row.errors["main"] = _("A menu needs a main dish.")
    text = {name: row.values[name] for name in (*COURSES, *ORIGINS)}
    return Wish(row.place, row.seen, MenuText(allergens=allergens, **text))


def _allergens(row: Row) -> tuple[str, ...]:
    found, unknown = [], []
    for word in filter(None, map(str.strip, row.values["allergens"].replace(";", ",").split(","))):
        meant = allergens_meant(word)
        found += meant if len(meant) == 1 else []
        unknown += [] if len(meant) == 1 else [word]
    if unknown:
        row.errors["allergens"] = _(
            "Not one of the 14 allergens: %(words)s", words=", ".join(unknown)
        )
    return in_order(found)


def allergens_meant(word: str) -> list[Allergen]:
    """The allergens whose name begins so, whatever its accents; one, if it is the whole name."""
    typed, names = folded(word), {each: folded(label(each)) for each in Allergen}
    whole = [each for each, name in names.items() if name == typed]
    if whole or len(typed) < FEWEST_LETTERS:
        return whole
    return [each for each, name in names.items() if name.startswith(typed)]


def mark_changed(grid: Grid, places: Iterable[Place], kept: Mapping[Place, Menu]) -> None:
    """Show beside what was typed what somebody else has saved; saving again replaces it."""
    changed = set(places)
    for row in grid.rows:
        if row.place in changed:
            theirs = MenuText.of(kept.get(row.place))
            row.seen = theirs.seal
            row.theirs = " · ".join(filter(None, cells_of(theirs).values())) or _("No menu")


def weeks_to_copy(session: Session, around: date) -> list[date]:
    """The Mondays of the weeks that have menus, from half a year before to the weeks shown."""
    query = (
        sa.select(ServiceDay.date)
        .join(Menu, Menu.service_day_id == ServiceDay.id)
        .where(
            ServiceDay.date >= around - timedelta(weeks=26),
            ServiceDay.date < around + timedelta(weeks=2 * WEEKS),
        )
        .distinct()
    )
    return sorted(set(map(monday_of, session.scalars(query))), reverse=True)
