"""The class after a class, by its name."""

from datetime import date

import pytest

from app.rules.classes import level_of, next_class_name, next_year_name, stays


@pytest.mark.parametrize(
    ("name", "following"),
    [
        ("5P", "6P"),
        ("5P/2", "6P/2"),
        ("7 P A", "8 P A"),
        ("8P", ""),
        ("8P/1", ""),
        ("9VG/2", "10VG/2"),
        ("9VP", "10VP"),
        ("10S", "11S"),
        ("11VG", ""),
        ("Classe 3", "Classe 4"),
        ("Accueil", "Accueil"),
        ("5-6P/2", "7-8P/2"),
        ("1 – 2P", "3 – 4P"),
        ("7-8P/1", ""),
        ("9-11S", ""),
    ],
)
def test_a_class_goes_up_by_its_number(name: str, following: str) -> None:
    assert next_class_name(name) == following


@pytest.mark.parametrize(
    ("born", "level"),
    [(date(2022, 7, 31), 1), (date(2022, 8, 1), 0), (date(2017, 3, 1), 6), (date(2015, 8, 1), 7)],
)
def test_a_level_goes_by_the_age_on_the_last_of_july(born: date, level: int) -> None:
    assert level_of(born, 2026) == level


@pytest.mark.parametrize(
    ("name", "born", "stay"),
    [
        ("5-6P/2", date(2018, 3, 1), True),
        ("5-6P/2", date(2017, 3, 1), False),
        ("6P", date(2017, 3, 1), False),
        ("7-8P", date(2016, 3, 1), True),
        ("7-8P", date(2017, 3, 1), False),
        ("Accueil", date(2017, 3, 1), False),
    ],
)
def test_the_younger_of_two_levels_stay_in_their_class(
    name: str,
    born: date,
    stay: bool,  # noqa: FBT001
) -> None:
    assert stays(name, born, date(2026, 8, 17)) is stay


@pytest.mark.parametrize(
    ("name", "following"),
    [("2026-2027", "2027-2028"), ("2026/27", "2027/28"), ("1999-2000", "2000-2001")],
)
def test_a_year_counts_on(name: str, following: str) -> None:
    assert next_year_name(name) == following
