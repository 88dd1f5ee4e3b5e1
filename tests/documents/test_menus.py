from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from app.documents.menus import DISHES, LEAST, MenuDay, MenuWeek, ServedMenu, render_menus
from tests.documents.reading import (
    CANTEEN,
    LONG_NAME,
    STRANGE_NAMES,
    pages_of,
    plain,
    squeezed,
    text_of,
)

MONDAY = date(2026, 11, 23)
DISHES_OF_A_DAY = ("Salade verte", "Émincé de poulet", "Riz pilaf", "Pomme")
NORMAL = ServedMenu(
    "Normal", DISHES_OF_A_DAY, ("lait", "céleri"), ("Poulet : Suisse", "Pain : Suisse")
)
VEGETARIAN = ServedMenu("Végétarien", ("Tofu mariné",), ("soja",))
SERVED = MenuDay(MONDAY, (NORMAL, VEGETARIAN))
WEEK = MenuWeek(
    (SERVED, MenuDay(date(2026, 11, 24), closed="Journée pédagogique")), "Sous réserve."
)


def _week(*menus: ServedMenu) -> MenuWeek:
    days = (MenuDay(MONDAY + timedelta(days=place), menus) for place in range(5))
    return MenuWeek(tuple(days))


def _sizes(pdf: bytes) -> set[float]:
    """The sizes in which dishes are printed."""
    sizes: set[float] = set()

    def note(text: str, _cm: object, _tm: object, _font: object, size: float) -> None:
        if "Émincé" in text:
            sizes.add(round(size, 3))

    for page in PdfReader(BytesIO(pdf)).pages:
        page.extract_text(visitor_text=note)
    return sizes


@pytest.mark.parametrize(
    "shown",
    [
        "Menus from 23.11.2026 to 24.11.2026",
        "Normal Végétarien",
        "Lundi 23 novembre",
        "Salade verte · Émincé de poulet",
        "Allergens: lait, céleri",
        "Origin: Poulet : Suisse · Pain : Suisse",
        "Tofu mariné Allergens: soja",
        "Mardi 24 novembre Closed: Journée pédagogique",
        "Sous réserve.",
    ],
)
def test_shows_every_field(shown: str) -> None:
    assert shown in text_of(render_menus(WEEK, CANTEEN, plain))


def test_a_week_lies_across_its_page() -> None:
    (page,) = PdfReader(BytesIO(render_menus(WEEK, CANTEEN, plain))).pages

    assert page.mediabox.width > page.mediabox.height


def test_an_ordinary_week_is_one_page_that_is_legible_from_two_metres() -> None:
    pdf = render_menus(_week(NORMAL, replace(NORMAL, meal="Végétarien")), CANTEEN, plain)

    assert len(pages_of(pdf)) == 1
    assert min(_sizes(pdf)) >= 18


def test_a_week_with_one_menu_a_day_has_larger_letters_and_needs_no_heads() -> None:
    pdf = render_menus(_week(NORMAL), CANTEEN, plain)

    assert min(_sizes(pdf)) > 24
    assert "Normal" not in text_of(pdf)


def test_a_long_week_shrinks_to_its_page() -> None:
    long = replace(NORMAL, dishes=(*DISHES_OF_A_DAY, "Tarte aux pommes", "Yogourt"))

    pdf = render_menus(_week(long, replace(long, meal="Végétarien")), CANTEEN, plain)

    assert len(pages_of(pdf)) == 1
    assert DISHES.size * LEAST <= max(_sizes(pdf)) < 20


def test_a_week_that_would_not_be_legible_takes_more_pages() -> None:
    long = replace(NORMAL, dishes=DISHES_OF_A_DAY * 5)

    pdf = render_menus(_week(long, replace(long, meal="Végétarien")), CANTEEN, plain)

    assert len(pages_of(pdf)) > 1
    assert min(_sizes(pdf)) == pytest.approx(DISHES.size * LEAST)
    assert DISHES.size * LEAST >= 15  # points, from two metres
    assert all("Végétarien" in page for page in pages_of(pdf))


def test_a_day_longer_than_a_page_is_printed_whole() -> None:
    dishes = tuple(f"<{number}>" for number in range(400))
    week = MenuWeek((MenuDay(MONDAY, (replace(NORMAL, dishes=dishes), VEGETARIAN)),))

    text = text_of(render_menus(week, CANTEEN, plain))

    assert all(dish in text for dish in dishes)


def test_long_and_strange_texts_are_printed() -> None:
    menu = replace(NORMAL, dishes=(LONG_NAME, *STRANGE_NAMES), origins=(LONG_NAME,))
    week = MenuWeek((MenuDay(MONDAY, (menu,)),), LONG_NAME)

    assert LONG_NAME in squeezed(render_menus(week, CANTEEN, plain))


def test_refuses_a_week_without_days() -> None:
    with pytest.raises(ValueError, match=r"\(\)"):
        render_menus(MenuWeek(()), CANTEEN, plain)


def test_the_same_content_gives_the_same_bytes() -> None:
    first, second = (render_menus(WEEK, CANTEEN, plain) for _ in range(2))

    assert first == second
