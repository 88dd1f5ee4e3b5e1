"""A restore does all of it, or leaves the database as it was and says why in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy.exc import DatabaseError

from app import triggers
from app.access import EVERYTHING, scope_of
from app.backup import restore_backup, take_backup
from app.backup.refusals import (
    BackupDamaged,
    BackupKeyWrong,
    BackupOfOtherVersion,
    BackupRefused,
    BackupSealed,
    BackupUnreadable,
    DatabaseHoldsData,
    DatabaseInUse,
    NotABackup,
    SchemaOutdated,
)
from app.cli import init_canteen
from app.errors import Refusal
from app.extensions import db
from app.ledger import discrepancies
from tests.database import MIGRATIONS, contents, create_test_app, running, sqlite_url
from tests.factories import make_family
from tests.sessions import writing

KEY = "a key of more than twenty characters"
NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)


@pytest.fixture
def backup(app_on: Flask, tmp_path: Path) -> Path:
    """Of a canteen with one family; afterwards there are two."""
    return back_up(app_on, tmp_path / "backups")


@pytest.fixture
def backup_of_sqlite(app: Flask, tmp_path: Path) -> Path:
    return back_up(app, tmp_path / "backups")


def back_up(app: Flask, folder: Path, secret: str = KEY) -> Path:
    with writing(app) as session:
        make_family(session, balance=1234)
    with app.app_context():
        path = take_backup(folder, secret, NOON).path
    with writing(app) as session:
        make_family(session, balance=99)
    return path


def total_of_balances() -> int:
    with db.engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT sum(balance) FROM account")).scalar_one())


@contextmanager
def refused(app: Flask, refusal: type[Refusal]) -> Iterator[None]:
    """The refusal is raised, and the database, with its triggers, is as it was."""
    before = contents(app)
    with app.app_context(), pytest.raises(refusal):
        yield
    assert contents(app) == before
    with app.app_context(), db.engine.connect() as connection:
        assert triggers.existing(connection) == triggers.declared(connection.dialect.name)


def test_a_database_that_holds_data_is_given_up_only_when_it_is_said(
    app_on: Flask, backup: Path
) -> None:
    with refused(app_on, DatabaseHoldsData):
        restore_backup(backup, KEY, replace=False)

    with app_on.app_context():
        restored = restore_backup(backup, KEY, replace=True)

    assert restored.head.taken_at == NOON
    with app_on.app_context(), scope_of(db.session(), EVERYTHING):
        assert discrepancies(db.session()) == []
        assert total_of_balances() == 1234
    with writing(app_on) as session:
        make_family(session, balance=5)
    with app_on.app_context(), pytest.raises(DatabaseError, match="append-only"):
        db.session().connection().execute(sa.text("DELETE FROM transfer"))


def test_a_new_database_takes_it_without_being_asked_twice(
    backup_of_sqlite: Path, tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path / "new.sqlite")
    with running(create_test_app(url, tmp_path)) as new, new.app_context():
        with pytest.raises(SchemaOutdated):
            restore_backup(backup_of_sqlite, KEY, replace=False)
        upgrade(directory=str(MIGRATIONS))
        init_canteen()

        restore_backup(backup_of_sqlite, KEY, replace=False)

        assert total_of_balances() == 1234


def test_another_key_no_key_and_no_backup_are_told_apart(
    app: Flask, backup_of_sqlite: Path, tmp_path: Path
) -> None:
    for refusal, path, secret in (
        (BackupKeyWrong, backup_of_sqlite, "another key of more than twenty"),
        (BackupSealed, backup_of_sqlite, ""),
        (NotABackup, tmp_path / "canteen.sqlite", KEY),
        (BackupUnreadable, tmp_path / "nothing", KEY),
    ):
        with refused(app, refusal):
            restore_backup(path, secret, replace=True)


@pytest.mark.parametrize("secret", ["", KEY])
def test_a_file_that_was_altered_or_cut_off_anywhere_is_refused(
    app: Flask, tmp_path: Path, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.backup.sealing.CHUNK", 1024)
    whole = back_up(app, tmp_path / "backups", secret).read_bytes()
    spoilt, random = tmp_path / "spoilt", Random(7)
    places = {random.randrange(60, len(whole)) for _ in range(4)}
    before = contents(app)

    for place in places | {len(whole) - 1}:
        altered = bytearray(whole)
        altered[place] ^= 1 << random.randrange(8)
        for content in (bytes(altered), whole[:place]):
            spoilt.write_bytes(content)
            with app.app_context(), pytest.raises(BackupDamaged):
                restore_backup(spoilt, secret, replace=True)

    assert contents(app) == before


def test_what_was_added_is_refused(app: Flask, tmp_path: Path) -> None:
    path = back_up(app, tmp_path / "backups", "")
    path.write_bytes(path.read_bytes() * 2)

    with refused(app, BackupDamaged):
        restore_backup(path, "", replace=True)


def test_a_backup_of_other_tables_is_refused(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = back_up(app, tmp_path / "backups", "")

    with monkeypatch.context() as later:
        later.setattr("app.schema.head", lambda: "0002")
        with refused(app, BackupOfOtherVersion):
            restore_backup(path, "", replace=True)
    monkeypatch.setattr("app.backup.restoring.columns_of", lambda _: ["id"])
    with refused(app, BackupOfOtherVersion):
        restore_backup(path, "", replace=True)


def test_a_restore_that_fails_in_the_middle_leaves_the_old_database(
    app_on: Flask, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("app.backup.restoring.figures_of", lambda _: None)
        with refused(app_on, BackupRefused):
            restore_backup(backup, KEY, replace=True)

    def forget_the_time(_: object) -> Any:
        return lambda row: {"id": row[0]}

    monkeypatch.setattr("app.backup.restoring.reader_of", forget_the_time)
    with refused(app_on, BackupRefused):
        restore_backup(backup, KEY, replace=True)


def test_a_database_that_others_hold_is_left_to_them(
    app_on: Flask, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.transaction.PATIENCE", 0.2)
    with app_on.app_context():
        other = db.engine.connect().execution_options(writing=True)
    other.execute(sa.text("UPDATE canteen_settings SET phone = '1'"))

    try:
        with app_on.app_context(), pytest.raises(DatabaseInUse):
            restore_backup(backup, KEY, replace=True)
    finally:
        other.rollback()
        other.close()


def test_the_commands_say_in_french_what_they_did_and_what_they_refuse(
    app: Flask, tmp_path: Path
) -> None:
    with writing(app) as session:
        make_family(session, balance=1234)
    run = app.test_cli_runner().invoke
    folder = tmp_path / "backups"

    taken = run(args=["canteen", "backup", "--out", str(folder)])
    path = str(next(folder.iterdir()))
    refusal = run(args=["canteen", "restore", path])
    restored = run(args=["canteen", "restore", "--replace", path])

    assert (taken.exit_code, refusal.exit_code, restored.exit_code) == (0, 1, 0)
    assert "CHF 12.34" in taken.output
    assert "relue et vérifiée" in taken.output
    assert "--replace" in refusal.output
    assert len(refusal.output.splitlines()) == 1
    assert restored.output.startswith("La base est celle du ")
    assert run(args=["canteen", "check-ledger"]).output == "OK\n"
