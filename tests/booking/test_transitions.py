"""The transition table against the code: every pair that is not in it is refused."""

from datetime import date
from itertools import product

import pytest
from flask import Flask

from app.access import SYSTEM
from app.booking.record import Move, apply, lock_booking, lock_day, new_operation
from app.errors import CannotChange
from app.models import Booking
from app.transaction import transaction
from app.vocabulary import HOLDS_A_SEAT, TRANSITIONS, BookingState, MealKind
from tests.booking.acting import STAFF, meal_type_id, on, the_day
from tests.factories import Family, make_family

S = BookingState
# How each state is reached, by steps that the table has.
PATHS: dict[BookingState | None, list[BookingState]] = {
    None: [],
    S.BOOKED: [S.BOOKED],
    S.CANCELLED: [S.BOOKED, S.CANCELLED],
    S.CHARGED: [S.BOOKED, S.CHARGED],
    S.UNFUNDED: [S.BOOKED, S.UNFUNDED],
    S.REFUSED: [S.BOOKED, S.UNFUNDED, S.REFUSED],
    S.GIVEN_BACK: [S.BOOKED, S.CHARGED, S.GIVEN_BACK],
}
PAIRS = list(product(PATHS, BookingState))


@pytest.fixture(scope="module")
def family(shared_app_on: Flask) -> Family:
    with shared_app_on.app_context(), transaction(SYSTEM) as session:
        return make_family(session)


def step(family: Family, day: date, state: BookingState) -> tuple[int, int]:
    """Move the pupil's booking; the seats that the day had taken before, and has after."""
    with transaction(STAFF) as session:
        locked = lock_day(session, day)
        before = locked.seats_taken
        booking = lock_booking(session, family.pupil_id, locked.id) or Booking(
            pupil_id=family.pupil_id, service_day_id=locked.id
        )
        move = Move(
            booking,
            state,
            meal_type_id=meal_type_id(session, MealKind.NORMAL),
            account_id=family.account_id,
            price=0,
        )
        apply(session, locked, [move], now=on(day)(), operation=new_operation())
        return before, locked.seats_taken


@pytest.mark.parametrize(("old", "new"), PAIRS)
def test_only_the_steps_of_the_table_are_possible(
    shared_app_on: Flask, family: Family, day: date, old: BookingState | None, new: BookingState
) -> None:
    with shared_app_on.app_context():
        for state in PATHS[old]:
            step(family, day, state)

        if new in TRANSITIONS[old]:
            before, after = step(family, day, new)
            assert after - before == (new in HOLDS_A_SEAT) - (old in HOLDS_A_SEAT)
        else:
            with pytest.raises(CannotChange):
                step(family, day, new)
            with transaction(STAFF) as session:
                assert the_day(session, day).seats_taken == (old in HOLDS_A_SEAT)


def test_the_table_knows_every_state() -> None:
    assert set(TRANSITIONS) == {None, *BookingState}
    assert set(PATHS) == set(TRANSITIONS)


def test_a_refused_meal_is_refused_for_good() -> None:
    assert TRANSITIONS[S.REFUSED] == frozenset()
