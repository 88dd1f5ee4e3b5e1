"""The demo canteen: whole and plausible on any day, and never over real data."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from pathlib import Path
from shutil import copyfile

import pytest
import sqlalchemy as sa
from flask import Flask, current_app
from flask_migrate import upgrade
from sqlalchemy.orm import Session, selectinload
from werkzeug.security import check_password_hash

from app import clock, ledger
from app.access import EVERYTHING, SYSTEM, scope_of
from app.booking.forecast import coverage
from app.cli import init_canteen
from app.day_jobs import days_to_close, days_to_refuse
from app.delivery.gather import is_anything_due
from app.delivery.queue import is_anything_waiting
from app.demo import FEWEST, PASSWORD, is_demo, is_empty, load_demo, mails
from app.demo.people import sizes
from app.errors import DatabaseNotEmpty
from app.extensions import db
from app.models import (
    Account,
    AccountHolder,
    BankEntry,
    Booking,
    BookingChange,
    CanteenUser,
    Counter,
    HealthRecord,
    Menu,
    OutboxMail,
    PupilAccount,
    Receipt,
    ServiceDay,
    TopUp,
    Transfer,
)
from app.reconciliation.proof import bank_difference
from app.rules.deadlines import ServiceRules, booking_deadline, last_call_of
from app.rules.weeks import week_to_show
from app.transaction import transaction
from app.vocabulary import (
    HOLDS_A_SEAT,
    TRANSITIONS,
    BankEntryState,
    BookingState,
    Channel,
    MailState,
    Role,
    TopUpState,
    TransferKind,
)
from tests.conftest import FrozenClock
from tests.database import MIGRATIONS, create_test_app, one_at_a_time, running, sqlite_url
from tests.factories import make_user

SCHOOL_DAY = "2026-11-24 10:00"
ANY_DAY = [
    "2026-11-24 07:30",  # before the last call
    "2026-11-24 12:20",  # while meals are served
    "2026-11-28 00:30",  # a Saturday
    "2026-10-25 02:30",  # a Sunday on which the clock is set back
    "2026-12-30 11:00",  # holidays
    "2026-08-17 08:14",  # the first day of school
    "2026-09-21 09:00",  # a public holiday
    "2027-06-25 15:00",  # a Friday, a week before the summer
    "2027-07-03 10:00",  # the summer's first day
    "2027-08-01 09:00",
    "2028-02-29 08:15",
]
RULES = ServiceRules()
LOGINS = {
    "parent": [Role.PARENT.value],
    "parent2": [Role.PARENT.value],
    "secretariat": [Role.SECRETARIAT.value],
    "caisse": [Role.TILL.value],
    "cuisine": [Role.KITCHEN.value],
    "compta": [Role.ACCOUNTING.value],
    "compta2": [Role.ACCOUNTING.value],
    "comite": [Role.COMMITTEE.value],
    "admin": [Role.ADMIN.value],
}


@pytest.fixture(scope="session")
def empty_sqlite(run_folder: Path) -> Path:
    """A database as `flask canteen init` leaves it."""
    return made_once(run_folder / "empty.sqlite", initialise)


@pytest.fixture(scope="session")
def demo_sqlite(run_folder: Path, empty_sqlite: Path) -> Path:
    """The demo canteen as it is at ten on a school day."""

    def load(app: Flask) -> None:
        with pytest.MonkeyPatch.context() as patch, app.app_context():
            patch.setattr("app.clock.now", FrozenClock(SCHOOL_DAY).now)
            load_demo()

    return made_once(run_folder / "demo.sqlite", load, begin_with=empty_sqlite)


def made_once(path: Path, fill: Callable[[Flask], None], *, begin_with: Path | None = None) -> Path:
    """The run's file, made by whichever of its processes comes first."""
    with one_at_a_time(path.with_suffix(".lock")):
        if not path.exists():
            unfinished = path.with_suffix(".unfinished")
            if begin_with is not None:
                copyfile(begin_with, unfinished)
            with running(create_test_app(sqlite_url(unfinished), path.parent)) as app:
                fill(app)
            unfinished.rename(path)
    return path


def initialise(app: Flask) -> None:
    with app.app_context():
        upgrade(directory=str(MIGRATIONS))
        init_canteen()


