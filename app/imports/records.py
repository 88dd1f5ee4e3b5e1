"""Records as a report names them, and their values as a JSON column keeps them, and back."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from enum import Enum
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import models
from app.columns import UtcDateTime

Record: TypeAlias = tuple[str, int]
"""The class of a record and its key."""

_AT_ONCE: Final = 500


def in_batches(records: Iterable[Record]) -> Iterator[tuple[str, Sequence[int]]]:
    """The keys class by class, as many at once as one statement names."""
    wanted: dict[str, list[int]] = defaultdict(list)
    for entity, key in records:
        wanted[entity].append(key)
    for entity, ids in wanted.items():
        for begin in range(0, len(ids), _AT_ONCE):
            yield entity, ids[begin : begin + _AT_ONCE]


def found_of(session: Session, records: Iterable[Record]) -> dict[Record, Any]:
    """Those of the records that there are. Whoever keeps them spares a query for each."""
    return {
        (entity, each.id): each
        for entity, ids in in_batches(records)
        for model in [getattr(models, entity)]
        for each in session.scalars(sa.select(model).where(model.id.in_(ids)))
    }


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
