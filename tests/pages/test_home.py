"""The front page: what is next for a family, and where everything is for staff."""

import re
from datetime import date

import pytest
from flask import Flask

from app.access import SYSTEM
from app.transaction import transaction
from app.vocabulary import Role
from tests.factories import Family, make_family
from tests.web import Browser, logged_in, text_of

MONDAY, TUESDAY = date(2026, 11, 16), date(2026, 11, 17)

pytestmark = pytest.mark.usefixtures("frozen_clock")


def new_family(app: Flask, balance: int = 0) -> Family:
    with app.app_context(), transaction(SYSTEM) as session:
        return make_family(session, balance=balance)


def book(browser: Browser, family: Family, day: date) -> None:
    answer = browser.fetch(
        "/agenda/change", {"pupil": family.pupil_id, "date": day, "action": "book"}
    )
    assert answer.status_code == 200


def test_a_visitor_is_asked_to_log_in(app: Flask) -> None:
    answer = Browser(app).get("/")

    assert answer.headers["Location"] == "/login/"


def test_a_parent_sees_the_money_and_the_next_meals_of_their_own(app: Flask) -> None:
    family, other = new_family(app, balance=4_500), new_family(app, balance=7_700)
    browser = logged_in(app, family.username)
    book(browser, family, TUESDAY)
    book(logged_in(app, other.username), other, MONDAY)

    said = text_of(browser.get("/").text)

    assert "45.00" in said
    assert "17 nov" in said
    assert "77.00" not in said
    assert "16 nov" not in said


def test_a_parent_is_led_to_every_page_and_to_none_of_the_staffs(app: Flask) -> None:
    browser = logged_in(app, new_family(app).username)

    page = browser.get("/").text

    assert 'href="/agenda/"' in page
    assert "/caisse/" not in page
    assert "/familyview/" not in page


def test_staff_see_how_many_eat_today(app: Flask) -> None:
    families = [new_family(app) for _ in range(2)]
    for family in families:
        book(logged_in(app, family.username), family, MONDAY)

    page = logged_in(app, Role.KITCHEN.name.lower()).get("/").text

    assert "<b>2</b>" in page


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.PARENT])
def test_every_tile_of_a_role_opens(app: Flask, role: Role) -> None:

    browser = logged_in(app, role.name.lower())
    tiles = set(re.findall(r'class="tile" href="([^"]+)"', browser.get("/").text))

    answers = {path: browser.get(path, follow_redirects=True).status_code for path in tiles}

    assert tiles
    assert set(answers.values()) == {200}, answers
