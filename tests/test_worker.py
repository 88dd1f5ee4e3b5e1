"""The jobs: each in time, whatever failed or crashed before, and no work done twice."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from time import monotonic

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import day_jobs, ledger, worker
from app.access import SYSTEM
from app.booking import Wish, book_meal
from app.day_jobs import close_day, days_to_close
from app.errors import DayStillOpen, NoServiceDay
from app.models import Account, Job, LoginAttempt, ServiceDay, TopUp, Transfer
from app.transaction import transaction
from app.vocabulary import BookingState, FactKind, MailState, TopUpChannel, TopUpState
from app.worker import HEARTBEAT, LEASE, TASKS, Task, Worker
from tests.booking.acting import LONG_BEFORE, MONDAY, RULES, TUESDAY, parent, state_of
from tests.conftest import FrozenClock
from tests.delivery.mailing import looking, mails
from tests.factories import NORMAL, Family, make_family

FRIDAY = date(2026, 11, 13)
SECRET = "Anna Martin, CH93 0076 2011 6238 5295 7"
ROOT = Path(__file__).parent.parent


@pytest.fixture
def work(app_on: Flask, frozen_clock: FrozenClock) -> Iterator[Flask]:
    """The application with its context, on each database; what lies before Monday is closed."""
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            session.execute(
                sa.update(ServiceDay)
                .where(ServiceDay.date < MONDAY)
                .values(closed_at=frozen_clock.now())
            )
        yield app_on


def family_of(balance: int = 0, children: int = 1, day: date = MONDAY) -> Family:
    """A family whose children are booked on the day."""
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=balance, children=children)
    with transaction(parent(family)) as session:
        for pupil_id in family.pupil_ids:
            book_meal(session, Wish(pupil_id, day), RULES, LONG_BEFORE)
    return family


def top_up_of(family: Family, amount: int, credit_at: datetime) -> None:
    with transaction(SYSTEM) as session:
        session.add(
            TopUp(
                account_id=family.account_id,
                channel=TopUpChannel.ONLINE,
                state=TopUpState.VALIDATED,
                amount=amount,
                made_at=credit_at,
                credit_at=credit_at,
                request_id=f"online:{family.account_id}",
            )
        )


def outcome(family: Family, day: date = MONDAY) -> tuple[list[BookingState], int]:
    """What became of the children's meals, and the balance."""
    with looking() as session:
        states = [state_of(session, pupil_id, day) for pupil_id in family.pupil_ids]
        return states, session.get_one(Account, family.account_id).balance


def job(name: str) -> Job:
    with looking() as session:
        found = session.scalars(sa.select(Job).where(Job.name == name)).one()
        session.expunge(found)
        return found


def is_open(day: date) -> bool:
    with looking() as session:
        query = sa.select(ServiceDay.closed_at).where(ServiceDay.date == day)
        return session.scalars(query).one() is None


CHARGED, UNFUNDED, BOOKED = BookingState.CHARGED, BookingState.UNFUNDED, BookingState.BOOKED


@pytest.mark.parametrize(
    "day",
    [MONDAY, date(2026, 10, 26), date(2027, 3, 29)],
    ids=["winter", "after the clocks went back", "after the clocks went forward"],
)
def test_a_day_closes_at_a_quarter_past_eight_in_zurich(
    app_on: Flask, frozen_clock: FrozenClock, day: date
) -> None:
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            session.execute(
                sa.update(ServiceDay)
                .where(ServiceDay.date < day)
                .values(closed_at=frozen_clock.now())
            )
        frozen_clock.set(f"{day} 08:14:59.999999")
        Worker(app_on).run_once()
        before = is_open(day)

        frozen_clock.set(f"{day} 08:15:00")
        Worker(app_on).run_once()

        assert before
        assert not is_open(day)


