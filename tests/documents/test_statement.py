from dataclasses import replace
from datetime import date

import pytest

from app.documents.statement import AccountStatement, StatementLine, render_statement
from tests.documents.reading import (
    CANTEEN,
    LONG_NAME,
    STRANGE_NAMES,
    pages_of,
    plain,
    squeezed,
    text_of,
)

DAY = date(2026, 9, 1)
STATEMENT = AccountStatement(
    "Famille Favre",
    "RF18 5390 0754 7034",
    date(2026, 8, 1),
    date(2026, 12, 1),
    1000,
    (
        StatementLine(DAY, "Recharge", "", 150000),
        StatementLine(DAY, "Repas normal", "Zoé Favre", -950),
        StatementLine(DAY, "Repas normal", "Éloi Favre", -950),
        StatementLine(DAY, "Repas rendu", "Zoé Favre", 950),
        StatementLine(DAY, "Repas normal", "Zoé Favre", -850),
    ),
    date(2026, 12, 2),
)


@pytest.mark.parametrize(
    "shown",
    [
        CANTEEN.name,
        "Famille Favre",
        "From 01.08.2026 to 30.11.2026",
        "RF18 5390 0754 7034",
        "Printed on 02.12.2026",
        "01.08.2026 Opening balance 10.00",
        "01.09.2026 Recharge +1’500.00 1’510.00",
        "01.09.2026 Repas normal Zoé Favre -9.50 1’500.50",
        "01.09.2026 Repas normal Éloi Favre -9.50 1’491.00",
        "01.09.2026 Repas rendu Zoé Favre +9.50 1’500.50",
        "30.11.2026 Closing balance 1’492.00",
        "Zoé Favre -8.50",
        "Éloi Favre -9.50 Top-ups",
        "Top-ups, refunds and others +1’500.00",
        "Change over the period +1’482.00",
        "Page 1 of 1",
    ],
)
def test_shows_every_field(shown: str) -> None:
    assert shown in text_of(render_statement(STATEMENT, CANTEEN, plain))


def test_the_closing_balance_is_the_opening_one_and_every_line() -> None:
    assert STATEMENT.closing == STATEMENT.balances[-1] == 149200


def test_the_totals_add_up_to_the_change() -> None:
    assert sum(STATEMENT.totals.values()) == STATEMENT.closing - STATEMENT.opening


def test_a_period_without_operations_shows_both_balances() -> None:
    text = text_of(render_statement(replace(STATEMENT, lines=()), CANTEEN, plain))

    assert "Opening balance 10.00 30.11.2026 Closing balance 10.00" in text


def test_a_negative_balance_keeps_its_sign() -> None:
    owing = replace(STATEMENT, opening=-500, lines=())

    assert "Closing balance -5.00" in text_of(render_statement(owing, CANTEEN, plain))


def test_two_hundred_lines_are_all_there_with_numbered_pages() -> None:
    lines = tuple(StatementLine(DAY, f"<{number}>", "Zoé", -950) for number in range(200))

    pages = pages_of(render_statement(replace(STATEMENT, lines=lines), CANTEEN, plain))

    text = " ".join(pages)
    assert all(f"<{number}>" in text for number in range(200))
    assert all(f"Page {place} of {len(pages)}" in page for place, page in enumerate(pages, 1))
    assert all("Date Operation Child Amount Balance" in page for page in pages[:-1])


def test_long_and_strange_names_are_printed() -> None:
    lines = tuple(
        StatementLine(DAY, LONG_NAME, name, 10**12) for name in (LONG_NAME, *STRANGE_NAMES)
    )

    pdf = render_statement(replace(STATEMENT, account=LONG_NAME, lines=lines), CANTEEN, plain)

    assert LONG_NAME in squeezed(pdf)


def test_the_same_content_gives_the_same_bytes() -> None:
    first, second = (render_statement(STATEMENT, CANTEEN, plain) for _ in range(2))

    assert first == second


def test_an_account_without_a_reference_names_none() -> None:
    text = text_of(render_statement(replace(STATEMENT, reference=""), CANTEEN, plain))

    assert "reference" not in text
    assert "Printed on 02.12.2026" in text
