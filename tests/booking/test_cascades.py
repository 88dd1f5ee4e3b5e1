"""Changes that take many meals away at once."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.access import SYSTEM
from app.booking import close_canteen, depart, exclude, mark_attendance, reopen_canteen
from app.errors import CanteenClosed, NoServiceDay
from app.models import Enrolment, Exclusion
from app.transaction import transaction
from app.vocabulary import Attendance, BookingState, FactKind, Reason
from tests.booking.acting import (
    STAFF,
    balance_of,
    book,
    booking_of,
    close_day,
    history_of,
    on,
    state_of,
    the_day,
    told,
    weeks_before,
)
from tests.factories import NORMAL, Family, make_family

S = BookingState


def booked(*days: date, balance: int = 0) -> Family:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=balance)
        for day in days:
            book(session, family.pupil_id, day)
        return family


def test_closing_the_canteen_cancels_frees_the_seats_and_tells_the_families(
    canteen: Flask, day: date
) -> None:
    families = [booked(day) for _ in range(3)]

    with transaction(STAFF) as session:
        cancelled = close_canteen(session, day, "Panne de courant", weeks_before(day))

        assert cancelled == 3
        assert the_day(session, day).seats_taken == 0
        for family in families:
            booking = booking_of(session, family.pupil_id, day)
            assert booking.state is S.CANCELLED
            assert history_of(session, booking.id)[-1].reason is Reason.CLOSED_DAY
            assert told(session, family.account_id) == [FactKind.BOOKING_CHANGED] * 2


def test_closing_the_canteen_after_the_last_call_gives_back_what_was_charged(
    canteen: Flask, day: date
) -> None:
    """Accounts are locked in the order of their ids, whatever the order of the bookings."""
    paid, unpaid, eaten = booked(day, balance=5000), booked(day), booked(day, balance=5000)
    with transaction(STAFF) as session:
        close_day(session, day)
        served = booking_of(session, eaten.pupil_id, day)
        mark_attendance(session, served.id, Attendance.SERVED, day, on(day, "11:30"))

        cancelled = close_canteen(session, day, "Panne de courant", on(day))

        assert cancelled == 2
        assert state_of(session, paid.pupil_id, day) is S.GIVEN_BACK
        assert balance_of(session, paid.account_id) == 5000
        assert state_of(session, unpaid.pupil_id, day) is S.CANCELLED
        assert state_of(session, eaten.pupil_id, day) is S.CHARGED
        assert balance_of(session, eaten.account_id) == 5000 - NORMAL


def test_closing_the_canteen_twice_cancels_once(canteen: Flask, day: date) -> None:
    booked(day, balance=5000)
    with transaction(STAFF) as session:
        close_day(session, day)

        counts = [close_canteen(session, day, "Neige", on(day)) for _ in range(2)]

        assert counts == [1, 0]


def test_a_reopened_day_can_be_booked_again_and_brings_nothing_back(
    canteen: Flask, day: date
) -> None:
    family = booked(day)
    with transaction(STAFF) as session:
        close_canteen(session, day, "Neige", weeks_before(day))
    with pytest.raises(CanteenClosed), transaction(STAFF) as session:
        book(session, family.pupil_id, day)

    with transaction(STAFF) as session:
        reopen_canteen(session, day)

        assert state_of(session, family.pupil_id, day) is S.CANCELLED
        assert book(session, family.pupil_id, day).state is S.BOOKED


def test_a_date_without_service_is_not_closed(canteen: Flask) -> None:
    with pytest.raises(NoServiceDay), transaction(STAFF) as session:
        close_canteen(session, date(2026, 11, 15), "Dimanche", on(date(2026, 11, 1)))


def test_an_exclusion_cancels_the_meals_of_its_range_only(
    canteen: Flask, days: Iterator[date]
) -> None:
    before, first, second, after = (next(days) for _ in range(4))
    family, other = booked(before, first, second, after), booked(first)
    exclusion = Exclusion(
        pupil_id=family.pupil_id,
        valid_from=first,
        valid_until=after,
        decided_on=before,
        reason="…",
    )

    with transaction(STAFF) as session:
        session.add(exclusion)
        session.flush()
        cancelled = exclude(session, exclusion, weeks_before(before))

        states = [state_of(session, family.pupil_id, day) for day in (before, first, second, after)]
        assert cancelled == 2
        assert states == [S.BOOKED, S.CANCELLED, S.CANCELLED, S.BOOKED]
        assert state_of(session, other.pupil_id, first) is S.BOOKED
        changes = [
            history_of(session, booking_of(session, family.pupil_id, day).id)[-1]
            for day in (first, second)
        ]
        assert {change.reason for change in changes} == {Reason.EXCLUSION}
        assert len({change.operation_id for change in changes}) == 1


def test_an_exclusion_leaves_what_was_charged(canteen: Flask, day: date) -> None:
    family = booked(day, balance=5000)
    exclusion = Exclusion(
        pupil_id=family.pupil_id,
        valid_from=day,
        valid_until=day + timedelta(days=1),
        decided_on=day,
        reason="…",
    )

    with transaction(STAFF) as session:
        close_day(session, day)

        assert exclude(session, exclusion, on(day)) == 0
        assert state_of(session, family.pupil_id, day) is S.CHARGED


def test_who_leaves_the_school_keeps_the_meals_of_the_days_before(
    canteen: Flask, days: Iterator[date]
) -> None:
    last, gone = next(days), next(days)
    family = booked(last, gone)
    with transaction(STAFF) as session:
        session.scalars(
            sa.select(Enrolment).where(Enrolment.pupil_id == family.pupil_id)
        ).one().valid_until = gone

        cancelled = depart(session, family.pupil_id, weeks_before(last))

        assert cancelled == 1
        assert state_of(session, family.pupil_id, last) is S.BOOKED
        assert state_of(session, family.pupil_id, gone) is S.CANCELLED