def test_closing_charges_what_the_balance_covers_and_tells_of_the_rest_at_once(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    family = family_of(balance=NORMAL + 100, children=2)
    Worker(work).run_once()

    frozen_clock.set("2026-11-16 08:15:00")
    is_well = Worker(work).run_once()

    assert is_well
    assert sorted(outcome(family)[0]) == [CHARGED, UNFUNDED]
    assert outcome(family)[1] == 100
    with looking() as session:
        others = {FactKind.MEAL_UNCOVERED, FactKind.KITCHEN_LIST}
        told = [m for m in mails(session) if m.kind not in others]
        assert [m.state for m in told] == [MailState.SENT] * 2


def test_online_money_that_is_due_is_there_before_the_meals_are_charged(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    family, late = family_of(), family_of()
    frozen_clock.set("2026-11-16 08:15:00")
    top_up_of(family, NORMAL, frozen_clock.now())
    top_up_of(late, NORMAL, frozen_clock.now() + timedelta(minutes=30))

    Worker(work).run_once()
    before = outcome(late)
    frozen_clock.set("2026-11-16 08:45:00")
    Worker(work).run_once()

    assert outcome(family) == ([CHARGED], 0)
    assert before == ([UNFUNDED], 0)
    assert outcome(late) == ([CHARGED], 0)


def test_what_nobody_paid_is_refused_after_the_service(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    family = family_of()
    frozen_clock.set("2026-11-16 13:59:59")
    Worker(work).run_once()
    before = outcome(family)

    frozen_clock.set("2026-11-16 14:00:00")
    Worker(work).run_once()

    assert before == ([UNFUNDED], 0)
    assert outcome(family) == ([BookingState.REFUSED], 0)


def test_after_days_without_a_worker_each_day_is_closed_in_turn(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    with transaction(SYSTEM) as session:
        session.execute(
            sa.update(ServiceDay).where(ServiceDay.date == FRIDAY).values(closed_at=None)
        )
    friday, monday = family_of(balance=NORMAL, day=FRIDAY), family_of(balance=NORMAL)
    both = family_of(balance=NORMAL, day=FRIDAY)
    with transaction(parent(both)) as session:
        book_meal(session, Wish(both.pupil_id, MONDAY), RULES, LONG_BEFORE)

    frozen_clock.set("2026-11-16 09:00")
    Worker(work).run_once()

    assert outcome(friday, FRIDAY) == ([CHARGED], 0)
    assert outcome(monday) == ([CHARGED], 0)
    assert outcome(both, FRIDAY) == ([CHARGED], 0)
    assert outcome(both, MONDAY) == ([UNFUNDED], 0)
    assert is_open(TUESDAY)


def test_closing_goes_on_wherever_it_was_killed_between_two_commits(
    work: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.booking.closing.MEALS_PER_COMMIT", 2)
    families = [family_of(balance=NORMAL, children=2) for _ in range(3)]
    top_up_of(families[0], NORMAL, frozen_clock.now())
    frozen_clock.set("2026-11-16 08:15:00")

    for commits in range(1, 7):  # each attempt is killed one commit later than the one before
        list(islice(close_day(MONDAY), commits))
    list(close_day(MONDAY))

    assert [sorted(outcome(f)[0]) for f in families] == [[CHARGED, CHARGED]] + [
        [CHARGED, UNFUNDED]
    ] * 2
    assert [outcome(f)[1] for f in families] == [0, 0, 0]
    with looking() as session:
        meals = session.scalars(sa.select(Transfer).where(Transfer.booking_id.is_not(None))).all()
        assert len(meals) == 4
        assert ledger.discrepancies(session) == []


@pytest.mark.parametrize("commits", range(5))
def test_closing_goes_on_wherever_it_was_killed_inside_a_commit(
    work: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    monkeypatch.setattr("app.booking.closing.MEALS_PER_COMMIT", 2)
    family = family_of(balance=2 * NORMAL, children=3)
    top_up_of(family, 100, frozen_clock.now())
    frozen_clock.set("2026-11-16 08:15:00")
    left = iter(range(commits))
    commit = Session.commit

    def die_at_last(session: Session) -> None:
        if next(left, None) is None:
            raise KeyboardInterrupt
        commit(session)

    with monkeypatch.context() as patch, suppress(KeyboardInterrupt):
        patch.setattr(Session, "commit", die_at_last)
        list(close_day(MONDAY))
    list(close_day(MONDAY))

    assert sorted(outcome(family)[0]) == [CHARGED, CHARGED, UNFUNDED]
    assert outcome(family)[1] == 100
    with looking() as session:
        assert ledger.discrepancies(session) == []


def test_a_day_that_cannot_be_closed_does_not_keep_the_others_open(
    work: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monday, tuesday = family_of(balance=NORMAL), family_of(balance=NORMAL, day=TUESDAY)
    frozen_clock.set("2026-11-17 08:15:00")
    charge_next = day_jobs._charge_next

    def fail_on_monday(day: date) -> int:
        if day == MONDAY:
            raise ZeroDivisionError
        return charge_next(day)

    monkeypatch.setattr(day_jobs, "_charge_next", fail_on_monday)

    is_well = Worker(work).run_once()

    assert not is_well
    assert outcome(monday)[0] == [BOOKED]
    assert outcome(tuesday, TUESDAY)[0] == [CHARGED]
    assert job("close days").last_error == "ZeroDivisionError"
    with looking() as session:
        assert days_to_close(session, frozen_clock.now()) == [MONDAY]


def test_two_workers_close_a_day_once(app_on: Flask, frozen_clock: FrozenClock) -> None:
    with app_on.app_context():
        families = [family_of(balance=NORMAL) for _ in range(10)]
    frozen_clock.set("2026-11-16 08:15:00")

    def close() -> int:
        with app_on.app_context():
            return sum(close_day(MONDAY))

    with ThreadPoolExecutor(2) as pool:
        settled = [each.result() for each in [pool.submit(close) for _ in range(2)]]

    with app_on.app_context():
        assert sum(settled) == 10
        assert {outcome(f)[1] for f in families} == {0}


class Counting:
    """A task that has work as often as told."""

    def __init__(self, name: str = "count", *, times: int = 1) -> None:
        self.left, self.ran = times, 0
        self.task = Task(name, lambda *_: self.left > 0, self._steps)

    def _steps(self, _: str) -> Generator[int]:
        self.left, self.ran = self.left - 1, self.ran + 1
        yield 0


class BrokenError(Exception):
    """A fault of ours."""


class Failing(Counting):
    def _steps(self, _: str) -> Generator[int]:
        self.ran += 1
        yield 0
        raise BrokenError(SECRET)


def test_a_job_that_fails_is_noted_without_names_waits_and_stops_no_other(
    work: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = Failing("broken"), Counting("sound", times=2)
    running = Worker(work, (broken.task, sound.task))

    is_well = running.run_once()
    noted = job("broken")
    broken.ran = 0
    monkeypatch.setattr("app.worker.monotonic", lambda: monotonic() + worker.REST_AFTER_FAILURE)
    running.round()

    assert not is_well
    assert noted.last_error == "BrokenError"
    assert noted.claimed_by is None
    assert (sound.ran, job("sound").last_error) == (2, "")
    assert broken.ran == 1


def test_a_job_that_another_worker_holds_waits_for_its_lease(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    counting = Counting()
    worker._claim("count", "killed")

    Worker(work, (counting.task,)).run_once()
    before = counting.ran
    frozen_clock.advance(LEASE)
    Worker(work, (counting.task,)).run_once()

    assert before == 0
    assert counting.ran == 1
    assert job("count").last_run_at == frozen_clock.now()


def test_old_failed_logins_are_forgotten(work: Flask, frozen_clock: FrozenClock) -> None:
    with transaction(SYSTEM) as session:
        for hours in (1, 23, 26):
            at = frozen_clock.now() - timedelta(hours=hours)
            session.add(LoginAttempt(identifier="i", address="a", attempted_at=at))

    Worker(work).run_once()

    with looking() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(LoginAttempt)) == 2


def test_a_worker_shows_that_it_is_alive_and_writes_nothing_else_when_idle(
    work: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Worker(work)
    running.run_once()
    first = job(HEARTBEAT).last_run_at
    written = []
    commit = Session.commit

    def count(session: Session) -> None:
        written.append(session)
        commit(session)

    monkeypatch.setattr(Session, "commit", count)

    idle = running.round()
    frozen_clock.advance(timedelta(seconds=15))
    running.round()

    assert first == frozen_clock.now() - timedelta(seconds=15)
    assert not idle
    assert job(HEARTBEAT).last_run_at == frozen_clock.now()
    assert len(written) == 1


def test_no_job_is_due_twice() -> None:
    assert len({task.name for task in TASKS}) == len(TASKS)


def start_worker(app: Flask, **environment: str) -> subprocess.Popen[bytes]:
    settings = {"DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"], "SECRET_KEY": "test"}
    folder = {"MAIL_FOLDER": app.config["MAIL_FOLDER"]}
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", "app", "canteen", "worker"],
        cwd=ROOT,
        env=os.environ | settings | folder | environment,
    )


def test_the_process_works_until_it_is_told_to_stop(app: Flask) -> None:
    process = start_worker(app)
    with app.app_context():
        ends = datetime.now().timestamp() + 60  # noqa: DTZ005, TID251 - another process' clock
        alive = threading.Event()
        while not alive.wait(0.1) and datetime.now().timestamp() < ends:  # noqa: DTZ005, TID251
            with looking() as session:
                if worker.last_heartbeat(session) is not None:
                    alive.set()

    process.send_signal(signal.SIGTERM)

    assert alive.is_set()
    assert process.wait(20) == 0


def test_the_process_ends_when_its_parent_is_gone(app: Flask) -> None:
    process = start_worker(app, CANTEEN_PARENT_PID="1")

    assert process.wait(60) == 0


def test_the_command_closes_a_day_and_says_what_it_does(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    family = family_of(balance=NORMAL)
    frozen_clock.set("2026-11-16 08:15:00")

    done = work.test_cli_runner().invoke(args=["canteen", "close-day"])
    again = work.test_cli_runner().invoke(args=["canteen", "close-day", "2026-11-16"])

    assert (done.exit_code, again.exit_code) == (0, 0)
    assert "1" in done.output.splitlines()[0]
    assert len(done.output.splitlines()) == 2
    assert len(again.output.splitlines()) == 1
    assert outcome(family) == ([CHARGED], 0)


@pytest.mark.parametrize(
    ("day", "refusal"), [("2026-11-16", DayStillOpen), ("2026-11-15", NoServiceDay)]
)
def test_the_command_refuses_in_one_sentence(
    work: Flask, day: str, refusal: type[DayStillOpen | NoServiceDay]
) -> None:
    from flask_babel import gettext

    refused = work.test_cli_runner().invoke(args=["canteen", "close-day", day])

    assert refused.exit_code == 1
    assert refused.output.strip() == gettext(refusal.sentence)


def test_the_command_does_one_round(work: Flask, frozen_clock: FrozenClock) -> None:
    family = family_of(balance=NORMAL)
    frozen_clock.set("2026-11-16 08:15:00")

    done = work.test_cli_runner().invoke(args=["canteen", "worker", "--once"])

    assert done.exit_code == 0
    assert outcome(family) == ([CHARGED], 0)


def test_the_command_tells_cron_that_something_failed(
    work: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen_clock.set("2026-11-16 08:15:00")
    monkeypatch.setattr(day_jobs, "_charge_next", lambda _: 1 / 0)

    done = work.test_cli_runner().invoke(args=["canteen", "worker", "--once"])

    assert done.exit_code == 1
    assert job("close days").last_error == "ZeroDivisionError"
