"""Which facts become which mails."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app import outbox
from app.access import SYSTEM
from app.booking import Wish, book_meal, cancel_meal
from app.delivery.gather import gather, is_anything_due, told_together
from app.models import AccountHolder, CanteenUser, OutboxFact, OutboxMail
from app.outbox import TOGETHER
from app.payments.till import record_cash
from app.transaction import transaction
from app.vocabulary import FactKind, Role
from tests.booking.acting import MONDAY, RULES, TUESDAY, at, cashier, close_day, parent
from tests.delivery.mailing import looking, mails
from tests.factories import Family, make_family, make_user

STARTED = datetime(2026, 11, 2, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def family_of(balance: int = 0) -> Family:
    with transaction(SYSTEM) as session:
        return make_family(session, balance=balance)


def book(family: Family, day: date, now: datetime) -> None:
    with transaction(parent(family)) as session:
        book_meal(session, Wish(family.pupil_id, day), RULES, lambda: now)


def gather_at(now: datetime) -> int:
    with transaction(SYSTEM) as session:
        return gather(session, now)


def readers(session: Session) -> list[int | None]:
    return [mail.user_id for mail in mails(session)]


def fact(kind: FactKind, account_id: int, seconds: int) -> OutboxFact:
    recorded_at = STARTED + timedelta(seconds=seconds)
    wait = TOGETHER if kind is FactKind.BOOKING_CHANGED else timedelta()
    return OutboxFact(
        kind=kind, account_id=account_id, recorded_at=recorded_at, due_at=recorded_at + wait
    )


FACTS = st.builds(
    fact,
    st.sampled_from([FactKind.BOOKING_CHANGED, FactKind.MEAL_UNFUNDED, FactKind.CREDITED]),
    st.integers(1, 3),
    st.integers(0, 600),
)


@given(st.lists(FACTS, max_size=30), st.integers(1, 90))
def test_every_fact_is_told_once_and_in_time_however_often_one_looks(
    facts: list[OutboxFact], pause: int
) -> None:
    waiting, told = list(facts), 0
    for seconds in range(0, 900 + pause, pause):
        now = STARTED + timedelta(seconds=seconds)
        known = [f for f in waiting if f.recorded_at <= now]
        together = told_together(known, now)
        gone = [f for group in together.values() for f in group]
        told += len(gone)
        waiting = [f for f in waiting if f not in gone]
        for (_, account_id, _, _), group in together.items():
            assert {f.account_id for f in group} == {account_id}
        assert all(f.due_at > now for f in waiting if f.recorded_at <= now)

    assert told == len(facts)
    assert waiting == []


def test_changes_wait_two_minutes_for_those_that_follow(app_on: Flask) -> None:
    with app_on.app_context():
        family = family_of()
        book(family, MONDAY, STARTED)
        book(family, TUESDAY, STARTED + 100 * SECOND)

        early = gather_at(STARTED + TOGETHER - SECOND)
        gathered = gather_at(STARTED + TOGETHER)
        again = gather_at(STARTED + timedelta(hours=1))

        with looking() as session:
            assert (early, gathered, again) == (0, 2, 0)
            assert readers(session) == [family.user_id]
            assert len(mails(session)[0].facts) == 2
            assert not is_anything_due(session, STARTED + timedelta(hours=1))


def test_what_was_rolled_back_is_not_told(app_on: Flask) -> None:
    with app_on.app_context():
        family = family_of()

        def book_and_crash() -> None:
            with transaction(parent(family)) as session:
                book_meal(session, Wish(family.pupil_id, MONDAY), RULES, lambda: STARTED)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            book_and_crash()

        gathered = gather_at(STARTED + timedelta(hours=1))

        assert gathered == 0


def test_each_holder_of_today_with_an_address_gets_a_mail(app_on: Flask) -> None:
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            family = make_family(session)
            other, gone, nowhere, archived = (make_user(session, Role.PARENT) for _ in range(4))
            for user in (other, gone, nowhere, archived):
                session.add(
                    AccountHolder(
                        user_id=user.id,
                        account_id=family.account_id,
                        valid_from=date(2026, 8, 1),
                        valid_until=date(2026, 10, 1) if user is gone else None,
                    )
                )
            nowhere.email, archived.active = "famille-7@sans-adresse.invalid", False
            expected = [family.user_id, other.id]
        book(family, MONDAY, STARTED)

        gather_at(STARTED + TOGETHER)

        with looking() as session:
            assert readers(session) == expected


def test_facts_nobody_can_be_mailed_about_are_settled_all_the_same(app_on: Flask) -> None:
    with app_on.app_context():
        family = family_of()
        with transaction(SYSTEM) as session:
            session.get_one(CanteenUser, family.user_id).email = "x@sans-adresse.invalid"
        book(family, MONDAY, STARTED)

        gathered = gather_at(STARTED + TOGETHER)

        with looking() as session:
            assert gathered == 1
            assert readers(session) == []
            assert not is_anything_due(session, STARTED + timedelta(days=1))


def test_a_credit_tells_of_the_meals_that_it_made_good(app_on: Flask) -> None:
    with app_on.app_context():
        family = family_of()
        book(family, MONDAY, STARTED)
        gather_at(STARTED + TOGETHER)
        with transaction(SYSTEM) as session:
            close_day(session)
            who = cashier(session)
        gather_at(at("2026-11-16 08:15")())

        with transaction(who) as session:
            now = at("2026-11-16 09:00")
            record_cash(session, family.account_id, 1000, "request", RULES, now)
        gather_at(at("2026-11-16 09:00")())
        left = gather_at(at("2026-11-16 10:00")())

        with looking() as session:
            told = [(m.kind, sorted(f.kind for f in m.facts)) for m in mails(session)]
            assert told == [
                (FactKind.BOOKING_CHANGED, [FactKind.BOOKING_CHANGED]),
                (FactKind.MEAL_UNFUNDED, [FactKind.MEAL_UNFUNDED]),
                (FactKind.CREDITED, [FactKind.BOOKING_CHANGED, FactKind.CREDITED]),
            ]
            assert left == 0


def test_a_late_cancellation_goes_to_the_cooks_or_to_the_canteen(app_on: Flask) -> None:
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            families = [make_family(session, diet="Spécial") for _ in range(2)]
            cook = session.query(CanteenUser).filter_by(username="kitchen").one().id
        for family in families:
            book(family, MONDAY, STARTED)
        gather_at(STARTED + TOGETHER)
        late = at("2026-11-16 07:00")

        for family in families:
            with transaction(parent(family)) as session:
                cancel_meal(session, Wish(family.pupil_id, MONDAY), RULES, late)
            gather_at(late())
            with transaction(SYSTEM) as session:
                session.get_one(CanteenUser, cook).active = False

        with looking() as session:
            found = [m.user_id for m in mails(session) if m.kind is FactKind.LATE_CANCELLATION]
            assert found == [cook, None]


def test_a_fact_about_a_user_goes_to_them_alone(app_on: Flask) -> None:
    with app_on.app_context():
        family = family_of()
        with transaction(SYSTEM) as session:
            for _ in range(2):
                outbox.tell(session, FactKind.PASSWORD_RESET, now=STARTED, user_id=family.user_id)

        gather_at(STARTED)

        with looking() as session:
            assert readers(session) == [family.user_id]


def test_two_workers_make_no_mail_twice_and_tear_no_set_of_changes(app_on: Flask) -> None:
    with app_on.app_context():
        families = [family_of() for _ in range(12)]
        for day in (MONDAY, TUESDAY):
            for family in families:
                book(family, day, STARTED)

    def gather_in_thread(_: int) -> int:
        with app_on.app_context():
            return gather_at(STARTED + TOGETHER)

    with ThreadPoolExecutor(4) as pool:
        gathered = sum(pool.map(gather_in_thread, range(4)))

    with app_on.app_context(), looking() as session:
        assert gathered == 24
        assert sorted(readers(session), key=str) == sorted((f.user_id for f in families), key=str)
        assert all(len(mail.facts) == 2 for mail in session.query(OutboxMail))