@contextmanager
def reading(path: Path) -> Iterator[Session]:
    """A session on a copy of the file, which sees every row."""
    with (
        running(create_test_app(sqlite_url(path), path.parent / "outbox")) as app,
        app.app_context(),
        scope_of(db.session(), EVERYTHING),
    ):
        yield db.session()


@pytest.fixture
def empty(empty_sqlite: Path, tmp_path: Path, frozen_clock: FrozenClock) -> Iterator[Session]:
    """A session on an empty canteen, on a school day at ten."""
    frozen_clock.set(SCHOOL_DAY)
    with reading(Path(copyfile(empty_sqlite, tmp_path / "canteen.sqlite"))) as session:
        yield session


@pytest.fixture
def demo(demo_sqlite: Path, tmp_path: Path, frozen_clock: FrozenClock) -> Iterator[Session]:
    """A session on the demo canteen, as it is at ten on a school day."""
    frozen_clock.set(SCHOOL_DAY)
    with reading(Path(copyfile(demo_sqlite, tmp_path / "canteen.sqlite"))) as session:
        yield session


def user(session: Session, login: str) -> CanteenUser:
    return session.scalars(sa.select(CanteenUser).where(CanteenUser.username == login)).one()


def account_of(session: Session, login: str) -> Account:
    query = sa.select(Account).join(AccountHolder)
    return session.scalars(query.where(AccountHolder.user_id == user(session, login).id)).one()


def histories(session: Session) -> list[tuple[Booking, list[BookingChange]]]:
    """Every booking with its changes in order."""
    changes: dict[int, list[BookingChange]] = {}
    for change in session.scalars(sa.select(BookingChange).order_by(BookingChange.id)):
        changes.setdefault(change.booking_id, []).append(change)
    query = sa.select(Booking).options(
        selectinload(Booking.service_day), selectinload(Booking.meal_type)
    )
    return [(booking, changes[booking.id]) for booking in session.scalars(query)]


