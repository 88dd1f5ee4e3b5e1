"""The agenda as a parent and as staff see it: the words, the taps, the weeks."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import clock, models
from app.booking import begin_closing, charge_next, close_canteen, mark_attendance
from app.booking import refuse_unfunded as refuse_the_unfunded
from app.extensions import db
from app.models import Booking, BookingChange, Pupil, ServiceDay
from app.rules.agenda import CellState
from app.rules.deadlines import ServiceRules
from app.vocabulary import (
    Attendance,
    BookingState,
    Channel,
    DecisionState,
    InterruptionKind,
    Reason,
    Role,
)
from tests.conftest import FrozenClock
from tests.factories import Family, make_family, make_pupil
from tests.sessions import reading, writing
from tests.web import Browser, Form, forms_of, logged_in, text_of

MONDAY, TUESDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 20)
CHANGE = "/agenda/change"
RULES = ServiceRules()

pytestmark = pytest.mark.usefixtures("frozen_clock")


def new_family(app: Flask, **more: Any) -> Family:
    with writing(app) as session:
        return make_family(session, **more)


def staff(app: Flask, role: Role = Role.SECRETARIAT) -> Browser:
    return logged_in(app, role.name.lower())


def service_day(session: Session, day: date) -> ServiceDay:
    found: ServiceDay = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == day)).one()
    return found


def close(app: Flask, day: date) -> None:
    with writing(app) as session:
        found = service_day(session, day)
        begin_closing(session, found, RULES, lambda: clock.instant_of(day, RULES.last_call))
        while charge_next(session, found, clock.now):
            pass


def week(browser: Browser, day: date = MONDAY, **more: object) -> str:
    answer = browser.get("/agenda/", query_string={"date": day.isoformat(), **more})
    assert answer.status_code == 200, answer.text
    return answer.text


def cell(page: str, pupil_id: int, day: date = MONDAY) -> str:
    """The part of the page that shows a child on a day."""
    start = rf'<div class="cell [^"]*" id="c-{pupil_id}-{day}">'
    found = re.search(rf"{start}.*?\n</div>", page, re.DOTALL)
    assert found is not None, page
    return found[0]


def state_of(shown: str) -> str:
    found = re.search(r'class="cell is-([a-z_]+)"', shown)
    assert found is not None
    return found[1]


def tap(browser: Browser, shown: str, **more: object) -> Any:
    """Send a cell's own form, as somebody without JavaScript does."""
    form = forms_of(shown)[0]
    return browser.post(form.action, {**first_values(form), **more})


def first_values(form: Form) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, value in form.fields:
        values.setdefault(name, value)
    values.pop("csrf_token", None)
    return values


@pytest.fixture
def family(app: Flask) -> Family:
    return new_family(app, balance=10_000)


@pytest.fixture
def parent(app: Flask, family: Family) -> Browser:
    return logged_in(app, family.username)


# -- every state in words --------------------------------------------------------------------------


def book(app: Flask, family: Family, day: date = MONDAY) -> None:
    answer = logged_in(app, family.username).fetch(
        CHANGE, {"pupil": family.pupil_id, "date": day, "action": "book"}
    )
    assert answer.status_code == 200, answer.text


def is_booked(app: Flask, family: Family) -> None:
    book(app, family)


def is_charged(app: Flask, family: Family) -> None:
    book(app, family)
    close(app, MONDAY)


def is_unfunded(app: Flask, family: Family) -> None:
    with writing(app) as session:
        session.get_one(models.Account, family.account_id).balance = 0
    is_charged(app, family)


def is_refused(app: Flask, family: Family) -> None:
    is_unfunded(app, family)
    with writing(app) as session:
        refuse_the_unfunded(
            session,
            service_day(session, MONDAY),
            RULES,
            lambda: clock.instant_of(MONDAY, RULES.end_of_service),
        )


def is_given_back(app: Flask, family: Family) -> None:
    is_charged(app, family)
    with writing(app) as session:
        close_canteen(session, MONDAY, "Tempête", clock.now)


def is_marked(attendance: Attendance) -> Callable[[Flask, Family], None]:
    def mark(app: Flask, family: Family) -> None:
        is_charged(app, family)
        with writing(app) as session:
            booking_id = session.scalars(sa.select(Booking.id)).one()
            mark_attendance(session, booking_id, attendance, MONDAY, clock.now)

    return mark


