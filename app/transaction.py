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
from typing import TypeVar

from sqlalchemy import Connection, Engine, event
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
