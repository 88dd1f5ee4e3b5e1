"""Closing a day: each meal paid wholly or not at all, in a fixed order, whatever is interrupted."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app import ledger
from app.access import SYSTEM
from app.booking import (
    Wish,
    begin_closing,
    book_meal,
    cancel_meal,
    charge_next,
    fund_today,
    refuse_unfunded,
)
from app.booking.closing import MEALS_PER_COMMIT
from app.booking.record import lock_day
from app.clock import Now
from app.errors import CannotChange, DayStillOpen, NoServiceDay
from app.extensions import db
from app.models import Account, Enrolment, Price, Transfer
from app.transaction import transaction
from app.vocabulary import BookingState, FactKind, MealKind, Reason, TransferKind
from tests.booking.acting import (
    RULES,
    STAFF,
    balance_of,
    book,
    booking_of,
    close_day,
    history_of,
    meal_type_id,
    on,
    parent,
    state_of,
    the_day,
    told,
    weeks_before,
)
from tests.factories import NORMAL, SPECIAL, Family, make_family, make_pupil, top_up
from tests.money import take_back

S = BookingState


def booked_family(
    day: date, *, balance: int = 0, children: int = 1, diet: str = "Normal"
) -> Family:
    """A family whose children are all booked on the day."""
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=balance, children=children, diet=diet)
        for pupil_id in family.pupil_ids:
            book(session, pupil_id, day)
        return family


def closed(day: date) -> None:
    with transaction(SYSTEM) as session:
        close_day(session, day)


def credit(family: Family, amount: int, now: Now) -> int:
    """Money comes in, as every channel brings it: the day first, then the wallet."""
    with transaction(STAFF) as session:
        lock_day(session, now().date())
        top_up(session, family.account_id, amount)
        return fund_today(session, family.account_id, RULES, now())


# --- when --------------------------------------------------------------------------------------


def test_a_day_is_not_closed_before_its_last_call(canteen: Flask, day: date) -> None:
    booked_family(day, balance=5000)

    with pytest.raises(DayStillOpen), transaction(SYSTEM) as session:
        close_day(session, day, on(day, "08:14:59"))
    with transaction(SYSTEM) as session:
        assert the_day(session, day).closed_at is None


def test_closing_again_changes_nothing(canteen: Flask, day: date) -> None:
    family = booked_family(day, balance=5000)
    closed(day)

    with transaction(SYSTEM) as session:
        settled = close_day(session, day, on(day, "09:00"))

        assert settled == 0
        assert the_day(session, day).closed_at == on(day, "08:15")()
        assert balance_of(session, family.account_id) == 5000 - NORMAL
        assert len(history_of(session, booking_of(session, family.pupil_id, day).id)) == 2


def test_a_date_without_service_cannot_be_closed(canteen: Flask, day: date) -> None:
    with transaction(SYSTEM) as session:
        nowhere = the_day(session, day)
        session.expunge(nowhere)
    nowhere.date = date(2026, 11, 15)

    with pytest.raises(NoServiceDay), transaction(SYSTEM) as session:
        begin_closing(session, nowhere, RULES, on(nowhere.date))


# --- what it costs -----------------------------------------------------------------------------


def test_a_covered_meal_is_charged_at_the_price_of_its_day(canteen: Flask, day: date) -> None:
    family = booked_family(day, balance=1000)

    closed(day)

    with transaction(SYSTEM) as session:
        booking = booking_of(session, family.pupil_id, day)
        paid = session.scalars(sa.select(Transfer).where(Transfer.booking_id == booking.id)).one()
        assert (booking.state, booking.price) == (S.CHARGED, NORMAL)
        assert balance_of(session, family.account_id) == 100
        assert (paid.kind, paid.amount, paid.booked_on) == (TransferKind.MEAL, NORMAL, day)
        assert told(session, family.account_id) == [FactKind.BOOKING_CHANGED]  # the booking only


def test_an_exact_balance_pays_and_a_centime_less_does_not(canteen: Flask, day: date) -> None:
    exact = booked_family(day, balance=NORMAL)
    short = booked_family(day, balance=NORMAL - 1)

    closed(day)

    with transaction(SYSTEM) as session:
        assert state_of(session, exact.pupil_id, day) is S.CHARGED
        assert balance_of(session, exact.account_id) == 0
        assert state_of(session, short.pupil_id, day) is S.UNFUNDED
        assert balance_of(session, short.account_id) == NORMAL - 1


def test_the_price_of_the_service_date_counts_not_that_of_the_booking(app_on: Flask) -> None:
    day = date(2026, 11, 16)
    with app_on.app_context():
        family = booked_family(day, balance=5000)
        with transaction(SYSTEM) as session:
            old = session.scalars(
                sa.select(Price).where(Price.meal_type_id == meal_type_id(session, MealKind.NORMAL))
            ).one()
            for valid_from, amount in ((day, 950), (day + timedelta(days=1), 1900)):
                session.add(
                    Price(
                        meal_type_id=old.meal_type_id,
                        category_id=old.category_id,
                        valid_from=valid_from,
                        amount=amount,
                    )
                )

        closed(day)

        with transaction(SYSTEM) as session:
            assert booking_of(session, family.pupil_id, day).price == 950
            assert balance_of(session, family.account_id) == 5000 - 950


@pytest.mark.parametrize("debt", [0, 300])
def test_a_free_meal_needs_no_money_and_moves_none(app_on: Flask, debt: int) -> None:
    day = date(2026, 11, 16)
    with app_on.app_context():
        family = booked_family(day)
        with transaction(SYSTEM) as session:
            session.execute(sa.update(Price).values(amount=0))
            if debt:
                take_back(session, family.account_id, debt)

        closed(day)

        with transaction(SYSTEM) as session:
            booking = booking_of(session, family.pupil_id, day)
            query = sa.select(Transfer).where(Transfer.booking_id == booking.id)
            assert (booking.state, booking.price) == (S.CHARGED, 0)
            assert session.scalars(query).all() == []
            wish = Wish(family.pupil_id, day, reason=Reason.ILLNESS)
            assert cancel_meal(session, wish, RULES, on(day)).state is S.GIVEN_BACK


def test_the_agreed_tolerance_pays_too_and_no_more(canteen: Flask, day: date) -> None:
    family = booked_family(day, children=3)
    with transaction(SYSTEM) as session:
        ledger.set_tolerance(session, family.account_id, 2 * NORMAL)

    closed(day)

    with transaction(SYSTEM) as session:
        states = [state_of(session, pupil_id, day) for pupil_id in family.pupil_ids]
        assert sorted(states) == [S.CHARGED, S.CHARGED, S.UNFUNDED]
        assert balance_of(session, family.account_id) == -2 * NORMAL


# --- in which order ----------------------------------------------------------------------------


def test_special_meals_come_first_then_the_youngest_child(canteen: Flask, day: date) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=SPECIAL + NORMAL)
        account = family.account_id
        old = make_pupil(session, account, born=date(2012, 1, 1)).id
        young = make_pupil(session, account, born=date(2020, 1, 1)).id
        special = make_pupil(session, account, diet="Spécial", born=date(2010, 1, 1)).id
        for pupil_id in (family.pupil_id, old, young, special):
            book(session, pupil_id, day)

    closed(day)

    with transaction(SYSTEM) as session:
        states = {i: state_of(session, i, day) for i in (special, young, family.pupil_id, old)}
        assert list(states.values()) == [S.CHARGED, S.CHARGED, S.UNFUNDED, S.UNFUNDED]


def test_twins_are_paid_for_in_the_order_of_their_bookings(canteen: Flask, day: date) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=NORMAL)
        twin = make_pupil(session, family.account_id, born=date(2017, 3, 1)).id
        for pupil_id in (twin, family.pupil_id):
            book(session, pupil_id, day)

    closed(day)

    with transaction(SYSTEM) as session:
        assert state_of(session, twin, day) is S.CHARGED
        assert state_of(session, family.pupil_id, day) is S.UNFUNDED


def test_a_meal_is_paid_wholly_or_not_at_all_and_a_cheaper_one_may_follow(
    canteen: Flask, day: date
) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=SPECIAL - 1)
        special = make_pupil(session, family.account_id, diet="Spécial").id
        for pupil_id in (special, family.pupil_id):
            book(session, pupil_id, day)

    closed(day)

    with transaction(SYSTEM) as session:
        assert state_of(session, special, day) is S.UNFUNDED
        assert state_of(session, family.pupil_id, day) is S.CHARGED
        assert balance_of(session, family.account_id) == SPECIAL - 1 - NORMAL


def test_each_meal_is_paid_by_its_own_account(canteen: Flask, day: date) -> None:
    with transaction(SYSTEM) as session:
        mother, father = make_family(session, balance=5000), make_family(session)
        shared = make_pupil(session, mother.account_id, father.account_id).id
        book(session, shared, day, account_id=father.account_id)

    closed(day)

    with transaction(SYSTEM) as session:
        assert state_of(session, shared, day) is S.UNFUNDED
        assert balance_of(session, mother.account_id) == 5000


# --- unfunded ----------------------------------------------------------------------------------


def test_an_unfunded_meal_is_told_at_once_and_keeps_its_seat(canteen: Flask, day: date) -> None:
    family = booked_family(day)

    closed(day)

    with transaction(SYSTEM) as session:
        assert told(session, family.account_id)[-1] is FactKind.MEAL_UNFUNDED
        assert the_day(session, day).seats_taken == 1
        assert booking_of(session, family.pupil_id, day).price is None


@pytest.mark.parametrize(
    ("shown", "funded", "state"),
    [("08:20", 1, S.CHARGED), ("13:59:59", 1, S.CHARGED), ("14:00", 0, S.UNFUNDED)],
)
def test_a_credit_before_the_end_of_service_makes_it_good(
    canteen: Flask, day: date, shown: str, funded: int, state: BookingState
) -> None:
    family = booked_family(day)
    closed(day)

    made_good = credit(family, NORMAL, on(day, shown))

    with transaction(SYSTEM) as session:
        assert made_good == funded
        assert state_of(session, family.pupil_id, day) is state
        assert balance_of(session, family.account_id) == NORMAL * (1 - funded)


def test_a_credit_pays_what_it_covers_in_the_same_order(canteen: Flask, day: date) -> None:
    family = booked_family(day, children=3)
    closed(day)

    made_good = credit(family, 2 * NORMAL + 100, on(day, "11:00"))

    with transaction(SYSTEM) as session:
        oldest, middle, youngest = family.pupil_ids
        assert made_good == 2
        assert state_of(session, youngest, day) is S.CHARGED
        assert state_of(session, middle, day) is S.CHARGED
        assert state_of(session, oldest, day) is S.UNFUNDED
        assert balance_of(session, family.account_id) == 100
        assert told(session, family.account_id)[-2:] == [FactKind.BOOKING_CHANGED] * 2


def test_a_credit_too_small_tells_nothing_twice(canteen: Flask, day: date) -> None:
    family = booked_family(day)
    closed(day)
    with transaction(SYSTEM) as session:
        before = told(session, family.account_id)

    made_good = credit(family, NORMAL - 1, on(day, "11:00"))

    with transaction(SYSTEM) as session:
        assert made_good == 0
        assert told(session, family.account_id) == before


def test_a_credit_on_a_day_without_service_funds_nothing(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=500)

        assert fund_today(session, family.account_id, RULES, on(date(2026, 11, 15))()) == 0


def test_after_the_service_unfunded_meals_are_refused_and_never_charged(
    canteen: Flask, day: date
) -> None:
    family = booked_family(day)
    closed(day)
    with transaction(SYSTEM) as session:
        assert refuse_unfunded(session, the_day(session, day), RULES, on(day, "13:59:59")) == 0

    with transaction(SYSTEM) as session:
        assert refuse_unfunded(session, the_day(session, day), RULES, on(day, "14:00")) == 1
        assert refuse_unfunded(session, the_day(session, day), RULES, on(day, "14:01")) == 0
    credit(family, 5000, on(day, "14:30"))

    with transaction(SYSTEM) as session:
        assert state_of(session, family.pupil_id, day) is S.REFUSED
        assert balance_of(session, family.account_id) == 5000
        assert told(session, family.account_id)[-1] is FactKind.MEAL_REFUSED
    with pytest.raises(CannotChange), transaction(STAFF) as session:
        book_meal(
            session, Wish(family.pupil_id, day, reason=Reason.MISTAKE), RULES, on(day, "15:00")
        )


# --- what must not stop it ---------------------------------------------------------------------


def test_a_meal_without_a_price_is_unfunded_and_stops_nobody(canteen: Flask, day: date) -> None:
    """A pupil whose enrolment was cut short, by whatever way."""
    left, stays = booked_family(day, balance=5000), booked_family(day, balance=5000)
    with transaction(SYSTEM) as session:
        session.execute(
            sa.update(Enrolment).where(Enrolment.pupil_id == left.pupil_id).values(valid_until=day)
        )

    closed(day)

    with transaction(SYSTEM) as session:
        assert state_of(session, left.pupil_id, day) is S.UNFUNDED
        assert balance_of(session, left.account_id) == 5000
        assert state_of(session, stays.pupil_id, day) is S.CHARGED
    assert credit(left, 100, on(day, "11:00")) == 0


def test_more_meals_than_one_commit_takes(canteen: Flask, day: date) -> None:
    meals = MEALS_PER_COMMIT + 7
    with transaction(SYSTEM) as session:
        the_day(session, day).capacity = meals
        family = make_family(session, balance=NORMAL * (meals - 2), children=meals)
        for pupil_id in family.pupil_ids:
            book(session, pupil_id, day)
        begin_closing(session, the_day(session, day), RULES, on(day, "08:15"))

    counts: list[int] = []
    while not counts or counts[-1]:
        with transaction(SYSTEM) as session:
            counts.append(charge_next(session, the_day(session, day), on(day, "08:15")))

    with transaction(SYSTEM) as session:
        states = [state_of(session, pupil_id, day) for pupil_id in family.pupil_ids]
        assert counts == [MEALS_PER_COMMIT, 7, 0]
        assert states.count(S.CHARGED) == meals - 2
        assert states[:2] == [S.UNFUNDED, S.UNFUNDED]  # the oldest two
        assert balance_of(session, family.account_id) == 0


class Crash(BaseException):
    """The process is gone: nothing catches this."""


def crashing(after: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Die at the n-th flush from now on, anywhere in the services."""
    left = iter(range(after))

    def flush(*args: object, **kwargs: object) -> None:
        if next(left, None) is None:
            raise Crash
        original(*args, **kwargs)

    session = db.session()
    original = session.flush
    monkeypatch.setattr(session, "flush", flush)
    return lambda: monkeypatch.setattr(session, "flush", original)


