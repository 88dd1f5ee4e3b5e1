"""What every template may use beside what its view gives it: the canteen, the menu, money."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from flask import Flask, Response, current_app, g, request, url_for
from flask_babel import get_locale, gettext
from flask_login import current_user
from jinja2 import pass_context
from jinja2.runtime import Context

from app.access import EVERYTHING, scope_of
from app.audit import AUDITED, DECIDED
from app.booking.rules import rules_of
from app.documents.letterhead import Letterhead, letterhead_of
from app.extensions import db
from app.labels import label, way
from app.models import CanteenSettings
from app.money import format_chf
from app.rules.deadlines import ServiceRules
from app.security import roles_of

_SETTINGS: Final = sa.select(CanteenSettings).where(CanteenSettings.id == 1)


@dataclass(frozen=True)
class Entry:
    """One line of the menu, or a heading with lines below it."""

    label: str
    url: str
    icon: str
    children: tuple["Entry", ...] = ()

    @property
    def active(self) -> bool:
        """Whether the reader is on that page."""
        return bool(self.url) and request.path == self.url.partition("?")[0]


def navigation() -> list[Entry]:
    """The entries that the user's roles open, in the order of views.py.

    Roles are declared in code, so that a menu is made once for a set of them.
    """
    if not current_user.is_authenticated or current_user.must_change_password:
        return []
    known = current_app.extensions.setdefault("navigation", {})
    asked = roles_of(current_user), str(get_locale())
    if asked not in known:
        known[asked] = list(_entries(current_app.appbuilder.menu.menu))  # type: ignore[attr-defined]
    menu: list[Entry] = known[asked]
    return menu


def _entries(items: list[Any]) -> Iterator[Entry]:
    manager = current_app.appbuilder.sm  # type: ignore[attr-defined]
    for item in items:
        children = tuple(_entries(item.childs))
        is_open = children or (not item.childs and manager.has_access("menu_access", item.name))
        if is_open and item.name != "-" and item.should_render():
            url = "" if item.childs else item.get_url()
            yield Entry(gettext(str(item.label)), url, item.icon, children)


def canteen_settings() -> CanteenSettings:
    """The settings row, read once per request."""
    if "canteen_settings" not in g:
        session = db.session()
        with scope_of(session, EVERYTHING):
            g.canteen_settings = session.scalars(_SETTINGS).one()
        # Out of the session: the end of a transaction would have it read again.
        session.expunge(g.canteen_settings)
    settings: CanteenSettings = g.canteen_settings
    return settings


def service_rules() -> ServiceRules:
    """The rules in force, for this request."""
    return rules_of(canteen_settings())


def letterhead() -> Letterhead:
    """Whose paper our documents are printed on."""
    return letterhead_of(canteen_settings())


def pdf_answer(content: bytes, name: str) -> Response:
    """A document to look at and print; `name` is its file's, without the ending."""
    disposition = {"Content-Disposition": f'inline; filename="{name}.pdf"'}
    return Response(content, mimetype="application/pdf", headers=disposition)


def _variables() -> dict[str, Any]:
    return {
        "canteen": canteen_settings(),
        "navigation": navigation(),
        "help_url": None,
        "account_url": url_for("PasswordView.this_form_get"),
        "reset_url": url_for("PasswordForgottenView.this_form_get"),
    }


def _is_item_visible(app: Flask) -> Any:
    """Flask-AppBuilder's filter, asked for each reader.

    Jinja computes a filter of constants once, for whoever comes first, unless it takes the context.
    """
    stock = app.jinja_env.filters["is_item_visible"]

    @pass_context
    def is_item_visible(_: Context, permission: str, view: str) -> bool:
        return bool(stock(permission, view))

    return is_item_visible


def install(app: Flask) -> None:
    """Offer the canteen, the menu, money and words to every template."""
    app.context_processor(_variables)
    app.jinja_env.filters["is_item_visible"] = _is_item_visible(app)
    app.jinja_env.filters["chf"] = format_chf
    app.jinja_env.filters["label"] = label
    app.jinja_env.filters["way"] = way
    app.jinja_env.globals["audited"] = frozenset(each.__name__ for each in (*AUDITED, *DECIDED))
