"""Another class in the middle of the year; a departure, previewed, done and undone."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.booking import Wish, book_meal, cancel_meal
from app.departures import last_departure, leave, plan_departure, undo_departure
from app.enrolments import change_class
from app.errors import NotEnrolled, NothingToUndo
from app.models import (
    Booking,
    BookingChange,
    Enrolment,
    OutboxFact,
    PupilAccount,
    SchoolClass,
    TariffCategory,
)
from app.refusals import OutsideYear
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, FactKind, Reason
from tests.factories import YEAR_ENDS, YEAR_STARTS, Family, make_family, make_pupil
from tests.sessions import reading, writing

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
TUESDAY, FRIDAY = date(2026, 11, 17), date(2026, 11, 20)
THURSDAY = date(2026, 11, 19)


def now() -> datetime:
    return NOW


def household(app: Flask, *booked: date, **more: Any) -> Family:
    with writing(app) as session:
        family = make_family(session, **more)
        for day in booked:
            book_meal(session, Wish(family.pupil_id, day), ServiceRules(), now)
        return family


def another_class(session: Session) -> int:
    year_id = session.scalars(sa.select(SchoolClass.school_year_id)).first()
    added = SchoolClass(school_year_id=year_id, name="6P")
    session.add(added)
    session.flush()
    return added.id


def category(session: Session) -> int:
    return session.scalars(sa.select(TariffCategory.id)).one()


def ranges(app: Flask, pupil_id: int) -> list[tuple[str, date, date]]:
    query = (
        sa.select(SchoolClass.name, Enrolment.valid_from, Enrolment.valid_until)
        .join(Enrolment.school_class)
        .where(Enrolment.pupil_id == pupil_id)
        .order_by(Enrolment.valid_from)
    )
    with reading(app) as session:
        return [(name, begins, ends) for name, begins, ends in session.execute(query)]


def states(app: Flask, pupil_id: int) -> list[BookingState]:
    with reading(app) as session:
        query = sa.select(Booking.state).where(Booking.pupil_id == pupil_id)
        return list(session.scalars(query.order_by(Booking.service_day_id)))


def facts(app: Flask, kind: FactKind) -> list[int | None]:
    with reading(app) as session:
        query = sa.select(OutboxFact.account_id).where(OutboxFact.kind == kind)
        return list(session.scalars(query.order_by(OutboxFact.id)))


def test_another_class_from_a_day_on_keeps_what_was_and_the_meals(app: Flask) -> None:
    family = household(app, FRIDAY)

    with writing(app) as session:
        change_class(session, family.pupil_id, another_class(session), category(session), THURSDAY)

    assert ranges(app, family.pupil_id) == [
        ("5P", YEAR_STARTS, THURSDAY),
        ("6P", THURSDAY, YEAR_ENDS),
    ]
    assert states(app, family.pupil_id) == [BookingState.BOOKED]


def test_changing_back_from_the_same_day_leaves_what_was_before(app_on: Flask) -> None:
    family = household(app_on)
    before = ranges(app_on, family.pupil_id)

    with writing(app_on) as session:
        first = session.scalars(sa.select(SchoolClass.id)).one()
        change_class(session, family.pupil_id, another_class(session), category(session), THURSDAY)
    with writing(app_on) as session:
        change_class(session, family.pupil_id, first, category(session), THURSDAY)

    assert ranges(app_on, family.pupil_id) == before


def test_a_class_is_changed_within_its_year(app: Flask) -> None:
    family = household(app)

    with writing(app) as session, pytest.raises(OutsideYear):
        change_class(session, family.pupil_id, another_class(session), category(session), YEAR_ENDS)


def test_who_leaves_eats_no_more_from_that_day_and_the_family_is_told(app_on: Flask) -> None:
    family = household(app_on, TUESDAY, FRIDAY, balance=5_000)

    with writing(app_on) as session:
        leaving = leave(session, family.pupil_id, THURSDAY, now)

    assert leaving.days == (FRIDAY,)
    assert [(a.balance, a.siblings) for a in leaving.accounts] == [(5_000, ())]
    assert ranges(app_on, family.pupil_id) == [("5P", YEAR_STARTS, THURSDAY)]
    assert states(app_on, family.pupil_id) == [BookingState.BOOKED, BookingState.CANCELLED]
    assert facts(app_on, FactKind.DEPARTED) == [family.account_id]
    with reading(app_on) as session:
        last = session.scalars(sa.select(BookingChange).order_by(BookingChange.id.desc())).first()
        assert last is not None
        assert last.reason is Reason.DEPARTURE


def test_the_preview_of_a_departure_changes_nothing(app_on: Flask) -> None:
    family = household(app_on, FRIDAY)
    before = ranges(app_on, family.pupil_id)

    with writing(app_on) as session:
        planned = plan_departure(session, family.pupil_id, THURSDAY, now)

    assert planned.days == (FRIDAY,)
    assert ranges(app_on, family.pupil_id) == before
    assert states(app_on, family.pupil_id) == [BookingState.BOOKED]
    assert facts(app_on, FactKind.DEPARTED) == []


def test_a_departure_is_undone_with_its_meals(app_on: Flask) -> None:
    family = household(app_on, TUESDAY, FRIDAY)
    before = ranges(app_on, family.pupil_id)
    with writing(app_on) as session:
        leaving = leave(session, family.pupil_id, TUESDAY, now)

    with writing(app_on) as session:
        outcome = undo_departure(session, leaving.departure_id, ServiceRules(), now)

    assert outcome == (2, 0)
    assert ranges(app_on, family.pupil_id) == before
    assert states(app_on, family.pupil_id) == [BookingState.BOOKED] * 2
    with writing(app_on) as session, pytest.raises(NothingToUndo):
        undo_departure(session, leaving.departure_id, ServiceRules(), now)


def test_a_year_to_come_goes_with_the_departure_and_comes_back(app: Flask) -> None:
    family = household(app)
    with writing(app) as session:
        leaving = leave(session, family.pupil_id, YEAR_STARTS, now)
        emptied = session.scalars(sa.select(Enrolment)).all()
        undo_departure(session, leaving.departure_id, ServiceRules(), now)

    assert emptied == []
    assert ranges(app, family.pupil_id) == [("5P", YEAR_STARTS, YEAR_ENDS)]


def test_a_meal_that_was_decided_upon_since_is_not_booked_again(app: Flask) -> None:
    family = household(app, TUESDAY, FRIDAY)
    with writing(app) as session:
        cancel_meal(session, Wish(family.pupil_id, TUESDAY), ServiceRules(), now)
        leaving = leave(session, family.pupil_id, TUESDAY, now)

    with writing(app) as session:
        outcome = undo_departure(session, leaving.departure_id, ServiceRules(), now)

    assert outcome == (1, 0)
    assert states(app, family.pupil_id) == [BookingState.CANCELLED, BookingState.BOOKED]


def test_who_was_enrolled_again_is_left_alone(app: Flask) -> None:
    family = household(app)
    with writing(app) as session:
        leaving = leave(session, family.pupil_id, THURSDAY, now)
        other = another_class(session)
        change_class(session, family.pupil_id, other, category(session), FRIDAY)

    with writing(app) as session:
        assert last_departure(session, family.pupil_id) is None
        with pytest.raises(NothingToUndo):
            undo_departure(session, leaving.departure_id, ServiceRules(), now)


def test_siblings_and_a_second_account_are_named(app: Flask) -> None:
    family = household(app, children=2, balance=2_000)
    with writing(app) as session:
        father = make_family(session, children=0)
        session.add(PupilAccount(pupil_id=family.pupil_id, account_id=father.account_id))
        session.flush()

        leaving = leave(session, family.pupil_id, THURSDAY, now)

    assert [(a.account_id, len(a.siblings)) for a in leaving.accounts] == [
        (family.account_id, 1),
        (father.account_id, 0),
    ]


def test_nobody_leaves_twice(app: Flask) -> None:
    family = household(app)
    with writing(app) as session:
        stranger = make_pupil(session, family.account_id)
        leave(session, stranger.id, THURSDAY, now)

        with pytest.raises(NotEnrolled):
            leave(session, stranger.id, FRIDAY, now)
