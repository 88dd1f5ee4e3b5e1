"""Files of the database that belong to records of families, and those that no record needs."""

from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy.orm import Session

from app.privacy.family import TABLES, Family, rows_of, tables_of_families


def _pointers(tables: Iterable[sa.Table]) -> Iterator[sa.Column[Any]]:
    """The columns that name a stored file."""
    for table in tables:
        for column in table.columns:
            if any(key.column.table.name == "stored_file" for key in column.foreign_keys):
                yield column


def files_of(session: Session, family: Family) -> frozenset[int]:
    """The files that records of the family name."""
    found: set[int] = set()
    for column in _pointers(tables_of_families()):
        query = sa.select(column).where(column.is_not(None), rows_of(column.table, family))
        found.update(session.scalars(query))
    return frozenset(found)


def delete_unused(session: Session, file_ids: Iterable[int]) -> int:
    """Delete those of the files that no record names any more; how many."""
    file = TABLES["stored_file"]
    used = [
        sa.exists().where(column == file.c.id) for column in _pointers(Model.metadata.sorted_tables)
    ]
    gone = sa.delete(file).where(file.c.id.in_(list(file_ids)), sa.not_(sa.or_(*used)))
    result: Any = session.execute(gone)
    return int(result.rowcount)
