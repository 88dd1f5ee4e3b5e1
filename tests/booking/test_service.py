"""Service: served, absent, refused at the till."""

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.access import SYSTEM
from app.booking import mark_attendance, refuse_meal
from app.errors import CannotChange, NoServiceDay, NotFound, NotFunded, ServiceOver
from app.models import Booking
from app.transaction import transaction
from app.vocabulary import Attendance, BookingState, FactKind, Reason
from tests.booking.acting import STAFF, book, close_day, history_of, on, the_day, told
from tests.factories import make_family

A = Attendance


def settled(day: date, *, balance: int) -> int:
    """The booking of a family on a day that is closed."""
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=balance)
        booking_id = book(session, family.pupil_id, day).id
        close_day(session, day)
        return booking_id


def test_a_paid_meal_is_served_and_it_is_in_its_history(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=5000)

    with transaction(STAFF) as session:
        booking = mark_attendance(session, booking_id, A.SERVED, day, on(day))

        last = history_of(session, booking_id)[-1]
        assert (booking.state, booking.attendance) == (BookingState.CHARGED, A.SERVED)
        assert (last.old_state, last.new_state) == (BookingState.CHARGED,) * 2
        assert (last.attendance, last.version) == (A.SERVED, booking.version)


def test_marking_twice_changes_nothing_and_marking_can_be_undone(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=5000)

    with transaction(STAFF) as session:
        before = len(history_of(session, booking_id))
        for attendance in (A.SERVED, A.SERVED, A.ABSENT, A.EXPECTED):
            booking = mark_attendance(session, booking_id, attendance, day, on(day))

        assert booking.attendance is A.EXPECTED
        assert len(history_of(session, booking_id)) == before + 3


def test_an_unexcused_absence_stays_charged(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=5000)

    with transaction(STAFF) as session:
        booking = mark_attendance(session, booking_id, A.ABSENT, day, on(day))

        assert booking.state is BookingState.CHARGED


def test_a_meal_that_is_not_paid_for_is_not_served(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=0)

    with pytest.raises(NotFunded), transaction(STAFF) as session:
        mark_attendance(session, booking_id, A.SERVED, day, on(day))
    with transaction(STAFF) as session:
        booking = mark_attendance(session, booking_id, A.ABSENT, day, on(day))

        assert booking.state is BookingState.UNFUNDED


def test_before_the_closing_nobody_is_marked(canteen: Flask, day: date) -> None:
    with transaction(SYSTEM) as session:
        booking_id = book(session, make_family(session).pupil_id, day).id

    with pytest.raises(CannotChange), transaction(STAFF) as session:
        mark_attendance(session, booking_id, A.ABSENT, day, on(day, "08:00"))


def test_attendance_is_marked_on_the_day_itself(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=5000)

    for other in (day - timedelta(days=1), day + timedelta(days=1)):
        with pytest.raises(ServiceOver), transaction(STAFF) as session:
            mark_attendance(session, booking_id, A.SERVED, day, on(other))


def test_the_till_refuses_a_meal_that_is_not_paid_for(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=0)

    with transaction(STAFF) as session:
        for _ in range(2):
            booking = refuse_meal(session, booking_id, day, Reason.NO_FUNDS, on(day))

        assert booking.state is BookingState.REFUSED
        assert history_of(session, booking_id)[-1].reason is Reason.NO_FUNDS
        assert told(session, booking.account_id).count(FactKind.MEAL_REFUSED) == 1
        assert the_day(session, day).seats_taken == 1


def test_a_paid_meal_is_not_refused(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=5000)

    with pytest.raises(CannotChange), transaction(STAFF) as session:
        refuse_meal(session, booking_id, day, Reason.OTHER, on(day))


def test_a_refused_meal_is_neither_served_nor_absent(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=0)
    with transaction(STAFF) as session:
        refuse_meal(session, booking_id, day, Reason.NO_FUNDS, on(day))

    with pytest.raises(CannotChange), transaction(STAFF) as session:
        mark_attendance(session, booking_id, A.ABSENT, day, on(day))


def test_what_is_not_of_that_day_is_not_found(canteen: Flask, day: date) -> None:
    settled(day, balance=5000)
    sunday = date(2026, 11, 15)

    with pytest.raises(NotFound), transaction(STAFF) as session:
        mark_attendance(session, 10**6, A.SERVED, day, on(day))
    with pytest.raises(NoServiceDay), transaction(STAFF) as session:
        refuse_meal(session, 1, sunday, Reason.OTHER, on(sunday))


def test_the_database_serves_only_what_is_charged(canteen: Flask, day: date) -> None:
    booking_id = settled(day, balance=0)

    with (
        pytest.raises(IntegrityError, match="served_is_charged"),
        transaction(STAFF) as session,
    ):
        session.get_one(Booking, booking_id).attendance = A.SERVED
