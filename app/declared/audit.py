"""What was changed, by whom: read only."""

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from wtforms import SelectField

from app.captions import caption, record_caption
from app.declared.audit_values import MODELS, in_words, name_of, names_of, page_of
from app.declared.searching import by_names, family_names, pupil_names, user_names
from app.extensions import db
from app.fields import LineField
from app.filters import Condition, search_by
from app.models import Account, AuditEntry, AuditValue, Booking, BookingChange, Pupil
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


def _kinds() -> list[tuple[str, str]]:
    return sorted(((name, record_caption(name)) for name in MODELS), key=lambda each: each[1])


def _records_of(model: type[Any], column: str) -> Callable[[list[int]], Condition]:
    """The entries of those records, and of every record that points at one of them by `column`."""

    def among(ids: list[int]) -> Condition:
        own = sa.and_(AuditEntry.entity == model.__name__, AuditEntry.entity_id.in_(ids))
        theirs = [
            sa.and_(
                AuditEntry.entity == name,
                AuditEntry.entity_id.in_(sa.select(each.id).where(getattr(each, column).in_(ids))),
            )
            for name, each in MODELS.items()
            if hasattr(each, column)
        ]
        return sa.or_(own, *theirs)

    return among


def _says(text: str) -> Condition:
    return AuditEntry.values.any(
        sa.or_(
            AuditValue.old.icontains(text, autoescape=True),
            AuditValue.new.icontains(text, autoescape=True),
        )
    )


class Entries(Rows):
    """Entries, each with what its record is called now."""

    def get_values(self, lst: Any, list_columns: Any) -> Iterator[dict[str, Any]]:
        names = names_of(lst)
        stored = [name for name in list_columns if name != "record"]
        for entry, values in zip(lst, super().get_values(lst, stored), strict=True):
            values["record"] = names.get((entry.entity, entry.entity_id)) or entry.entity_id
            yield {name: values[name] for name in list_columns}


class AuditView(TableView):
    datamodel = Entries(
        AuditEntry,
        load=[joinedload(AuditEntry.actor)],
        searches={
            "entity": [search_by("eq", lambda name: AuditEntry.entity == name)],
            "actor": by_names(AuditEntry.actor_id.in_, user_names),
            "pupil": by_names(_records_of(Pupil, "pupil_id"), pupil_names),
            "family": by_names(_records_of(Account, "account_id"), family_names),
            "value": [search_by("ct", _says)],
        },
    )
    include_route_methods = READ
    list_title, show_title = _l("Audit"), _l("Change")
    show_template = "people/audit.html"
    list_columns = ["at", "actor", "channel", "entity", "record", "action"]
    show_columns = ["at", "actor", "channel", "entity", "entity_id", "action"]
    label_columns = {"record": _l("Record")}
    search_columns = [
        "entity",
        "entity_id",
        "pupil",
        "family",
        "actor",
        "at",
        "channel",
        "value",
    ]
    search_form_extra_fields = {
        "entity": SelectField(_l("Kind of record"), choices=_kinds),
        "pupil": LineField(_l("Pupil")),
        "family": LineField(_l("Family")),
        "actor": LineField(_l("By")),
        "value": LineField(_l("Old or new value")),
    }
    order_columns = ["at"]
    base_order = ("id", "desc")
    formatters_columns = {"entity": record_caption, "action": _action}

    def name_of(self, item: AuditEntry) -> str:
        """The record."""
        return _("%(kind)s %(number)s", kind=record_caption(item.entity), number=item.entity_id)

    def about(self, item: AuditEntry) -> dict[str, Any]:
        """The record as it is now, and old and new values, field by field."""
        session = db.session()
        query = sa.select(AuditValue).where(AuditValue.entry_id == item.id).order_by(AuditValue.id)
        values = [
            (
                caption(each.field),
                in_words(item.entity, each.field, each.old),
                in_words(item.entity, each.field, each.new),
            )
            for each in session.scalars(query)
        ]
        model = MODELS.get(item.entity)
        record = None if model is None else session.get(model, item.entity_id)
        if record is None:
            return {"values": values}
        return {"values": values, "record": name_of(record), "record_url": page_of(record)}


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
