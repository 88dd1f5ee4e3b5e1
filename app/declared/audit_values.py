"""What the audit has stored as text, as its reader knows it: names, words, amounts and days."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from typing import Any, Final

import sqlalchemy as sa
from flask import current_app, url_for

from app.audit import AUDITED, DECIDED
from app.columns import CentsType, UtcDateTime
from app.extensions import db
from app.fields import last_day
from app.labels import label
from app.models import AuditEntry
from app.money import format_chf

MODELS: Final = {model.__name__: model for model in (*AUDITED, *DECIDED)}
_BY_TABLE: Final = {sa.inspect(model).local_table: model for model in MODELS.values()}
_ENDS: Final = frozenset({"valid_until", "ends_on", "decided_until"})
"""Half-open ranges: the day before is the last one that is meant."""

_READERS: Final[tuple[tuple[type[Any], Callable[[str], Any]], ...]] = (
    (CentsType, lambda text: format_chf(int(text))),
    (UtcDateTime, datetime.fromisoformat),
    (sa.Date, date.fromisoformat),
    (sa.Time, time.fromisoformat),
    (sa.Boolean, lambda text: text == str(True)),
)


def in_words(entity: str, field: str, stored: str | None) -> Any:
    """The value of a record's field; the text itself where it is none of its kind any more."""
    model = MODELS.get(entity)
    column = None if model is None else sa.inspect(model).columns.get(field)
    if stored is None or column is None:
        return stored
    try:
        value = _read(column, stored)
    except (ValueError, KeyError):
        return stored
    return last_day(value) if field in _ENDS else value


def _read(column: sa.Column[Any], stored: str) -> Any:
    for key in column.foreign_keys:
        return _name(_BY_TABLE.get(key.column.table), stored)
    if isinstance(column.type, sa.Enum):
        words: Any = column.type.enum_class
        return label(words(stored))
    reader = next((each for kind, each in _READERS if isinstance(column.type, kind)), str)
    return reader(stored)


def _name(model: type[Any] | None, stored: str) -> str:
    record = None if model is None else db.session.get(model, int(stored))
    return stored if record is None else name_of(record) or stored


def names_of(entries: Iterable[AuditEntry]) -> dict[tuple[str, int], str]:
    """What the records of the entries are called now, by kind and number."""
    keys: dict[str, set[int]] = {}
    for entry in entries:
        keys.setdefault(entry.entity, set()).add(entry.entity_id)
    return {
        (kind, record.id): name_of(record)
        for kind, numbers in keys.items()
        if kind in MODELS
        for record in db.session.scalars(
            sa.select(MODELS[kind]).where(MODELS[kind].id.in_(numbers))
        )
    }


def name_of(record: Any) -> str:
    """What a record is called; nothing where it has no name."""
    return str(record) if "__str__" in vars(type(record)) or _is_user(record) else ""


def _is_user(record: Any) -> bool:
    return hasattr(record, "get_full_name")


def page_of(record: Any) -> str | None:
    """Where the reader may look at the record."""
    builder = current_app.appbuilder  # type: ignore[attr-defined]
    for view in builder.baseviews:
        model = getattr(getattr(view, "datamodel", None), "obj", None)
        has_page = model is type(record) and "show" in (view.include_route_methods or ())
        if has_page and builder.sm.has_access("can_show", type(view).__name__):
            return str(url_for(f"{view.endpoint}.show", pk=record.id))
    return None
