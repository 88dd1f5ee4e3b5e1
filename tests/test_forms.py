"""Fields and forms: a value that the model keeps, or a sentence; never a fault."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from flask import Flask
from flask_babel import Babel
from werkzeug.datastructures import MultiDict
from wtforms import Form
from wtforms.validators import InputRequired

from app.fields import (
    AllergensField,
    InstantField,
    LastDayField,
    LineField,
    MoneyField,
    NumberField,
    ParagraphField,
)
from app.vocabulary import Severity
from app.widgets import Checkbox, WordField

NONSENSE = ["abc", "-1.2.3", "9" * 5000, "²", "😀", "1e400", "0x10", "' OR 1=1 --"]


def sent(field: Any, *typed: str) -> Any:
    """The bound field of a form that was sent with these values."""
    form = type("Sent", (Form,), {"field": field})
    bound = form(MultiDict([("field", each) for each in typed]))
    bound.validate()
    return bound["field"]


@pytest.fixture(autouse=True)
def reader() -> Iterator[None]:
    """Fields speak a language; they need nothing else of the application."""
    bare = Flask(__name__)
    Babel(bare)
    with bare.test_request_context():
        yield


@pytest.mark.parametrize(
    ("typed", "cents"),
    [("4,50", 450), ("4.5", 450), ("20", 2000), ("1’234.50", 123_450), (" 12 ", 1200), ("", None)],
)
def test_money_is_typed_in_francs_and_kept_in_centimes(typed: str, cents: int | None) -> None:
    field = sent(MoneyField(), typed)

    assert (field.data, list(field.errors)) == (cents, [])


def test_money_is_shown_in_francs() -> None:
    form = type("Shown", (Form,), {"field": MoneyField()})

    assert 'value="1’234.50"' in str(form(data={"field": 123_450})["field"]())


@pytest.mark.parametrize("typed", [*NONSENSE, "-5", "4.555", "1 000 000 000 000", "NaN"])
def test_what_is_no_amount_is_refused_and_shown_again(typed: str) -> None:
    field = sent(MoneyField(), typed)

    assert field.data is None
    assert len(field.errors) == 1
    assert field._value() == typed


@pytest.mark.parametrize("typed", [*NONSENSE, str(2**31), str(2**63), str(2**65), f"-{2**65}"])
def test_what_no_column_can_keep_is_refused_as_a_number(typed: str) -> None:
    field = sent(NumberField(), typed)

    assert field.data is None
    assert len(field.errors) == 1


@pytest.mark.parametrize("typed", [*NONSENSE, "2026-02-30", "0000-01-01", "24.11.2026"])
@pytest.mark.parametrize("kind", [LastDayField, InstantField])
def test_what_is_no_date_is_refused(kind: Any, typed: str) -> None:
    field = sent(kind(), typed)

    assert field.data is None
    assert len(field.errors) == 1


def test_the_last_day_is_counted_in() -> None:
    field = sent(LastDayField(), "2027-07-02")

    assert field.data == date(2027, 7, 3)
    assert field._value() == "2027-07-02"


def test_the_last_day_of_all_days_has_none_after_it() -> None:
    assert sent(LastDayField(), "9999-12-31").errors


def test_an_instant_is_typed_on_a_zurich_clock() -> None:
    field = sent(InstantField(), "2026-07-01T08:15")

    assert field.data.astimezone(UTC) == datetime(2026, 7, 1, 6, 15, tzinfo=UTC)


def test_a_line_has_no_control_characters_and_no_blanks_at_its_ends() -> None:
    field = sent(LineField(), "  Anne\x00 \t Marie\r\nRoth\u202e ")

    assert field.data == "Anne Marie Roth"


def test_a_paragraph_keeps_its_lines() -> None:
    assert sent(ParagraphField(), " a\r\nb\x07 ").data == "a\nb"


@pytest.mark.parametrize("typed", ["", "   ", "\x00", "\u200b"])
def test_blanks_are_no_text_where_one_is_needed(typed: str) -> None:
    assert sent(LineField(validators=[InputRequired()]), typed).errors


def test_a_column_whose_default_is_no_text_may_stay_empty() -> None:
    field = sent(LineField(validators=[InputRequired()], default=""), "")

    assert (field.data, list(field.errors)) == ("", [])


def test_allergens_are_words_of_the_law() -> None:
    assert sent(AllergensField(), "milk", "nuts").data == ["milk", "nuts"]
    assert sent(AllergensField(), "milk", "plutonium").errors
    assert sent(AllergensField(validators=[InputRequired()])).data == []


@pytest.mark.parametrize("typed", ["allergic", "ALLERGY", "1", "\x00"])
def test_a_word_that_is_not_in_the_list_is_refused(typed: str) -> None:
    field = sent(WordField(enum_class=Severity), typed)

    assert field.data is None
    assert field.errors


def test_a_word_is_kept_as_its_member() -> None:
    assert sent(WordField(enum_class=Severity), "allergy").data is Severity.ALLERGY


def test_a_tick_may_be_missing() -> None:
    field = sent(Checkbox(validators=[InputRequired()]))

    assert (field.data, list(field.errors)) == (False, [])