def is_closed(app: Flask, family: Family) -> None:
    with writing(app) as session:
        service_day(session, MONDAY).closure = "Pont de l’Ascension"


def is_full(app: Flask, family: Family) -> None:
    with writing(app) as session:
        service_day(session, MONDAY).capacity = 0


def is_excluded(app: Flask, family: Family) -> None:
    with writing(app) as session:
        session.add(
            models.Exclusion(
                pupil_id=family.pupil_id,
                valid_from=MONDAY,
                valid_until=FRIDAY,
                decided_on=MONDAY,
                reason="Secret du comité",
            )
        )


def is_on_outing(app: Flask, family: Family) -> None:
    with writing(app) as session:
        session.add(
            models.Interruption(
                kind=InterruptionKind.OUTING,
                state=DecisionState.IN_FORCE,
                valid_from=MONDAY,
                valid_until=TUESDAY,
                reason="Zoo de Servion",
                begun_at=clock.now(),
                classes=list(session.scalars(sa.select(models.SchoolClass))),
            )
        )


def is_not_enrolled(app: Flask, family: Family) -> None:
    with writing(app) as session:
        session.scalars(sa.select(models.Enrolment)).one().valid_from = TUESDAY


def is_free(app: Flask, family: Family) -> None:
    pass


STATES: list[tuple[CellState, Callable[[Flask, Family], None], str, str]] = [
    (CellState.BOOKABLE, is_free, "2026-11-16 07:30", "9.00"),
    (CellState.TOO_LATE, is_free, "2026-11-16 08:15", "08:15"),
    (CellState.BOOKED, is_booked, "2026-11-16 07:30", "Normal"),
    (CellState.CHARGED, is_charged, "2026-11-16 09:00", "9.00"),
    (CellState.UNFUNDED, is_unfunded, "2026-11-16 09:00", "14:00"),
    (CellState.REFUSED, is_refused, "2026-11-16 15:00", "Normal"),
    (CellState.GIVEN_BACK, is_given_back, "2026-11-16 09:00", "Normal"),
    (CellState.SERVED, is_marked(Attendance.SERVED), "2026-11-16 12:30", "Normal"),
    (CellState.ABSENT, is_marked(Attendance.ABSENT), "2026-11-16 12:30", "Normal"),
    (CellState.FULL, is_full, "2026-11-16 07:30", ""),
    (CellState.EXCLUDED, is_excluded, "2026-11-16 07:30", "19"),
    (CellState.OUTING, is_on_outing, "2026-11-16 07:30", "Zoo de Servion"),
    (CellState.NOT_ENROLLED, is_not_enrolled, "2026-11-16 07:30", ""),
]
OFFERED = {CellState.BOOKABLE: "book", CellState.BOOKED: "cancel"}


@pytest.mark.parametrize(("state", "arrange", "shown_at", "word"), STATES)
def test_each_state_has_its_words_and_only_the_tap_that_is_allowed(
    app: Flask,
    family: Family,
    parent: Browser,
    frozen_clock: FrozenClock,
    state: CellState,
    arrange: Callable[[Flask, Family], None],
    shown_at: str,
    word: str,
) -> None:
    arrange(app, family)
    frozen_clock.set(shown_at)

    shown = cell(week(parent), family.pupil_id)

    assert state_of(shown) == state.value
    assert "<b>" in shown
    assert word in text_of(shown)
    assert [first_values(form)["action"] for form in forms_of(shown)] == (
        [OFFERED[state]] if state in OFFERED else []
    )


def test_every_state_is_in_the_table_or_the_head_of_a_closed_day() -> None:
    assert {state for state, *_ in STATES} | {CellState.CLOSED} == set(CellState)


def test_a_closed_day_says_why_once_and_offers_no_tap(
    app: Flask, family: Family, parent: Browser
) -> None:
    is_closed(app, family)

    page = week(parent)

    assert page.count("Pont de l’Ascension") == 1
    assert f'id="c-{family.pupil_id}-{MONDAY}"' not in page


def test_the_reason_of_an_exclusion_is_not_shown(
    app: Flask, family: Family, parent: Browser
) -> None:
    is_excluded(app, family)

    assert "Secret du comité" not in week(parent)


def test_an_outing_is_the_business_of_its_class_only(
    app: Flask, family: Family, parent: Browser
) -> None:
    is_on_outing(app, family)
    with writing(app) as session:
        year_id = session.scalars(sa.select(models.SchoolYear.id)).one()
        other = models.SchoolClass(school_year_id=year_id, name="6P")
        session.add(other)
        session.flush()
        session.scalars(sa.select(models.Enrolment)).one().school_class_id = other.id

    page = week(parent)

    assert state_of(cell(page, family.pupil_id)) == "bookable"
    assert "Zoo de Servion" not in page


