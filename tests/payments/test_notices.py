"""The mails before a balance runs out: when, to whom, and each once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from email.message import EmailMessage
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.access import SYSTEM
from app.balance_jobs import TELL_BALANCES
from app.booking import Wish, book_meal
from app.models import BalanceNotice, CanteenSettings, Job, OutboxFact, ServiceDay
from app.payments.notices import last_round, tell_balances, told_on
from app.transaction import transaction
from app.vocabulary import FactKind
from app.worker import Worker
from tests.booking.acting import RULES
from tests.conftest import FrozenClock
from tests.delivery.mailing import english_family, files_of, looking, text_of
from tests.factories import NORMAL, Family, top_up

LOW, UNCOVERED = FactKind.LOW_BALANCE, FactKind.MEAL_UNCOVERED
MONDAY = date(2026, 11, 16)


@pytest.fixture
def work(app_on: Flask) -> Iterator[Flask]:
    with app_on.app_context():
        yield app_on


def mail_to_family(work: Flask) -> EmailMessage:
    """The one mail that does not go to the kitchen."""
    (mail,) = (each for each in files_of(work) if "kitchen" not in str(each["To"]))
    return mail


@contextmanager
def writing() -> Iterator[Session]:
    with transaction(SYSTEM) as session:
        yield session


def family_with(days: Iterable[date], *, meals_paid: int) -> Family:
    with writing() as session:
        family = english_family(session, balance=NORMAL * meals_paid)
        for day in days:
            book_meal(session, Wish(family.pupil_id, day), RULES, clock.now)
        session.execute(sa.delete(OutboxFact))
    return family


def school_days(first: date, count: int) -> list[date]:
    days = (first + timedelta(days=n) for n in range(60))
    return [day for day in days if day.weekday() < 5][:count]


def told_at(frozen_clock: FrozenClock, shown: str) -> list[tuple[FactKind, date]]:
    """What is told when the clock shows that."""
    frozen_clock.set(shown)
    with writing() as session:
        before = set(session.scalars(sa.select(BalanceNotice.id)))
        tell_balances(session, clock.now())
        rows = session.scalars(sa.select(BalanceNotice).order_by(BalanceNotice.id))
        return [(row.kind, row.day) for row in rows if row.id not in before]


def test_a_balance_is_low_below_the_setting_and_told_once_a_week(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    family_with(school_days(date(2026, 11, 30), 6), meals_paid=4)

    told = {day: told_at(frozen_clock, f"2026-11-{day} 18:00") for day in (16, 17, 22, 23, 24)}

    assert told[16] == [(LOW, date(2026, 11, 16))]
    assert told[17] == told[22] == []
    assert told[23] == [(LOW, date(2026, 11, 23))]
    assert told[24] == []


@pytest.mark.parametrize(("meals_paid", "booked"), [(5, 6), (4, 4), (0, 0)])
def test_nothing_is_told_while_enough_or_all_is_covered(
    work: Flask, frozen_clock: FrozenClock, meals_paid: int, booked: int
) -> None:
    family_with(school_days(date(2026, 11, 30), booked), meals_paid=meals_paid)

    assert told_at(frozen_clock, "2026-11-16 18:00") == []


def test_the_setting_is_the_canteen_s(work: Flask, frozen_clock: FrozenClock) -> None:
    family_with(school_days(date(2026, 11, 30), 6), meals_paid=4)
    with writing() as session:
        session.get_one(CanteenSettings, 1).low_balance_meals = 4

    assert told_at(frozen_clock, "2026-11-16 18:00") == []


def test_a_meal_is_told_at_six_two_service_days_before(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    """For a meal of Tuesday that is Friday: Monday is the one service day between."""
    family_with([date(2026, 11, 24)], meals_paid=0)
    with writing() as session:
        session.get_one(CanteenSettings, 1).low_balance_meals = 0

    assert told_at(frozen_clock, "2026-11-20 17:59:59") == []
    assert told_at(frozen_clock, "2026-11-20 18:00:00") == [(UNCOVERED, date(2026, 11, 24))]
    assert told_at(frozen_clock, "2026-11-23 18:00:00") == []


def test_closed_days_do_not_count(work: Flask, frozen_clock: FrozenClock) -> None:
    family_with([date(2026, 11, 24)], meals_paid=0)
    with writing() as session:
        session.get_one(CanteenSettings, 1).low_balance_meals = 0
        session.execute(
            sa.update(ServiceDay)
            .where(ServiceDay.date == date(2026, 11, 23))
            .values(closure="Journée pédagogique")
        )

    assert told_at(frozen_clock, "2026-11-19 17:59:59") == []
    assert told_at(frozen_clock, "2026-11-19 18:00:00") == [(UNCOVERED, date(2026, 11, 24))]


@pytest.mark.parametrize(
    ("meal", "before", "at"),
    [
        # the clocks go back on 25.10.2026 and forward on 28.3.2027, between the two service days
        (date(2026, 10, 27), "2026-10-23 15:59:59+00:00", "2026-10-23 16:00:00+00:00"),
        (date(2026, 10, 28), "2026-10-26 16:59:59+00:00", "2026-10-26 17:00:00+00:00"),
        (date(2027, 3, 30), "2027-03-26 16:59:59+00:00", "2027-03-26 17:00:00+00:00"),
        (date(2027, 3, 31), "2027-03-29 15:59:59+00:00", "2027-03-29 16:00:00+00:00"),
    ],
)
def test_six_o_clock_is_zurich_s_in_summer_and_winter(
    app: Flask, frozen_clock: FrozenClock, meal: date, before: str, at: str
) -> None:
    from datetime import datetime

    with app.app_context():
        frozen_clock.set("2026-10-01 07:00")
        family_with([meal], meals_paid=0)
        with writing() as session:
            session.get_one(CanteenSettings, 1).low_balance_meals = 0
        with writing() as session:
            early = tell_balances(session, datetime.fromisoformat(before))
            there = tell_balances(session, datetime.fromisoformat(at))

    assert (early, there) == (0, 1)


def test_each_meal_is_told_once_and_the_next_again_without_any_cap(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    family = family_with([date(2026, 11, 18), date(2026, 11, 19)], meals_paid=0)
    first = told_at(frozen_clock, "2026-11-16 18:00")
    with writing() as session:
        top_up(session, family.account_id, NORMAL)

    second = told_at(frozen_clock, "2026-11-17 18:00")

    assert first == [(UNCOVERED, date(2026, 11, 18))]
    assert second == [(UNCOVERED, date(2026, 11, 19))]
    assert told_at(frozen_clock, "2026-11-18 18:00") == []


def test_a_meal_booked_too_late_for_that_is_told_at_the_next_six_o_clock(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    frozen_clock.set("2026-11-17 09:00")
    family_with([date(2026, 11, 18)], meals_paid=0)

    assert told_at(frozen_clock, "2026-11-17 18:00") == [(UNCOVERED, date(2026, 11, 18))]


def test_the_worker_goes_round_once_after_six_and_again_after_a_failure(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    def last_run() -> str:
        with looking() as session:
            job = session.scalars(sa.select(Job).where(Job.name == TELL_BALANCES)).one()
            assert job.last_run_at is not None
            return f"{clock.local(job.last_run_at):%d %H:%M}"

    runs = []
    for shown in ("16 07:30", "16 17:59", "16 18:00", "16 23:00", "17 17:59", "17 18:00"):
        frozen_clock.set(f"2026-11-{shown}")
        Worker(work).run_once()
        runs.append(last_run())
    with writing() as session:
        session.scalars(sa.select(Job).where(Job.name == TELL_BALANCES)).one().last_error = "X"
    frozen_clock.set("2026-11-17 19:00")
    Worker(work).run_once()

    assert runs == ["16 07:30", "16 07:30", "16 18:00", "16 18:00", "16 18:00", "17 18:00"]
    assert last_run() == "17 19:00"


def test_two_workers_at_the_same_moment_tell_once(work: Flask, frozen_clock: FrozenClock) -> None:
    family_with([date(2026, 11, 18)], meals_paid=0)
    frozen_clock.set("2026-11-16 18:00")
    together = Barrier(2)

    def round_of_one() -> None:
        with work.app_context():
            together.wait()
            try:
                with writing() as session:
                    tell_balances(session, clock.now())
            except IntegrityError:
                return

    threads = [Thread(target=round_of_one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with looking() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(OutboxFact)) == 1
        assert session.scalar(sa.select(sa.func.count()).select_from(BalanceNotice)) == 1


def test_killed_after_telling_the_worker_tells_no_second_time(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    """The job's own note comes last: without it the round is made again."""
    family_with([date(2026, 11, 18)], meals_paid=0)
    told_at(frozen_clock, "2026-11-16 18:00")

    Worker(work).run_once()

    with looking() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(BalanceNotice)) == 1


