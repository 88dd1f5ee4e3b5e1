"""Closed days and class outings: looked at before, put in force, lifted; seats and service days."""

import re
from datetime import date
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.booking import Wish, book_meal, cancel_meal
from app.models import Booking, Enrolment, Interruption, SchoolClass, SchoolYear, ServiceDay
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, DecisionState
from tests.booking.acting import close_day
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, in_french, one
from tests.factories import Family
from tests.rules.test_ics import AUTUMN_EVENT, calendar
from tests.sessions import reading, writing
from tests.web import Browser, forms_of, logged_in, text_of

MONDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 20)
CLOSURE = {"valid_from": "2026-11-20", "valid_until": "2026-11-20", "reason": "Neige"}


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def booked(app: Flask, now: FrozenClock, day: date = FRIDAY, **more: Any) -> Family:
    household = family(app, **more)
    with writing(app) as session:
        for pupil_id in household.pupil_ids:
            book_meal(session, Wish(pupil_id, day), ServiceRules(), now.now)
    return household


def states(app: Flask) -> list[BookingState]:
    with reading(app) as session:
        return list(session.scalars(sa.select(Booking.state).order_by(Booking.id)))


def prepare(office: Browser, view: str, fields: dict[str, Any]) -> str:
    """Add it; the address of its page."""
    answer = office.post(f"/{view}/add", fields)
    assert answer.status_code == 302, text_of(answer.text)
    return str(answer.location)


def press(office: Browser, page: str, name: str) -> Any:
    """Press one of the page's buttons, with what its form carries."""
    form = next(each for each in forms_of(office.get(page).text) if f"/{name}/" in each.action)
    return office.post(form.action, dict(form.fields))


