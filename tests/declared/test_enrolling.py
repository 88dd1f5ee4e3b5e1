"""Another class and departure on the pupil's page: looked at first, then done, then undone."""

from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from app.booking import Wish, book_meal
from app.delivery.gather import gather
from app.models import Booking, Departure, Enrolment, OutboxMail, SchoolClass, TariffCategory
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, FactKind
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, one
from tests.factories import YEAR_ENDS, Family
from tests.sessions import writing
from tests.web import Browser, logged_in, text_of

FRIDAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def eater(app: Flask) -> Family:
    household = family(app, balance=4_200)
    with writing(app) as session:
        early = datetime(2026, 11, 2, 9, tzinfo=UTC)
        book_meal(session, Wish(household.pupil_id, FRIDAY), ServiceRules(), lambda: early)
    return household


def state(app: Flask) -> BookingState:
    found: BookingState = one(app, sa.select(Booking.state))
    return found


def test_a_departure_is_shown_first_then_entered_then_undone(app: Flask, office: Browser) -> None:
    household = eater(app)
    path = f"/departure/?pupil={household.pupil_id}"
    office.get(path)

    preview = office.post(path, {"last_day": "2026-11-18"})
    unchanged = count(app, Departure), state(app)
    entered = office.post(path, {"last_day": "2026-11-18", "step": "leave"})
    gone = state(app)
    page = office.get(entered.location).text
    undone = office.post(f"/pupilview/action/undo_departure/{household.pupil_id}")

    assert "20 nov. 2026" in text_of(preview.text)
    assert "42.00" in preview.text
    assert unchanged == (0, BookingState.BOOKED)
    assert gone is BookingState.CANCELLED
    assert "/pupilview/action/undo_departure/" in page
    assert undone.location == f"/pupilview/show/{household.pupil_id}"
    assert state(app) is BookingState.BOOKED
    assert one(app, sa.select(Enrolment.valid_until)) == YEAR_ENDS


def test_the_mail_says_who_leaves_and_what_becomes_of_the_balance(
    app: Flask, office: Browser
) -> None:
    household = eater(app)
    path = f"/departure/?pupil={household.pupil_id}"
    office.get(path)
    office.post(path, {"last_day": "2026-11-18", "step": "leave"})

    with writing(app) as session:
        gather(session, datetime(2026, 11, 16, 9, tzinfo=UTC))
        told = sa.select(OutboxMail.id).where(OutboxMail.kind == FactKind.DEPARTED)
        mail_id = session.scalars(told).one()
    page = text_of(office.get(f"/courriels/show/{mail_id}").text)

    assert "mercredi 18 novembre 2026" in page
    assert "42.00" in page


def test_a_departure_is_undone_once(app: Flask, office: Browser) -> None:
    household = eater(app)

    answer = office.post(f"/pupilview/action/undo_departure/{household.pupil_id}")

    assert answer.status_code == 409


@pytest.mark.parametrize("typed", ["", "x", "2031-01-01", "9999-12-31"])
def test_a_day_that_cannot_be_is_refused(app: Flask, office: Browser, typed: str) -> None:
    household = eater(app)
    path = f"/departure/?pupil={household.pupil_id}"
    office.get(path)

    answer = office.post(path, {"last_day": typed, "step": "leave"})

    assert answer.status_code == 200
    assert state(app) is BookingState.BOOKED


def test_the_class_is_changed_from_a_day_on(app: Flask, office: Browser) -> None:
    household = eater(app)
    with writing(app) as session:
        year_id = session.scalars(sa.select(SchoolClass.school_year_id)).one()
        session.add(SchoolClass(school_year_id=year_id, name="6P"))
        session.flush()
    path = f"/change-class/?pupil={household.pupil_id}"
    page = office.get(path).text
    new_class = one(app, sa.select(SchoolClass.id).where(SchoolClass.name == "6P"))

    answer = office.post(
        path,
        {
            "school_class": new_class,
            "category": one(app, sa.select(TariffCategory.id)),
            "first_day": "2026-11-23",
        },
    )

    assert "5P" in page
    assert answer.location == f"/pupilview/show/{household.pupil_id}"
    assert count(app, Enrolment) == 2
    assert state(app) is BookingState.BOOKED


@pytest.mark.parametrize("path", ["/departure/", "/change-class/", "/departure/?pupil=99999"])
def test_a_form_about_nobody_does_not_exist(app: Flask, office: Browser, path: str) -> None:
    assert office.get(path).status_code == 404


def test_only_the_secretariat_lets_pupils_go(app: Flask) -> None:
    household = eater(app)

    statuses = [
        logged_in(app, name).get(f"/departure/?pupil={household.pupil_id}").status_code
        for name in ("till", "kitchen", "committee", household.username)
    ]

    assert statuses == [403] * 4
