"""Files of the database that belong to records of families."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.privacy.family import TABLES, Family, rows_of, tables_of_families
from app.uses import pointers

_FILE: Final = TABLES["stored_file"]


def files_of(session: Session, family: Family) -> frozenset[int]:
    """The files that records of the family name."""
    found: set[int] = set()
    tables = set(tables_of_families())
    for column in pointers(_FILE):
        if column.table in tables:
            query = sa.select(column).where(column.is_not(None), rows_of(column.table, family))
            found.update(session.scalars(query))
    return frozenset(found)
