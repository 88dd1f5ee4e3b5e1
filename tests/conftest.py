"""Fixtures: a fresh application on its own copy of a filled database, and a clock to set.

The application is imported by the fixtures that need it, so that the tests of
the pure core are collected and run without it.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import hypothesis
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.database import Postgres, copy_sqlite, create_test_app, running, sqlite_template

# Two busy cores: how long an example takes says nothing.
hypothesis.settings.register_profile("tests", deadline=None, print_blob=True)
hypothesis.settings.load_profile("tests")

ZURICH = ZoneInfo("Europe/Zurich")
A_SCHOOL_MORNING = "2026-11-16 07:30"  # a Monday, before the last call


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip browser tests where there is no browser, except in CI, which must have one."""
    if (
        item.get_closest_marker("browser")
        and not shutil.which("chromium")
        and "CI" not in os.environ
    ):
        pytest.skip("chromium is not installed")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of this run share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def filled_sqlite(run_folder: Path) -> Path:
    return sqlite_template(run_folder)


@pytest.fixture(scope="session")
def postgres(run_folder: Path, testrun_uid: str) -> Iterator[Postgres]:
    pgdata = Path(tempfile.gettempdir()) / f"refectoire-{testrun_uid}"
    server = Postgres(pgdata, run_folder / "postgres.lock")
    yield server
    server.stop()


@pytest.fixture
def sqlite_url(filled_sqlite: Path, tmp_path: Path) -> str:
    """The test's own filled SQLite database."""
    return copy_sqlite(filled_sqlite, tmp_path)


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """The test's own filled PostgreSQL database."""
    with postgres.copy() as url:
        yield url


@pytest.fixture
def app(sqlite_url: str, tmp_path: Path) -> Iterator[Flask]:
    """The application on SQLite; its mails land in `tmp_path / "outbox"`."""
    with running(create_test_app(sqlite_url, tmp_path / "outbox")) as fresh:
        yield fresh


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def app_on(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The application on each kind of database in turn: what holds on one must on the other."""
    url = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    with running(create_test_app(url, tmp_path / "outbox")) as fresh:
        yield fresh


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def shared_app_on(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """As `app_on`, one database for all tests of a module: each keeps to records of its own."""
    folder = tmp_path_factory.mktemp("shared")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = copy_sqlite(request.getfixturevalue("filled_sqlite"), folder)
        else:
            url = stack.enter_context(request.getfixturevalue("postgres").copy())
        yield stack.enter_context(running(create_test_app(url, folder / "outbox")))


@pytest.fixture
def session(app: Flask) -> Iterator[Session]:
    """Reads every row, apart from the application's own sessions.

    No application context stays open: requests would share it, and with it a scope that is not
    theirs. What they changed is seen after `session.rollback()`, which ends the read transaction.
    """
    from app.extensions import db

    with app.app_context():
        engine = db.engine
    with Session(engine) as reading:
        yield reading


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


class FrozenClock:
    """Shows one instant until the test moves it."""

    def __init__(self, shown: str) -> None:
        self.set(shown)

    def set(self, shown: str) -> None:
        """Show this Zurich time, as in "2026-11-16 08:14:59"."""
        self._instant = datetime.fromisoformat(shown).replace(tzinfo=ZURICH).astimezone(UTC)

    def advance(self, step: timedelta) -> None:
        self._instant += step

    def now(self) -> datetime:
        return self._instant


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    """The application's clock, at half past seven on a school day."""
    frozen = FrozenClock(A_SCHOOL_MORNING)
    monkeypatch.setattr("app.clock.now", frozen.now)
    return frozen


@pytest.fixture
def evening(frozen_clock: FrozenClock) -> FrozenClock:
    """Eight o'clock in the evening: the day is closed, the families pay."""
    frozen_clock.set("2026-11-16 20:00")
    return frozen_clock


@pytest.fixture
def books_agree(app_on: Flask) -> Iterator[None]:
    """After the test every balance is the sum of its transfers."""
    from app.extensions import db
    from app.ledger import discrepancies

    yield
    with app_on.app_context(), Session(db.engine) as reading:
        assert discrepancies(reading) == []
