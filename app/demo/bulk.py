"""Rows written in bulk, past the audit: the demo's people are nobody's change."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

Row = dict[str, Any]


def insert(session: Session, model: Any, rows: Sequence[Row]) -> list[int]:
    """Insert rows that have the same keys; their ids in the order of the rows."""
    if not rows:
        return []
    table: sa.Table = model.__table__
    statement = sa.insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, rows))


def insert_one(session: Session, model: Any, **row: Any) -> int:
    """Insert one row; its id."""
    return insert(session, model, [row])[0]


def insert_quietly(session: Session, table: Any, rows: Sequence[Row]) -> None:
    """Insert many rows whose ids nobody needs."""
    if rows:
        session.execute(sa.insert(table), rows)
