"""The sheet of menus, the library of dishes, and what parents read of them."""

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from app.models import AuditEntry, Dish, HealthRecord, Menu, PupilAccount
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, in_french, one
from tests.documents.reading import text_of as pdf_text
from tests.sessions import reading, writing
from tests.web import Browser, forms_of, logged_in, text_of

FRIDAY = date(2026, 11, 20)
PLACE = "2026-11-20.1"  # normal


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


@pytest.fixture
def kitchen(app: Flask) -> Browser:
    return logged_in(app, "kitchen")


def sheet(browser: Browser, query: str = "") -> dict[str, Any]:
    """What the sheet sends if nobody touches it."""
    (form,) = [
        f
        for f in forms_of(browser.get(f"/menus/?{query}").text)
        if f.method == "post" and any(name.startswith("seen.") for name in f.names)
    ]
    return {name: value for name, value in form.fields if name != "copy"}


def typed(browser: Browser, query: str = "", **cells: str) -> TestResponse:
    """Save Friday's normal menu with these cells."""
    seen = sheet(browser, query)
    changed = {f"{column}.{PLACE}": value for column, value in cells.items()}
    return browser.post(f"/menus/?{query}", {**seen, **changed})


def lasagne(browser: Browser) -> TestResponse:
    return typed(
        browser, main="Lasagnes <b>maison</b>", allergens="lait, GLU", meat_origin="Suisse"
    )


def friday(app: Flask) -> Menu | None:
    with reading(app) as session:
        found: Menu | None = session.scalars(sa.select(Menu)).one_or_none()
        return found


def test_the_kitchen_types_the_menu_that_parents_read(app: Flask, kitchen: Browser) -> None:
    kept = lasagne(kitchen)

    parent = logged_in(app, family(app).username)
    page, poster = parent.get("/my/menus/"), parent.get("/my/menus/poster?date=2026-11-20")
    assert kept.status_code == 303
    assert one(app, sa.select(Menu.allergens)) == ["gluten", "milk"]
    assert "Lasagnes &lt;b&gt;maison&lt;/b&gt;" in page.text
    assert in_french(app, "Milk") in page.text
    assert "Lasagnes <b>maison</b>" in pdf_text(poster.data)


def test_four_weeks_are_one_sheet_and_special_meals_come_when_asked(kitchen: Browser) -> None:
    plain, special = sheet(kitchen), sheet(kitchen, "special=1")

    assert sum(name.startswith("seen.") for name in plain) == 4 * 5 * 2
    assert sum(name.startswith("seen.") for name in special) == 4 * 5 * 3


def test_a_sheet_that_nobody_touched_writes_nothing(app: Flask, kitchen: Browser) -> None:
    lasagne(kitchen)
    written = count(app, AuditEntry)

    answer = typed(kitchen)

    assert answer.status_code == 303
    assert count(app, AuditEntry) == written


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ({"starter": "Salade"}, "A menu needs a main dish."),
        ({"main": "Riz", "allergens": "lait, beurre"}, "beurre"),
        ({"main": "Riz", "allergens": "mo"}, "mo"),  # mustard or molluscs
        ({"main": "Riz", "allergens": "l"}, "l"),
        ({"main": "x" * 121}, "At most %(number)s characters."),
        ({"main": "Riz", "bread_origin": "x" * 81}, "At most %(number)s characters."),
    ],
)
def test_what_cannot_be_kept_is_said_beside_its_cell_and_stays_typed(
    app: Flask, kitchen: Browser, cells: dict[str, str], sentence: str
) -> None:
    other = {"main.2026-11-19.1": "Soupe"}

    answer = kitchen.post(
        "/menus/", {**sheet(kitchen), **other, **{f"{c}.{PLACE}": v for c, v in cells.items()}}
    )

    assert answer.text.count('aria-invalid="true"') == 1
    assert in_french(app, sentence).split("%")[0] in text_of(answer.text)
    assert all(f'value="{value}"' in answer.text for value in (*cells.values(), "Soupe"))
    assert count(app, Menu) == 0


