"""Invariants 2, 4 and 7: fifty clients at once, on both databases; without the lock, to compare.

`SOAK=1` runs the rounds that docs/INVARIANTS.md asks for.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import date, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from pkgutil import resolve_name
from random import Random
from time import sleep
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import create_app, ledger
from app.access import SYSTEM, Actor
from app.booking import Wish, book_meal, cancel_meal, close_canteen, fund_today
from app.booking.interruptions import (
    cancel_meals,
    foresee,
    mark_of_interruption,
    put_in_force,
)
from app.booking.record import lock_day
from app.errors import DayFull, InsufficientFunds, Refusal
from app.extensions import db
from app.ledger import Entry
from app.models import Booking, Enrolment, Interruption, SchoolClass, ServiceDay
from app.transaction import _begin, transaction
from app.vocabulary import InterruptionKind, LedgerKind, Reason, TransferKind
from tests.booking.acting import (
    RULES,
    STAFF,
    balance_of,
    book,
    close_day,
    on,
    parent,
    the_day,
)
from tests.booking.checking import check_invariants
from tests.conftest import FrozenClock
from tests.database import copy_sqlite, running
from tests.factories import NORMAL, Family, make_family
from tests.soak import SOAK
from tests.web import Browser, logged_in

pytestmark = pytest.mark.soak

CLIENTS = 50
ROUNDS = 200 if SOAK else 20
ROUNDS_OF_REQUESTS = 200 if SOAK else 3
NOW = on(date(2026, 8, 1))()
_numbers = count(1)
Act = Callable[[Session], object]


BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@contextmanager
def opened(request: pytest.FixtureRequest, folder: Path) -> Iterator[Flask]:
    """An application with a connection for each client, on a database of its own."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = copy_sqlite(request.getfixturevalue("filled_sqlite"), folder)
        else:
            url = stack.enter_context(request.getfixturevalue("postgres").copy())
        app = create_app(
            SQLALCHEMY_DATABASE_URI=url,
            SQLALCHEMY_ENGINE_OPTIONS={"pool_size": CLIENTS + 5},
            SECRET_KEY="only-for-the-tests",
            TESTING=True,
            RATELIMIT_ENABLED=False,
        )
        yield stack.enter_context(running(app))


@pytest.fixture(scope="module", params=BOTH)
def canteen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Flask]:
    with opened(request, tmp_path_factory.mktemp("races")) as app:
        yield app