def close_in_commits(day: date) -> None:
    """As the worker does, again and again."""
    for _ in range(3):
        with transaction(SYSTEM) as session:
            begin_closing(session, the_day(session, day), RULES, on(day, "08:15"))
        with transaction(SYSTEM) as session:
            charge_next(session, the_day(session, day), on(day, "08:15"))
        with transaction(SYSTEM) as session:
            session.flush()


@pytest.mark.parametrize("after", range(7))
def test_a_crash_at_any_point_is_made_up_for_by_closing_again(
    canteen: Flask, day: date, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    rich, poor = booked_family(day, balance=5000), booked_family(day)
    mend = crashing(after, monkeypatch)

    with pytest.raises(Crash):
        close_in_commits(day)
    mend()
    closed(day)

    with transaction(SYSTEM) as session:
        assert state_of(session, rich.pupil_id, day) is S.CHARGED
        assert balance_of(session, rich.account_id) == 5000 - NORMAL
        assert state_of(session, poor.pupil_id, day) is S.UNFUNDED
        assert told(session, poor.account_id).count(FactKind.MEAL_UNFUNDED) == 1


def test_a_family_that_books_nothing_pays_nothing(canteen: Flask, days: Iterator[date]) -> None:
    first, second = next(days), next(days)
    family = booked_family(first, balance=5000)
    with transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, first), RULES, weeks_before(first))

    closed(first)
    closed(second)

    with transaction(SYSTEM) as session:
        assert session.get_one(Account, family.account_id).balance == 5000
