"""Append-only tables: the database itself refuses to change, delete or truncate their rows."""

from typing import Final

from sqlalchemy import Connection, inspect, text

APPEND_ONLY: Final = (
    "transfer",
    "booking_change",
    "cash_count",
    "audit_entry",
    "health_access",
    "kitchen_print",
)
# Each verb, and how often its trigger fires.
_VERBS: Final = {
    "sqlite": {"update": "ROW", "delete": "ROW"},
    "postgresql": {"update": "ROW", "delete": "ROW", "truncate": "STATEMENT"},
}
_POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$
"""
_ACTION: Final = {
    "sqlite": "BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END",
    "postgresql": "EXECUTE FUNCTION refuse_change()",
}
_EXISTING: Final = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal",
}


def declared(dialect: str) -> set[str]:
    """The names of the triggers that every migrated database of the dialect has."""
    return {f"{table}_no_{verb}" for table in APPEND_ONLY for verb in _VERBS[dialect]}


def existing(connection: Connection) -> set[str]:
    """The names of the triggers that the database has now."""
    return set(connection.execute(text(_EXISTING[connection.dialect.name])).scalars())


def create(connection: Connection) -> None:
    """Drop and create every trigger: after a migration, because SQLite's rebuilds lose them."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(text(_POSTGRESQL_FUNCTION))
    for table in APPEND_ONLY:
        if inspect(connection).has_table(table):
            for verb, each in _VERBS[dialect].items():
                _create_one(connection, table, verb, each)


def _create_one(connection: Connection, table: str, verb: str, each: str) -> None:
    dialect = connection.dialect.name
    on_table = f" ON {table}" if dialect == "postgresql" else ""
    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{verb}{on_table}"))
    action = _ACTION[dialect].format(table=table)
    connection.execute(
        text(f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} FOR EACH {each} {action}")
    )
