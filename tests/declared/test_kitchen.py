"""The kitchen's page, its papers and the screen on its wall."""

from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask

from app.models import CanteenUser, HealthAccess, HealthRecord, KitchenPrint, Pupil
from tests.booking.acting import LONG_BEFORE, MONDAY, TUESDAY, book
from tests.conftest import FrozenClock
from tests.declared.acting import count, in_french, one
from tests.documents.reading import text_of as pdf_text
from tests.factories import Family, make_family
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


@pytest.fixture
def kitchen(app: Flask) -> Browser:
    browser = logged_in(app, "kitchen")
    browser.get("/cuisine/")
    return browser


def coming(app: Flask, day: date = MONDAY, diet: str = "Normal") -> Family:
    with writing(app) as session:
        family = make_family(session, diet=diet)
        book(session, family.pupil_id, day, LONG_BEFORE)
    return family


def name_of(app: Flask, family: Family) -> str:
    with reading(app) as session:
        return session.get_one(Pupil, family.pupil_id).full_name


def test_a_print_is_kept_with_who_made_it_and_later_changes_are_marked(
    app: Flask, kitchen: Browser
) -> None:
    coming(app)

    paper = kitchen.post("/cuisine/pdf?date=2026-11-16")
    coming(app, diet="Végétarien")
    page, again = kitchen.get("/cuisine/").text, kitchen.post("/cuisine/pdf?day=2026-11-16")

    assert paper.mimetype == "application/pdf"
    assert page.count('class="change"') == 3  # the type, the total, its class
    assert "Végétarien 1 (+1)" in pdf_text(again.data)
    cook = one(app, sa.select(CanteenUser.id).where(CanteenUser.username == "kitchen"))
    assert count(app, KitchenPrint, KitchenPrint.printed_by_id == cook) == 6  # a week, and a day


def test_of_days_that_are_past_nothing_is_kept(
    app: Flask, kitchen: Browser, morning: FrozenClock
) -> None:
    morning.set("2026-11-18 09:00")

    kitchen.post("/cuisine/pdf")

    assert count(app, KitchenPrint) == 3


def test_looking_keeps_nothing(app: Flask, kitchen: Browser) -> None:
    for path in ("/cuisine/", "/cuisine/screen", "/cuisine/labels"):
        assert kitchen.get(path).status_code == 200

    assert count(app, KitchenPrint) == 0
    assert kitchen.get("/cuisine/pdf").status_code == 405


def test_labels_name_each_special_tray_of_the_day(app: Flask, kitchen: Browser) -> None:
    special, _normal = coming(app, diet="Spécial"), coming(app)
    other_day = coming(app, TUESDAY, diet="Spécial")

    printed = pdf_text(kitchen.get("/cuisine/labels?date=2026-11-16&first=24").data)

    assert name_of(app, special) in printed
    assert name_of(app, other_day) not in printed


@pytest.mark.parametrize("query", ["first=25", "first=abc", "date=abc", f"first={2**65}"])
def test_labels_of_no_sheet_are_no_fault(kitchen: Browser, query: str) -> None:
    assert kitchen.get(f"/cuisine/labels?{query}").status_code == 400


def test_the_screen_shows_today_then_by_itself_the_next_day_of_service(
    app: Flask, kitchen: Browser, morning: FrozenClock
) -> None:
    shown = []
    for moment in ("2026-11-16 07:30", "2026-11-16 13:59", "2026-11-16 14:00", "2026-11-20 15:00"):
        morning.set(moment)
        page = kitchen.get("/cuisine/screen").text
        shown.append(text_of(page.partition("<h1>")[2].partition("</h1>")[0]))

    assert shown == [
        "Lundi 16 novembre",
        "Lundi 16 novembre",
        "Mardi 17 novembre",
        "Lundi 23 novembre",
    ]


def test_the_screen_renews_itself_with_and_without_the_script(kitchen: Browser) -> None:
    page = kitchen.get("/cuisine/screen").text

    assert 'data-refresh="30"' in page
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page


def test_a_screen_that_hangs_all_day_is_one_look_a_day(
    app: Flask, kitchen: Browser, morning: FrozenClock
) -> None:
    family = coming(app, diet="Spécial")
    with writing(app) as session:
        session.add(HealthRecord(pupil_id=family.pupil_id, allergens=["milk"]))
    seen = HealthAccess.page == "screen"

    for moment in ("07:30", "07:31", "12:00"):
        morning.set(f"2026-11-16 {moment}")
        assert name_of(app, family) in kitchen.get("/cuisine/screen").text
    once = count(app, HealthAccess, seen)
    logged_in(app, "secretariat").get("/cuisine/screen")

    assert (once, count(app, HealthAccess, seen)) == (1, 2)


def test_an_allergy_that_meets_the_menu_is_shown_on_every_page_of_the_day(
    app: Flask, kitchen: Browser
) -> None:
    family = coming(app)
    with writing(app) as session:
        session.add(HealthRecord(pupil_id=family.pupil_id, allergens=["milk", "fish"]))
    kitchen.get("/menus/")
    cells = {"seen.2026-11-16.1": "none", "main.2026-11-16.1": "Gratin"}
    refused = kitchen.post("/menus/", {**cells, "allergens.2026-11-16.1": "lait"})
    seen = refused.text.partition('name="seen.2026-11-16.1" value="')[2].partition('"')[0]
    kitchen.post("/menus/", {**cells, "seen.2026-11-16.1": seen, "allergens.2026-11-16.1": "lait"})

    pages = [kitchen.get(path).text for path in ("/cuisine/", "/cuisine/screen", "/service/")]
    paper = pdf_text(kitchen.post("/cuisine/pdf").data)

    assert all(name_of(app, family) in page for page in (*pages, paper))
    assert all('class="allergy severe"' in page for page in pages)
    milk, fish = in_french(app, "Milk"), in_french(app, "Fish")
    assert milk in paper
    assert fish not in paper
