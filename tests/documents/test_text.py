from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.documents.text import (
    LEAST_SIZE,
    Face,
    cut,
    format_day,
    format_francs,
    format_long_day,
    format_moment,
    format_signed,
    shrink,
    shrink_lines,
    wrap,
)

FACE = Face(10)


def test_writes_a_date_in_figures() -> None:
    assert format_day(date(2026, 3, 4)) == "04.03.2026"


@pytest.mark.parametrize(
    ("locale", "words"),
    [("fr", "Mardi 24 novembre 2026"), ("en", "Tuesday 24 November 2026")],
)
def test_writes_a_date_in_the_words_of_the_language(locale: str, words: str) -> None:
    assert format_long_day(date(2026, 11, 24), locale) == words


def test_shows_an_instant_on_a_zurich_clock() -> None:
    assert format_moment(datetime(2026, 7, 1, 22, 30, tzinfo=UTC)) == "02.07.2026, 00:30"


def test_refuses_an_instant_without_a_zone() -> None:
    with pytest.raises(ValueError, match="2026"):
        format_moment(datetime(2026, 7, 1))  # noqa: DTZ001 - naive on purpose


@pytest.mark.parametrize(
    ("cents", "text"), [(5000, "+50.00"), (-950, "-9.50"), (0, "0.00"), (123450, "+1’234.50")]
)
def test_writes_the_sign_of_an_amount(cents: int, text: str) -> None:
    assert format_signed(cents) == text


def test_names_the_currency() -> None:
    assert format_francs(123450) == "CHF 1’234.50"


@given(st.text(), st.floats(20, 300))
def test_no_line_is_wider_than_its_place(text: str, width: float) -> None:
    assert all(FACE.width(line) <= width for line in wrap(text, width, FACE))


@given(st.text(alphabet="ab é", max_size=200), st.floats(20, 300))
def test_wrapping_loses_no_letter(text: str, width: float) -> None:
    lines = wrap(text, width, FACE, most=1000)

    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_text_that_is_too_long_ends_in_an_ellipsis() -> None:
    lines = wrap("word " * 100, 60, FACE, most=3)

    assert len(lines) == 3
    assert lines[-1].endswith("…")


@given(st.text(), st.floats(20, 300))
def test_a_cut_text_fits(text: str, width: float) -> None:
    assert FACE.width(cut(text, width, FACE)) <= width


def test_a_text_that_fits_is_neither_cut_nor_shrunk() -> None:
    assert cut("Zoé", 100, FACE) == "Zoé"
    assert shrink("Zoé", 100, FACE) == FACE


@given(st.text(alphabet="WMi", min_size=1, max_size=400))
def test_shrinking_fits_or_stops_at_the_least_legible_size(text: str) -> None:
    smaller = shrink(text, 100, FACE)

    assert smaller.width(text) <= 100 or smaller.size == LEAST_SIZE


def test_takes_the_largest_size_with_few_enough_lines() -> None:
    face, lines = shrink_lines("Maximilien " * 8, 120, FACE, 3)

    assert LEAST_SIZE <= face.size < FACE.size
    assert len(lines) <= 3
    assert "…" not in "".join(lines)
