"""Taking an import back: what it made is deleted, what it changed is as before.

Line by line: a line stays, and says why, where something uses by now what it made, or somebody has
changed since what it changed. What a line that stays needs, stays with it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy.orm import Session, selectinload

from app import models
from app.errors import NothingToUndo
from app.imports.records import Record, found_of, in_batches, kept, restored
from app.models import CanteenSettings, CanteenUser, Import, ImportLine
from app.uses import pointers
from app.vocabulary import ImportState

# What points at another record is deleted before it.
_ORDER: Final = (
    "Enrolment",
    "PupilAccount",
    "AccountHolder",
    "LedgerAccount",
    "Account",
    "CanteenUser",
    "Pupil",
    "SchoolClass",
)
_LINKS: Final = frozenset({"ab_user_role", "ab_user_group"})
"""They go with the user."""


@dataclass(frozen=True)
class Hindrance:
    """Why a line stays: the table of what uses it, or the field that somebody has changed."""

    table: str = ""
    field: str = ""
    has_logged_in: bool = False


@dataclass(frozen=True)
class LineUndo:
    """A line that was entered, and what keeps it."""

    line: ImportLine
    hindrances: tuple[Hindrance, ...]


def plan_undo(session: Session, item: Import) -> list[LineUndo]:
    """Which lines would go and which would stay, in their order."""
    lines = _lines(session, item)
    found = _hindrances(session, lines)
    return [LineUndo(line, tuple(found.get(line.line, ()))) for line in lines]


def undo(session: Session, import_id: int, now: datetime) -> tuple[int, int]:
    """Take back every line that nothing holds: how many, and how many stay.

    Raises: NothingToUndo.
    """
    session.get_one(CanteenSettings, 1, with_for_update={"key_share": True})
    item = session.get_one(Import, import_id, with_for_update=True, populate_existing=True)
    if item.state is not ImportState.ENTERED:
        raise NothingToUndo
    planned = plan_undo(session, item)
    going = [each.line for each in planned if not each.hindrances]
    if not going:
        raise NothingToUndo
    _delete(session, (record for line in going for record in _made(line)))
    _restore(session, list(_changed(reversed(going))))
    for line in going:
        line.undone_at = now
    if len(going) == len(planned):
        item.state = ImportState.UNDONE
    session.flush()
    return len(going), len(planned) - len(going)


def _lines(session: Session, item: Import) -> Sequence[ImportLine]:
    """Those that have written something, and were not taken back yet."""
    query = (
        sa.select(ImportLine)
        .where(ImportLine.import_id == item.id, ImportLine.undone_at.is_(None))
        .order_by(ImportLine.line)
    )
    return [line for line in session.scalars(query) if line.records]


def _made(line: ImportLine) -> Iterator[Record]:
    return (_named(each) for each in line.records if "old" not in each)


def _changed(lines: Iterable[ImportLine]) -> Iterator[dict[str, Any]]:
    return (each for line in lines for each in line.records if "old" in each)


def _named(each: Mapping[str, Any]) -> Record:
    return each["entity"], each["id"]


# -- what holds a line -----------------------------------------------------------------------------


def _hindrances(session: Session, lines: Sequence[ImportLine]) -> Mapping[int, list[Hindrance]]:
    found: dict[int, list[Hindrance]] = defaultdict(list)
    owner = {record: line.line for line in lines for record in _made(line)}
    records = found_of(session, map(_named, _changed(lines)))
    for line in lines:
        found[line.line] += _changes_since(line, records)
    for user_id in _logged_in(session, owner):
        found[owner["CanteenUser", user_id]].append(Hindrance(has_logged_in=True))
    uses = _uses(session, owner)
    for record, user in uses:
        if user not in owner:
            _note(found[owner[record]], Hindrance(table=user[0]))
    _spread(found, [(owner[record], owner[user], user) for record, user in uses if user in owner])
    return {line: reasons for line, reasons in found.items() if reasons}


def _note(reasons: list[Hindrance], reason: Hindrance) -> None:
    if reason not in reasons:
        reasons.append(reason)


def _spread(found: Mapping[int, list[Hindrance]], uses: Iterable[tuple[int, int, Record]]) -> None:
    """A line that stays keeps the lines whose records its own need."""
    apart = [each for each in uses if each[0] != each[1]]
    is_more = True
    while is_more:
        is_more = False
        for needed, user_line, user in apart:
            if found[user_line] and not found[needed]:
                found[needed].append(Hindrance(table=user[0]))
                is_more = True


def _changes_since(line: ImportLine, records: Mapping[Record, Any]) -> Iterator[Hindrance]:
    for each in _changed([line]):
        record = records.get(_named(each))
        for name, value in each["new"].items():
            if record is None or kept(getattr(record, name)) != value:
                yield Hindrance(field=name)


def _logged_in(session: Session, records: Iterable[Record]) -> Iterator[int]:
    for _, user_ids in in_batches(each for each in records if each[0] == "CanteenUser"):
        query = sa.select(CanteenUser.id).where(
            CanteenUser.id.in_(user_ids), CanteenUser.last_login.is_not(None)
        )
        yield from session.scalars(query)


def _uses(session: Session, owner: Mapping[Record, int]) -> list[tuple[Record, Record]]:
    """Each record with a row that points at it, of whatever table."""
    found = []
    for entity, ids in in_batches(owner):
        for name, pointing, key in _pointing_at(entity):
            rows = session.execute(sa.select(pointing, key).where(pointing.in_(ids)))
            found += [((entity, target), (name, user)) for target, user in rows]
    return found


def _pointing_at(entity: str) -> Iterator[tuple[str, Any, Any]]:
    """Every foreign key to a table: the name of what holds it, its column, the row's own key."""
    table = sa.inspect(getattr(models, entity)).local_table
    names = {mapper.local_table: mapper.class_.__name__ for mapper in Model.registry.mappers}
    for column in pointers(table):
        user = column.table
        if user.name not in _LINKS:
            yield names.get(user, user.name), column, next(iter(user.primary_key.columns))


# -- taking it back --------------------------------------------------------------------------------


def _delete(session: Session, records: Iterable[Record]) -> None:
    ordered = sorted(records, key=lambda record: _ORDER.index(record[0]))
    for entity, ids in in_batches(ordered):
        for record in _loaded(session, getattr(models, entity), ids):
            session.delete(record)
        session.flush()


def _loaded(session: Session, model: type[Any], ids: Sequence[int]) -> Sequence[Any]:
    """The records with what a deletion would look up for each of them."""
    lists = [
        selectinload(getattr(model, each.key))
        for each in sa.inspect(model).relationships
        if each.uselist
    ]
    query = sa.select(model).where(model.id.in_(ids)).options(*lists)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _restore(session: Session, changed: Sequence[dict[str, Any]]) -> None:
    records = found_of(session, map(_named, changed))
    for each in changed:
        for name, value in each["old"].items():
            record = records[_named(each)]
            setattr(record, name, restored(type(record), name, value))
