"""A backup is whole under its name, or not there."""

import gzip
import json
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.backup import newest_backup, take_backup
from app.backup.refusals import (
    BackupDiffers,
    BackupExists,
    BackupKeyTooShort,
    BackupNotWritten,
    SchemaOutdated,
)
from tests.database import copy_sqlite, create_test_app, running
from tests.factories import make_family
from tests.sessions import writing

KEY = "a key of more than twenty characters"
NOON = datetime(2026, 11, 24, 12, 0, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def app(filled_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One for all: a backup changes nothing."""
    folder = tmp_path_factory.mktemp("taking")
    with running(create_test_app(copy_sqlite(filled_sqlite, folder), folder)) as fresh:
        yield fresh


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_one_file_that_only_its_owner_reads_in_a_folder_that_only_they_enter(
    app: Flask, tmp_path: Path
) -> None:
    folder = tmp_path / "kept" / "backups"

    with app.app_context():
        taken = take_backup(folder, "", NOON)

    assert names(folder) == ["refectoire-20261124T120005Z.jsonl.gz"]
    assert stat.S_IMODE(taken.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert taken.size == taken.path.stat().st_size


def test_without_a_key_it_is_lines_that_any_program_reads(app: Flask, tmp_path: Path) -> None:
    with writing(app) as session:
        make_family(session, balance=1234)

    with app.app_context():
        taken = take_backup(tmp_path, "", NOON)

    with gzip.open(taken.path) as file:
        lines = [json.loads(line) for line in file]
    assert lines[0]["taken_at"] == "2026-11-24T12:00:05+00:00"
    place = next(
        n
        for n, line in enumerate(lines)
        if isinstance(line, dict) and line.get("table") == "account"
    )
    row = dict(zip(lines[place]["columns"], lines[place + 1][0], strict=True))
    assert row["balance"] == 1234
    assert lines[-1]["figures"]["balances"] == 1234


def test_with_a_key_no_name_can_be_read_in_it(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        taken = take_backup(tmp_path, KEY, NOON)

    assert taken.path.name.endswith(".jsonl.gz.sealed")
    assert b"\x1f\x8b\x08" not in taken.path.read_bytes()[:200]


def test_a_backup_is_never_overwritten(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        path = take_backup(tmp_path / "backups", "", NOON).path
        first = path.read_bytes()
        with pytest.raises(BackupExists):
            take_backup(tmp_path / "backups", "", NOON)

    assert names(tmp_path / "backups") == [path.name]
    assert path.read_bytes() == first


def test_two_at_the_same_second_do_not_share_a_file(app: Flask, tmp_path: Path) -> None:
    unfinished = tmp_path / "refectoire-20261124T120005Z.jsonl.gz.part"
    unfinished.write_bytes(b"of another process")

    with app.app_context(), pytest.raises(BackupExists):
        take_backup(tmp_path, "", NOON)

    assert unfinished.read_bytes() == b"of another process"


def test_a_key_that_can_be_guessed_makes_no_backup(app: Flask, tmp_path: Path) -> None:
    with app.app_context(), pytest.raises(BackupKeyTooShort):
        take_backup(tmp_path / "backups", "1234", NOON)

    assert not (tmp_path / "backups").exists()


def fail(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_nothing_behind(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", fail)

    with app.app_context(), pytest.raises(BackupNotWritten, match="No space left"):
        take_backup(tmp_path / "backups", KEY, NOON)

    assert names(tmp_path / "backups") == []


def test_a_folder_that_cannot_be_made_is_said(app: Flask, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with app.app_context(), pytest.raises(BackupNotWritten):
        take_backup(tmp_path / "file" / "backups", "", NOON)


@pytest.mark.parametrize("secret", ["", KEY])
def test_what_the_disk_spoilt_is_found_and_removed(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    def spoil(handle: int) -> None:
        os.pwrite(handle, b"\0", 300)

    monkeypatch.setattr(os, "fsync", spoil)

    with app.app_context(), pytest.raises(BackupDiffers):
        take_backup(tmp_path / "backups", secret, NOON)

    assert names(tmp_path / "backups") == []


def test_tables_of_another_version_are_not_backed_up(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.schema.head", lambda: "0002")

    with app.app_context(), pytest.raises(SchemaOutdated, match="db upgrade"):
        take_backup(tmp_path / "backups", "", NOON)

    assert names(tmp_path / "backups") == []


def test_the_newest_is_known_by_its_name(tmp_path: Path) -> None:
    touch: Callable[[str], None] = lambda name: (tmp_path / name).touch()  # noqa: E731
    assert newest_backup(tmp_path) is None
    for name in (
        "refectoire-20261124T120005Z.jsonl.gz",
        "refectoire-20261125T110000Z.jsonl.gz.sealed",
        "refectoire-20261126T110000Z.jsonl.gz.part",
        "notes.jsonl.gz",
    ):
        touch(name)

    found = newest_backup(tmp_path)

    assert found is not None
    assert found[0] == datetime(2026, 11, 25, 11, tzinfo=UTC)
