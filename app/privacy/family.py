"""A family as data: whose rows are whose, found along the columns that the inventory names."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy.orm import Session

from app import models
from app.privacy.inventory import INVENTORY

Condition = sa.ColumnElement[bool]
TABLES: Final = Model.metadata.tables
_USER, _ACCOUNT, _PUPIL = "ab_user", "account", "pupil"
# How an audited value names a person or an account, by the field.
_NAMED_BY: Final = {"user_id": _USER, "account_id": _ACCOUNT, "pupil_id": _PUPIL}


@dataclass(frozen=True)
class Family:
    """The ids of accounts, of their holders, and of the children they pay for."""

    account_ids: frozenset[int]
    user_ids: frozenset[int]
    pupil_ids: frozenset[int]

    def ids_in(self, table: str) -> frozenset[int] | None:
        """The family's own rows of one of the three tables; None of another table."""
        return {_ACCOUNT: self.account_ids, _USER: self.user_ids, _PUPIL: self.pupil_ids}.get(table)


def family_of(session: Session, account_id: int) -> Family:
    """Everybody who ever held the account, and every child it may pay for."""
    holders = sa.select(models.AccountHolder.user_id).where(
        models.AccountHolder.account_id == account_id
    )
    children = sa.select(models.PupilAccount.pupil_id).where(
        models.PupilAccount.account_id == account_id
    )
    return Family(
        frozenset({account_id}),
        frozenset(session.scalars(holders)),
        frozenset(session.scalars(children)),
    )


def tables_of_families() -> Iterator[sa.Table]:
    """The tables that hold rows of families; whatever a row points at comes before it."""
    for table in Model.metadata.sorted_tables:
        holding = INVENTORY.get(table.name)
        if holding is not None and holding.of:
            yield table


def rows_of(table: sa.Table, family: Family) -> Condition:
    """Which rows of the table are the family's.

    A row that is found by its pupil but names another household's account is that household's.
    """
    if table.name == "audit_entry":
        return _audited(table, family)
    found = sa.or_(*(_is_own(table.c[name], family) for name in INVENTORY[table.name].of.split()))
    account = table.c.get("account_id")
    if account is None or not account.nullable:
        return found
    return sa.and_(found, sa.or_(account.is_(None), account.in_(family.account_ids)))


def _is_own(column: sa.Column[Any], family: Family) -> Condition:
    if column.name == "id":
        return column.in_(family.ids_in(column.table.name) or ())
    (key,) = column.foreign_keys
    target = key.column.table
    ids = family.ids_in(target.name)
    if ids is not None:
        return column.in_(ids)
    return column.in_(sa.select(key.column).where(rows_of(target, family)))


def _audited(entry: sa.Table, family: Family) -> Condition:
    """Changes of the family's rows, and of rows that once named it and may be gone."""
    value, other = TABLES["audit_value"], entry.alias()
    named = [
        sa.and_(value.c.field == field, _is_named(value, family.ids_in(table) or ()))
        for field, table in _NAMED_BY.items()
    ]
    once_named = (
        sa.select(other.c.entity, other.c.entity_id)
        .join(value, value.c.entry_id == other.c.id)
        .where(sa.or_(*named))
    )
    of_rows = [
        sa.and_(
            entry.c.entity == entity,
            entry.c.entity_id.in_(sa.select(table.c.id).where(rows_of(table, family))),
        )
        for entity, table in entities()
    ]
    return sa.or_(sa.tuple_(entry.c.entity, entry.c.entity_id).in_(once_named), *of_rows)


def _is_named(value: sa.Table, ids: Iterable[int]) -> Condition:
    written = [str(each) for each in ids]
    return sa.or_(value.c.old.in_(written), value.c.new.in_(written))


def entities() -> Iterator[tuple[str, sa.Table]]:
    """The class name, as an entry keeps it, of each table with rows of families and one key."""
    names = {
        mapper.local_table.name: mapper.class_.__name__
        for mapper in Model.registry.mappers
        if mapper.class_.__module__ == models.__name__
    }
    for table in tables_of_families():
        if table.name in names and "id" in table.c and not table.name.startswith("audit_"):
            yield names[table.name], table
