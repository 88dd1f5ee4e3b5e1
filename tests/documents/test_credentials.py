from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
from pypdf import PdfReader
from reportlab.lib.units import mm

from app.documents.credentials import (
    CredentialsLetter,
    HolderLetter,
    render_credentials,
)
from app.documents.envelope import ADDRESS_LEFT, ADDRESS_TOP
from tests.documents.reading import CANTEEN, LONG_NAME, STRANGE_NAMES, fonts_of, pages_of, plain

ANNE = HolderLetter(
    "Anne Favre",
    ("Chemin des Écureuils 7", "1000 Lausanne"),
    "favre.anne",
    "K7M0-O4RT",
    ("Zoé Favre", "Éloi Favre"),
)
JEAN = replace(ANNE, name="Jean Rochat", identifier="rochat.jean", password="second-1")
LETTER = CredentialsLetter(
    (ANNE, JEAN), "https://cantine.example", date(2026, 11, 24), ("Lu-Ve, 08:00-11:30",)
)


def test_each_holder_has_a_page_with_their_own_secrets_only() -> None:
    first, second = pages_of(render_credentials(LETTER, CANTEEN, plain))

    assert "favre.anne" in first
    assert "K7M0-O4RT" in first
    assert "rochat.jean" not in first
    assert "second-1" in second
    assert "K7M0-O4RT" not in second


@pytest.mark.parametrize(
    "shown",
    [
        "Anne Favre",
        "Chemin des Écureuils 7",
        "1000 Lausanne",
        "Zoé Favre, Éloi Favre",
        "https://cantine.example",
        "24.11.2026",
        "Lu-Ve, 08:00-11:30",
        "024 494 12 34",
        "Choose a password of your own",
    ],
)
def test_shows_every_field(shown: str) -> None:
    assert shown in pages_of(render_credentials(LETTER, CANTEEN, plain))[0]


def test_the_address_lies_in_the_window_of_the_envelope() -> None:
    places: dict[str, tuple[float, float]] = {}

    def note(text: str, _cm: object, tm: list[float], *_font: object) -> None:
        places[text.strip()] = (tm[4], tm[5])

    page = PdfReader(BytesIO(render_credentials(LETTER, CANTEEN, plain))).pages[0]
    page.extract_text(visitor_text=note)

    x, y = places["Anne Favre"]
    assert x == pytest.approx(ADDRESS_LEFT, abs=0.1)
    assert ADDRESS_TOP < 297 * mm - y < ADDRESS_TOP + 6 * mm


def test_zero_and_o_come_in_the_font_that_tells_them_apart() -> None:
    fonts = fonts_of(render_credentials(LETTER, CANTEEN, plain))

    assert any("LiberationMono" in name for name in fonts)


def test_a_family_with_long_and_strange_names_still_has_one_page_each() -> None:
    crowded = replace(
        ANNE,
        name=LONG_NAME,
        address_lines=(LONG_NAME,) * 6,
        identifier="x" * 64,
        password="y" * 64,
        children=(*STRANGE_NAMES, *(LONG_NAME,) * 4),
    )

    pages = pages_of(render_credentials(replace(LETTER, holders=(crowded,)), CANTEEN, plain))

    assert len(pages) == 1
    assert "x" * 64 in pages[0]
    assert "y" * 64 in pages[0]


@pytest.mark.parametrize("password", ["", "pass\nword", "clé🔑", "a  b", "y" * 65])
def test_refuses_a_password_that_would_be_printed_otherwise(password: str) -> None:
    with pytest.raises(ValueError, match="Anne Favre"):
        replace(ANNE, password=password)


def test_refuses_a_letter_to_nobody() -> None:
    with pytest.raises(ValueError, match=r"\(\)"):
        render_credentials(replace(LETTER, holders=()), CANTEEN, plain)


def test_the_same_content_gives_the_same_bytes() -> None:
    first, second = (render_credentials(LETTER, CANTEEN, plain) for _ in range(2))

    assert first == second
