"""Prices hold from a date on, until the next one."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.pricing import PriceLine, PriceList

NORMAL, SPECIAL, RESIDENT, OTHER = 1, 2, 1, 2
LINES = [
    PriceLine(NORMAL, RESIDENT, date(2026, 8, 17), 900),
    PriceLine(NORMAL, RESIDENT, date(2027, 1, 1), 950),
    PriceLine(NORMAL, OTHER, date(2026, 8, 17), 1100),
    PriceLine(SPECIAL, RESIDENT, date(2026, 8, 17), 0),
]
PRICES = PriceList.of(LINES)


@pytest.mark.parametrize(
    ("day", "meal_type", "category", "price"),
    [
        (date(2026, 8, 16), NORMAL, RESIDENT, None),
        (date(2026, 8, 17), NORMAL, RESIDENT, 900),
        (date(2026, 12, 31), NORMAL, RESIDENT, 900),
        (date(2027, 1, 1), NORMAL, RESIDENT, 950),
        (date(2040, 1, 1), NORMAL, RESIDENT, 950),
        (date(2027, 1, 1), NORMAL, OTHER, 1100),
        (date(2027, 1, 1), SPECIAL, RESIDENT, 0),
        (date(2027, 1, 1), SPECIAL, OTHER, None),
    ],
)
def test_the_price_of_a_service_date(
    day: date, meal_type: int, category: int, price: int | None
) -> None:
    assert PRICES.on(day, meal_type_id=meal_type, category_id=category) == price


def test_an_empty_list_has_no_price() -> None:
    assert PriceList().on(date(2026, 8, 17), meal_type_id=1, category_id=1) is None


@given(st.permutations(LINES), st.dates(date(2026, 1, 1), date(2028, 1, 1)))
def test_the_order_of_the_lines_says_nothing(lines: list[PriceLine], day: date) -> None:
    shuffled = PriceList.of(lines)

    assert shuffled.on(day, meal_type_id=NORMAL, category_id=RESIDENT) == PRICES.on(
        day, meal_type_id=NORMAL, category_id=RESIDENT
    )