def test_typing_over_what_a_colleague_has_just_saved_is_refused_once(
    app: Flask, kitchen: Browser
) -> None:
    mine = sheet(kitchen) | {f"main.{PLACE}": "Riz"}
    lasagne(logged_in(app, "secretariat"))

    refused = kitchen.post("/menus/", mine)
    again = {n: v for f in forms_of(refused.text) for n, v in f.fields if "." in n}
    kept = kitchen.post("/menus/", again)

    assert (refused.status_code, kept.status_code) == (409, 303)
    assert "Lasagnes &lt;b&gt;maison&lt;/b&gt;" in refused.text
    menu = friday(app)
    assert menu is not None
    assert (menu.main, menu.allergens) == ("Riz", [])


def test_a_week_is_saved_and_copied_in_one_go(app: Flask, kitchen: Browser) -> None:
    sent = {**sheet(kitchen), f"main.{PLACE}": "Riz", "copy": "2026-11-23"}

    answer = kitchen.post("/menus/", {**sent, "from.2026-11-23": "2026-11-16"})

    assert answer.status_code == 303
    assert count(app, Menu, Menu.main == "Riz") == 2


@pytest.mark.parametrize("sent", [{"copy": "abc"}, {"copy": "2026-11-23", "from.2026-11-23": "x"}])
def test_a_week_that_no_page_offers_is_not_copied(
    app: Flask, kitchen: Browser, sent: dict[str, str]
) -> None:
    assert kitchen.post("/menus/", {**sheet(kitchen), **sent}).status_code == 400


@pytest.mark.parametrize("query", ["date=abc", "date=9999-12-31", "date=2026-02-30"])
def test_bad_dates_are_no_fault(kitchen: Browser, query: str) -> None:
    assert kitchen.get(f"/menus/?{query}").status_code == 400
    assert kitchen.get(f"/menus/poster?{query}").status_code == 400


def test_a_dish_of_the_library_is_offered_with_what_it_declares(
    app: Flask, kitchen: Browser
) -> None:
    added = kitchen.post(
        "/dishview/add", {"name": "Lasagnes", "allergens": ["milk"], "meat_origin": "Suisse"}
    )

    page = kitchen.get("/menus/").text
    typed(kitchen, main="Lasagnes")

    assert added.status_code == 302
    assert f'value="Lasagnes" data-allergens="{in_french(app, "Milk")}"' in page
    menu = friday(app)
    assert menu is not None
    assert (menu.allergens, menu.meat_origin) == (["milk"], "Suisse")
    assert count(app, Dish) == 1


def allergic(app: Flask, pupil_id: int) -> None:
    with writing(app) as session:
        session.add(HealthRecord(pupil_id=pupil_id, allergens=["milk"]))


def test_parents_see_what_meets_the_allergy_of_their_own_child_only(
    app: Flask, kitchen: Browser
) -> None:
    mine, theirs, special = family(app), family(app), family(app, diet="Spécial")
    for each in (mine, special):
        allergic(app, each.pupil_id)
    lasagne(kitchen)

    pages = [logged_in(app, each.username).get("/my/menus/").text for each in (mine, theirs)]
    eats_apart = logged_in(app, special.username).get("/my/menus/").text

    assert ['class="allergy"' in page for page in pages] == [True, False]
    assert 'class="allergy"' not in eats_apart


def test_both_households_of_a_child_see_it(app: Flask, kitchen: Browser) -> None:
    mine, other = family(app), family(app)
    allergic(app, mine.pupil_id)
    with writing(app) as session:
        session.add(PupilAccount(pupil_id=mine.pupil_id, account_id=other.account_id))
    lasagne(kitchen)

    page = logged_in(app, other.username).get("/my/menus/").text

    assert 'class="allergy"' in page


def test_a_poster_is_of_a_week_that_a_calendar_has(app: Flask) -> None:
    parent = logged_in(app, family(app).username)

    statuses = [
        parent.get(f"/my/menus/poster?date={each}").status_code
        for each in ("abc", "9999-12-31", "0001-01-01", "2026-02-30", "2026-07-20")
    ]

    assert statuses == [400, 400, 400, 400, 200]
