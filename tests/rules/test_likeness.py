"""Two people who are likely to be one, however they were spelled."""

from datetime import date

import pytest

from app.rules.likeness import are_days_alike, are_names_alike, is_same_phone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Zoé", "Müller"), ("Zoe", "Mueller")),
        (("Mathieu", "Favre"), ("Matthieu", "Favre")),
        (("Emma", "Favre"), ("Emma Louise", "Favre-Müller")),
        (("Favre", "Emma"), ("Emma", "Favre")),
        (("Jean-Pierre", "Roth"), ("Jean Pierre", "Rothe")),
    ],
)
def test_near_spellings_are_alike(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert are_names_alike(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Emma", "Favre"), ("Léa", "Favre")),
        (("Paul", "Roth"), ("Anne", "Müller")),
        (("Noah", "Martin"), ("Noé", "Morand")),
        (("", "Favre"), ("Emma", "Favre")),
    ],
)
def test_brothers_and_strangers_are_not(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert not are_names_alike(one, other)


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (date(2017, 3, 12), True),
        (date(2017, 12, 3), True),
        (date(2016, 3, 12), True),
        (date(2017, 3, 21), True),
        (date(2016, 4, 12), False),
    ],
)
def test_days_are_alike_by_one_slip(other: date, alike: bool) -> None:  # noqa: FBT001
    assert are_days_alike(date(2017, 3, 12), other) is alike


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("079 123 45 67", "+41 79 123 45 67", True),
        ("079/123.45.67", "0041791234567", True),
        ("+41 (0)24 494 12 34", "024 494 12 34", True),
        ("079 123 45 67", "079 123 45 68", False),
        ("117", "117", False),
        ("", "", False),
    ],
)
def test_a_telephone_is_the_same_however_it_is_written(
    one: str,
    other: str,
    same: bool,  # noqa: FBT001
) -> None:
    assert is_same_phone(one, other) is same
