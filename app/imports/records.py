"""The values of a record as a JSON column keeps them, and back."""

from datetime import date, datetime
from enum import Enum
from typing import Any

import sqlalchemy as sa

from app.columns import UtcDateTime


def kept(value: Any) -> Any:
    """A value that JSON can hold."""
    if isinstance(value, date):  # an instant is one too
        return value.isoformat()
    return value.value if isinstance(value, Enum) else value


def restored(model: type[Any], field: str, value: Any) -> Any:
    """The value that was kept of a column."""
    kind = sa.inspect(model).columns[field].type
    if value is None:
        return None
    if isinstance(kind, UtcDateTime):
        return datetime.fromisoformat(value)
    if isinstance(kind, sa.Date):
        return date.fromisoformat(value)
    if isinstance(kind, sa.Enum) and kind.enum_class is not None:
        return kind.enum_class(value)
    return value
