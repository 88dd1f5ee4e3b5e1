import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bank.characters import ALLOWED, fit, grouped, swiss_text
from app.bank.refusals import TextTooLong


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoé Müller-Crêtegny", "Zoé Müller-Crêtegny"),
        ("José Țepeș €", "José Țepeș €"),
        ("Zoe\u0301", "Zoé"),
        ("L’Église – « midi »", "L'Église - « midi »"),
        ("“Bravo”…", '"Bravo"...'),
        ("Nguyễn Thị Ánh", "Nguyen Thi Ánh"),
        ("Zoé 🦄 Favre", "Zoé Favre"),
        ("李小龍", "???"),
        ("  a\n\tb\u00a0 c\u00ad ", "a b c"),
        ("ﬁ ① \uff21", "fi 1 A"),
        ("\x00\u200d", ""),
    ],
)
def test_writes_the_nearest_allowed_characters(text: str, shown: str) -> None:
    assert swiss_text(text) == shown


@given(st.text())
def test_whatever_comes_only_allowed_characters_are_left(text: str) -> None:
    clean = swiss_text(text)

    assert ALLOWED.issuperset(clean)
    assert clean == clean.strip() == swiss_text(clean)


def test_refuses_a_text_that_is_too_long_once_it_is_written_out() -> None:
    with pytest.raises(TextTooLong) as refused:
        fit("a" * 69 + "…", 70)

    assert refused.value.most == 70
    assert "70" in str(refused.value)
    assert fit("a" * 70 + "🦄", 70) == "a" * 70


def test_groups_from_the_left_after_a_first_group() -> None:
    assert grouped("1234567", 3) == "123 456 7"
    assert grouped("1234567", 5, first=2) == "12 34567"
