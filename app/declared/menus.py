"""Menus: what the kitchen serves, on screen and on the week’s poster."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Response, flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session, selectinload

from app import clock
from app.captions import caption
from app.context import letterhead, pdf_answer
from app.declared.base import ArchivableView
from app.declared.menu_grid import (
    COLUMNS,
    LONGEST,
    WEEKS,
    Grid,
    grid_of,
    mark_changed,
    read_grid,
    weeks_to_copy,
)
from app.documents.menus import MenuDay, MenuWeek, ServedMenu, render_menus
from app.errors import BadInput
from app.extensions import db
from app.filters import day_of
from app.kitchen.menus import ORIGINS, Wish, copy_week, dish_library, menus_at, save_menus
from app.labels import label
from app.models import Dish, Menu, ServiceDay
from app.refusals import MenusChanged
from app.rows import Rows
from app.rules.weeks import SCHOOL_DAYS, monday_of
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import Allergen
from app.web_errors import sentence_of


@dataclass(frozen=True)
class Declared:
    """A menu in its reader’s words."""

    meal_type_id: int
    meal: str
    dishes: list[str]
    allergens: list[str]
    origins: list[str]
    held: frozenset[Allergen]


@dataclass(frozen=True)
class Day:
    """A day’s menus, or why there are none."""

    date: date
    menus: list[Declared]
    closure: str = ""


def allergen_names(stored: Iterable[str]) -> list[str]:
    """Allergens in the reader’s words."""
    return [label(Allergen(each)) for each in stored]


def week_of_menus(session: Session, monday: date) -> list[Day]:
    """The service days of a week with what is served."""
    query = (
        sa.select(ServiceDay)
        .where(ServiceDay.date >= monday, ServiceDay.date < monday + timedelta(days=SCHOOL_DAYS))
        .order_by(ServiceDay.date)
        .options(selectinload(ServiceDay.menus).joinedload(Menu.meal_type))
    )
    return [
        Day(
            day.date,
            [] if day.closure else [_declared(menu) for menu in sorted(day.menus, key=_place)],
            day.closure or "",
        )
        for day in session.scalars(query)
    ]


def _place(menu: Menu) -> tuple[int, int]:
    return menu.meal_type.position, menu.id


def _declared(menu: Menu) -> Declared:
    origins = (
        (_("Meat"), menu.meat_origin),
        (_("Fish"), menu.fish_origin),
        (_("Bread"), menu.bread_origin),
    )
    return Declared(
        meal_type_id=menu.meal_type_id,
        meal=menu.meal_type.name,
        dishes=menu.dishes,
        allergens=allergen_names(menu.allergens),
        origins=[
            _("%(what)s: %(where)s", what=what, where=where) for what, where in origins if where
        ],
        held=frozenset(map(Allergen, menu.allergens)),
    )


def week_poster(session: Session, monday: date) -> Response:
    """The week’s menus as a PDF; days without a menu are left out."""
    days = [day for day in week_of_menus(session, monday) if day.menus or day.closure]
    content = MenuWeek(
        days=tuple(_poster_day(day) for day in days)
        or (MenuDay(monday, closed=_("No menus yet")),),
        locale=str(get_locale()),
    )
    return pdf_answer(render_menus(content, letterhead(), _), f"menus-{monday.isoformat()}")


def _poster_day(day: Day) -> MenuDay:
    menus = (
        ServedMenu(each.meal, tuple(each.dishes), tuple(each.allergens), tuple(each.origins))
        for each in day.menus
    )
    return MenuDay(day.date, tuple(menus), day.closure)


def monday_asked() -> date:
    """The Monday of ?date=, of this week without one. Raises: BadInput."""
    asked = request.args.get("date")
    return _monday(asked) if asked else monday_of(clock.today())


class MenuView(BaseView):
    """Four weeks to type as in a spreadsheet, saved in one go."""

    route_base = "/menus"
    default_view = "this_form_get"

    @expose("/", methods=["GET"])
    @has_access
    def this_form_get(self) -> str:
        """The four weeks from the one of ?date= on."""
        return self._page(self._grid())

    @expose("/", methods=["POST"])
    @has_access
    def this_form_post(self) -> Any:
        """Save what was typed, then fill a week from another if that was asked for."""
        grid = self._grid()
        wishes = read_grid(grid, request.form)
        if grid.errors:
            sentence = ngettext(
                "%(num)s cell cannot be kept: nothing was saved.",
                "%(num)s cells cannot be kept: nothing was saved.",
                grid.errors,
            )
            flash(sentence, "danger")
            return self._page(grid)
        try:
            saved, copied = self._save(wishes)
        except MenusChanged as refused:
            flash(sentence_of(refused), "danger")
            mark_changed(
                grid, refused.places, menus_at(db.session(), [p[0] for p in refused.places])
            )
            return self._page(grid), refused.status
        flash(_done(saved, copied), "success")
        date, special = grid.monday.isoformat(), request.args.get("special")
        return redirect(url_for("MenuView.this_form_get", date=date, special=special), 303)

    @expose("/poster", methods=["GET"])
    @has_access
    def poster(self) -> Response:
        """The week of ?date= to print."""
        return week_poster(db.session(), monday_asked())

    def _grid(self) -> Grid:
        return grid_of(db.session(), monday_asked(), with_special="special" in request.args)

    def _save(self, wishes: list[Wish]) -> tuple[int, int]:
        target = request.form.get("copy")
        weeks = (
            None if not target else (_monday(request.form.get(f"from.{target}")), _monday(target))
        )
        with transaction(current_actor()) as session:
            saved = save_menus(session, wishes)
            return saved, copy_week(session, *weeks) if weeks else 0

    def _page(self, grid: Grid) -> str:
        library = dish_library(db.session()).values()
        captions = {name: caption(name) for name in COLUMNS}
        return self.render_template(
            "kitchen/menus.html",
            title=_("Menus"),
            grid=grid,
            columns=COLUMNS,
            captions=captions,
            heads=captions | dict(zip(ORIGINS, (_("Meat"), _("Fish"), _("Bread")), strict=True)),
            longest=LONGEST,
            before=grid.monday - timedelta(weeks=WEEKS),
            after=grid.monday + timedelta(weeks=WEEKS),
            is_special="special" in request.args,
            today=clock.today(),
            sources=weeks_to_copy(db.session(), grid.monday),
            dishes=[(dish, allergen_names(dish.allergens)) for dish in library],
            origins=sorted({getattr(dish, name) for dish in library for name in ORIGINS} - {""}),
            allergens=allergen_names(Allergen),
        )


def _monday(text: str | None) -> date:
    found = day_of(text or "")
    if found is None:
        raise BadInput
    return monday_of(found)


def _done(saved: int, copied: int) -> str:
    total = saved + copied
    if not total:
        return _("Nothing was changed.")
    return ngettext("%(num)s menu saved.", "%(num)s menus saved.", total)


class DishView(ArchivableView):
    """The library: what a dish declares wherever it is served from now on."""

    datamodel = Rows(Dish)
    list_title, show_title = _l("Dishes"), _l("Dish")
    add_title, edit_title = _l("Add a dish"), _l("Edit the dish")
    list_columns = ["name", "allergens", *ORIGINS]
    show_columns = [*list_columns, "archived_at"]
    add_columns = list_columns
    edit_columns = list_columns
    search_columns = ["name"]
    order_columns = ["name"]
    base_order = ("name", "asc")
    formatters_columns = {"allergens": lambda stored: ", ".join(allergen_names(stored))}
    description_columns = {
        "name": _l("As it is typed in the menus. A change here leaves menus as they are.")
    }
