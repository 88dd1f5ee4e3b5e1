"""Append-only tables: the database itself refuses UPDATE and DELETE."""

from typing import Final

from sqlalchemy import Connection, inspect, text

APPEND_ONLY: Final = ("transfer", "booking_change", "audit_entry", "health_access")

_SQLITE = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END
"""
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_POSTGRESQL = """
CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table}
FOR EACH {each} EXECUTE FUNCTION refuse_change()
"""


def names() -> set[str]:
    """The triggers that every migrated SQLite or PostgreSQL database has."""
    return {f"{table}_no_{verb}" for table in APPEND_ONLY for verb in ("update", "delete")}


def create(connection: Connection) -> None:
    """Drop and create every trigger: after a migration, because SQLite's rebuilds lose them."""
    tables = [table for table in APPEND_ONLY if inspect(connection).has_table(table)]
    if connection.dialect.name == "sqlite":
        _create_on_sqlite(connection, tables)
    else:
        _create_on_postgresql(connection, tables)


def _create_on_sqlite(connection: Connection, tables: list[str]) -> None:
    for table in tables:
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}"))
            connection.execute(text(_SQLITE.format(table=table, verb=verb)))


def _create_on_postgresql(connection: Connection, tables: list[str]) -> None:
    connection.execute(text(_POSTGRESQL_FUNCTION))
    for table in tables:
        for verb, each in (("update", "ROW"), ("delete", "ROW"), ("truncate", "STATEMENT")):
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb} ON {table}"))
            connection.execute(text(_POSTGRESQL.format(table=table, verb=verb, each=each)))


def existing(connection: Connection) -> set[str]:
    """The names of the triggers that the database has now."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    return set(connection.execute(text(query)).scalars())