# -- taps ------------------------------------------------------------------------------------------


def test_without_javascript_a_tap_comes_back_to_the_week_with_a_sentence(
    app: Flask, family: Family, parent: Browser
) -> None:
    answer = tap(parent, cell(week(parent, TUESDAY), family.pupil_id, TUESDAY))

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/agenda/?date={TUESDAY}"
    page = parent.get(answer.headers["Location"]).text
    assert state_of(cell(page, family.pupil_id, TUESDAY)) == "booked"
    assert "17 novembre" in text_of(page)


def test_without_javascript_a_refusal_shows_the_week_with_a_sentence(
    app: Flask, family: Family, parent: Browser, frozen_clock: FrozenClock
) -> None:
    shown = cell(week(parent), family.pupil_id)
    frozen_clock.set("2026-11-16 08:15:00")

    answer = tap(parent, shown)

    assert answer.status_code == 409
    assert state_of(cell(answer.text, family.pupil_id)) == "too_late"
    assert "08:15" in text_of(answer.text)


def test_a_tap_by_our_script_gets_the_cell_and_the_money_in_a_small_answer(
    app: Flask, family: Family, parent: Browser
) -> None:
    values = first_values(forms_of(cell(week(parent, TUESDAY), family.pupil_id, TUESDAY))[0])

    booked = parent.fetch(CHANGE, values)
    cancelled = parent.fetch(CHANGE, first_values(forms_of(booked.text)[0]))

    assert state_of(cell(booked.text, family.pupil_id, TUESDAY)) == "booked"
    assert state_of(cell(cancelled.text, family.pupil_id, TUESDAY)) == "bookable"
    for answer in (booked, cancelled):
        assert answer.status_code == 200
        assert "data-announce" in answer.text
        assert 'id="summary"' in answer.text
        assert "<html" not in answer.text
        assert len(answer.data) < 4096


def test_a_choice_is_one_tap_more(app: Flask, family: Family, parent: Browser) -> None:
    shown = cell(week(parent, TUESDAY), family.pupil_id, TUESDAY)
    offered = [value for name, value in forms_of(shown)[0].fields if name == "meal_type"]

    tap(parent, shown, meal_type=offered[1])

    assert "Végétarien" in cell(week(parent, TUESDAY), family.pupil_id, TUESDAY)


def test_the_balance_says_how_far_it_reaches(app: Flask) -> None:
    family = new_family(app, balance=1000)
    parent = logged_in(app, family.username)

    book(app, family, TUESDAY)
    enough = text_of(week(parent))
    book(app, family, FRIDAY)
    too_little = text_of(week(parent))

    assert "10.00" in enough
    assert "17 novembre" in enough
    assert too_little != enough


