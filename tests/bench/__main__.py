"""Measure, print a table, end with 1 if a figure is missed: `python -m tests.bench`."""

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import cycle, islice
from pathlib import Path
from shutil import copyfile
from time import monotonic, process_time
from typing import Final
from unittest.mock import patch

import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from app import clock, day_jobs, ledger
from app.access import EVERYTHING, SYSTEM, scope_of
from app.cli import init_canteen
from app.clock import instant_of
from app.demo import load_demo
from app.demo.years import span_around
from app.extensions import db
from app.models import (
    AccountHolder,
    Booking,
    CanteenUser,
    Pupil,
    PupilAccount,
    ServiceDay,
)
from app.rules.weeks import week_to_show
from app.transaction import transaction
from app.vocabulary import BookingState
from tests.bench import backup, bank, online, pupils, qr_bill, statements
from tests.bench.history import TIMES, multiply
from tests.bench.served import Parent, Server, serving, taps_of
from tests.database import MIGRATIONS, create_test_app, running, sqlite_url
from tests.web import Browser

FAMILIES, BOOKINGS = 300, 60_000
ROUNDS, PAGES_A_ROUND, TAPS_A_ROUND = 8, 30, 20
WARM_UP = 40
_SERVED_DAYS: Final = 185  # so many days with school make that many bookings
_NO_STATEMENT: Final = ("BEGIN", "COMMIT", "ROLLBACK", "PRAGMA")


@dataclass(frozen=True)
class Figure:
    """What was measured, and what it may be at most (or must be at least)."""

    name: str
    measured: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        if self.at_least:
            return self.measured >= self.limit
        return self.measured <= self.limit

    def __str__(self) -> str:
        sign, verdict = ("≥" if self.at_least else "≤"), ("ok" if self.is_met else "MISSED")
        measured = f"{self.measured:,.0f}" if self.limit >= 1000 else f"{self.measured:.2f}"
        return f"{self.name:<58}{measured:>9}  {sign} {self.limit:>8,g} {self.unit:<11}{verdict}"


def main() -> None:
    """Measure in a folder that is gone afterwards."""
    began = monotonic()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        os.environ.update(CANTEEN_INSTANCE=folder, SECRET_KEY="bench")
        figures = []
        print(f"a fixed loop, {_loop():.0f} ms of CPU: other figures of CPU grow with it")
        for figure in measure(Path(folder)):
            print(figure, flush=True)
            figures.append(figure)
    missed = [figure for figure in figures if not figure.is_met]
    print(f"the same loop at the end, {_loop():.0f} ms")
    print(f"{len(figures)} figures, {len(missed)} missed, {monotonic() - began:.0f} s")
    sys.exit(bool(missed))


def _loop() -> float:
    """How fast the machine is while others use it too, in milliseconds of CPU."""
    began = process_time()
    sum(number * number for number in range(2_000_000))
    return 1000 * (process_time() - began)


def measure(folder: Path) -> Iterator[Figure]:
    """Every figure, as soon as it is known."""
    once, tenfold = folder / "once.sqlite", folder / "tenfold.sqlite"
    with running(create_test_app(sqlite_url(once), folder)) as app, app.app_context():
        yield from _load()
        yield _check("check-ledger", 10)
        took = backup.seconds_of_a_backup()
        yield Figure(f"backup of {_bookings()} bookings, proved", took, backup.AT_MOST, "s")
    copyfile(once, tenfold)
    multiply(tenfold)
    with serving(once) as server, serving(tenfold) as slower:
        yield from _serve(server, slower)
    with running(create_test_app(sqlite_url(once), folder)) as app:
        yield from _count_statements(app)
        with app.app_context():
            yield _close()
    with running(create_test_app(sqlite_url(tenfold), folder)) as app, app.app_context():
        yield _check(f"check-ledger, {TIMES} times the history", 30)
    with running(create_test_app(sqlite_url(once), folder)) as app:
        yield from _papers(app)
    yield from _import()


