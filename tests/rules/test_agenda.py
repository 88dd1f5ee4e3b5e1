"""What a cell says and what a tap on it does, without a database."""

import pytest

from app.rules.agenda import CellFacts, CellState, action_of, cell_state
from app.vocabulary import Attendance, BookingState


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (CellFacts(), CellState.BOOKABLE),
        (CellFacts(BookingState.CANCELLED), CellState.BOOKABLE),
        (CellFacts(BookingState.BOOKED), CellState.BOOKED),
        (CellFacts(BookingState.CHARGED), CellState.CHARGED),
        (CellFacts(BookingState.UNFUNDED), CellState.UNFUNDED),
        (CellFacts(BookingState.REFUSED), CellState.REFUSED),
        (CellFacts(BookingState.GIVEN_BACK), CellState.GIVEN_BACK),
        (CellFacts(BookingState.CHARGED, Attendance.SERVED), CellState.SERVED),
        (CellFacts(BookingState.CHARGED, Attendance.ABSENT), CellState.ABSENT),
        (CellFacts(BookingState.GIVEN_BACK, Attendance.ABSENT), CellState.GIVEN_BACK),
        (CellFacts(is_closed=True), CellState.CLOSED),
        (CellFacts(is_enrolled=False), CellState.NOT_ENROLLED),
        (CellFacts(is_on_outing=True), CellState.OUTING),
        (CellFacts(is_excluded=True), CellState.EXCLUDED),
        (CellFacts(is_excluded=True, is_on_outing=True), CellState.EXCLUDED),
        (CellFacts(is_too_late=True), CellState.TOO_LATE),
        (CellFacts(is_full=True), CellState.FULL),
    ],
)
def test_a_cell_says_the_most_telling_word(facts: CellFacts, state: CellState) -> None:
    assert cell_state(facts) is state


def test_the_reason_that_nothing_can_change_comes_first() -> None:
    everything = CellFacts(
        is_closed=True, is_enrolled=False, is_excluded=True, is_too_late=True, is_full=True
    )

    assert cell_state(everything) is CellState.CLOSED


def test_a_booking_is_told_before_what_would_stand_in_its_way() -> None:
    booked = CellFacts(BookingState.BOOKED, is_too_late=True, is_full=True)

    assert cell_state(booked) is CellState.BOOKED


def test_to_the_other_household_a_meal_that_is_not_covered_is_booked() -> None:
    unfunded = CellFacts(BookingState.UNFUNDED, is_own=False)

    assert cell_state(unfunded) is CellState.BOOKED


PARENT_IN_TIME = {CellState.BOOKABLE: "book", CellState.BOOKED: "cancel"}
STAFF_ALWAYS = {
    CellState.BOOKABLE: "book",
    CellState.TOO_LATE: "book",
    CellState.GIVEN_BACK: "book",
    CellState.BOOKED: "cancel",
    CellState.CHARGED: "cancel",
    CellState.UNFUNDED: "cancel",
    CellState.ABSENT: "cancel",
}


@pytest.mark.parametrize("state", CellState)
def test_a_tap_does_what_the_state_allows(state: CellState) -> None:
    def action(*, is_own: bool = True, is_over: bool = False, is_staff: bool = False) -> object:
        return action_of(state, is_own=is_own, is_over=is_over, is_staff=is_staff)

    assert action() == PARENT_IN_TIME.get(state)
    assert action(is_over=True) == ("book" if state is CellState.BOOKABLE else None)
    assert action(is_own=False) == ("book" if state is CellState.BOOKABLE else None)
    assert action(is_staff=True) == STAFF_ALWAYS.get(state)
    assert action(is_staff=True, is_over=True) == STAFF_ALWAYS.get(state)