def test_the_mail_has_the_bill_for_the_exact_amount_and_the_way_to_pay(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    with writing() as session:
        canteen = session.get_one(CanteenSettings, 1)
        canteen.creditor_iban = "CH5604835012345678009"
        canteen.postal_code, canteen.town = "1854", "Leysin"
    family = family_with([date(2026, 11, 18), date(2026, 11, 30)], meals_paid=0)
    frozen_clock.set("2026-11-16 18:00")

    Worker(work).run_once()

    mail = mail_to_family(work)
    (bill,) = mail.iter_attachments()
    assert "Wednesday 18 November 2026" in str(mail["Subject"])
    assert f"/recharge/?account={family.account_id}&amount=18.00" in text_of(mail)
    assert (bill.get_content_type(), bill.get_filename()) == (
        "application/pdf",
        "qr-2026-11-16-18.00.pdf",
    )
    assert bytes(bill.get_content()).startswith(b"%PDF")


def test_without_an_iban_the_mail_goes_without_a_bill(
    work: Flask, frozen_clock: FrozenClock
) -> None:
    family_with([date(2026, 11, 18)], meals_paid=0)
    frozen_clock.set("2026-11-16 18:00")

    Worker(work).run_once()

    mail = mail_to_family(work)
    assert list(mail.iter_attachments()) == []
    assert "CHF 9.00" in text_of(mail)


def test_the_first_service_days_of_all_have_none_before_them() -> None:
    days = school_days(MONDAY, 5)

    assert told_on(days[0], days) == told_on(days[2], days) == days[0]
    assert told_on(days[4], days) == days[2]
    assert told_on(MONDAY, []) == MONDAY


def test_the_last_round_is_the_latest_six_o_clock(frozen_clock: FrozenClock) -> None:
    frozen_clock.set("2026-11-16 17:59:59")
    before = last_round(clock.now())
    frozen_clock.set("2026-11-16 18:00:00")

    assert f"{clock.local(before):%d %H:%M}" == "15 18:00"
    assert f"{clock.local(last_round(clock.now())):%d %H:%M}" == "16 18:00"
