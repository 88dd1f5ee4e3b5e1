"""Imports keep what was before, so that they can be undone: not of who is erased."""

from collections.abc import Collection, Mapping

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import ImportLine
from app.privacy.family import Family, entities, rows_of

Records = Mapping[str, Collection[int]]


def records_of(session: Session, family: Family) -> Records:
    """The family's rows as imports name them: by class, their keys."""
    named = _named(session)
    return {
        entity: set(session.scalars(sa.select(table.c.id).where(rows_of(table, family))))
        for entity, table in entities()
        if entity in named
    }


def _named(session: Session) -> set[str]:
    lines = session.scalars(sa.select(ImportLine.records))
    return {str(each["entity"]) for records in lines for each in records}


def forget_values(session: Session, gone: Records) -> None:
    """Lines that made or changed one of the records keep nothing of them."""
    query = sa.select(ImportLine).order_by(ImportLine.id)
    for line in session.scalars(query):
        if any(each["id"] in gone.get(str(each["entity"]), ()) for each in line.records):
            line.records, line.problems = [], []
    session.flush()
