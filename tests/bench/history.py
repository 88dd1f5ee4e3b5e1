"""Ten times the history: every past day, meal, change and transfer again, years earlier."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

TIMES: Final = 10
# Per table: columns that refer to a copied row, and how the others differ from the original's.
_COPIED: Final = {
    "service_day": ((), {"date": "date(date, :shift)", "closed_at": "datetime(closed_at, :shift)"}),
    "booking": (("service_day_id",), {}),
    "booking_change": (("booking_id",), {"changed_at": "datetime(changed_at, :shift)"}),
    "top_up": (
        (),
        {
            "request_id": "request_id || :mark",
            "made_at": "datetime(made_at, :shift)",
            "credited_at": "datetime(credited_at, :shift)",
        },
    ),
    "transfer": (
        ("booking_id", "reverses_id"),
        {
            "operation_id": "operation_id || :mark",
            "recorded_at": "datetime(recorded_at, :shift)",
            "booked_on": "date(booked_on, :shift)",
        },
    ),
}
_PAST_DAYS: Final = "SELECT id FROM service_day WHERE closed_at IS NOT NULL"
_PAST: Final = {
    "service_day": f"id IN ({_PAST_DAYS})",
    "booking": f"service_day_id IN ({_PAST_DAYS})",
    "booking_change": (
        f"booking_id IN (SELECT id FROM booking WHERE service_day_id IN ({_PAST_DAYS}))"
    ),
    "top_up": "state = 'credited'",
    "transfer": "TRUE",
}
_REFERS_TO: Final = {
    "service_day_id": "service_day",
    "booking_id": "booking",
    "reverses_id": "transfer",
}


def multiply(database: Path) -> None:
    """Copy the history of an SQLite database TIMES - 1 times; its balances grow along."""
    with closing(sqlite3.connect(database)) as connection:
        span = connection.execute(
            "SELECT julianday(max(date)) - julianday(min(date)) FROM service_day"
        ).fetchone()[0]
        weeks = int(span) // 7 + 1
        last = {
            table: connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]
            for table in _COPIED
        }
        for table in _COPIED:
            connection.execute(
                f"CREATE TEMP TABLE past_{table} AS SELECT * FROM {table} WHERE {_PAST[table]}"
            )
        for copy in range(1, TIMES):
            given = {"shift": f"-{7 * weeks * copy} days", "mark": f"~{copy}"}
            for table in _COPIED:
                connection.execute(_insert(connection, table, last, copy), given)
        connection.execute(
            f"UPDATE account SET balance = {TIMES} * balance, tolerance = {TIMES} * tolerance"
        )
        connection.commit()


def _insert(connection: sqlite3.Connection, table: str, last: dict[str, int], copy: int) -> str:
    references, changed = _COPIED[table]
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    values = {"id": f"id + {copy * last[table]}"} | changed
    values |= {name: f"{name} + {copy * last[_REFERS_TO[name]]}" for name in references}
    chosen = ", ".join(values.get(column, column) for column in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {chosen} FROM past_{table}"
