"""The menu: every view's place, by the work that people come for.

An entry's name is its view's name, so that the role table in security.py opens both together.
"""

from typing import Any

from flask_appbuilder import AppBuilder
from flask_babel import lazy_gettext as _l

from app.declared.bookings import BookingListView
from app.declared.money import ReceiptView, TopUpView, TransferView
from app.declared.office import MailView
from app.declared.service import ProductionView, TodayView
from app.pages.agenda import AgendaView
from app.pages.endpoints import HealthView
from app.pages.repeat import RepeatView
from app.pages.till import TillView

# View, label, icon. Order is the order of the menu.
PORTAL: list[tuple[Any, Any, str]] = [
    (AgendaView, _l("Agenda"), "calendar"),
]
SERVICE: list[tuple[Any, Any, str]] = [
    (TillView, _l("Till"), "cash"),
    (TodayView, _l("Today’s list"), "list"),
    (ProductionView, _l("Kitchen"), "utensils"),
    (BookingListView, _l("Bookings"), "calendar"),
]
PEOPLE: list[tuple[Any, Any, str]] = []
MONEY: list[tuple[Any, Any, str]] = [
    (ReceiptView, _l("Receipts"), "receipt"),
    (TopUpView, _l("Top-ups"), "wallet"),
    (TransferView, _l("Journal"), "bank"),
]
SCHOOL: list[tuple[Any, Any, str]] = []
OFFICE: list[tuple[Any, Any, str]] = [
    (MailView, _l("Mails"), "mail"),
]
# Reached from other pages only.
HIDDEN: list[Any] = [HealthView, RepeatView]

_SECTIONS = [
    ("", "", PORTAL),
    ("service", _l("Service"), SERVICE),
    ("people", _l("Families"), PEOPLE),
    ("money", _l("Money"), MONEY),
    ("school", _l("School"), SCHOOL),
    ("office", _l("Office"), OFFICE),
]


def register(builder: AppBuilder) -> None:
    """Every view and every menu entry."""
    for section, title, entries in _SECTIONS:
        for view, label, icon in entries:
            builder.add_view(
                view,
                view.__name__,
                label=label,
                icon=icon,
                category=section,
                category_label=title,
            )
    for view in HIDDEN:
        builder.add_view_no_menu(view)
