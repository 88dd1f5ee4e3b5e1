"""Importing bank files step by step: from a page, a command, or the folder that is watched.

Each step is one commit. A crash between two steps loses nothing: what was received is booked by
whoever comes next, and a file that is still in the folder is received again as the same one.
"""

import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from flask import current_app
from sqlalchemy.orm import Session

from app import clock
from app.access import SYSTEM, Actor
from app.bank.refusals import BankFileRefused
from app.booking.rules import service_rules
from app.documents.text import format_day
from app.labels import label
from app.models import BankEntry, BankFile, CanteenSettings
from app.money import format_chf
from app.reconciliation.files import open_file, read_again, receive, rules_of
from app.reconciliation.importing import begin_booking, book_next, next_to_book
from app.reconciliation.reading import BankRules, Reading
from app.transaction import look, transaction
from app.vocabulary import BankEntryState, BankFileState
from app.web_errors import sentence_of

QUIET: Final = timedelta(seconds=3)
"""How long a file in the folder has not grown before it is whole."""

_ENDINGS: Final = frozenset({".xml", ".zip"})


@dataclass(frozen=True)
class Received:
    """A file that is kept, and its lines, so that it need not be read again."""

    id: int
    reading: Reading


def receive_bank_file(source: Path, name: str, actor: Actor) -> Received:
    """Read a file to its end and keep it. Raises: BankFileRefused."""
    rules = look(lambda session, _: _rules(session))
    file = open_file(source, shown_name(name), rules, clock.today())
    with transaction(actor) as session:
        return Received(receive(session, file, clock.now()).id, file.reading)


def shown_name(name: str) -> str:
    """The last part of a file's name, in signs that a page and a database keep."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return re.sub(r"[^\w .()’+=@,-]", "_", last)[-100:] or "camt.xml"


def book_bank_file(file_id: int, reading: Reading | None = None) -> Generator[int]:
    """Book a file to its end; each step is a commit, and yields how many payments it booked.

    A file that was begun before is finished first. Raises: BankFileRefused if the settings no
    longer name its account.
    """
    begin(file_id)
    yield 0
    while not look(lambda session, _: _is_booked(session, file_id)):
        turn = look(_turn)
        if turn is None:
            return
        yield from _book(turn, reading if turn == file_id else None)


def begin(file_id: int) -> None:
    """From here on the worker books the file, if nobody does it before."""
    with transaction(SYSTEM) as session:
        begin_booking(session, file_id)


def book_waiting(_: str) -> Generator[int]:
    """Book every file that somebody asked to book."""
    while (turn := look(_turn)) is not None:
        yield from _book(turn)


def has_waiting(session: Session, _: datetime) -> bool:
    """Whether a file is to be booked."""
    return next_to_book(session) is not None


def _turn(session: Session, _: datetime) -> int | None:
    found = next_to_book(session)
    return None if found is None else found.id


def _is_booked(session: Session, file_id: int) -> bool:
    return session.get_one(BankFile, file_id).state is BankFileState.BOOKED


def _rules(session: Session) -> BankRules:
    return rules_of(session.get_one(CanteenSettings, 1))


def _book(file_id: int, known: Reading | None = None) -> Generator[int]:
    try:
        reading = known or look(lambda session, _: lines_of(session, file_id))
    except BankFileRefused:
        _put_aside(file_id)
        raise
    while True:
        with transaction(SYSTEM) as session:
            channel = session.get_one(CanteenSettings, 1).bank_channel
            rules = service_rules(session)
            booked = book_next(session, file_id, reading, channel, rules, clock.now)
        yield booked
        if not booked:
            return


def lines_of(session: Session, file_id: int) -> Reading:
    """What a file holds, read again."""
    bank_file = session.get_one(BankFile, file_id)
    return read_again(session, bank_file, _rules(session), clock.today())


def _put_aside(file_id: int) -> None:
    """A file that is refused before its first payment must not keep the others waiting."""
    with transaction(SYSTEM) as session:
        untouched = BankFile.id == file_id, BankFile.lines_done == 0
        state = sa.update(BankFile).where(*untouched, BankFile.state == BankFileState.BOOKING)
        session.execute(state.values(state=BankFileState.RECEIVED))


# -- the folder that is watched --------------------------------------------------------------------


def has_new_files(_: Session, now: datetime) -> bool:
    """Whether the bank's program has put a whole file into BANK_FOLDER."""
    return next(_new_files(now), None) is not None


def import_folder(_: str) -> Generator[int]:
    """Import each file of BANK_FOLDER, then move it to done/, or to refused/ with a note."""
    for path in sorted(_new_files(clock.now())):
        try:
            received = receive_bank_file(path, path.name, SYSTEM)
            yield 0
            yield from book_bank_file(received.id, received.reading)
        except BankFileRefused as refused:
            _move(path, "refused", sentence_of(refused))
        except FileNotFoundError:
            continue  # another worker was faster
        else:
            _move(path, "done", "")
        yield 0


def _new_files(now: datetime) -> Iterator[Path]:
    folder = current_app.config["BANK_FOLDER"]
    if not folder or not Path(folder).is_dir():
        return
    for path in Path(folder).iterdir():
        if path.suffix.lower() in _ENDINGS and path.is_file():
            changed = path.stat().st_mtime
            if now.timestamp() - changed >= QUIET.total_seconds():
                yield path


def _move(path: Path, folder: str, note: str) -> None:
    target = path.parent / folder
    target.mkdir(exist_ok=True)
    moved = target / path.name
    for number in range(1, 1000):
        if not moved.exists():
            break
        moved = target / f"{path.stem}-{number}{path.suffix}"
    if note:
        moved.with_suffix(".txt").write_text(f"{note}\n")
    try:
        path.replace(moved)
    except FileNotFoundError:
        return  # another worker was faster


# -- what became of it -----------------------------------------------------------------------------


def report_of(file_id: int) -> list[str]:
    """Each payment of a file with its fate and why, then how many there are of each fate."""
    return look(lambda session, _: list(_report(session, file_id)))


def _report(session: Session, file_id: int) -> Iterator[str]:
    bank_file = session.get_one(BankFile, file_id)
    yield f"{bank_file.file_name}: {label(bank_file.state)}"
    query = sa.select(BankEntry).where(BankEntry.bank_file_id == file_id)
    for entry in session.scalars(
        query.order_by(BankEntry.position).execution_options(yield_per=500)
    ):
        day, amount = format_day(entry.booked_on), format_chf(entry.signed)
        what = f"{label(entry.state)}: {label(entry.reason)}"
        yield f"{entry.position + 1:>5}  {day}  {amount:>12}  {entry.counterparty[:30]:30}  {what}"
    for state, count, total in session.execute(counts(file_id)):
        yield f"{label(state)}: {count}, CHF {format_chf(total)}"


def counts(file_id: int) -> sa.Select[BankEntryState, int, int]:
    """How many payments of a file had which fate, and what they move together."""
    signed = sa.case((BankEntry.is_credit, BankEntry.amount), else_=-BankEntry.amount)
    return (
        sa.select(BankEntry.state, sa.func.count(), sa.func.sum(signed))
        .where(BankEntry.bank_file_id == file_id)
        .group_by(BankEntry.state)
        .order_by(BankEntry.state)
    )
