"""Menus: what the kitchen serves, on screen and on the week’s poster."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa
from flask import Response, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import format_date, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session, joinedload, selectinload

from app import clock
from app.context import letterhead, pdf_answer
from app.declared.base import SplitView
from app.documents.menus import MenuDay, MenuWeek, render_menus
from app.errors import BadInput
from app.extensions import db
from app.filters import Condition, day_of
from app.forms import record_field
from app.labels import label
from app.models import Menu, ServiceDay
from app.rows import KEEP, Rows
from app.rules.weeks import SCHOOL_DAYS, monday_of
from app.vocabulary import Allergen


@dataclass(frozen=True)
class Declared:
    """A menu in its reader’s words."""

    meal: str
    dishes: list[str]
    allergens: list[str]
    origins: list[str]


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
        meal=menu.meal_type.name,
        dishes=menu.dishes,
        allergens=allergen_names(menu.allergens),
        origins=[
            _("%(what)s: %(where)s", what=what, where=where) for what, where in origins if where
        ],
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
    """Several meal types of a day stand below each other, each behind its name."""
    is_only = len(day.menus) == 1
    return MenuDay(
        day=day.date,
        dishes=tuple(
            dish if is_only or place else _("%(what)s: %(where)s", what=menu.meal, where=dish)
            for menu in day.menus
            for place, dish in enumerate(menu.dishes)
        ),
        allergens=tuple(dict.fromkeys(each for menu in day.menus for each in menu.allergens)),
        origins=tuple(dict.fromkeys(each for menu in day.menus for each in menu.origins)),
        closed=day.closure,
    )


def monday_asked() -> date:
    """The Monday of ?date=, of this week without one. Raises: BadInput."""
    asked = request.args.get("date")
    found = clock.today() if not asked else day_of(asked)
    if found is None:
        raise BadInput
    return monday_of(found)


def _coming_days() -> Condition:
    return ServiceDay.date >= monday_of(clock.today())


class MenuView(SplitView):
    datamodel = Rows(Menu, load=[joinedload(Menu.service_day), joinedload(Menu.meal_type)])
    include_route_methods = KEEP | {"delete", "poster"}
    list_title, show_title = _l("Menus"), _l("Menu")
    add_title, edit_title = _l("Add a menu"), _l("Edit the menu")
    list_template = "people/menus.html"
    aside_label, in_use_label = _l("Past menus"), _l("Coming menus")
    list_columns = ["service_day.date", "meal_type", "main", "allergens"]
    edit_columns = [
        "starter",
        "main",
        "side",
        "dessert",
        "allergens",
        "meat_origin",
        "fish_origin",
        "bread_origin",
    ]
    add_columns = ["service_day", "meal_type", *edit_columns]
    show_columns = ["service_day.date", "meal_type", *edit_columns]
    add_form_extra_fields = {
        "service_day": record_field(
            _l("Service day"),
            ServiceDay,
            _coming_days,
            get_label=lambda day: format_date(day.date, "EEE d MMMM y"),
        )
    }
    search_columns = ["meal_type", "main"]
    order_columns = ["service_day.date", "main"]
    base_order = ("service_day.date", "asc")
    label_columns = {"service_day.date": _l("Day")}
    formatters_columns = {"allergens": lambda stored: ", ".join(allergen_names(stored))}

    def aside(self) -> Condition:
        """Weeks that are past."""
        return Menu.service_day.has(sa.not_(_coming_days()))

    @expose("/poster", methods=["GET"])
    @has_access
    def poster(self) -> Response:
        """The week of ?date= to print."""
        return week_poster(db.session(), monday_asked())

    def page_of(self, item: Menu) -> str:  # noqa: ARG002
        """The list: menus are entered one after the other."""
        return url_for("MenuView.list")
