"""The one way to write.

`with transaction(actor) as session:` ends the read transaction, takes the write lock, lets services
see every row, says who acts, and commits once. Nothing slow belongs inside: no page is rendered, no
password hashed, no mail sent.
"""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine, event, inspect
from sqlalchemy.orm import Session

from app import clock
from app.access import EVERYTHING, Actor, scope_of
from app.extensions import db

Answer = TypeVar("Answer")

_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "recursive_triggers=ON",  # without it INSERT OR REPLACE deletes append-only rows unseen
    "busy_timeout=10000",
)

PATIENCE: Final = 10.0  # seconds that a restore waits for others, as every connection above does


@contextmanager
def transaction(actor: Actor) -> Iterator[Session]:
    """One unit of work: all of it is committed at the end, or none of it is.

    Raises: RuntimeError when one is under way already; what the body raises, after the rollback.
    """
    session: Session = db.session()
    if session.info.get("writing"):
        message = "a transaction is under way already"
        raise RuntimeError(message)
    session.rollback()
    with _turn(session), scope_of(session, EVERYTHING):
        session.info.update(writing=True, actor=actor)
        try:
            session.connection(execution_options={"writing": True})
            yield session
            session.commit()
        except BaseException:
            session.rollback()
            raise
        finally:
            session.info.update(writing=False, actor=None)


@contextmanager
def replacement() -> Iterator[Connection]:
    """Everything anew, for a restore alone: nobody else writes, and no row is limited.

    References between rows are asked at the end, so that they may come in any order. All of it is
    committed, or nothing. Raises: OperationalError when others hold on to the database.
    """
    session: Session = db.session()
    session.rollback()
    with _turn(session), db.engine.connect() as connection, _references_later(connection):
        yield connection


@contextmanager
def _references_later(connection: Connection) -> Iterator[None]:
    connection.execution_options(writing=True)
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.driver_connection
        raw.execute(f"PRAGMA busy_timeout={PATIENCE * 1000:.0f}")
        raw.execute("PRAGMA foreign_keys=OFF")  # cannot be set inside a transaction
        try:
            with connection.begin():
                yield
        finally:
            raw.execute("PRAGMA foreign_keys=ON")
        return
    with connection.begin():
        _take_all(connection)
        own = _own_references(connection)
        for each in own:
            connection.exec_driver_sql(f"{each} DEFERRABLE INITIALLY DEFERRED")
        yield
        connection.exec_driver_sql("SET CONSTRAINTS ALL IMMEDIATE")
        for each in own:
            connection.exec_driver_sql(f"{each} NOT DEFERRABLE")


def _take_all(connection: Connection) -> None:
    names = ", ".join(f'"{table.name}"' for table in db.metadata.sorted_tables)
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {PATIENCE * 1000:.0f}")
    connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")


def _own_references(connection: Connection) -> list[str]:
    """How to alter each foreign key by which a table refers to itself."""
    inspector = inspect(connection)
    return [
        f'ALTER TABLE "{table.name}" ALTER CONSTRAINT "{key["name"]}"'
        for table in db.metadata.sorted_tables
        for key in inspector.get_foreign_keys(table.name)
        if key["referred_table"] == table.name
    ]


def look(query: Callable[[Session, datetime], Answer]) -> Answer:
    """What a job asks before it writes: of every row, afresh, outside any transaction."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        session.rollback()
        try:
            return query(session, clock.now())
        finally:
            session.rollback()


def _turn(session: Session) -> AbstractContextManager[None]:
    """SQLite's waiting is unfair: writers queue on a lock file beside the database."""
    url = session.get_bind().engine.url
    if url.get_backend_name() != "sqlite" or not url.database or url.database == ":memory:":
        return nullcontext()
    return _queue(Path(f"{url.database}.lock"))


@contextmanager
def _queue(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def prepare(engine: Engine) -> None:
    """Make an SQLite engine safe for money: WAL, real fsync, foreign keys, explicit BEGIN."""
    if engine.dialect.name != "sqlite":
        return
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)


def _configure(connection: object, _: object) -> None:
    connection.isolation_level = None  # type: ignore[attr-defined]
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def _begin(connection: Connection) -> None:
    is_writing = connection.get_execution_options().get("writing")
    driver = connection.connection.driver_connection
    driver.execute("BEGIN IMMEDIATE" if is_writing else "BEGIN")  # type: ignore[union-attr]
