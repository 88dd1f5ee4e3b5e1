"""Invariant 11: a backup that is taken while others write restores to what one moment held.

`SOAK=1` takes the backups that docs/INVARIANTS.md asks for.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import clock, ledger, triggers
from app.access import Actor
from app.backup import Backup, restore_backup, take_backup
from app.backup.refusals import BackupDiffers
from app.extensions import db
from app.models import Account, Enrolment, HealthRecord, ServiceDay, StoredFile, Transfer
from app.transaction import transaction
from tests.booking.acting import STAFF, book, close_day, parent
from tests.booking.checking import check_invariants
from tests.database import contents, copy_sqlite, create_test_app, running
from tests.factories import NORMAL, Family, make_family, top_up
from tests.sessions import reading, writing
from tests.soak import SOAK

pytestmark = pytest.mark.soak

BACKUPS = 100 if SOAK else 3
STEPS_BETWEEN = 8  # at least so many commits lie between two backups
KEY = "a key of more than twenty characters"
FIRST_DAY = date(2030, 1, 1)
_days = count()
BOTH = ("sqlite", "postgresql")

Canteens = Callable[[str, str], Flask]
Balances = dict[tuple[int, int], int]


@pytest.fixture(scope="module")
def canteens(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Canteens]:
    """An application on a database of its own, by its kind and what it is for."""
    made: dict[tuple[str, str], Flask] = {}
    with ExitStack() as stack:

        def canteen(kind: str, use: str) -> Flask:
            if (kind, use) not in made:
                folder = tmp_path_factory.mktemp(use)
                if kind == "sqlite":
                    url = copy_sqlite(request.getfixturevalue("filled_sqlite"), folder)
                else:
                    url = stack.enter_context(request.getfixturevalue("postgres").copy())
                app = create_test_app(url, folder / "outbox")
                made[kind, use] = stack.enter_context(running(app))
            return made[kind, use]

        yield canteen


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def source(canteens: Canteens, kind: str) -> Flask:
    return canteens(kind, "source")


@pytest.fixture
def target(canteens: Canteens, kind: str) -> Flask:
    return canteens(kind, "target")


def back_up(app: Flask, folder: Path) -> Backup:
    with app.app_context():
        return take_backup(folder, KEY, clock.now())


def restore(app: Flask, backup: Backup) -> None:
    with app.app_context():
        restore_backup(backup.path, KEY, replace=True)


# --- quiet -------------------------------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize("restored_on", BOTH)
@pytest.mark.parametrize("taken_on", BOTH)
def test_every_row_comes_back_as_it_was_on_either_database(
    canteens: Canteens, tmp_path: Path, taken_on: str, restored_on: str
) -> None:
    source, target = canteens(taken_on, "source"), canteens(restored_on, "target")
    live_a_little(source)
    with writing(target) as session:
        a_family(session)  # to be given up

    restore(target, back_up(source, tmp_path))

    assert contents(target) == contents(source)
    with target.app_context():
        check_invariants()
        with db.engine.connect() as connection:
            assert triggers.existing(connection) == triggers.declared(restored_on)
    with writing(target) as session:
        a_family(session)  # ids go on after those that are there


def a_family(session: Session, balance: int = NORMAL) -> Family:
    """Three children who stay at school as long as the test needs."""
    family = make_family(session, balance=balance, children=3)
    session.execute(sa.update(Enrolment).values(valid_until=date(2100, 1, 1)))
    return family


def live_a_little(app: Flask) -> None:
    """Meals charged, a transfer reversed, a file, a list, users that changed each other."""
    with writing(app) as session:
        family, day = a_family(session, 2 * NORMAL), new_day(session)
        for pupil_id in family.pupil_ids:
            book(session, pupil_id, day)
        close_day(session, day)
        top_up(session, family.account_id, NORMAL)
        last = session.scalars(sa.select(sa.func.max(Transfer.id))).one()
        ledger.reverse(session, last, now=clock.now())
        content = bytes(range(256)) * 400
        session.add(
            StoredFile(sha256=f"{day}", content_type="x/y", size=len(content), content=content)
        )
        session.add(HealthRecord(pupil_id=family.pupil_id, allergens=["œuf", "lait"], note="Rösti"))
        session.flush()
        session.execute(
            sa.text("UPDATE ab_user SET changed_by_fk = :last WHERE id = 1"),
            {"last": family.user_id},
        )


def new_day(session: Session) -> date:
    day = FIRST_DAY + timedelta(days=next(_days))
    session.add(ServiceDay(date=day, capacity=100))
    session.flush()
    return day


# --- under load --------------------------------------------------------------------------------


class Writer:
    """One session that writes until it is told to stop, and notes what it left at each commit.

    The ledger of an account only grows: so many transfers, that balance.
    """

    def __init__(self, app: Flask, family: Family) -> None:
        self._app, self._family, self._day = app, family, FIRST_DAY
        self.balances: Balances = {}
        self.steps = 0

    def write_until(self, stop: threading.Event) -> None:
        acts: list[tuple[Actor, Callable[[Session], object]]] = [
            (STAFF, self._open_a_day),
            (STAFF, lambda session: top_up(session, self._family.account_id, 2 * NORMAL)),
            (parent(self._family), self._book_all),
            (STAFF, lambda session: close_day(session, self._day)),
        ]
        with self._app.app_context():
            for turn in count():
                if stop.is_set():
                    return
                actor, act = acts[turn % len(acts)]
                with transaction(actor) as session:
                    act(session)
                    noted = state_of(session, self._family.account_id)
                self.balances |= noted
                self.steps += 1

    def _open_a_day(self, session: Session) -> None:
        self._day = new_day(session)

    def _book_all(self, session: Session) -> None:
        for pupil_id in self._family.pupil_ids:
            book(session, pupil_id, self._day)


def state_of(session: Session, *account_ids: int) -> Balances:
    """The balance of each account, by account and number of its transfers."""
    found = {}
    for account_id in account_ids:
        moves = ledger.moves(ledger.wallet_id(session, account_id))
        number = session.scalar(sa.select(sa.func.count(Transfer.id)).where(moves)) or 0
        found[account_id, number] = session.get_one(Account, account_id).balance
    return found


@contextmanager
def at_work(writers: list[Writer]) -> Iterator[None]:
    """All of them, each in a thread of its own."""
    stop = threading.Event()
    threads = [threading.Thread(target=each.write_until, args=(stop,)) for each in writers]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_backup_under_load_restores_to_what_one_moment_held(
    source: Flask, target: Flask, tmp_path: Path
) -> None:
    """Three sessions open days, top up, book, close; nothing is half, every balance was once so."""
    with writing(source) as session:
        families = [a_family(session) for _ in range(3)]
        at_first = state_of(session, *[family.account_id for family in families])
    writers = [Writer(source, family) for family in families]

    with at_work(writers):
        backups = [
            back_up_while_written(source, tmp_path / str(n), writers) for n in range(BACKUPS)
        ]

    known = at_first | {k: v for writer in writers for k, v in writer.balances.items()}
    found = []
    for backup in backups:
        restore(target, backup)
        with reading(target) as session:
            held = state_of(session, *[family.account_id for family in families])
        assert held.items() <= known.items()
        found.append(sum(number for _, number in held))
        with target.app_context():
            check_invariants()
    assert found == sorted(set(found))  # each of them shows a later moment


def back_up_while_written(app: Flask, folder: Path, writers: list[Writer]) -> Backup:
    """Not before they have committed some more."""
    before = sum(writer.steps for writer in writers)
    while sum(writer.steps for writer in writers) < before + STEPS_BETWEEN:
        threading.Event().wait(0.01)
    return back_up(app, folder)


def writing_in_the_middle(app: Flask, account_id: int) -> Callable[..., Iterator[Any]]:
    """Another session credits an account once the accounts, and not yet the transfers, are read."""
    from app.backup.archive import _batches

    def batches(connection: sa.Connection, table: sa.Table) -> Iterator[Any]:
        yield from list(_batches(connection, table))
        if table.name == "account":
            other = threading.Thread(target=credit)
            other.start()
            other.join()

    def credit() -> None:
        with writing(app) as session:
            top_up(session, account_id, NORMAL)

    return batches


def test_what_is_written_in_the_middle_is_not_in_it(
    source: Flask, target: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writing(source) as session:
        family = a_family(session)
    before = contents(source)
    middle = writing_in_the_middle(source, family.account_id)
    monkeypatch.setattr("app.backup.archive._batches", middle)

    restore(target, back_up(source, tmp_path / "backups"))

    assert contents(target) == before
    assert contents(source) != before


def test_without_one_moment_the_backup_would_be_torn_and_is_refused(
    source: Flask, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To compare: each statement sees what is there by then."""
    with writing(source) as session:
        family = a_family(session)
    middle = writing_in_the_middle(source, family.account_id)
    monkeypatch.setattr("app.backup.archive._batches", middle)
    monkeypatch.setattr("app.backup.taking._moment", forgetful)

    with pytest.raises(BackupDiffers):
        back_up(source, tmp_path / "backups")

    assert list((tmp_path / "backups").iterdir()) == []


@contextmanager
def forgetful() -> Iterator[sa.Connection]:
    with db.engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            raw: Any = connection.connection.driver_connection
            connection.execute(sa.text("SELECT 1"))
            raw.execute("COMMIT")  # no transaction any more: each statement is one of its own
        yield connection