def test_a_closed_day_is_looked_at_put_in_force_and_lifted(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    household = booked(app, morning)
    key = one(app, sa.select(ServiceDay.id).where(ServiceDay.date == FRIDAY))

    asked = office.post("/servicedayview/action_post", {"action": "close", "rowid": key})
    assert asked.location == "/closureview/add?first=2026-11-20&last=2026-11-20"
    page = prepare(office, "closureview", CLOSURE)
    before = states(app)
    preview = text_of(office.get(page).text)
    begun = press(office, page, "begin")
    closed = states(app), one(app, sa.select(ServiceDay.closure).where(ServiceDay.id == key))
    lifted = press(office, page, "lift")

    assert before == [BookingState.BOOKED]
    assert "Essai" in preview
    assert (begun.status_code, lifted.status_code) == (302, 302)
    assert closed == ([BookingState.CANCELLED], "Neige")
    assert states(app) == [BookingState.BOOKED]
    assert one(app, sa.select(ServiceDay.closure).where(ServiceDay.id == key)) is None
    assert household.pupil_ids


def test_what_changed_since_it_was_looked_at_is_looked_at_again(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    booked(app, morning)
    page = prepare(office, "closureview", CLOSURE)
    form = next(each for each in forms_of(office.get(page).text) if "/begin/" in each.action)
    booked(app, morning)

    answer = office.post(form.action, dict(form.fields), follow_redirects=True)

    sentence = "Somebody has just changed this. Look at the page again, then decide."
    assert in_french(app, sentence) in text_of(answer.text)
    assert states(app) == [BookingState.BOOKED] * 2
    press(office, page, "begin")
    assert states(app) == [BookingState.CANCELLED] * 2


def test_money_that_goes_back_is_shown_before(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    booked(app, morning, MONDAY, balance=5000, children=2)
    with writing(app) as session:
        close_day(session, MONDAY)
    morning.set("2026-11-16 09:00")
    today = {**CLOSURE, "valid_from": "2026-11-16", "valid_until": "2026-11-16"}

    page = prepare(office, "closureview", today)
    preview = text_of(office.get(page).text)
    press(office, page, "begin")

    assert "CHF 18.00" in preview
    assert states(app) == [BookingState.GIVEN_BACK] * 2


def test_an_outing_is_of_its_class_and_keeps_meals_from_being_booked(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    away, stays = booked(app, morning), booked(app, morning)
    with writing(app) as session:
        year_id = session.scalars(sa.select(SchoolYear.id)).one()
        other = SchoolClass(school_year_id=year_id, name="6P")
        session.add(other)
        session.flush()
        of_the_other = Enrolment.pupil_id == stays.pupil_id
        session.scalars(sa.select(Enrolment).where(of_the_other)).one().school_class_id = other.id
        class_id = session.scalars(sa.select(SchoolClass.id).where(SchoolClass.name == "5P")).one()
    outing = {**CLOSURE, "classes": [class_id], "reason": "Zoo de Servion"}

    page = prepare(office, "outingview", outing)
    press(office, page, "begin")
    parent = logged_in(app, away.username)
    agenda = text_of(parent.get("/agenda/?date=2026-11-20").text)
    tried = parent.post(
        "/agenda/change",
        {"pupil": away.pupil_id, "date": "2026-11-20", "action": "book", "version": "2"},
    )

    assert states(app) == [BookingState.CANCELLED, BookingState.BOOKED]
    assert "Zoo de Servion" in agenda
    assert "Zoo de Servion" in text_of(tried.text)
    assert states(app) == [BookingState.CANCELLED, BookingState.BOOKED]


def test_what_cannot_be_booked_again_is_said_with_its_reason(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    booked(app, morning)
    page = prepare(office, "closureview", CLOSURE)
    press(office, page, "begin")
    with writing(app) as session:
        session.scalars(sa.select(ServiceDay).where(ServiceDay.date == FRIDAY)).one().capacity = 0

    outcome = press(office, page, "lift")
    again = press(office, page, "lift")

    assert outcome.status_code == 200
    assert "places" in text_of(outcome.text)
    assert states(app) == [BookingState.CANCELLED]
    assert again.status_code == 200


def test_only_what_is_prepared_is_edited_or_deleted(app: Flask, office: Browser) -> None:
    page = prepare(office, "closureview", CLOSURE)
    key = page.rpartition("/")[2]

    office.post(f"/closureview/edit/{key}", {**CLOSURE, "reason": "Grêle"})
    press(office, page, "begin")
    late = office.get(f"/closureview/edit/{key}")
    office.post(f"/closureview/edit/{key}", {**CLOSURE, "reason": "Autre"})
    office.post(f"/closureview/delete/{key}")
    other = prepare(office, "closureview", CLOSURE).rpartition("/")[2]
    office.post(f"/closureview/delete/{other}")

    assert late.location == page
    assert office.get(page.replace("closureview", "outingview")).status_code == 404
    with reading(app) as session:
        assert session.scalars(sa.select(Interruption.reason)).all() == ["Grêle"]


def test_a_closure_needs_days_and_a_reason(app: Flask, office: Browser) -> None:
    for first, last, reason in (
        ("2026-11-20", "2026-11-19", "x"),
        ("2026-11-20", "2027-11-20", "x"),
        ("2026-11-20", "2026-11-20", " "),
        ("", "2026-11-20", "x"),
        ("9999-12-31", "9999-12-31", "x"),
    ):
        sent = {"valid_from": first, "valid_until": last, "reason": reason}
        assert office.post("/closureview/add", sent).status_code == 200, sent

    assert count(app, Interruption) == 0


def test_an_outing_needs_classes_of_that_year(app: Flask, office: Browser) -> None:
    class_id = one(app, sa.select(SchoolClass.id))
    before, past_its_end = ("2026-07-20", "2026-07-22"), ("2027-07-02", "2027-07-04")
    for (first, last), classes in (
        (("2026-11-19", "2026-11-20"), []),
        (before, [class_id]),
        (past_its_end, [class_id]),
    ):
        sent = {"valid_from": first, "valid_until": last, "reason": "Camp", "classes": classes}
        assert office.post("/outingview/add", sent).status_code == 200, sent

    assert count(app, Interruption) == 0


def test_days_without_service_or_with_others_between_them_are_not_closed(
    app: Flask, office: Browser
) -> None:
    days = [MONDAY, FRIDAY]
    with reading(app) as session:
        keys = session.scalars(sa.select(ServiceDay.id).where(ServiceDay.date.in_(days))).all()
    sunday = {**CLOSURE, "valid_from": "2026-11-22", "valid_until": "2026-11-22"}

    page = prepare(office, "closureview", sunday)
    apart = office.post("/servicedayview/action_post", {"action": "close", "rowid": list(keys)})

    assert "/begin/" not in office.get(page).text
    assert apart.location == "/servicedayview/list/"


# -- seats and the days of a year ------------------------------------------------------------------


def seats(app: Flask) -> list[int]:
    with reading(app) as session:
        days = sa.select(ServiceDay.capacity).where(ServiceDay.date.between(MONDAY, FRIDAY))
        return list(session.scalars(days.order_by(ServiceDay.date)))


def test_the_seats_of_a_week_are_changed_together_or_not_at_all(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    booked(app, morning)
    week = {"first_day": "2026-11-16", "last_day": "2026-11-20"}

    office.get("/seats/")
    refused = office.post("/seats/", {**week, "capacity": "0"})
    after_refusal = seats(app)
    kept = office.post("/seats/", {**week, "capacity": "25"})

    assert (refused.status_code, kept.status_code) == (200, 302)
    assert after_refusal == [40] * 5
    assert seats(app) == [25] * 5


def next_year(app: Flask, office: Browser) -> str:
    office.post(
        "/schoolyearview/add",
        {"name": "2027-2028", "starts_on": "2027-08-23", "ends_on": "2027-10-29"},
    )
    key = one(app, sa.select(SchoolYear.id).where(SchoolYear.name == "2027-2028"))
    return f"/service-days/?year={key}"


def upload(office: Browser, address: str, content: bytes, **more: Any) -> Any:
    office.get(address)
    sent = {"weekdays": ["0", "1", "3", "4"], "capacity": "60", "holidays": "", **more}
    answer = office.post(
        address,
        {**sent, "file": (BytesIO(content), "vacances.ics")},
        content_type="multipart/form-data",
    )
    # Werkzeug's client spools a large form to disk and leaves it open.
    answer.request.environ["wsgi.input"].close()
    return answer


def test_holidays_of_a_file_are_looked_at_before_the_days_are_made(
    app: Flask, office: Browser
) -> None:
    address = next_year(app, office)
    file = calendar(AUTUMN_EVENT.replace("2026", "2027")).encode("latin-1", "replace")

    read = upload(office, address, file, holidays="06.09.2027 Camp")
    made_before = count(app, ServiceDay, ServiceDay.date >= date(2027, 8, 1))
    lines = re.search(r"<textarea[^>]*>([^<]*)", read.text)
    assert lines is not None
    sent = {"weekdays": ["0", "1", "3", "4"], "capacity": "60", "holidays": lines[1].strip()}
    office.post(address, sent)

    with reading(app) as session:
        query = sa.select(ServiceDay).where(ServiceDay.date >= date(2027, 8, 1))
        days = {day.date: day.closure for day in session.scalars(query)}
    assert made_before == 0
    assert "10.10.2027 - 25.10.2027 Vacances d" in lines[1]
    assert days[date(2027, 10, 12)] is not None
    assert days[date(2027, 9, 6)] == "Camp"
    assert days[date(2027, 10, 26)] is None
    assert date(2027, 8, 25) not in days


def test_a_file_that_is_no_calendar_is_refused_with_one_sentence(
    app: Flask, office: Browser
) -> None:
    address = next_year(app, office)

    for content in (b"<html>404</html>", b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT", b"x" * 5_242_881):
        answer = upload(office, address, content)
        assert (answer.status_code, answer.text.count('class="error"')) == (200, 1)


def test_holidays_close_days_that_exist_and_wait_where_meals_are_booked(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    booked(app, morning)
    year_id = one(app, sa.select(SchoolYear.id))
    lines = "20.11.2026 Formation\n23.11.2026 - 24.11.2026 Pont"
    sent = {"weekdays": ["0", "1", "2", "3", "4"], "capacity": "40", "holidays": lines}

    for _twice in range(2):
        office.get(f"/service-days/?year={year_id}")
        office.post(f"/service-days/?year={year_id}", sent)

    with reading(app) as session:
        found = session.execute(
            sa.select(Interruption.reason, Interruption.state).where(
                Interruption.valid_from < date(2026, 12, 1)
            )
        )
        assert dict(found.all()) == {
            "Formation": DecisionState.PREPARED,
            "Pont": DecisionState.IN_FORCE,
        }
    assert states(app) == [BookingState.BOOKED]


def test_a_year_does_not_end_before_its_pupils_leave(app: Flask, office: Browser) -> None:
    family(app)
    key = one(app, sa.select(SchoolYear.id))
    sent = {"name": "2026-2027", "starts_on": "2026-08-17", "ends_on": "2027-06-01"}

    office.post(f"/schoolyearview/edit/{key}", sent)

    assert one(app, sa.select(SchoolYear.ends_on)) > date(2027, 6, 2)


def test_a_meal_that_its_family_changed_since_stays_as_they_want_it(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    household = booked(app, morning)
    page = prepare(office, "closureview", CLOSURE)
    press(office, page, "begin")
    key = one(app, sa.select(ServiceDay.id).where(ServiceDay.date == FRIDAY))
    office.post("/servicedayview/action_post", {"action": "reopen", "rowid": key})
    with writing(app) as session:
        wish = Wish(household.pupil_id, FRIDAY)
        book_meal(session, wish, ServiceRules(), morning.now)
        cancel_meal(session, wish, ServiceRules(), morning.now)

    press(office, page, "lift")

    assert states(app) == [BookingState.CANCELLED]
