"""Repeating meals: seen first, booked in one go, undone in one go."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.access import SYSTEM
from app.models import Booking, BookingChange, ServiceDay
from app.transaction import transaction
from app.vocabulary import BookingState, Channel, Role
from tests.database import contents
from tests.factories import Family, make_family
from tests.sessions import reading
from tests.web import Browser, Form, forms_of, logged_in, text_of

REPEAT, UNDO = "/agenda/repeat/", "/agenda/repeat/undo"
MONDAYS_AND_THURSDAYS = {
    "first": "2026-11-23",
    "last": "2026-12-04",
    "weekday": ["0", "3"],
}

pytestmark = pytest.mark.usefixtures("frozen_clock")


def standing(app: Flask) -> list[date]:
    """The days on which a meal is booked."""
    query = (
        sa.select(ServiceDay.date)
        .join(Booking, Booking.service_day_id == ServiceDay.id)
        .where(Booking.state == BookingState.BOOKED)
        .order_by(ServiceDay.date)
    )
    with reading(app) as session:
        return list(session.scalars(query))


@pytest.fixture
def family(app: Flask) -> Family:
    with app.app_context(), transaction(SYSTEM) as session:
        return make_family(session, children=2)


@pytest.fixture
def parent(app: Flask, family: Family) -> Browser:
    return logged_in(app, family.username)


def send(browser: Browser, family: Family, step: str, **more: Any) -> Any:
    return browser.post(
        REPEAT, {"pupil": family.pupil_id, **MONDAYS_AND_THURSDAYS, "step": step, **more}
    )


def form_to(page: str, path: str) -> Form:
    return next(form for form in forms_of(page) if form.action == path)


FOUR_DAYS = [date(2026, 11, 23), date(2026, 11, 26), date(2026, 11, 30), date(2026, 12, 3)]


def test_the_form_offers_the_familys_children_until_the_end_of_the_year(
    parent: Browser, family: Family
) -> None:
    form = form_to(parent.get(REPEAT).text, REPEAT)

    offered = {value for name, value in form.fields if name == "pupil" and value}
    assert offered == {str(pupil_id) for pupil_id in family.pupil_ids}
    assert ("last", "2027-07-02") in form.fields


def test_a_preview_shows_every_day_and_writes_nothing(
    app: Flask, parent: Browser, family: Family
) -> None:
    before = contents(app)

    page = send(parent, family, "preview").text

    assert contents(app) == before
    assert page.count('<th scope="row">') == 4
    assert ("weekday", "3") in form_to(page, REPEAT).fields


def test_what_was_seen_is_booked_in_one_operation(
    app: Flask, parent: Browser, family: Family
) -> None:
    form = form_to(send(parent, family, "preview").text, REPEAT)
    values: dict[str, Any] = {"step": "book"}
    for name, value in form.fields:
        if name not in {"step", "csrf_token"}:
            values.setdefault(name, []).append(value)

    answer = parent.post(REPEAT, values)

    assert answer.status_code == 200
    assert standing(app) == FOUR_DAYS
    with reading(app) as session:
        operations = session.scalars(sa.select(BookingChange.operation_id).distinct()).all()
        assert len(operations) == 1


def test_a_day_that_cannot_be_booked_is_told_and_the_others_are_booked(
    app: Flask, parent: Browser, family: Family
) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == FOUR_DAYS[1])).one()
        day.closure = "Foire de Leysin"

    page = send(parent, family, "book").text

    assert "Foire de Leysin" in page
    assert standing(app) == [FOUR_DAYS[0], *FOUR_DAYS[2:]]


def test_booking_twice_books_once(app: Flask, parent: Browser, family: Family) -> None:
    send(parent, family, "book")
    before = contents(app)

    page = send(parent, family, "book").text

    assert contents(app) == before
    assert UNDO not in page


def test_undoing_takes_back_what_was_booked_and_nothing_that_was_changed_since(
    app: Flask, parent: Browser, family: Family
) -> None:
    parent.fetch(
        "/agenda/change",
        {"pupil": family.pupil_id, "date": FOUR_DAYS[0], "action": "book", "version": 0},
    )
    undo = form_to(send(parent, family, "book").text, UNDO)
    for version, action in ((1, "cancel"), (2, "book")):
        parent.fetch(
            "/agenda/change",
            {"pupil": family.pupil_id, "date": FOUR_DAYS[1], "action": action, "version": version},
        )

    answer = parent.post(UNDO, dict(undo.fields) | {"csrf_token": parent.token})

    assert answer.status_code == 302
    assert standing(app) == FOUR_DAYS[:2]


def test_there_is_nothing_to_undo_twice(app: Flask, parent: Browser, family: Family) -> None:
    undo = form_to(send(parent, family, "book").text, UNDO)
    values = dict(undo.fields) | {"csrf_token": parent.token}

    answers = [parent.post(UNDO, values) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 409]
    assert standing(app) == []


def test_staff_say_how_they_were_asked(app: Flask, family: Family) -> None:
    browser = logged_in(app, Role.SECRETARIAT.name.lower())

    refused = [send(browser, family, "book", channel=word) for word in ("", "portal", "x")]
    booked = send(browser, family, "book", channel="mail")

    assert [answer.status_code for answer in refused] == [400, 400, 400]
    assert booked.status_code == 200
    with reading(app) as session:
        assert set(session.scalars(sa.select(BookingChange.channel))) == {Channel.MAIL}


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekday": []},
        {"weekday": ["5"]},
        {"weekday": ["0", "x"]},
        {"first": ""},
        {"last": "2028-11-23"},
    ],
)
def test_a_form_that_makes_no_sense_is_refused_in_words(
    app: Flask, parent: Browser, family: Family, wrong: dict[str, Any]
) -> None:
    answer = send(parent, family, "book", **wrong)

    assert answer.status_code == 400
    assert "." in text_of(answer.text)
    assert standing(app) == []


def test_days_that_end_before_they_begin_are_none(
    app: Flask, parent: Browser, family: Family
) -> None:
    answer = send(parent, family, "book", last="2026-11-01")

    assert answer.status_code == 200
    assert standing(app) == []


def test_a_whole_year_is_booked_day_by_day_across_both_clock_changes(
    app: Flask, parent: Browser, family: Family
) -> None:
    send(parent, family, "book", last="2027-07-02", weekday=["0"])

    days = standing(app)

    assert days[0] == date(2026, 11, 23)
    assert days[-1] == date(2027, 6, 28)
    assert {second - first for first, second in pairwise(days)} == {timedelta(days=7)}
