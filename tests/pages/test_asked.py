"""What a request asks for is read strictly: a value, a refusal, never a fault."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from app.columns import MAX_ID
from app.errors import BadInput, NotFound
from app.pages.asked import code_asked, day_asked, id_asked, number_asked, word_asked
from app.vocabulary import Channel

NO_NUMBER = ["abc", "-1", "1.5", " 1", "٣", "²", str(MAX_ID + 1), "9" * 5000, "\x00", "😀"]


def channel_asked(text: str | None) -> Channel | None:
    return word_asked(Channel, text)


@pytest.mark.parametrize("text", [*NO_NUMBER, "", None])
def test_an_id_that_no_record_can_have_is_not_found(text: str | None) -> None:
    with pytest.raises(NotFound):
        id_asked(text)


@pytest.mark.parametrize("text", NO_NUMBER)
def test_a_number_that_is_none_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        number_asked(text)


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-02-30", "1999-12-31", "2200-01-01", "0001-01-01", "\x00", "", None]
)
def test_a_date_that_no_canteen_has_is_bad_input(text: str | None) -> None:
    with pytest.raises(BadInput):
        day_asked(text)


@pytest.mark.parametrize("text", ["", None, "\x00", "a b", "../x", "é", "'"])
def test_an_id_of_our_making_is_letters_and_digits(text: str | None) -> None:
    with pytest.raises(BadInput):
        code_asked(text)


@pytest.mark.parametrize("text", ["shout", "PORTAL", "\x00"])
def test_a_word_that_is_not_in_the_list_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput):
        channel_asked(text)


@pytest.mark.parametrize(
    ("asked", "text", "meant"),
    [
        (id_asked, "7", 7),
        (id_asked, str(MAX_ID), MAX_ID),
        (number_asked, "0", 0),
        (number_asked, "", None),
        (number_asked, None, None),
        (day_asked, "2026-11-16", date(2026, 11, 16)),
        (day_asked, "2000-01-01", date(2000, 1, 1)),
        (day_asked, "2199-12-31", date(2199, 12, 31)),
        (code_asked, "0af9", "0af9"),
        (channel_asked, "mail", Channel.MAIL),
        (channel_asked, "", None),
    ],
)
def test_what_our_pages_send_is_understood(
    asked: Callable[[str | None], Any], text: str | None, meant: object
) -> None:
    assert asked(text) == meant


def test_where_no_date_is_given_the_default_counts() -> None:
    assert day_asked("", default=date(2026, 11, 16)) == date(2026, 11, 16)
