from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.documents.production import (
    AllergyMet,
    ClassCount,
    MealCount,
    ProductionDay,
    ProductionWeek,
    SpecialTray,
    render_production,
)
from tests.documents.reading import (
    CANTEEN,
    LONG_NAME,
    MORNING,
    STRANGE_NAMES,
    pages_of,
    plain,
    squeezed,
    text_of,
)

MONDAY = date(2026, 11, 23)
SERVED = ProductionDay(
    MONDAY,
    (
        MealCount("Normal", 84, (ClassCount("3P", 40), ClassCount("4P", 44))),
        MealCount("Végétarien", 12, (ClassCount("3P", 12),)),
        MealCount("Spécial", 1, (ClassCount("4P", 1),)),
    ),
    (SpecialTray("Zoé Favre", "4P", "Sans gluten"),),
    met=(AllergyMet("Léo Rochat", "3P", "Normal", ("Lait", "Œufs")),),
)
CLOSED = ProductionDay(date(2026, 11, 24), closed="Journée pédagogique")
WEEK = ProductionWeek((SERVED, CLOSED), MORNING)


@pytest.mark.parametrize(
    "shown",
    [
        "Week from 23.11.2026 to 24.11.2026",
        "As of 24.11.2026, 07:50",
        "Lundi 23.11.",
        "Normal 84 –",
        "Végétarien 12 –",
        "Spécial 1 –",
        "Total 97 –",
        "3P Normal 40 –",
        "4P Spécial 1 –",
        "Mardi 24 novembre 2026: closed (Journée pédagogique)",
        "Special trays, Lundi 23 novembre 2026: 1",
        "Zoé Favre 4P Sans gluten",
        "Allergies that meet the menu, Lundi 23 novembre 2026: 1",
        "Léo Rochat 3P Normal Lait, Œufs",
    ],
)
def test_shows_every_field(shown: str) -> None:
    assert shown in text_of(render_production(WEEK, CANTEEN, plain))


def test_what_changed_since_the_last_print_is_marked() -> None:
    day = ProductionDay(
        MONDAY,
        (
            MealCount("Normal", 84, (ClassCount("3P", 40, 38), ClassCount("4P", 44, 45)), 83),
            MealCount("Végétarien", 12, (ClassCount("3P", 12, 12),), 12),
        ),
        (SpecialTray("Zoé Favre", "4P", "Sans gluten", is_new=True),),
        gone=(SpecialTray("Léo Rochat", "3P", ""),),
        printed_at=MORNING,
    )

    text = text_of(render_production(replace(WEEK, days=(day,)), CANTEEN, plain))

    assert "Normal 84 (+1) Végétarien 12 Total 96 (+1)" in text
    assert "3P Normal 40 (+2) 3P Végétarien 12 4P Normal 44 (\u22121)" in text
    assert "Zoé Favre (new) 4P Sans gluten Léo Rochat 3P no longer wanted" in text


def test_totals_by_class_are_left_out_where_nobody_counts_them() -> None:
    plainly = replace(WEEK, days=(replace(SERVED, counts=(MealCount("Normal", 84),)),))

    assert "Meals by class" not in text_of(render_production(plainly, CANTEEN, plain))


def test_a_week_without_meals_is_a_page_of_zeros() -> None:
    days = tuple(ProductionDay(MONDAY + timedelta(days=place)) for place in range(5))

    (page,) = pages_of(render_production(ProductionWeek(days, MORNING), CANTEEN, plain))

    assert "Total 0 0 0 0 0" in page


def test_five_hundred_trays_are_all_there_under_their_day_on_every_page() -> None:
    trays = tuple(SpecialTray(f"<{number}>", "3P", "Sans porc") for number in range(500))
    week = ProductionWeek((replace(SERVED, trays=trays),), MORNING)

    pages = pages_of(render_production(week, CANTEEN, plain))

    text = " ".join(pages)
    assert all(f"<{number}>" in text for number in range(500))
    with_trays = [page for page in pages if "Sans porc" in page]
    assert len(with_trays) > 10
    assert all("Special trays, Lundi 23 novembre 2026: 500" in page for page in with_trays)


def test_long_and_strange_names_are_printed() -> None:
    trays = tuple(SpecialTray(name, LONG_NAME, LONG_NAME) for name in (LONG_NAME, *STRANGE_NAMES))
    week = ProductionWeek((replace(SERVED, trays=trays),), MORNING)

    assert LONG_NAME in squeezed(render_production(week, CANTEEN, plain))


def test_refuses_a_week_without_days() -> None:
    with pytest.raises(ValueError, match=r"\(\)"):
        render_production(ProductionWeek((), MORNING), CANTEEN, plain)


def test_the_same_content_gives_the_same_bytes() -> None:
    first, second = (render_production(WEEK, CANTEEN, plain) for _ in range(2))

    assert first == second
