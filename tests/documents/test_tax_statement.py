from dataclasses import replace
from datetime import date, timedelta

import pytest

from app.documents.tax_statement import (
    TaxChild,
    TaxMeal,
    TaxStatement,
    render_tax_statement,
    render_tax_statements,
)
from tests.documents.reading import CANTEEN, pages_of, plain, text_of

FIRST = date(2026, 1, 5)
MEALS = tuple(TaxMeal(FIRST + timedelta(days=each), "Repas normal", 950) for each in range(120))
LONG = TaxStatement(
    "Famille Favre",
    "RF18 5390 0754 7034",
    2026,
    (TaxChild("Zoé Favre", MEALS),),
    150_000,
    0,
    0,
    date(2027, 1, 8),
)
SHORT = replace(LONG, account="Famille Rey", children=(TaxChild("Lou Rey", MEALS[:1]),))


def test_several_papers_in_one_file_are_numbered_each_for_itself() -> None:
    alone = [pages_of(render_tax_statement(each, CANTEEN, plain)) for each in (LONG, SHORT)]

    together = pages_of(render_tax_statements([LONG, SHORT, LONG], CANTEEN, plain))

    assert len(alone[0]) > 1
    assert together == alone[0] + alone[1] + alone[0]
    assert f"Page 1 of {len(alone[0])}" in together[0]


def test_the_fonts_are_in_the_file_once() -> None:
    one = len(render_tax_statement(LONG, CANTEEN, plain))

    fifty = len(render_tax_statements([LONG] * 50, CANTEEN, plain))

    assert fifty < 15 * one


def test_the_total_is_that_of_the_meals() -> None:
    assert "1’140.00" in text_of(render_tax_statement(LONG, CANTEEN, plain))


def test_of_nobody_there_is_no_paper() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - there is nothing to say
        render_tax_statements([], CANTEEN, plain)