def test_a_special_meal_shows_its_own_deadline_and_warns_when_it_is_late(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    family = new_family(app, balance=10_000, diet="Spécial")
    parent = logged_in(app, family.username)

    before = cell(week(parent, FRIDAY), family.pupil_id, FRIDAY)
    tap(parent, before)
    frozen_clock.set("2026-11-18 10:00")
    after = cell(week(parent, FRIDAY), family.pupil_id, FRIDAY)

    assert "17" in text_of(before)
    assert 'class="late"' not in before
    assert 'class="late"' in after
    assert len(forms_of(after)) == 1


# -- weeks -----------------------------------------------------------------------------------------


def heads(page: str) -> list[str]:
    return re.findall(r'<h2 id="day-([\d-]+)"', page)


@pytest.mark.parametrize(
    ("asked", "monday"),
    [
        ("2026-11-16", "2026-11-16"),
        ("2026-11-18", "2026-11-16"),
        ("2026-11-20", "2026-11-16"),
        ("2026-11-21", "2026-11-23"),
        ("2026-11-22", "2026-11-23"),
        ("2026-10-25", "2026-10-26"),  # clocks go back
        ("2026-10-23", "2026-10-19"),
        ("2027-03-28", "2027-03-29"),  # clocks go forward
        ("2027-03-26", "2027-03-22"),
        ("2026-12-31", "2026-12-28"),
    ],
)
def test_a_week_has_its_five_days_and_the_week_end_means_the_next(
    parent: Browser, asked: str, monday: str
) -> None:
    first = date.fromisoformat(monday)

    shown = heads(week(parent, date.fromisoformat(asked)))

    assert shown == [(first + timedelta(days=i)).isoformat() for i in range(5)]


@pytest.mark.parametrize(
    ("day", "in_time", "too_late"),
    [
        (date(2026, 10, 26), "2026-10-26 08:14:59", "2026-10-26 08:15:00"),
        (date(2027, 3, 29), "2027-03-29 08:14:59", "2027-03-29 08:15:00"),
    ],
)
def test_on_the_monday_after_the_clocks_change_the_last_call_is_at_the_same_time(
    family: Family,
    parent: Browser,
    frozen_clock: FrozenClock,
    day: date,
    in_time: str,
    too_late: str,
) -> None:
    frozen_clock.set(in_time)
    before = state_of(cell(week(parent, day), family.pupil_id, day))
    frozen_clock.set(too_late)
    after = state_of(cell(week(parent, day), family.pupil_id, day))

    assert (before, after) == ("bookable", "too_late")


def test_without_a_date_it_shows_the_week_of_today(
    parent: Browser, frozen_clock: FrozenClock
) -> None:
    frozen_clock.set("2026-11-21 10:00")

    assert heads(parent.get("/agenda/").text)[0] == "2026-11-23"


def test_weeks_lead_to_the_one_before_and_the_one_after(parent: Browser) -> None:
    page = week(parent)

    assert 'rel="prev" href="/agenda/?date=2026-11-09"' in page
    assert 'rel="next" href="/agenda/?date=2026-11-23"' in page
    assert 'min="2026-08-17" max="2027-07-02"' in page


@pytest.mark.parametrize(("day", "rel"), [(date(2026, 8, 19), "prev"), (date(2027, 7, 1), "next")])
def test_the_school_year_has_two_ends(parent: Browser, day: date, rel: str) -> None:
    other = {"prev": "next", "next": "prev"}[rel]

    page = week(parent, day)

    assert f'rel="{rel}"' not in page
    assert f'rel="{other}"' in page


def test_a_week_outside_the_year_shows_no_service(parent: Browser) -> None:
    page = week(parent, date(2027, 7, 20))

    assert len(heads(page)) == 5
    assert "data-cell" not in page


@pytest.mark.parametrize(
    "asked", ["tomorrow", "2026-02-30", "0001-01-01", "9999-12-31", "x" * 5000, "\x00", "-1"]
)
def test_a_date_that_cannot_be_is_refused_in_one_sentence(parent: Browser, asked: str) -> None:
    answer = parent.get("/agenda/", query_string={"date": asked})

    assert answer.status_code == 400
    assert text_of(answer.text).count(".") >= 1
    assert "data-cell" not in answer.text


# -- whose child -----------------------------------------------------------------------------------


def test_a_parent_sees_all_their_children_and_no_other(app: Flask) -> None:
    family, other = new_family(app, children=3), new_family(app)
    page = week(logged_in(app, family.username))

    shown = {int(pupil_id) for pupil_id in re.findall(r'id="c-(\d+)-', page)}

    assert shown == set(family.pupil_ids)
    assert other.pupil_id not in shown


@pytest.mark.parametrize("path", ["/agenda/", "/agenda/repeat/"])
def test_another_familys_child_is_not_found(app: Flask, parent: Browser, path: str) -> None:
    other = new_family(app)

    answer = parent.get(path, query_string={"pupil": other.pupil_id})

    assert answer.status_code == 404


def test_a_parent_without_children_is_told_whom_to_ask(app: Flask) -> None:
    family = new_family(app, children=0)

    page = week(logged_in(app, family.username))

    assert 'class="empty"' in page


@pytest.mark.parametrize("role", [Role.SECRETARIAT, Role.TILL, Role.ADMIN])
def test_staff_open_any_childs_week_and_are_asked_for_the_child_first(
    app: Flask, family: Family, role: Role
) -> None:
    browser = staff(app, role)

    without = browser.get("/agenda/")
    page = week(browser, pupil=family.pupil_id)

    assert without.status_code == 302
    assert f'id="c-{family.pupil_id}-{MONDAY}"' in page
    assert f"pupil={family.pupil_id}" in page


def test_staff_are_told_why_an_archived_child_has_no_week(app: Flask, family: Family) -> None:
    with writing(app) as session:
        pupil = session.get_one(Pupil, family.pupil_id)
        pupil.archived_at = clock.now()
        name = pupil.full_name

    page = text_of(week(staff(app), pupil=family.pupil_id))

    assert f"Au nom de {name}" in page
    assert "Cet enfant est archivé" in page


@pytest.mark.parametrize("role", [Role.KITCHEN, Role.ACCOUNTING, Role.COMMITTEE])
def test_who_has_nothing_to_do_with_bookings_has_no_agenda(
    app: Flask, family: Family, role: Role
) -> None:
    answer = staff(app, role).get("/agenda/", query_string={"pupil": family.pupil_id})

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("role", "is_offered"), [(Role.SECRETARIAT, True), (Role.ADMIN, True), (Role.TILL, False)]
)
def test_repeating_meals_are_offered_to_who_may_book_them(
    app: Flask,
    family: Family,
    role: Role,
    is_offered: bool,  # noqa: FBT001 - from the table
) -> None:
    browser = staff(app, role)

    page = week(browser, pupil=family.pupil_id)
    answer = browser.get("/agenda/repeat/", query_string={"pupil": family.pupil_id})

    assert ("/agenda/repeat/" in page) is is_offered
    assert (answer.status_code == 200) is is_offered


