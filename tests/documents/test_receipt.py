from dataclasses import replace
from datetime import datetime
from io import BytesIO

import pytest
from pypdf import PdfReader

from app.documents.receipt import ROLL_WIDTH, CashReceipt, render_receipt
from tests.documents.reading import (
    CANTEEN,
    LONG_NAME,
    MORNING,
    STRANGE_NAMES,
    plain,
    squeezed,
    text_of,
)

RECEIPT = CashReceipt(
    "2026-000123",
    MORNING,
    "Martine Aebischer",
    "Famille Favre",
    "RF18 5390 0754 7034",
    ("Zoé Favre", "Éloi Favre"),
    5000,
    123450,
)

both_layouts = pytest.mark.parametrize("roll", [False, True])


@both_layouts
@pytest.mark.parametrize(
    "shown",
    [
        "Receipt 2026-000123",
        "24.11.2026, 07:50",
        "Martine Aebischer",
        "Famille Favre",
        "RF18 5390 0754 7034",
        "Zoé Favre, Éloi Favre",
        "CHF 50.00",
        "CHF 1’234.50",
        CANTEEN.name,
    ],
)
def test_shows_every_field(shown: str, *, roll: bool) -> None:
    assert shown in text_of(render_receipt(RECEIPT, CANTEEN, plain, roll=roll))


@both_layouts
@pytest.mark.parametrize("cancelled", [False, True])
def test_only_a_cancelled_receipt_says_so(*, roll: bool, cancelled: bool) -> None:
    pdf = render_receipt(replace(RECEIPT, cancelled=cancelled), CANTEEN, plain, roll=roll)

    assert ("CANCELLED" in text_of(pdf)) is cancelled


@both_layouts
def test_stays_on_one_page_whatever_the_names(*, roll: bool) -> None:
    content = replace(RECEIPT, account=LONG_NAME, children=STRANGE_NAMES, cashier=LONG_NAME)

    pdf = render_receipt(content, CANTEEN, plain, roll=roll)

    assert len(PdfReader(BytesIO(pdf)).pages) == 1
    assert LONG_NAME in squeezed(pdf)


def test_the_roll_is_as_wide_as_the_paper_and_as_long_as_the_text() -> None:
    def size(content: CashReceipt) -> tuple[float, float]:
        pdf = render_receipt(content, CANTEEN, plain, roll=True)
        box = PdfReader(BytesIO(pdf)).pages[0].mediabox
        return float(box.width), float(box.height)

    short, long = size(RECEIPT), size(replace(RECEIPT, account=LONG_NAME))

    assert short[0] == long[0] == pytest.approx(ROLL_WIDTH, abs=0.01)
    assert short[1] < long[1]


@both_layouts
def test_speaks_the_language_of_its_reader(*, roll: bool) -> None:
    french = {"Receipt %(number)s": "Reçu %(number)s"}

    pdf = render_receipt(RECEIPT, CANTEEN, lambda msgid: french.get(msgid, msgid), roll=roll)

    assert "Reçu 2026-000123" in text_of(pdf)


@both_layouts
def test_the_same_content_gives_the_same_bytes(*, roll: bool) -> None:
    first, second = (render_receipt(RECEIPT, CANTEEN, plain, roll=roll) for _ in range(2))

    assert first == second


def test_refuses_an_instant_without_a_zone() -> None:
    naive = datetime(2026, 11, 24, 7, 50)  # noqa: DTZ001 - naive on purpose

    with pytest.raises(ValueError, match="2026"):
        render_receipt(replace(RECEIPT, issued_at=naive), CANTEEN, plain)
