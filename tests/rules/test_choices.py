"""Which meal types may be booked for a pupil."""

import pytest

from app.rules.choices import MealChoice, open_types

NORMAL, VEGETARIAN, SPECIAL, FISHLESS = (
    MealChoice(1, is_special=False),
    MealChoice(2, is_special=False),
    MealChoice(3, is_special=True),
    MealChoice(4, is_special=True),
)
ALL = [NORMAL, VEGETARIAN, SPECIAL, FISHLESS]


@pytest.mark.parametrize(
    ("usual", "offers_choice", "is_staff", "expected"),
    [
        (NORMAL, True, False, [1, 2]),
        (VEGETARIAN, True, False, [2, 1]),
        (NORMAL, False, False, [1]),
        (SPECIAL, True, False, [3]),
        (SPECIAL, False, False, [3]),
        (NORMAL, False, True, [1, 2, 3, 4]),
        (SPECIAL, True, True, [3, 1, 2, 4]),
    ],
)
def test_the_usual_type_comes_first_and_special_ones_are_given_by_staff(
    usual: MealChoice, *, offers_choice: bool, is_staff: bool, expected: list[int]
) -> None:
    assert open_types(usual, ALL, offers_choice=offers_choice, is_staff=is_staff) == expected
