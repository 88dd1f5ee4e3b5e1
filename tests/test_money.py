"""Money as people type it, and as they read it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.money import MAX_CENTS, decimal_chf, format_chf, parse_chf


@pytest.mark.parametrize(
    ("typed", "cents"),
    [
        ("4,50", 450),
        ("4.50", 450),
        ("4.5", 450),
        ("4,05", 405),
        ("20", 2000),
        ("  20  ", 2000),
        ("0", 0),
        ("0.05", 5),
        ("007", 700),
        ("1'234.50", 123450),
        ("1’234.50", 123450),
        ("1 234,50", 123450),
        ("1\u00a0234", 123400),
        ("1\u202f234\u202f567,80", 123456780),
        ("9999999999.99", 999999999999),
    ],
)
def test_reads_what_people_type(typed: str, cents: int) -> None:
    assert parse_chf(typed) == cents


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", ".", ",", "4.", ".5", "-5", "+5", "4.505", "4,5,0", "1,234.50", "1.234,50"),
        *("CHF 5", "5 CHF", "5.-", "1e3", "0x10", "NaN", "inf", "4.5\n6", "1'23", "12'34.50"),
        *(
            "'123",
            "1''234",
            "\u0664,\u0665",
            "4.\u0665",
            "\uff14",
            "\u00b2",
            "99999999999",
            "9'999'999'999'999",
        ),
    ],
)
def test_refuses_what_is_no_amount(typed: str) -> None:
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the text is the message
        parse_chf(typed)

    assert refused.value.args == (typed,)


@pytest.mark.parametrize(
    ("cents", "shown"),
    [
        (0, "0.00"),
        (5, "0.05"),
        (450, "4.50"),
        (123450, "1’234.50"),
        (-123450, "-1’234.50"),
        (-5, "-0.05"),
        (MAX_CENTS, "10’000’000’000.00"),
    ],
)
def test_shows_francs_with_two_decimals(cents: int, shown: str) -> None:
    assert format_chf(cents) == shown


@given(st.integers(0, MAX_CENTS))
def test_what_is_shown_can_be_typed_again(cents: int) -> None:
    assert parse_chf(format_chf(cents)) == cents
    assert parse_chf(format_chf(cents).replace(".", ",").replace("’", " ")) == cents


@given(st.text(max_size=20))
def test_any_text_is_an_amount_or_refused(typed: str) -> None:
    try:
        cents = parse_chf(typed)
    except ValueError:
        return

    assert 0 <= cents <= MAX_CENTS


@pytest.mark.parametrize(("cents", "shown"), [(1, "0.01"), (5, "0.05"), (123450, "1234.50")])
def test_writes_francs_without_separators(cents: int, shown: str) -> None:
    assert decimal_chf(cents) == shown
