"""The page of the next school year, the command, and what a family is offered."""

import re
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa
from flask import Flask

from app.booking import Wish, book_meal
from app.models import (
    Enrolment,
    OutboxFact,
    Price,
    RollOver,
    SchoolClass,
    SchoolYear,
    ServiceDay,
)
from app.rules.deadlines import ServiceRules
from app.vocabulary import FactKind
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, in_french, one
from tests.sessions import reading, writing
from tests.web import Browser, forms_of, logged_in, text_of

BEGINS = date(2027, 8, 16)


@pytest.fixture(autouse=True)
def june(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2027-06-01 09:00")
    return frozen_clock


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def proposed(office: Browser) -> dict[str, object]:
    """The fields of the form as the page fills them."""
    forms = [each.fields for each in forms_of(office.get("/roll-over/").text)]
    (fields,) = [each for each in forms if "starts_on" in dict(each)]
    sent: dict[str, object] = {"weekdays": [v for name, v in fields if name == "weekdays"]}
    left_out = {"weekdays", "step", "csrf_token", "file"}
    return {**{name: value for name, value in fields if name not in left_out}, **sent}


def plan_page(office: Browser, **changes: object) -> str:
    return office.post("/roll-over/", {**proposed(office), **changes, "step": "preview"}).text


def test_the_preview_makes_nothing_and_names_who_leaves(app: Flask, office: Browser) -> None:
    household = family(app, balance=4_200)
    key = one(app, sa.select(SchoolClass.id))

    page = plan_page(office, **{f"class-{key}": ""})

    assert "42.00" in page
    assert f"/familyview/show/{household.account_id}" in page
    assert count(app, SchoolYear) == 1


def test_the_year_is_made_and_taken_back(app: Flask, office: Browser) -> None:
    household = family(app, children=2)
    first, second = household.pupil_ids
    sent = {**proposed(office), f"pupil-{first}": "6P/2", "step": "make"}

    made = office.post("/roll-over/", sent)
    names = {
        each.pupil_id: each.school_class.name
        for each in enrolments(app)
        if each.valid_from == BEGINS
    }
    office.post("/roll-over/undo")

    assert made.status_code == 302
    assert names == {first: "6P/2", second: "6P"}
    assert (count(app, SchoolYear), count(app, RollOver)) == (1, 0)


def test_a_year_that_was_offered_once_stays(app: Flask, office: Browser) -> None:
    family(app, children=2)
    office.post("/roll-over/", {**proposed(office), "step": "make"})

    offered = [office.post("/roll-over/offer").status_code for _ in range(2)]
    mails = count(app, OutboxFact, OutboxFact.kind == FactKind.NEW_YEAR)
    answer = office.post("/roll-over/undo", follow_redirects=True)

    refusal = "The families were written to about this school year: it stays. Correct it instead."
    assert offered == [302, 302]
    assert mails == 1
    assert text_of(in_french(app, refusal)) in text_of(answer.text)
    assert count(app, SchoolYear) == 2


def enrolments(app: Flask) -> list[Enrolment]:
    with reading(app) as session:
        query = sa.select(Enrolment).options(sa.orm.joinedload(Enrolment.school_class))
        return list(session.scalars(query))


def test_a_year_in_use_is_not_taken_back_and_the_page_says_by_what(
    app: Flask, office: Browser, june: FrozenClock
) -> None:
    household = family(app)
    office.post("/roll-over/", {**proposed(office), "step": "make"})
    with writing(app) as session:
        book_meal(session, Wish(household.pupil_id, BEGINS), ServiceRules(), june.now)

    answer = office.post("/roll-over/undo", follow_redirects=True)

    assert re.search(r": 1 \(Enfant\d+ Essai\)", text_of(answer.text))
    assert count(app, SchoolYear) == 2


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", ""),
        ("starts_on", "x"),
        ("starts_on", "2027-01-01"),
        ("ends_on", "2027-01-01"),
        ("weekdays", "9"),
        ("capacity", "-1"),
        ("holidays", "yesterday"),
        ("prices_from", "2026-12-01"),
        ("price-1-1", "dear"),
    ],
)
def test_what_cannot_be_is_said_and_makes_nothing(
    app: Flask, office: Browser, field: str, typed: str
) -> None:
    family(app)

    answer = office.post("/roll-over/", {**proposed(office), field: typed, "step": "make"})

    assert answer.status_code == 200
    assert 'class="error"' in answer.text or 'class="alert' in answer.text
    assert (count(app, SchoolYear), count(app, RollOver)) == (1, 0)


def test_holidays_and_a_new_price_come_with_the_year(app: Flask, office: Browser) -> None:
    family(app)
    sent = {"holidays": "11.10.2027 - 22.10.2027 Automne", "price-1-1": "9,50", "step": "make"}

    office.post("/roll-over/", {**proposed(office), **sent})

    closure = sa.select(ServiceDay.closure).where(ServiceDay.date == date(2027, 10, 12))
    assert one(app, closure) == "Automne"
    assert one(app, sa.select(Price.amount).where(Price.valid_from == BEGINS)) == 950


def test_a_family_finds_its_usual_days_on_the_front_page(
    app: Flask, office: Browser, june: FrozenClock
) -> None:
    household = family(app)
    with writing(app) as session:
        april = datetime(2027, 4, 1, tzinfo=UTC)
        query = sa.select(ServiceDay.date).where(ServiceDay.date > date(2027, 4, 5))
        for day in session.scalars(query).all():
            if day.weekday() in {1, 3}:
                book_meal(session, Wish(household.pupil_id, day), ServiceRules(), lambda: april)
    office.post("/roll-over/", {**proposed(office), "step": "make"})
    parent = logged_in(app, household.username)

    front = parent.get("/").text
    link = re.search(r'href="(/agenda/repeat/\?[^"]+)"', front)
    assert link is not None
    form = parent.get(link[1].replace("&amp;", "&")).text

    assert "mardi, jeudi" in text_of(front)
    assert re.findall(r'name="weekday" value="(\d)" checked', form) == ["1", "3"]
    assert 'value="2027-08-16"' in form


def test_the_letter_of_the_new_year_names_the_usual_days(app: Flask, office: Browser) -> None:
    from app.delivery.compose import compose
    from app.delivery.gather import gather
    from app.models import OutboxMail

    household = family(app)
    office.post("/roll-over/", {**proposed(office), "step": "make"})
    office.post("/roll-over/offer")

    with writing(app) as session:
        now = datetime(2027, 6, 1, 9, tzinfo=UTC)
        gather(session, now)
        mail_id = session.scalars(sa.select(OutboxMail.id)).one()
    with app.test_request_context(), reading(app) as session:
        said = compose(session, session.get_one(OutboxMail, mail_id), now)

    assert "2027-2028" in said.subject
    assert f"pupil={household.pupil_id}" in str(said)


def test_the_command_says_first_and_makes_then(app: Flask) -> None:
    family(app)
    run = app.test_cli_runner().invoke
    arguments = ["canteen", "roll-over", "--from", "2026-2027", "--class", "5P=6P/1"]

    dry = run(args=[*arguments, "--dry-run"])
    untouched = count(app, SchoolYear)
    done = run(args=arguments)
    unknown = run(args=["canteen", "roll-over", "--from", "1999-2000"])

    assert (dry.exit_code, done.exit_code, unknown.exit_code) == (0, 0, 1)
    assert "6P/1: 1" in dry.output
    assert untouched == 1
    assert count(app, SchoolYear) == 2
    assert in_french(app, "We cannot find that record. Go back to the list and choose again.") in (
        unknown.output
    )
