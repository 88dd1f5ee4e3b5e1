import pytest

from app.rules.names import folded, username_for


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("Zoé Müller-Roth", "zoemullerroth"),
        ("D’Angelo", "dangelo"),
        ("Œuvray", "oeuvray"),
        ("Weiß", "weiss"),
        ("Łukasz", "lukasz"),
        ("王", ""),
    ],
)
def test_a_name_keeps_its_plain_letters(name: str, letters: str) -> None:
    assert folded(name) == letters


@pytest.mark.parametrize(
    ("first", "last", "taken", "username"),
    [
        ("Zoé", "Müller", [], "zoe.muller"),
        ("Zoé", "Müller", ["zoe.muller"], "zoe.muller2"),
        ("Zoé", "Müller", ["zoe.muller", "zoe.muller2"], "zoe.muller3"),
        ("", "Müller", [], "muller"),
        ("王", "芳", [], "famille"),
        ("A" * 60, "B", [], "a" * 40),
    ],
)
def test_an_identifier_is_made_of_the_name_and_free(
    first: str, last: str, taken: list[str], username: str
) -> None:
    assert username_for(first, last, taken) == username