@pytest.fixture(params=BOTH)
def unlocked(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Flask]:
    """The program as it would be if it forgot to lock, on a database to spoil."""
    with opened(request, tmp_path) as app, app.app_context():
        engine = db.engine
        if request.param == "sqlite":
            event.remove(engine, "begin", _begin)  # each statement is a transaction of its own
        else:
            event.listen(engine, "before_cursor_execute", forget_to_lock, retval=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("app.transaction._turn", lambda _: nullcontext())
            yield app


def forget_to_lock(*args: Any) -> tuple[str, Any]:
    statement, parameters = args[2], args[3]
    return statement.partition(" FOR UPDATE")[0], parameters


def linger(monkeypatch: pytest.MonkeyPatch, target: str) -> None:
    """Stay a moment between reading and writing, as a busy machine does."""
    original = resolve_name(target)

    def slowly(*args: Any) -> Any:
        sleep(0.02)
        return original(*args)

    monkeypatch.setattr(target, slowly)


_dates = (date(2030, 1, 1) + timedelta(days=n) for n in count())


def new_day(capacity: int = CLIENTS) -> date:
    day = next(_dates)
    with transaction(SYSTEM) as session:
        session.add(ServiceDay(date=day, capacity=capacity))
    return day


def new_families(number: int, *, balance: int = 0, children: int = 1) -> list[Family]:
    with transaction(SYSTEM) as session:
        families = [make_family(session, balance=balance, children=children) for _ in range(number)]
        session.execute(sa.update(Enrolment).values(valid_until=date(2100, 1, 1)))
        return families


def at_once(canteen: Flask, *acts: tuple[Actor, Act]) -> list[object]:
    """Each in a thread, a session and a transaction of its own, begun together; what came of it."""
    start = threading.Barrier(len(acts))
    outcomes: list[object] = [None] * len(acts)

    def run(place: int, actor: Actor, act: Act) -> None:
        with canteen.app_context():
            start.wait()
            try:
                with transaction(actor) as session:
                    act(session)
                outcomes[place] = "done"
            except Exception as error:  # noqa: BLE001 - the outcome is what is asked
                outcomes[place] = error

    threads = [threading.Thread(target=run, args=(place, *each)) for place, each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def names(outcomes: list[object]) -> set[str]:
    return {"done" if each == "done" else type(each).__name__ for each in outcomes}


@contextmanager
def holding(canteen: Flask) -> Iterator[None]:
    """Inside the application, and every invariant afterwards."""
    with canteen.app_context():
        yield
        check_invariants()


def test_the_last_seat_is_taken_exactly_once(canteen: Flask) -> None:
    won = []
    with holding(canteen):
        families = new_families(CLIENTS)
        for _ in range(ROUNDS):
            day = new_day(capacity=1)
            outcomes = at_once(canteen, *[(parent(f), booking(f, day)) for f in families])
            assert names(outcomes) == {"done", DayFull.__name__}
            won.append(outcomes.count("done"))

    assert won == [1] * ROUNDS


def booking(family: Family, day: date) -> Act:
    return lambda session: book(session, family.pupil_id, day)


def test_a_child_is_booked_once_a_day(canteen: Flask) -> None:
    with holding(canteen):
        (family,) = new_families(1)
        for _ in range(ROUNDS):
            day = new_day()
            outcomes = at_once(canteen, *[(parent(family), booking(family, day))] * CLIENTS)
            assert names(outcomes) == {"done"}  # the others find their wish fulfilled
            assert meals_on(day) == 1


def meals_on(day: date) -> int:
    with transaction(SYSTEM) as session:
        query = sa.select(sa.func.count()).select_from(Booking).join(ServiceDay)
        return session.scalar(query.where(ServiceDay.date == day)) or 0


def test_fifty_charges_at_once_never_pass_the_floor(canteen: Flask) -> None:
    with holding(canteen):
        for _ in range(ROUNDS):
            (family,) = new_families(1, balance=10 * NORMAL + 5)
            outcomes = at_once(canteen, *[(SYSTEM, charge(family))] * CLIENTS)
            assert names(outcomes) == {"done", InsufficientFunds.__name__}
            assert outcomes.count("done") == 10
            with transaction(SYSTEM) as session:
                assert balance_of(session, family.account_id) == 5


def charge(family: Family) -> Act:
    def act(session: Session) -> None:
        entry = Entry(
            kind=TransferKind.MEAL,
            operation_id=f"race:{next(_numbers)}",
            debit_id=ledger.wallet_id(session, family.account_id),
            credit_id=ledger.chart_id(session, LedgerKind.MEAL_INCOME),
            amount=NORMAL,
            booked_on=NOW.date(),
        )
        ledger.transfer(session, entry, now=NOW)

    return act


def test_fifty_offices_booking_late_at_once_never_pass_the_floor(
    canteen: Flask, frozen_clock: FrozenClock
) -> None:
    """By requests, from login to answer: what staff book after the last call is charged at once."""
    frozen_clock.set("2026-11-17 09:00")
    today = frozen_clock.now().date()
    with canteen.app_context(), transaction(SYSTEM) as session:
        session.execute(
            sa.update(ServiceDay).where(ServiceDay.date == today).values(capacity=100_000)
        )
    offices = [logged_in(canteen, "secretariat") for _ in range(CLIENTS)]
    for _ in range(ROUNDS_OF_REQUESTS):
        with canteen.app_context():
            (family,) = new_families(1, balance=10 * NORMAL + 5, children=CLIENTS)

        codes = sent_at_once(
            [
                partial(book_late, office, pupil_id, today)
                for office, pupil_id in zip(offices, family.pupil_ids, strict=True)
            ]
        )

        assert Counter(codes) == {200: 10, 409: CLIENTS - 10}
        with holding(canteen), transaction(SYSTEM) as session:
            assert balance_of(session, family.account_id) == 5


def book_late(office: Browser, pupil_id: int, day: date) -> int:
    sent = {"pupil": pupil_id, "date": day, "action": "book", "version": 0}
    why = {"channel": "telephone", "reason": "mistake"}
    return office.fetch("/agenda/change", sent | why).status_code


def sent_at_once(requests: list[Callable[[], int]]) -> list[int]:
    start = threading.Barrier(len(requests))

    def send(request: Callable[[], int]) -> int:
        start.wait()
        return request()

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(send, requests))


def credit(family: Family, operation: str, amount: int = 500) -> Act:
    def act(session: Session) -> None:
        entry = Entry(
            kind=TransferKind.TOP_UP,
            operation_id=operation,
            debit_id=ledger.chart_id(session, LedgerKind.BANK),
            credit_id=ledger.wallet_id(session, family.account_id),
            amount=amount,
            booked_on=NOW.date(),
        )
        ledger.transfer(session, entry, now=NOW)

    return act


def test_the_same_credit_posted_twenty_times_at_once_counts_once(canteen: Flask) -> None:
    with holding(canteen):
        for turn in range(ROUNDS):
            (family,) = new_families(1)
            outcomes = at_once(canteen, *[(SYSTEM, credit(family, f"same:{turn}"))] * 20)
            assert names(outcomes) == {"done", IntegrityError.__name__}
            assert outcomes.count("done") == 1
            with transaction(SYSTEM) as session:
                assert balance_of(session, family.account_id) == 500


def test_a_transfer_reversed_by_twenty_at_once_is_reversed_once(canteen: Flask) -> None:
    with holding(canteen):
        (family,) = new_families(1, balance=1000)
        with transaction(SYSTEM) as session:
            charge(family)(session)
            last = session.scalar(sa.text("SELECT max(id) FROM transfer"))
        outcomes = at_once(
            canteen, *[(SYSTEM, lambda session: ledger.reverse(session, last, now=NOW))] * 20
        )

        assert outcomes.count("done") == 1
        assert names(outcomes) == {"done", "AlreadyReversed"}


def test_bookings_credits_and_closings_at_once_wait_for_each_other_and_end(
    canteen: Flask,
) -> None:
    """No deadlock: days, bookings and wallets are locked in one order everywhere."""
    random = Random(7)
    with holding(canteen):
        families = new_families(6, balance=900, children=2)
        for _ in range(ROUNDS):
            today, later = new_day(), new_day()
            with transaction(SYSTEM) as session:
                for pupil_id in (pupil_id for f in families for pupil_id in f.pupil_ids):
                    book(session, pupil_id, today)
            acts = [act for f in families for act in busy(f, today, later)]
            acts += [(SYSTEM, closing(today)), (STAFF, closing_the_canteen(later))]
            random.shuffle(acts)

            outcomes = at_once(canteen, *acts)

            assert [e for e in outcomes if e != "done" and not isinstance(e, Refusal)] == []


def closing(day: date) -> Act:
    return lambda session: close_day(session, day)


def closing_the_canteen(day: date) -> Act:
    return lambda session: close_canteen(session, day, "Neige", on(day))


def busy(family: Family, today: date, later: date) -> list[tuple[Actor, Act]]:
    """What a family, the till and the secretariat do with an account in the same second."""
    first, second = family.pupil_ids

    def top_up(session: Session) -> None:
        lock_day(session, today)
        credit(family, f"busy:{next(_numbers)}", 100)(session)
        fund_today(session, family.account_id, RULES, on(today, "09:00")())

    def excuse(session: Session) -> None:
        wish = Wish(first, today, reason=Reason.ILLNESS)
        cancel_meal(session, wish, RULES, on(today, "09:00"))

    def add(session: Session) -> None:
        wish = Wish(second, later, reason=Reason.MISTAKE)
        book_meal(session, wish, RULES, on(later, "09:00"))

    return [
        (parent(family), booking(family, later)),
        (STAFF, top_up),
        (STAFF, excuse),
        (STAFF, add),
    ]


def test_no_meal_slips_past_an_outing_that_begins_at_the_same_moment(canteen: Flask) -> None:
    with holding(canteen):
        families, day = new_families(CLIENTS), new_day()
        acts = [(parent(f), booking(f, day)) for f in families]
        acts.insert(CLIENTS // 2, (STAFF, going_out(day)))

        outcomes = at_once(canteen, *acts)

        assert names(outcomes) <= {"done", "OnOuting"}
        with transaction(SYSTEM) as session:
            assert the_day(session, day).seats_taken == 0


def going_out(day: date) -> Act:
    """Every class goes out on the day."""

    def begin(session: Session) -> None:
        lock_day(session, day)
        outing = Interruption(
            kind=InterruptionKind.OUTING,
            valid_from=day,
            valid_until=day + timedelta(days=1),
            reason="Zoo",
            classes=list(session.scalars(sa.select(SchoolClass))),
        )
        session.add(outing)
        session.flush()
        mark = mark_of_interruption(outing, foresee(session, outing))
        put_in_force(session, outing.id, mark, on(day, "07:00"))
        cancel_meals(session, outing, day, on(day, "07:00"))

    return begin


# --- without the lock --------------------------------------------------------------------------


def test_without_the_lock_the_last_seat_is_taken_by_several(
    unlocked: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    linger(monkeypatch, "app.booking.record._take_seats")
    families, day = new_families(CLIENTS), new_day(capacity=1)

    outcomes = at_once(unlocked, *[(parent(f), booking(f, day)) for f in families])

    assert outcomes.count("done") > 1
    assert meals_on(day) > 1


def test_without_the_lock_money_is_lost(unlocked: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    linger(monkeypatch, "app.ledger.measure_taken_back")
    (family,) = new_families(1, balance=10 * NORMAL + 5)

    outcomes = at_once(unlocked, *[(SYSTEM, charge(family))] * CLIENTS)

    assert outcomes.count("done") > 10
    with pytest.raises(AssertionError, match="Discrepancy"):
        check_invariants()


def test_with_the_lock_lingering_changes_nothing(
    canteen: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    linger(monkeypatch, "app.booking.record._take_seats")
    with holding(canteen):
        families, day = new_families(CLIENTS), new_day(capacity=1)

        outcomes = at_once(canteen, *[(parent(f), booking(f, day)) for f in families])

        assert outcomes.count("done") == 1
