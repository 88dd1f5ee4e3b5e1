"""The schema: built from nothing on both databases, the same as declared, there and back again."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy.engine.interfaces import ReflectedIndex

from app import triggers
from app.access import EVERYTHING, scope_of
from app.cli import init_canteen
from app.extensions import db
from app.models import CanteenSettings, LedgerAccount
from tests.database import MIGRATIONS, contents, create_test_app, running, sqlite_url

FOLDER = str(MIGRATIONS)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def empty_app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    """The application on a database without any table."""
    folder = tmp_path_factory.mktemp("empty")
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = sqlite_url(folder / "canteen.sqlite")
        else:
            url = stack.enter_context(request.getfixturevalue("postgres").copy("template0"))
        app = stack.enter_context(running(create_test_app(url, folder / "outbox")))
        stack.enter_context(app.app_context())
        yield app


@pytest.fixture(scope="module")
def declared_engine(request: pytest.FixtureRequest, empty_app: Flask) -> Iterator[sa.Engine]:
    """A database made of the models, without any migration."""
    with ExitStack() as stack:
        url = "sqlite://"
        if db.engine.dialect.name == "postgresql":
            url = stack.enter_context(request.getfixturevalue("postgres").copy("template0"))
        engine = sa.create_engine(url)
        stack.callback(engine.dispose)
        db.metadata.create_all(engine)
        yield engine


@pytest.fixture
def migrated(empty_app: Flask) -> Flask:
    upgrade(directory=FOLDER)
    return empty_app


def tables() -> set[str]:
    return set(sa.inspect(db.engine).get_table_names()) - {"alembic_version"}


def test_the_migrations_build_every_declared_table(migrated: Flask) -> None:
    assert tables() == set(db.metadata.tables)


def test_nothing_is_left_to_migrate(migrated: Flask) -> None:
    check(directory=FOLDER)  # exits when the models ask for more


def test_the_triggers_are_those_declared(migrated: Flask) -> None:
    with db.engine.connect() as connection:
        assert triggers.existing(connection) == triggers.declared(connection.dialect.name)


def described(index: ReflectedIndex) -> str:
    options = {name: str(value) for name, value in index["dialect_options"].items()}
    return str({**index, "dialect_options": options})


def shape(engine: sa.Engine) -> dict[str, dict[str, Any]]:
    """Every constraint and index of our tables, with its condition, as the database tells it."""
    inspector = sa.inspect(engine)
    return {
        table: {
            "checks": sorted(
                (c["name"] or "", c["sqltext"]) for c in inspector.get_check_constraints(table)
            ),
            "unique": sorted(str(c) for c in inspector.get_unique_constraints(table)),
            "foreign keys": sorted(str(c) for c in inspector.get_foreign_keys(table)),
            "indexes": sorted(described(index) for index in inspector.get_indexes(table)),
            "columns": sorted((c["name"], c["nullable"]) for c in inspector.get_columns(table)),
        }
        for table in inspector.get_table_names()
        if table != "alembic_version" and not table.startswith("ab_")  # named by itself
    }


def test_the_constraints_are_those_declared(migrated: Flask, declared_engine: sa.Engine) -> None:
    """Alembic compares no CHECKs: this does, with their conditions."""
    assert shape(db.engine) == shape(declared_engine)


def test_the_comparison_sees_checks(declared_engine: sa.Engine) -> None:
    conditions = str(shape(declared_engine)["account"]["checks"])

    assert "ck_account_floor" in conditions
    assert "taken_back" in conditions


def test_users_are_held_to_lower_case_in_the_table_of_flask_appbuilder(migrated: Flask) -> None:
    checks = sa.inspect(db.engine).get_check_constraints("ab_user")

    assert {str(check["name"]) for check in checks} == {
        "ck_ab_user_language",
        "ck_ab_user_lower_case",
    }


def test_init_twice_gives_the_same(migrated: Flask) -> None:
    init_canteen()
    once = contents(migrated)

    init_canteen()

    assert contents(migrated) == once
    with scope_of(db.session(), EVERYTHING):
        assert db.session().get(CanteenSettings, 1) is not None
        assert len(db.session().scalars(sa.select(LedgerAccount)).all()) == 8
    db.session().rollback()


def test_down_to_nothing_and_up_again(migrated: Flask) -> None:
    db.session().close()

    downgrade(directory=FOLDER, revision="base")
    after = tables()
    upgrade(directory=FOLDER)

    assert after == set()
    assert tables() == set(db.metadata.tables)
    with db.engine.connect() as connection:
        assert triggers.existing(connection) == triggers.declared(connection.dialect.name)


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a schema would keep the next start from ever succeeding."""

    def fail(_: Any) -> None:
        raise LookupError

    file = tmp_path / "canteen.sqlite"
    with running(create_test_app(sqlite_url(file), tmp_path)) as app, app.app_context():
        with monkeypatch.context() as broken:
            broken.setattr("app.triggers.create", fail)
            with pytest.raises(LookupError):
                upgrade(directory=FOLDER)
        left = sqlite3.connect(file).execute("SELECT count(*) FROM sqlite_master").fetchone()

        upgrade(directory=FOLDER)

        assert left == (0,)
        assert tables() == set(db.metadata.tables)
