"""What the database itself refuses, whoever writes to it.

Append-only tables: to change, delete or truncate their rows. The journal: a transfer into a closed
accounting month.
"""

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
_CLOSED: Final = "transfer_no_closed_period"
_IS_CLOSED: Final = """EXISTS (SELECT 1 FROM period WHERE state = 'closed'
AND starts_on <= NEW.booked_on AND NEW.booked_on < ends_on)"""
_CLOSED_FUNCTION: Final = f"""
CREATE OR REPLACE FUNCTION refuse_closed_period() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN IF {_IS_CLOSED} THEN RAISE EXCEPTION 'the period is closed'; END IF; RETURN NEW; END $$
"""
_CLOSED_ACTION: Final = {
    "sqlite": f"WHEN {_IS_CLOSED} BEGIN SELECT RAISE(ABORT, 'the period is closed'); END",
    "postgresql": "EXECUTE FUNCTION refuse_closed_period()",
}
# Each trigger, and its table.
_EXISTING: Final = {
    "sqlite": "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT tgname, tgrelid::regclass FROM pg_trigger WHERE NOT tgisinternal",
}


def declared(dialect: str) -> set[str]:
    """The names of the triggers that every migrated database of the dialect has."""
    append_only = {f"{table}_no_{verb}" for table in APPEND_ONLY for verb in _VERBS[dialect]}
    return append_only | {_CLOSED}


def existing(connection: Connection) -> set[str]:
    """The names of the triggers that the database has now."""
    return {trigger for trigger, _ in _found(connection)}


def drop(connection: Connection) -> None:
    """Drop every trigger: for a restore alone, which creates them again before its commit."""
    for trigger, table in _found(connection):
        _drop(connection, trigger, table)


def _found(connection: Connection) -> list[tuple[str, str]]:
    rows = connection.execute(text(_EXISTING[connection.dialect.name]))
    return [(trigger, table) for trigger, table in rows]


def create(connection: Connection) -> None:
    """Drop and create every trigger: after a migration, because SQLite's rebuilds lose them."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.execute(text(_POSTGRESQL_FUNCTION))
    for table in APPEND_ONLY:
        if inspect(connection).has_table(table):
            for verb, each in _VERBS[dialect].items():
                _create_one(connection, table, verb, each)
    if inspect(connection).has_table("period"):
        _close_periods(connection, dialect)


def _close_periods(connection: Connection, dialect: str) -> None:
    if dialect == "postgresql":
        connection.execute(text(_CLOSED_FUNCTION))
    _drop(connection, _CLOSED, "transfer")
    action = f"BEFORE INSERT ON transfer FOR EACH ROW {_CLOSED_ACTION[dialect]}"
    connection.execute(text(f"CREATE TRIGGER {_CLOSED} {action}"))


def _drop(connection: Connection, trigger: str, table: str) -> None:
    on_table = f" ON {table}" if connection.dialect.name == "postgresql" else ""
    connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger}{on_table}"))


def _create_one(connection: Connection, table: str, verb: str, each: str) -> None:
    dialect = connection.dialect.name
    _drop(connection, f"{table}_no_{verb}", table)
    action = _ACTION[dialect].format(table=table)
    connection.execute(
        text(f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} FOR EACH {each} {action}")
    )