def _papers(app: Flask) -> Iterator[Figure]:
    """Milliseconds of CPU, except for the many."""
    took, lines = statements.seconds_of_a_statement(app)
    yield Figure(f"statement of {lines} operations", 1000 * took, 60, "ms")
    yield Figure(
        f"{statements.MANY} tax statements",
        statements.seconds_of_many(app),
        statements.MANY_AT_MOST,
        "s",
    )
    with app.app_context():
        bill = qr_bill.seconds_of_a_qr_bill()
    yield Figure("a QR-bill", 1000 * bill, 1000 * qr_bill.AT_MOST, "ms")
    notified = online.seconds_of_a_notification(app)
    yield Figure("a notification answered", 1000 * notified, 1000 * online.AT_MOST, "ms")


def _import() -> Iterator[Figure]:
    figures = bank.measure_in_a_process()
    took = figures.received + figures.booked
    yield Figure(f"a camt.054 with {bank.CREDITS} credits, imported", took, 10, "s")
    yield Figure("its memory", figures.megabytes, 300, "MB")
    for kind, steps in pupils.main():
        written = steps.received + steps.entered
        yield Figure(f"{pupils.PUPILS} pupils from {kind}, entered", written, pupils.AT_MOST, "s")


def _load() -> Iterator[Figure]:
    upgrade(directory=str(MIGRATIONS))
    init_canteen()
    weeks = next(w for w in range(12, 60) if _served_days(w) >= _SERVED_DAYS)
    began = monotonic()
    load_demo(FAMILIES, weeks=weeks)
    took = monotonic() - began
    yield Figure(f"bookings of {FAMILIES} families", _bookings(), BOOKINGS, "", at_least=True)
    yield Figure("loading them", took, 60, "s")


def _served_days(weeks: int) -> int:
    return len(span_around(clock.today(), weeks).served)


def _bookings() -> int:
    with scope_of(db.session(), EVERYTHING):
        return db.session().scalar(sa.select(sa.func.count()).select_from(Booking)) or 0


def _check(name: str, limit: float) -> Figure:
    began = monotonic()
    with scope_of(db.session(), EVERYTHING):
        wrong = ledger.discrepancies(db.session())
    assert wrong == []
    return Figure(name, monotonic() - began, limit, "s")


@dataclass
class Load:
    """A logged-in parent at one server, and what the parent's requests cost it."""

    server: Server
    parent: Parent
    form: dict[str, str]
    pages: float = 0.0
    taps: float = 0.0
    size: int = 0

    @classmethod
    def on(cls, server: Server) -> "Load":
        """Log in, find a meal to book and cancel, and warm both workers up."""
        parent = Parent(server.port)
        parent.log_in("parent")
        offered = (taps_of(parent.get(path).text) for path in _weeks(10)[4:])
        load = cls(server, parent, next(forms for forms in offered if forms)[-1])
        load.look(WARM_UP)
        load.tap(WARM_UP)
        load.pages = load.taps = 0.0
        return load

    def look(self, times: int) -> None:
        """Turn over the weeks of the agenda."""
        before = self.server.cpu()
        for path in islice(cycle(_weeks(10)), times):
            assert self.parent.get(path).status == 200
        self.pages += self.server.cpu() - before

    def tap(self, times: int) -> None:
        """Book and cancel the same meal, each time by what the last answer offers."""
        before = self.server.cpu()
        for _ in range(times):
            answer = self.parent.tap(self.form)
            assert answer.status == 200, answer
            self.size = max(self.size, answer.size)
            self.form = taps_of(answer.text)[0]
        self.taps += self.server.cpu() - before


def _weeks(number: int) -> list[str]:
    """Agenda pages from four weeks ago on."""
    monday = week_to_show(clock.today()) - timedelta(weeks=4)
    return [f"/agenda/?date={monday + timedelta(weeks=week)}" for week in range(number)]


def _serve(server: Server, slower: Server) -> Iterator[Figure]:
    """Both servers in turn, so that what else the machine does falls on both."""
    once, tenfold = Load.on(server), Load.on(slower)
    for _ in range(ROUNDS):
        for load in (once, tenfold):
            load.look(PAGES_A_ROUND)
            load.tap(TAPS_A_ROUND)
    yield Figure("CPU of an agenda page", _ms(once.pages, PAGES_A_ROUND), 15, "ms")
    yield Figure("CPU of a tap", _ms(once.taps, TAPS_A_ROUND), 12, "ms")
    yield Figure("answer to a tap, in its one request", once.size, 4096, "bytes")
    yield Figure(f"page with {TIMES} times the history", tenfold.pages / once.pages, 1.1, "times")
    yield Figure(f"tap with {TIMES} times the history", tenfold.taps / once.taps, 1.1, "times")


