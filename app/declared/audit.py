"""What was changed, by whom: read only."""

from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from wtforms import SelectField

from app.captions import TABLES, caption
from app.declared.searching import by_names, pupil_names, user_names
from app.extensions import db
from app.fields import LineField
from app.filters import search_by
from app.models import AuditEntry, AuditValue, Booking, BookingChange
from app.rows import READ, Rows, TableView

_ACTIONS = {
    "add": _l("Added"),
    "edit": _l("Changed"),
    "delete": _l("Deleted"),
    "export": _l("Handed out"),
    "erase": _l("Erased for ever"),
}


def _action(stored: str) -> str:
    return str(_ACTIONS[stored])


def _table(stored: str) -> str:
    return str(TABLES.get(stored, stored))


class AuditView(TableView):
    datamodel = Rows(
        AuditEntry,
        load=[joinedload(AuditEntry.actor)],
        searches={
            "entity": [search_by("eq", lambda name: AuditEntry.entity == name)],
            "actor": by_names(AuditEntry.actor_id.in_, user_names),
        },
    )
    include_route_methods = READ
    list_title, show_title = _l("Audit"), _l("Change")
    show_template = "people/audit.html"
    list_columns = ["at", "actor", "channel", "entity", "entity_id", "action"]
    show_columns = list_columns
    search_columns = ["entity", "entity_id", "actor", "at", "channel"]
    search_form_extra_fields = {
        "entity": SelectField(_l("Kind of record"), choices=lambda: list(TABLES.items())),
        "actor": LineField(_l("By")),
    }
    order_columns = ["at"]
    base_order = ("id", "desc")
    formatters_columns = {"entity": _table, "action": _action}

    def name_of(self, item: AuditEntry) -> str:
        """The record."""
        return _("%(kind)s %(number)s", kind=_table(item.entity), number=item.entity_id)

    def about(self, item: AuditEntry) -> dict[str, Any]:
        """Old and new values, field by field."""
        query = sa.select(AuditValue).where(AuditValue.entry_id == item.id).order_by(AuditValue.id)
        return {"values": db.session().scalars(query).all(), "caption": caption}


class BookingHistoryView(TableView):
    datamodel = Rows(
        BookingChange,
        load=[
            joinedload(BookingChange.actor),
            joinedload(BookingChange.booking).options(
                joinedload(Booking.pupil), joinedload(Booking.service_day)
            ),
        ],
        searches={
            "pupil": by_names(
                lambda ids: BookingChange.booking.has(Booking.pupil_id.in_(ids)), pupil_names
            )
        },
    )
    include_route_methods = READ
    list_title, show_title = _l("Changes of meals"), _l("Change of a meal")
    list_columns = [
        "changed_at",
        "booking.pupil",
        "booking.service_day.date",
        "old_state",
        "new_state",
        "actor",
        "channel",
        "reason",
    ]
    show_columns = [*list_columns, "attendance", "is_late"]
    search_columns = ["pupil", "changed_at", "new_state", "channel", "reason"]
    search_form_extra_fields = {"pupil": LineField(_l("Pupil"))}
    order_columns = ["changed_at"]
    base_order = ("id", "desc")
    label_columns = {
        "changed_at": _l("When"),
        "booking.pupil": _l("Pupil"),
        "booking.service_day.date": _l("Day"),
        "old_state": _l("Before"),
        "new_state": _l("After"),
    }
