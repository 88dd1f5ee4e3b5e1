"""The class after a class, by its name."""

import pytest

from app.rules.classes import next_class_name, next_year_name


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
    ],
)
def test_a_class_goes_up_by_its_number(name: str, following: str) -> None:
    assert next_class_name(name) == following


@pytest.mark.parametrize(
    ("name", "following"),
    [("2026-2027", "2027-2028"), ("2026/27", "2027/28"), ("1999-2000", "2000-2001")],
)
def test_a_year_counts_on(name: str, following: str) -> None:
    assert next_year_name(name) == following
