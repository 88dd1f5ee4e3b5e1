"""Invariant 8: the services keep the deadline to the second, whatever the clocks do.

tests/rules/test_deadlines.py has the rule itself, on every day of ten years. Here families book and
cancel, on both databases, around both changes of the clocks; `SOAK=1` takes every day.
"""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app.access import SYSTEM
from app.booking import Wish, cancel_meal
from app.errors import BookingClosed, CancellingClosed
from app.models import Booking, Enrolment, ServiceDay
from app.transaction import transaction
from app.vocabulary import BookingState
from tests.booking.acting import RULES, book, on, parent
from tests.booking.checking import check_invariants
from tests.factories import Family, make_family
from tests.soak import SOAK

pytestmark = pytest.mark.soak

TEN_YEARS = [date(2030, 1, 1) + timedelta(days=n) for n in range(3652)]
IN_TIME, TOO_LATE = "08:14:59", "08:15:00"


def changes_its_clocks(day: date) -> bool:
    """That day has 23 or 25 hours."""
    return on(day + timedelta(days=1), "00:00")() - on(day, "00:00")() != timedelta(days=1)


CHANGES = [day for day in TEN_YEARS if changes_its_clocks(day)]
DAYS = (
    TEN_YEARS if SOAK else sorted({day + timedelta(days=n) for day in CHANGES for n in (-1, 0, 1)})
)


def family_of_every_year() -> Family:
    """Two children who are enrolled on all these days, on which the canteen serves."""
    with transaction(SYSTEM) as session:
        family = make_family(session, children=2)
        session.execute(
            sa.update(Enrolment)
            .where(Enrolment.pupil_id.in_(family.pupil_ids))
            .values(valid_until=date(2100, 1, 1))
        )
        session.add_all(ServiceDay(date=day, capacity=2) for day in DAYS)
    return family


def test_a_second_before_the_last_call_is_in_time_and_the_last_call_is_too_late(
    shared_app_on: Flask,
) -> None:
    with shared_app_on.app_context():
        family = family_of_every_year()
        in_time, too_late = family.pupil_ids

        for day in DAYS:
            with transaction(parent(family)) as session:
                book(session, in_time, day, on(day, IN_TIME))
            with pytest.raises(BookingClosed), transaction(parent(family)) as session:
                book(session, too_late, day, on(day, TOO_LATE))
            with pytest.raises(CancellingClosed), transaction(parent(family)) as session:
                cancel_meal(session, Wish(in_time, day), RULES, on(day, TOO_LATE))
            with transaction(parent(family)) as session:
                cancel_meal(session, Wish(in_time, day), RULES, on(day, IN_TIME))

        check_invariants()
        with transaction(SYSTEM) as session:
            query = sa.select(Booking.pupil_id, Booking.state, sa.func.count())
            found = session.execute(query.group_by(Booking.pupil_id, Booking.state)).all()
    assert len(CHANGES) == 20
    assert [tuple(row) for row in found] == [(in_time, BookingState.CANCELLED, len(DAYS))]
