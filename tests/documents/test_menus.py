from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO

import pytest
from pypdf import PdfReader

from app.documents.menus import DISHES, LEAST, MenuDay, MenuWeek, render_menus
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
SERVED = MenuDay(
    MONDAY,
    ("Émincé de poulet", "Riz pilaf"),
    ("lait", "céleri"),
    ("Poulet : Suisse", "Pain : Suisse"),
)
WEEK = MenuWeek(
    (SERVED, MenuDay(date(2026, 11, 24), closed="Journée pédagogique")), "Sous réserve."
)


def _long_week(dishes: int) -> MenuWeek:
    days = (
        replace(SERVED, day=MONDAY + timedelta(days=place), dishes=("Émincé de poulet",) * dishes)
        for place in range(5)
    )
    return MenuWeek(tuple(days))


def _sizes(pdf: bytes) -> set[float]:
    sizes: set[float] = set()

    def note(text: str, _cm: object, _tm: object, _font: object, size: float) -> None:
        if "Émincé" in text:
            sizes.add(size)

    for page in PdfReader(BytesIO(pdf)).pages:
        page.extract_text(visitor_text=note)
    return sizes


@pytest.mark.parametrize(
    "shown",
    [
        "Menus from 23.11.2026 to 24.11.2026",
        "Lundi 23 novembre 2026",
        "Émincé de poulet Riz pilaf",
        "Allergens: lait, céleri",
        "Origin: Poulet : Suisse · Pain : Suisse",
        "Mardi 24 novembre 2026 Closed: Journée pédagogique",
        "Sous réserve.",
    ],
)
def test_shows_every_field(shown: str) -> None:
    assert shown in text_of(render_menus(WEEK, CANTEEN, plain))


def test_an_ordinary_week_is_one_page_that_is_legible_from_two_metres() -> None:
    pdf = render_menus(_long_week(3), CANTEEN, plain)

    assert len(pages_of(pdf)) == 1
    assert min(_sizes(pdf)) >= 18


def test_a_long_week_shrinks_to_its_page() -> None:
    pdf = render_menus(_long_week(4), CANTEEN, plain)

    assert len(pages_of(pdf)) == 1
    assert DISHES.size * LEAST <= max(_sizes(pdf)) < 18


def test_a_week_that_would_not_be_legible_takes_more_pages() -> None:
    pdf = render_menus(_long_week(12), CANTEEN, plain)

    assert len(pages_of(pdf)) > 1
    assert min(_sizes(pdf)) == DISHES.size * LEAST >= 15  # points, from two metres


def test_a_day_longer_than_a_page_is_printed_whole() -> None:
    dishes = tuple(f"<{number}>" for number in range(120))
    week = MenuWeek((replace(SERVED, dishes=dishes),))

    text = text_of(render_menus(week, CANTEEN, plain))

    assert all(dish in text for dish in dishes)


def test_long_and_strange_texts_are_printed() -> None:
    day = replace(SERVED, dishes=(LONG_NAME, *STRANGE_NAMES), origins=(LONG_NAME,))

    assert LONG_NAME in squeezed(render_menus(MenuWeek((day,), LONG_NAME), CANTEEN, plain))


def test_refuses_a_week_without_days() -> None:
    with pytest.raises(ValueError, match=r"\(\)"):
        render_menus(MenuWeek(()), CANTEEN, plain)


def test_the_same_content_gives_the_same_bytes() -> None:
    first, second = (render_menus(WEEK, CANTEEN, plain) for _ in range(2))

    assert first == second