def test_staff_say_how_they_were_asked(app: Flask, family: Family) -> None:
    browser = staff(app)
    asked = {"pupil": family.pupil_id, "date": TUESDAY, "action": "book"}

    refused = [
        browser.fetch(CHANGE, {**asked, "channel": c}) for c in ("", "system", "x", "portal")
    ]
    booked = browser.fetch(CHANGE, {**asked, "channel": "telephone"})

    assert {answer.status_code for answer in refused} == {400}
    assert booked.status_code == 200
    with reading(app) as session:
        change = session.scalars(sa.select(BookingChange)).one()
        assert change.channel is Channel.TELEPHONE
        assert change.actor_id != family.user_id


def test_after_the_last_call_staff_give_a_reason(
    app: Flask, family: Family, frozen_clock: FrozenClock
) -> None:
    book(app, family)
    close(app, MONDAY)
    frozen_clock.set("2026-11-16 09:00")
    browser = staff(app)
    shown = cell(week(browser, pupil=family.pupil_id), family.pupil_id)

    refused = [tap(browser, shown, channel="mail", reason=r) for r in ("", "no_funds", "x")]
    given_back = tap(browser, shown, channel="mail", reason="illness")

    assert 'name="reason" required' in shown
    assert [answer.status_code for answer in refused] == [400, 400, 400]
    assert given_back.status_code == 302
    with reading(app) as session:
        assert session.scalars(sa.select(Booking.state)).one() is BookingState.GIVEN_BACK
        assert session.get_one(models.Account, family.account_id).balance == 10_000
        last = session.scalars(sa.select(BookingChange).order_by(BookingChange.id.desc())).first()
        assert last is not None
        assert last.reason is Reason.ILLNESS


