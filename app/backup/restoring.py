"""Restore a backup: all of it, proved, or nothing."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app import schema, triggers
from app.backup.archive import Archive, columns_of, read_all, reader_of, tables, unpacked
from app.backup.figures import Figures, figures_of
from app.backup.refusals import (
    BackupOfOtherVersion,
    BackupRefused,
    BackupUnreadable,
    DatabaseHoldsData,
    DatabaseInUse,
    SchemaOutdated,
)
from app.backup.sealing import check_key
from app.logs import first_line
from app.transaction import replacement

# What `flask canteen init`, a worker and a stranger at the login page leave in a new database.
_NO_DATA: Final = frozenset(
    {"ab_role", "audit_entry", "audit_value", "canteen_settings", "ledger_account"}
    | {"job", "login_attempt"}
)

_BUSY: Final = frozenset({"SQLITE_BUSY", "55P03"})  # 55P03: lock_not_available

_logger: Final = logging.getLogger(__name__)


def restore_backup(path: Path, secret: str, *, replace: bool) -> Archive:
    """Make the database what it was when the backup was taken; what was restored.

    The file is read to its end before anything is touched, and once more while it is written; the
    figures are asked of the database before the commit. `replace`: give up what is there.
    Raises: what `app.backup.refusals` names; the database is then as it was.
    """
    check_key(secret)
    with _opened(path) as file:
        _examine(file, secret)
        with unpacked(file, secret) as lines:
            archive = Archive(lines)
            _replace(archive, replace=replace)
    return archive


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupUnreadable(str(path), error.strerror or "") from error
    with file:
        yield file


def _examine(file: BinaryIO, secret: str) -> None:
    """Raises: whatever makes the file no backup of these tables."""
    archive, head = read_all(file, secret), schema.head()
    declared = {table.name: columns_of(table) for table in tables()}
    if archive.head.schema != head or archive.tables != declared:
        raise BackupOfOtherVersion(archive.head.schema, head)


def _replace(archive: Archive, *, replace: bool) -> None:
    try:
        with _replacement() as connection:
            _check_target(connection, replace=replace)
            triggers.drop(connection)
            _empty(connection)
            _fill(connection, archive)
            triggers.create(connection)
            _prove(connection, archive.figures)
    except (SQLAlchemyError, ValueError, TypeError) as error:
        _logger.error("the database refused the backup: %s", first_line(error))  # noqa: TRY400
        raise BackupRefused from error


@contextmanager
def _replacement() -> Iterator[sa.Connection]:
    with ExitStack() as stack:
        try:
            connection = stack.enter_context(replacement())
        except (OperationalError, sqlite3.OperationalError) as error:
            cause: Any = getattr(error, "orig", error)
            if _BUSY.isdisjoint(
                {getattr(cause, name, None) for name in ("sqlite_errorname", "sqlstate")}
            ):
                raise
            raise DatabaseInUse from error
        yield connection


def _check_target(connection: sa.Connection, *, replace: bool) -> None:
    SchemaOutdated.check(schema.reached(connection))
    if not replace and any(_has_rows(connection, table) for table in tables()):
        raise DatabaseHoldsData


def _has_rows(connection: sa.Connection, table: sa.Table) -> bool:
    query = sa.select(sa.literal(1)).select_from(table).limit(1)
    return table.name not in _NO_DATA and connection.scalar(query) is not None


def _empty(connection: sa.Connection) -> None:
    if connection.dialect.name == "postgresql":
        names = ", ".join(f'"{table.name}"' for table in tables())
        connection.execute(sa.text(f"TRUNCATE {names}"))
        return
    for table in reversed(tables()):
        connection.execute(sa.delete(table))


def _fill(connection: sa.Connection, archive: Archive) -> None:
    """Raises: BackupDamaged when the file is no longer what it was."""
    known = {table.name: (table, reader_of(table)) for table in tables()}
    for name, rows in archive.batches():
        table, read = known[name]
        if rows:
            connection.execute(sa.insert(table), [read(row) for row in rows])
    if connection.dialect.name == "postgresql":
        _go_on_counting(connection)


def _go_on_counting(connection: sa.Connection) -> None:
    """The sequences give the ids after those that are there."""
    for table in tables():
        if "id" in table.columns:
            sequence = sa.func.pg_get_serial_sequence(table.name, "id")
            following = sa.func.coalesce(sa.func.max(table.columns.id), 0) + 1
            connection.execute(sa.select(sa.func.setval(sequence, following, False)))  # noqa: FBT003


def _prove(connection: sa.Connection, figures: Figures | None) -> None:
    """Raises: BackupRefused when the database does not hold what the file does."""
    dialect = connection.dialect.name
    is_whole = triggers.existing(connection) == triggers.declared(dialect)
    if dialect == "sqlite":
        is_whole &= not connection.execute(sa.text("PRAGMA foreign_key_check")).first()
    if not is_whole or figures_of(connection) != figures:
        raise BackupRefused
