"""Invariants 1 to 3: after anything that families and staff may do, in any order.

`SOAK=1` goes to the depth that docs/INVARIANTS.md asks for.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from itertools import count
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from app import ledger
from app.access import SYSTEM, Actor
from app.booking import (
    Wish,
    book_meal,
    cancel_meal,
    close_canteen,
    fund_today,
    mark_attendance,
    refuse_meal,
    refuse_unfunded,
    reopen_canteen,
)
from app.booking.record import lock_day
from app.errors import Refusal
from app.extensions import db
from app.models import Account, Booking, BookingChange, Enrolment, ServiceDay, Transfer
from app.transaction import transaction
from app.vocabulary import Attendance, BookingState, Reason
from tests.booking.acting import RULES, STAFF, close_day, on, parent, the_day
from tests.booking.checking import check_invariants
from tests.factories import make_family, make_pupil, top_up
from tests.money import take_back
from tests.soak import SOAK

pytestmark = pytest.mark.soak

EXAMPLES = {"sqlite": 500 if SOAK else 100, "postgresql": 500 if SOAK else 30}
STEPS = 40

_dates = (date(2030, 1, 1) + timedelta(days=2 * n) for n in count())
WHO = st.sampled_from(["mother", "father", "staff"])
CHILD = st.integers(0, 2)
DAY = st.integers(0, 1)
BALANCE = st.sampled_from([0, 900, 2000, 5000])
CENTS = st.sampled_from([5, 850, 900, 1000, 1200, 2500])
MEAL_TYPE = st.sampled_from([None, 1, 2, 3])
REASON = st.sampled_from([None, Reason.ILLNESS])
MOMENTS = ("08:14:59", "08:15", "11:30", "14:00")


class Canteen(RuleBasedStateMachine):
    """Two households, a child each and one between them, two days with two seats.

    Runs begin with money and meals, most of them once a day was closed: else little would be
    charged.
    """

    @initialize(
        balances=st.tuples(BALANCE, BALANCE),
        booked=st.sets(st.tuples(CHILD, DAY), min_size=2),
        passed=st.integers(0, len(MOMENTS) + 2),
    )
    def open_the_canteen(
        self, balances: tuple[int, int], booked: set[tuple[int, int]], passed: int
    ) -> None:
        first = next(_dates)
        self.days = [first, first + timedelta(days=1)]
        self.moments = iter([on(day, shown) for day in self.days for shown in MOMENTS])
        self.now = on(first - timedelta(days=30))
        with transaction(SYSTEM) as session:
            session.add_all(ServiceDay(date=day, capacity=2) for day in self.days)
            self.families = [make_family(session, balance=balance) for balance in balances]
            shared = make_pupil(session, *self.account_ids, diet="Spécial")
            self.pupils = [*(f.pupil_id for f in self.families), shared.id]
            session.execute(
                sa.update(Enrolment)
                .where(Enrolment.pupil_id.in_(self.pupils))
                .values(valid_until=date(2100, 1, 1))
            )
            self.seen = session.scalar(sa.select(sa.func.max(Transfer.id))) or 0
        self.brought = dict(zip(self.account_ids, balances, strict=True))
        self.credits: list[tuple[int, int, int]] = []
        self.history: list[tuple[Any, ...]] = []
        for child, day in sorted(booked):
            self.somebody_books("mother" if child != 1 else "father", child, day, None, 0, None)
        self.time_passes(passed, is_worker_up=True)

    @property
    def account_ids(self) -> list[int]:
        return [family.account_id for family in self.families]

    def attempt(self, who: str, act: Callable[[Session], object]) -> bool:
        """One transaction; a refusal leaves nothing behind and is no failure."""
        actor: Actor = STAFF if who == "staff" else parent(self.families[who == "father"])
        try:
            with transaction(actor) as session:
                act(session)
        except Refusal:
            return False
        return True

    @rule(by=st.integers(1, 3), is_worker_up=st.booleans())
    def time_passes(self, by: int, *, is_worker_up: bool) -> None:
        for _ in range(by):
            self.now = next(self.moments, self.now)
        if is_worker_up:
            for day in (0, 1):
                self.the_day_closes(day)
                self.the_service_ends(day)

    @rule(family=st.integers(0, 1), amount=CENTS)
    def money_comes_in(self, family: int, amount: int) -> None:
        account_id = self.account_ids[family]

        def credit(session: Session) -> None:
            today = self.now().date()
            if today in self.days:
                lock_day(session, today)
            top_up(session, account_id, amount)
            last = session.scalar(sa.select(sa.func.max(Transfer.id))) or 0
            fund_today(session, account_id, RULES, self.now())
            self.credits.append((last, account_id, amount))

        assert self.attempt("staff", credit)
        self.brought[account_id] += amount

    @rule(family=st.integers(0, 1), amount=CENTS)
    def the_bank_takes_back(self, family: int, amount: int) -> None:
        account_id = self.account_ids[family]

        assert self.attempt("staff", lambda session: take_back(session, account_id, amount))
        self.brought[account_id] -= amount

    @rule(data=st.data())
    def a_credit_is_reversed(self, data: st.DataObject) -> None:
        if not self.credits:
            return
        transfer_id, account_id, amount = data.draw(st.sampled_from(self.credits))

        if self.attempt("staff", lambda s: ledger.reverse(s, transfer_id, now=self.now())):
            self.brought[account_id] -= amount

    @rule(family=st.integers(0, 1), tolerance=CENTS | st.just(0))
    def a_tolerance_is_agreed(self, family: int, tolerance: int) -> None:
        account_id = self.account_ids[family]

        assert self.attempt("staff", lambda s: ledger.set_tolerance(s, account_id, tolerance))

    @rule(who=WHO, child=CHILD, day=DAY, meal_type=MEAL_TYPE, payer=DAY, reason=REASON)
    def somebody_books(
        self,
        who: str,
        child: int,
        day: int,
        meal_type: int | None,
        payer: int,
        reason: Reason | None,
    ) -> None:
        account_id = self.account_ids[payer] if child == 2 else None
        wish = Wish(self.pupils[child], self.days[day], None, meal_type, account_id, reason)

        self.attempt(who, lambda session: book_meal(session, wish, RULES, self.now))

    @rule(who=WHO, child=CHILD, day=DAY, reason=REASON)
    def somebody_cancels(self, who: str, child: int, day: int, reason: Reason | None) -> None:
        wish = Wish(self.pupils[child], self.days[day], reason=reason)

        self.attempt(who, lambda session: cancel_meal(session, wish, RULES, self.now))

    @rule(day=DAY)
    def the_day_closes(self, day: int) -> None:
        self.attempt("staff", lambda session: close_day(session, self.days[day], self.now))

    @rule(day=DAY)
    def the_service_ends(self, day: int) -> None:
        self.attempt(
            "staff",
            lambda s: refuse_unfunded(s, the_day(s, self.days[day]), RULES, self.now),
        )

    def bookings(self, session: Session, child: int, day: int) -> list[int]:
        query = sa.select(Booking.id).join(ServiceDay)
        return list(
            session.scalars(
                query.where(
                    Booking.pupil_id == self.pupils[child], ServiceDay.date == self.days[day]
                )
            )
        )

    @rule(child=CHILD, day=DAY, attendance=st.sampled_from(Attendance))
    def a_child_comes_or_not(self, child: int, day: int, attendance: Attendance) -> None:
        def mark(session: Session) -> None:
            for booking_id in self.bookings(session, child, day):
                mark_attendance(session, booking_id, attendance, self.days[day], self.now)

        self.attempt("staff", mark)

    @rule(child=CHILD, day=DAY)
    def the_till_refuses(self, child: int, day: int) -> None:
        def refuse(session: Session) -> None:
            for booking_id in self.bookings(session, child, day):
                refuse_meal(session, booking_id, self.days[day], Reason.NO_FUNDS, self.now)

        self.attempt("staff", refuse)

    @rule(day=DAY, is_closed=st.booleans())
    def the_canteen_closes_or_opens(self, day: int, *, is_closed: bool) -> None:
        def change(session: Session) -> None:
            if is_closed:
                close_canteen(session, self.days[day], "Neige", self.now)
            else:
                reopen_canteen(session, self.days[day])

        assert self.attempt("staff", change)

    @invariant()
    def everything_holds(self) -> None:
        check_invariants()

    @invariant()
    def a_balance_is_what_came_in_less_what_was_eaten(self) -> None:
        with transaction(SYSTEM) as session:
            for account_id, brought in self.brought.items():
                eaten = session.scalar(
                    sa.select(sa.func.coalesce(sa.func.sum(Booking.price), 0)).where(
                        Booking.account_id == account_id, Booking.state == BookingState.CHARGED
                    )
                )
                account = session.get_one(Account, account_id)
                assert account.balance == brought - (eaten or 0)

    @invariant()
    def the_ledger_only_grows(self) -> None:
        columns = sa.inspect(Transfer).local_table
        query = sa.select(columns).where(columns.c.id > self.seen).order_by(columns.c.id)
        with transaction(SYSTEM) as session:
            rows = [tuple(row) for row in session.execute(query)]

        assert rows[: len(self.history)] == self.history
        self.history = rows


@pytest.fixture
def canteen(shared_app_on: Flask) -> Iterator[Flask]:
    with shared_app_on.app_context():
        yield shared_app_on


def test_money_and_seats_hold_whatever_happens(canteen: Flask) -> None:
    run_state_machine_as_test(
        Canteen,
        settings=settings(
            max_examples=EXAMPLES[db.engine.dialect.name],
            stateful_step_count=STEPS,
            deadline=None,
            derandomize=not SOAK,  # the same runs each time, other ones when soaking
            suppress_health_check=list(HealthCheck),
        ),
    )

    with transaction(SYSTEM) as session:
        reached = set(session.scalars(sa.select(BookingChange.new_state).distinct()))
    assert reached == set(BookingState)  # it went everywhere


def test_the_check_finds_a_centime_that_is_lost(app_on: Flask) -> None:
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            family = make_family(session, balance=1000)
            session.get_one(Account, family.account_id).balance += 1

        with pytest.raises(AssertionError, match="balance=1001"):
            check_invariants()


def test_the_check_finds_a_seat_that_is_lost(app_on: Flask) -> None:
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            session.add(ServiceDay(date=next(_dates), capacity=2, seats_taken=1))

        with pytest.raises(AssertionError, match="seats"):
            check_invariants()