def _ms(seconds: float, a_round: int) -> float:
    return 1000 * seconds / (ROUNDS * a_round)


def _count_statements(app: Flask) -> Iterator[Figure]:
    with app.app_context():
        parents = {children: _parent_of(children) for children in (1, 2)} | {4: _parent_of_four()}
    for children, username in parents.items():
        number = _statements(app, username)
        yield Figure(f"SQL statements of a page, children: {children}", number, 8, "statements")


def _parent_of(children: int) -> str:
    numbers = (
        sa.select(PupilAccount.account_id)
        .group_by(PupilAccount.account_id)
        .having(sa.func.count() == children)
    )
    query = (
        sa.select(CanteenUser.username)
        .join(AccountHolder, AccountHolder.user_id == CanteenUser.id)
        .where(AccountHolder.account_id.in_(numbers))
    )
    with scope_of(db.session(), EVERYTHING):
        username: str = db.session().scalars(query.limit(1)).one()
        return username


def _parent_of_four() -> str:
    """The demo's parent has three children; give a fourth."""
    with transaction(SYSTEM) as session:
        query = sa.select(AccountHolder.account_id).join(CanteenUser)
        account_id = session.scalars(query.where(CanteenUser.username == "parent")).one()
        last = session.scalars(sa.select(sa.func.max(Pupil.id))).one()
        session.add(PupilAccount(pupil_id=last, account_id=account_id))
    return "parent"


def _statements(app: Flask, username: str) -> int:
    """Of the second page: the first one fills caches that live as long as the process."""
    browser, seen = Browser(app), list[str]()
    browser.log_in(username)
    browser.get("/agenda/")
    with app.app_context():
        engine = db.engine
    note = lambda _, __, statement, *___: seen.append(statement)  # noqa: E731
    sa.event.listen(engine, "before_cursor_execute", note)
    assert browser.get("/agenda/").status_code == 200
    sa.event.remove(engine, "before_cursor_execute", note)
    return sum(not statement.startswith(_NO_STATEMENT) for statement in seen)


def _close() -> Figure:
    """A day on which every child eats."""
    day = next(d for d in span_around(clock.today(), 12).served if d > clock.today())
    meals = _book_everybody(day)
    began = monotonic()
    with patch("app.clock.now", lambda: instant_of(day, time(8, 15))):
        settled = sum(day_jobs.close_day(day))
    took = monotonic() - began
    assert settled == meals >= 500, settled
    return Figure(f"closing a day with {meals} bookings", took, 1, "s")


def _book_everybody(day: date) -> int:
    """Book a meal for each child, cancelled ones too; how many meals the day has."""
    with transaction(SYSTEM) as session:
        session.execute(sa.update(ServiceDay.__table__).values(capacity=10_000))
        service_day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == day)).one()
        session.execute(
            sa.update(Booking.__table__)
            .where(Booking.service_day_id == service_day.id)
            .values(state=BookingState.BOOKED)
        )
        there = sa.select(Booking.pupil_id).where(Booking.service_day_id == service_day.id)
        payers = (
            sa.select(Pupil, sa.func.min(PupilAccount.account_id))
            .join(PupilAccount)
            .where(Pupil.id.not_in(there))
            .group_by(Pupil.id)
        )
        session.add_all(
            Booking(
                pupil_id=pupil.id,
                service_day_id=service_day.id,
                meal_type_id=pupil.diet.meal_type_id,
                account_id=account_id,
                state=BookingState.BOOKED,
            )
            for pupil, account_id in session.execute(payers).all()
        )
        session.flush()
        booked = Booking.service_day_id == service_day.id, Booking.state == BookingState.BOOKED
        return session.scalar(sa.select(sa.func.count()).select_from(Booking).where(*booked)) or 0


if __name__ == "__main__":
    main()
