"""What uses a record, by name: asked before it is deleted or archived, of every foreign key."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy.orm import Session

from app.captions import record_caption
from app.refusals import UsedBy

SHOWN: Final = 3
# Notes of what was: they go with the record, or stay and say nothing that is in use.
_TRACES: Final = frozenset({"AuditEntry", "AuditValue", "HealthAccess"})


def refuse_if_used(
    session: Session,
    model: type[Any],
    ids: Collection[int],
    ignoring: Mapping[type[Any], Collection[int]] | None = None,
) -> None:
    """Raises: UsedBy, with how many records of each kind refer to these, and some of their names.

    `ignoring` are records that go at the same time.
    """
    used = _references(model, ids, ignoring or {})
    found = [
        _named(session, user, wanted) for user, wanted in used if _is_any(session, user, wanted)
    ]
    if found:
        raise UsedBy("; ".join(found))


def pointers(table: sa.FromClause) -> Iterator[sa.Column[Any]]:
    """Every column that points at the table."""
    for each in Model.metadata.tables.values():
        for key in each.foreign_keys:
            if key.column.table is table:
                yield key.parent


def refuse_if_any(session: Session, model: type[Any], *conditions: sa.ColumnElement[bool]) -> None:
    """Raises: UsedBy, if there are records of the model for which all of this holds."""
    wanted = sa.and_(*conditions)
    if _is_any(session, model, wanted):
        raise UsedBy(_named(session, model, wanted))


def _is_any(session: Session, model: type[Any], wanted: sa.ColumnElement[bool]) -> bool:
    return session.scalars(sa.select(model).where(wanted).limit(1)).first() is not None


def _references(
    model: type[Any], ids: Collection[int], ignoring: Mapping[type[Any], Collection[int]]
) -> Iterable[tuple[type[Any], sa.ColumnElement[bool]]]:
    """Each model that points here, and which of its rows point at these."""
    columns = defaultdict(list)
    for column in pointers(sa.inspect(model).local_table):
        columns[column.table].append(column)
    for mapper in sorted(Model.registry.mappers, key=lambda each: each.class_.__name__):
        user, own = mapper.class_, columns.get(mapper.local_table)
        if own is None or mapper.inherits or user.__name__ in _TRACES:
            continue
        named = (mapper.get_property_by_column(column).key for column in own)
        pointing = sa.or_(*(getattr(user, name).in_(ids) for name in named))
        going = ignoring.get(user)
        yield user, sa.and_(pointing, user.id.not_in(going)) if going else pointing


def _named(session: Session, model: type[Any], wanted: sa.ColumnElement[bool]) -> str:
    """« Pupil: 12 (Zoé Müller, Jean Roth, …) »."""
    count = session.scalar(sa.select(sa.func.count()).select_from(model).where(wanted))
    query = sa.select(model).where(wanted).order_by(*sa.inspect(model).primary_key).limit(SHOWN)
    names = [name for each in session.scalars(query) if (name := _name(each))]
    more = ["…"] if names and len(names) < (count or 0) else []
    shown = f" ({', '.join([*names, *more])})" if names else ""
    return f"{record_caption(model.__name__)}: {count}{shown}"


def _name(record: Any) -> str:
    """What people call it; a record without a name is called after the pupil that it is of."""
    if "__str__" in vars(type(record)):
        return str(record)
    pupil = getattr(record, "pupil", None)
    return "" if pupil is None else str(pupil)