def count(session: Session, query: sa.Select[int]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0


def test_it_is_a_school_of_forty_families_and_sixty_pupils(demo: Session) -> None:
    pupils = demo.scalars(sa.select(PupilAccount.pupil_id).distinct()).all()

    assert is_demo()
    assert not is_empty()
    assert count(demo, sa.select(Account.id)) == 40
    assert len(pupils) == 60
    assert count(demo, sa.select(HealthRecord.id)) == 7


def test_three_hundred_families_have_about_five_hundred_children() -> None:
    assert sum(sizes(40)) == 60
    assert sum(sizes(300)) == 502


def test_the_smallest_one_loads(empty: Session, frozen_clock: FrozenClock) -> None:
    load_demo(families=FEWEST, weeks=FEWEST)

    assert ledger.discrepancies(empty) == []


@pytest.mark.parametrize("shown", ANY_DAY)
def test_on_any_day_it_is_whole_and_leaves_the_worker_nothing_to_do(
    empty: Session, frozen_clock: FrozenClock, shown: str
) -> None:
    frozen_clock.set(shown)

    load_demo(families=8)

    assert ledger.discrepancies(empty) == []
    for booking, changes in histories(empty):
        assert_ends_in(booking, changes[-1])
        assert_follow_each_other(changes)
        assert_kept_the_deadlines(booking, changes)
    assert days_to_close(empty, clock.now()) == []
    assert days_to_refuse(empty, clock.now()) == []
    assert not is_anything_due(empty, clock.now())
    assert not is_anything_waiting(empty, clock.now())
    on_the_way = empty.scalars(sa.select(TopUp).where(TopUp.state == TopUpState.VALIDATED)).all()
    assert len(on_the_way) == 2
    assert all(top_up.credit_at and top_up.credit_at > clock.now() for top_up in on_the_way)
    assert_has_money(empty)


def assert_ends_in(booking: Booking, last: BookingChange) -> None:
    assert last.version == booking.version
    assert (last.new_state, last.attendance) == (booking.state, booking.attendance)
    assert (last.new_meal_type_id, last.is_late) == (booking.meal_type_id, booking.is_late)


def assert_follow_each_other(changes: list[BookingChange]) -> None:
    assert [change.version for change in changes] == list(range(1, len(changes) + 1))
    assert changes[0].old_state is None
    assert changes[-1].changed_at <= clock.now()
    for before, after in pairwise(changes):
        assert before.changed_at <= after.changed_at
        assert after.old_state == before.new_state
        if after.attendance == before.attendance or after.old_state != after.new_state:
            assert after.new_state in TRANSITIONS[after.old_state]


def assert_kept_the_deadlines(booking: Booking, changes: list[BookingChange]) -> None:
    day, is_special = booking.service_day.date, booking.meal_type.is_special
    by_parents = [c for c in changes if c.channel is Channel.PORTAL]
    assert all(c.changed_at < last_call_of(day, RULES) for c in by_parents)
    booked = [c for c in by_parents if c.new_state is BookingState.BOOKED]
    deadline = booking_deadline(day, RULES, is_special=is_special)
    assert all(c.changed_at < deadline for c in booked)


def assert_has_money(session: Session) -> None:
    """Parent for about two weeks of school, parent2 for a day or two."""
    poor, rich = account_of(session, "parent2"), account_of(session, "parent")
    until = coverage(session, rich.id, clock.today()).last_covered
    days = sa.select(ServiceDay.id).where(
        ServiceDay.date >= clock.today(), ServiceDay.date <= until, ServiceDay.closure.is_(None)
    )
    assert 4 <= count(session, days) <= 18
    assert 0 <= poor.balance < 2000


def test_every_seat_is_counted(demo: Session) -> None:
    held = sa.select(Booking.id).where(
        Booking.service_day_id == ServiceDay.id, Booking.state.in_(HOLDS_A_SEAT)
    )
    seats = sa.select(sa.func.count()).select_from(held.correlate(ServiceDay).subquery())

    wrong = demo.scalars(
        sa.select(ServiceDay.date).where(ServiceDay.seats_taken != seats.scalar_subquery())
    ).all()

    assert wrong == []


def test_every_charged_meal_has_its_transfer_at_the_price_of_its_day(demo: Session) -> None:
    charged = sa.select(Booking).where(Booking.state == BookingState.CHARGED)

    paid = {
        transfer.booking_id: (transfer.amount, transfer.booked_on)
        for transfer in demo.scalars(sa.select(Transfer).where(Transfer.kind == TransferKind.MEAL))
    }

    for booking in demo.scalars(charged.options(selectinload(Booking.service_day))):
        assert paid[booking.id] == (booking.price, booking.service_day.date)
    assert {amount for amount, _ in paid.values()} >= {900, 950, 1150, 1200}


def test_meals_went_every_way_that_there_is(demo: Session) -> None:
    states = set(demo.scalars(sa.select(BookingChange.new_state).distinct()))
    closed = demo.scalars(
        sa.select(ServiceDay.closure).where(ServiceDay.closed_at.is_not(None)).distinct()
    )

    assert states == set(BookingState)
    assert "Panne de chauffage" in set(closed)


def test_receipts_have_no_gap_and_the_counter_goes_on_after_them(demo: Session) -> None:
    numbers = demo.scalars(sa.select(Receipt.number).order_by(Receipt.number)).all()
    counter = demo.scalars(sa.select(Counter).where(Counter.name == "receipt")).one()

    assert numbers == list(range(1, len(numbers) + 1))
    assert counter.value == len(numbers) > 10
    assert count(demo, sa.select(Receipt.id).where(Receipt.cancelled_at.is_not(None))) == 1


def test_everybody_logs_in_with_the_same_password(demo: Session) -> None:
    found = {login: user(demo, login) for login in LOGINS}

    hashes = {each.password for each in found.values()}

    assert {n: [r.name for r in u.roles] for n, u in found.items()} == LOGINS
    assert len(hashes) == 1
    assert check_password_hash(hashes.pop(), PASSWORD)
    assert all(u.active and not u.must_change_password for u in found.values())


def test_parent_shares_one_of_three_children_with_another_household(demo: Session) -> None:
    own = account_of(demo, "parent")

    payers = [
        demo.scalars(
            sa.select(PupilAccount.account_id).where(PupilAccount.pupil_id == link.pupil_id)
        ).all()
        for link in own.pupils
    ]
    shared = payers[0]
    meals = sa.select(Booking.account_id).where(Booking.pupil_id == own.pupils[0].pupil_id)

    assert sorted(map(len, payers)) == [1, 1, 2]
    assert set(demo.scalars(meals)) == set(shared)


def test_four_weeks_of_menus_declare_where_meat_and_fish_come_from(demo: Session) -> None:
    menus = demo.scalars(sa.select(Menu).options(selectinload(Menu.service_day))).all()
    monday = week_to_show(date(2026, 11, 24))

    weeks = {(menu.service_day.date - monday).days // 7 for menu in menus}

    assert weeks == {-1, 0, 1, 2}
    assert any(menu.meat_origin for menu in menus)
    assert any(menu.fish_origin for menu in menus)
    assert all(menu.bread_origin and menu.allergens for menu in menus)


def test_staff_find_mails_that_were_sent_and_one_that_was_not(demo: Session) -> None:
    states = demo.scalars(sa.select(OutboxMail.state)).all()

    assert states.count(MailState.FAILED) == 1
    assert states.count(MailState.SENT) > 5
    assert MailState.QUEUED not in states


def test_the_last_account_statement_agrees_with_the_ledger_and_leaves_work(demo: Session) -> None:
    waiting = demo.scalars(
        sa.select(BankEntry).where(BankEntry.state == BankEntryState.QUEUED)
    ).all()
    difference = bank_difference(demo, clock.today())

    assert len(waiting) == 4
    assert difference is not None
    assert difference.amount == 0


def test_the_same_seed_on_the_same_day_makes_the_same_canteen(
    empty_sqlite: Path, tmp_path: Path, frozen_clock: FrozenClock
) -> None:
    frozen_clock.set(SCHOOL_DAY)

    first, second, other = (
        dump(empty_sqlite, tmp_path / f"{number}.sqlite", seed)
        for number, seed in enumerate((1, 1, 2))
    )

    assert first == second != other


def dump(empty_sqlite: Path, path: Path, seed: int) -> list[tuple[object, ...]]:
    """What a demo with that seed holds, but for password hashes and the services' own ids."""
    copyfile(empty_sqlite, path)
    with running(create_test_app(sqlite_url(path), path.parent)) as app, app.app_context():
        load_demo(families=6, seed=seed)
        with db.engine.connect() as connection:
            return [
                tuple(row)
                for table in db.metadata.sorted_tables
                if not table.name.startswith(("ab_", "audit_"))
                for row in connection.execute(
                    sa.select(*[c for c in table.c if c.name != "operation_id"]).order_by(
                        *table.primary_key
                    )
                )
            ]


def test_refuses_a_database_that_somebody_uses(empty: Session) -> None:
    with transaction(SYSTEM) as session:
        make_user(session, Role.ADMIN, username="real")

    assert not is_empty()
    assert not is_demo()
    with pytest.raises(DatabaseNotEmpty):
        load_demo(families=6)


def test_an_interrupted_load_leaves_the_database_empty(
    empty: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mails, "send_all", interrupt)

    with pytest.raises(KeyboardInterrupt):
        load_demo(families=6)

    assert is_empty()
    assert not is_demo()


@pytest.mark.postgres
def test_it_loads_on_postgresql_and_new_records_go_on_after_it(
    postgres_url: str, tmp_path: Path, frozen_clock: FrozenClock
) -> None:
    frozen_clock.set(SCHOOL_DAY)
    with running(create_test_app(postgres_url, tmp_path)) as app, app.app_context():
        with db.engine.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        initialise(app)

        load_demo(families=12)

        with transaction(SYSTEM) as session:
            assert ledger.discrepancies(session) == []
            newest = make_user(session, Role.PARENT, username="newest")
            assert newest.id > user(session, "parent").id


def test_the_command_fills_an_empty_database_once(empty: Session) -> None:
    runner = current_app.test_cli_runner()

    first = runner.invoke(args=["canteen", "demo", "--families", "4", "--seed", "3"])
    second = runner.invoke(args=["canteen", "demo"])

    assert (first.exit_code, first.output) == (0, "OK\n")
    assert second.exit_code == 1
    assert len(second.output.strip().splitlines()) == 1