def test_after_the_last_call_staff_book_only_what_is_paid_for(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    poor = new_family(app, balance=100)
    close(app, MONDAY)
    frozen_clock.set("2026-11-16 09:00")
    browser = staff(app)
    shown = cell(week(browser, pupil=poor.pupil_id), poor.pupil_id)

    answer = tap(browser, shown, channel="mail", reason="mistake")

    assert answer.status_code == 409
    assert "9.00" in text_of(answer.text)
    with reading(app) as session:
        assert session.scalars(sa.select(Booking)).all() == []


def test_staff_change_a_meal_whose_payer_no_longer_pays_for_the_child(
    app: Flask, family: Family
) -> None:
    other = new_family(app)
    book(app, family, TUESDAY)
    with writing(app) as session:
        link = session.scalars(
            sa.select(models.PupilAccount).where(models.PupilAccount.pupil_id == family.pupil_id)
        ).one()
        link.account_id = other.account_id
    browser = staff(app)

    shown = cell(week(browser, TUESDAY, pupil=family.pupil_id), family.pupil_id, TUESDAY)
    answer = tap(browser, shown, channel="desk")

    assert answer.status_code == 302
    with reading(app) as session:
        assert session.scalars(sa.select(Booking.state)).one() is BookingState.CANCELLED


# -- a shared child --------------------------------------------------------------------------------


def shared_child(app: Flask, *families: Family) -> int:
    with writing(app) as session:
        return make_pupil(session, *(family.account_id for family in families)).id


def test_the_other_household_sees_the_meal_but_neither_payer_nor_price(
    app: Flask, family: Family
) -> None:
    other = new_family(app, balance=5_000)
    child_id = shared_child(app, family, other)
    logged_in(app, family.username).fetch(
        CHANGE, {"pupil": child_id, "date": TUESDAY, "action": "book"}
    )

    page = week(logged_in(app, other.username), TUESDAY)
    shown = cell(page, child_id, TUESDAY)

    assert state_of(shown) == "booked"
    assert "Normal" in shown
    assert "9.00" not in shown
    assert forms_of(shown) == []
    assert "User" not in shown
    assert "100.00" not in page


def test_the_other_household_does_not_learn_that_a_meal_is_not_covered(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    poor, other = new_family(app), new_family(app)
    child_id = shared_child(app, poor, other)
    logged_in(app, poor.username).fetch(
        CHANGE, {"pupil": child_id, "date": MONDAY, "action": "book"}
    )
    close(app, MONDAY)
    frozen_clock.set("2026-11-16 09:00")

    own = cell(week(logged_in(app, poor.username)), child_id)
    others = cell(week(logged_in(app, other.username)), child_id)

    assert state_of(own) == "unfunded"
    assert state_of(others) == "booked"
    assert "14:00" not in others


def test_a_day_that_the_other_household_cancelled_shows_its_price_again(
    app: Flask, family: Family
) -> None:
    other = new_family(app)
    child_id = shared_child(app, family, other)
    payer = logged_in(app, family.username)
    for action in ("book", "cancel"):
        payer.fetch(CHANGE, {"pupil": child_id, "date": TUESDAY, "action": action})

    shown = cell(week(logged_in(app, other.username), TUESDAY), child_id, TUESDAY)

    assert state_of(shown) == "bookable"
    assert "9.00" in shown


def hold_too(app: Flask, family: Family, second: Family) -> None:
    """The first family's parent holds the second one's account as well."""
    with writing(app) as session:
        session.add(
            models.AccountHolder(
                user_id=family.user_id, account_id=second.account_id, valid_from=date(2020, 1, 1)
            )
        )


def test_a_meal_of_ones_own_archived_account_is_no_other_households(
    app: Flask, family: Family
) -> None:
    second = new_family(app, balance=900)
    child_id = shared_child(app, family, second)
    hold_too(app, family, second)
    browser = logged_in(app, family.username)
    browser.fetch(
        CHANGE,
        {"pupil": child_id, "date": MONDAY, "action": "book", "account": second.account_id},
    )
    close(app, MONDAY)
    with writing(app) as session:
        archived = session.get_one(models.Account, second.account_id)
        archived.archived_at, label = clock.now(), archived.label

    page = week(browser)

    shown = cell(page, child_id)
    assert state_of(shown) == "charged"
    assert "9.00" in shown
    assert label in shown
    assert label not in page.replace(shown, "")


def test_who_holds_two_accounts_chooses_which_one_pays(app: Flask, family: Family) -> None:
    second = new_family(app)
    child_id = shared_child(app, family, second)
    hold_too(app, family, second)
    browser = logged_in(app, family.username)
    shown = cell(week(browser, TUESDAY), child_id, TUESDAY)

    answer = tap(browser, shown, account=second.account_id)

    assert 'name="account"' in shown
    assert answer.status_code == 302
    with reading(app) as session:
        assert session.scalars(sa.select(Booking.account_id)).one() == second.account_id


# -- figures ---------------------------------------------------------------------------------------


@contextmanager
def counting(app: Flask) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(*arguments: Any) -> None:
        statements.append(arguments[2])

    with app.app_context():
        engine = db.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("who", "most"), [("parent", 8), ("staff", 9)])
def test_a_page_is_a_handful_of_statements_whatever_the_number_of_children(
    app: Flask, who: str, most: int
) -> None:
    needed = []
    for children in (1, 2, 4):
        family = new_family(app, balance=10_000, children=children)
        book(app, family, TUESDAY)
        browser = staff(app) if who == "staff" else logged_in(app, family.username)
        asked = {"pupil": family.pupil_id} if who == "staff" else {}

        with counting(app) as statements:
            week(browser, MONDAY, **asked)

        needed.append(
            len([each for each in statements if not each.startswith(("BEGIN", "COMMIT"))])
        )

    assert max(needed) <= most, statements
    assert len(set(needed)) == 1
