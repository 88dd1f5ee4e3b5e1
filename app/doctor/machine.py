"""The machine: its disks, its clock, and how old the last backup is."""

import ctypes
import shutil
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import format_datetime, gettext
from sqlalchemy.orm import Session

from app import clock
from app.backup import newest_backup
from app.doctor.database import is_ready
from app.doctor.finding import Finding, Level, for_real, how_long
from app.extensions import db
from app.models import BookingChange, Transfer
from app.transaction import look

GB: Final = 10**9
NEARLY_FULL, LITTLE_ROOM = 0.5 * GB, 2 * GB  # bytes
APART: Final = timedelta(seconds=5)
DAILY, WEEKLY = timedelta(hours=26), timedelta(days=8)
_TIME_ERROR: Final = 5  # of adjtimex(2): nothing keeps the clock in time
_TIMEX: Final = 512  # bytes, more than its structure has


def check_disk(config: Mapping[str, Any]) -> Iterator[Finding]:
    """The room on each disk that we write to."""
    folders = [Path(config["INSTANCE"]), Path(config["BACKUP_FOLDER"]), Path(config["MAIL_FOLDER"])]
    if db.engine.dialect.name == "sqlite" and db.engine.url.database:
        folders.append(Path(db.engine.url.database).parent)
    disks = {there.stat().st_dev: there for there in map(_existing, folders)}
    for folder in disks.values():
        free = shutil.disk_usage(folder).free
        told = gettext("%(free)s GB free in %(folder)s.", free=f"{free / GB:.1f}", folder=folder)
        level = Level.OK if free > LITTLE_ROOM else Level.WARNING
        yield Finding(Level.ERROR if free < NEARLY_FULL else level, gettext("Disk"), told)


def _existing(folder: Path) -> Path:
    """The folder, or the one that it would be made in."""
    return next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())


def check_clock() -> Iterator[Finding]:
    """The hour decides who is in time: ours, the database's, and that of what is written."""
    now = clock.now()
    shown = format_datetime(clock.local(now), "EEEE d MMMM y, HH:mm:ss", rebase=False)
    yield Finding(Level.OK, gettext("Clock"), gettext("%(shown)s in Zurich", shown=shown))
    if not _is_kept_in_time():
        told = gettext("No time server keeps the clock in time. Start systemd-timesyncd or chrony.")
        yield Finding(Level.WARNING, gettext("Time server"), told)
    if is_ready():
        yield from look(lambda session, now: list(_compared(session, now)))


def _is_kept_in_time() -> bool:
    """What the kernel says; where it cannot be asked nothing is said."""
    try:
        return bool(ctypes.CDLL(None).adjtimex(bytes(_TIMEX)) != _TIME_ERROR)
    except (AttributeError, OSError):
        return True


def _compared(session: Session, now: datetime) -> Iterator[Finding]:
    title = gettext("Clocks compared")
    ahead = [
        at - now
        for at in (
            session.scalar(sa.select(sa.func.max(column)))
            for column in (Transfer.recorded_at, BookingChange.changed_at)
        )
        if at is not None and at > now + APART
    ]
    if ahead:
        told = gettext(
            "The newest record is %(age)s ahead of this clock. One of the machines is wrong.",
            age=how_long(max(ahead)),
        )
        yield Finding(Level.ERROR, title, told)
        return
    apart = _apart(session)
    if apart > APART:
        told = gettext("The database’s clock differs by %(age)s.", age=how_long(apart))
        yield Finding(Level.WARNING, title, told)
    else:
        yield Finding(Level.OK, title, gettext("No record lies in the future."))


def _apart(session: Session) -> timedelta:
    """From the database's clock, where it has one of its own."""
    if session.get_bind().dialect.name != "postgresql":
        return timedelta()
    theirs: datetime = (
        session.connection().execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    )
    return abs(theirs - clock.now())


def check_backups(config: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether there is one, and how old it is."""
    title, folder = gettext("Last backup"), config["BACKUP_FOLDER"]
    newest = newest_backup(Path(folder))
    if newest is None:
        told = gettext(
            "None in %(folder)s. Run “flask --app app canteen backup” every night.", folder=folder
        )
        yield Finding(for_real(config["PRODUCTION"]), title, told)
        return
    age = clock.now() - newest[0]
    told = gettext("%(age)s old: %(file)s", age=how_long(age), file=newest[1])
    level = Level.OK if age < DAILY else Level.WARNING
    yield Finding(for_real(config["PRODUCTION"]) if age > WEEKLY else level, title, told)
