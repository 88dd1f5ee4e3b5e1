"""Take a backup: everything as one moment shows it, while others go on writing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

import sqlalchemy as sa

from app import schema
from app.backup.archive import Head, packed, read_all, write_lines
from app.backup.figures import Figures, figures_of
from app.backup.refusals import (
    BackupDamaged,
    BackupDiffers,
    BackupExists,
    BackupKeyWrong,
    BackupNotWritten,
    NotABackup,
    SchemaOutdated,
)
from app.backup.sealing import check_key
from app.extensions import db

_NAME: Final = "refectoire-%Y%m%dT%H%M%SZ"
_ENDS: Final = {False: ".jsonl.gz", True: ".jsonl.gz.sealed"}


@dataclass(frozen=True)
class Backup:
    """A backup that was written, read again and found right; `size` in bytes."""

    path: Path
    size: int
    figures: Figures


def take_backup(folder: Path, secret: str, now: datetime) -> Backup:
    """Write one file that holds every row of this moment, and prove it.

    It gets its name once it is whole and on the disk; only its owner may read it.
    Raises: BackupNotWritten, BackupExists, BackupDiffers, BackupKeyTooShort, SchemaOutdated.
    """
    check_key(secret)
    path = folder / f"{now.astimezone(UTC):{_NAME}}{_ENDS[bool(secret)]}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _unfinished(path) as file:
            figures = _write(file, secret, now)
            _prove(file, secret, figures)
    except FileExistsError as error:
        raise BackupExists(path.name) from error
    except OSError as error:
        raise BackupNotWritten(str(folder), error.strerror or "") from error
    return Backup(path, path.stat().st_size, figures)


@contextmanager
def _unfinished(path: Path) -> Iterator[BinaryIO]:
    """A file of another name, which it keeps from everybody else; its own name at the end."""
    part = path.with_name(f"{path.name}.part")
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w+b") as file:
        try:
            yield file
            _rename(part, path)
        except BaseException:
            part.unlink()
            raise
    _sync_folder(path.parent)


def _rename(part: Path, path: Path) -> None:
    """Whoever made the part is alone in giving it its name."""
    if path.exists():
        raise FileExistsError
    part.rename(path)


def _sync_folder(folder: Path) -> None:
    """The name is on the disk, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _moment() -> Iterator[sa.Connection]:
    """A connection that sees one moment, however long it is looked at; nobody waits for it.

    SQLite's transactions are so in WAL mode; PostgreSQL's are when they are asked to.
    """
    with db.engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        yield connection


def _write(file: BinaryIO, secret: str, now: datetime) -> Figures:
    with _moment() as connection:
        reached = schema.reached(connection)
        SchemaOutdated.check(reached)
        figures = figures_of(connection)
        head = Head(reached, now.astimezone(UTC))
        with packed(file, secret) as lines:
            write_lines(lines, head, figures, connection)
    file.flush()
    os.fsync(file.fileno())
    return figures


def _prove(file: BinaryIO, secret: str, figures: Figures) -> None:
    """Read it from the disk, and not from memory, as a restore would."""
    with suppress(OSError):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        archive = read_all(file, secret)
    except (BackupDamaged, BackupKeyWrong, NotABackup) as error:
        raise BackupDiffers from error
    if archive.figures != figures:
        raise BackupDiffers


def newest_backup(folder: Path) -> tuple[datetime, Path] | None:
    """The moment that the newest backup of a folder shows, and the file."""
    found = []
    for path in (path for end in _ENDS.values() for path in folder.glob(f"*{end}")):
        with suppress(ValueError):
            taken = datetime.strptime(path.name.partition(".")[0], _NAME).replace(tzinfo=UTC)
            found.append((taken, path))
    return max(found, default=None)
