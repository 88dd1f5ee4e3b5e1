"""The letter of an exclusion: who reads what, in the envelope's window."""

from dataclasses import replace
from datetime import date
from io import BytesIO

import pytest
from pypdf import PdfReader
from reportlab.lib.units import mm

from app.documents.envelope import ADDRESS_LEFT, ADDRESS_TOP
from app.documents.exclusion import ExclusionLetter, Reader, render_exclusion
from tests.documents.reading import CANTEEN, LONG_NAME, STRANGE_NAMES, pages_of, plain

ANNE = Reader("Anne Essai", ("Rue du Marché 1", "1854 Leysin"), knows_reason=True)
LETTER = ExclusionLetter(
    readers=(ANNE, replace(ANNE, name="Luc Autre", knows_reason=False)),
    child="Zoé Essai",
    school_class="5P",
    first=date(2026, 11, 18),
    last=date(2026, 11, 20),
    opens_on=date(2026, 11, 23),
    decided_on=date(2026, 11, 16),
    reason="Troubles répétés.",
    written_on=date(2026, 11, 16),
)


def pages(letter: ExclusionLetter) -> list[str]:
    found = pages_of(render_exclusion(letter, CANTEEN, plain))
    return [" ".join(page.split()) for page in found]


def test_each_reader_has_a_page_and_not_each_the_reason() -> None:
    first, second = pages(LETTER)

    assert "Anne Essai" in first
    assert "Luc Autre" in second
    assert "Reason: Troubles répétés." in first
    assert "Troubles" not in second
    for page in (first, second):
        assert "Zoé Essai, 5P" in page
        assert "from mercredi 18 novembre 2026 to vendredi 20 novembre 2026" in page
        assert "From lundi 23 novembre 2026 on" in page


def test_one_that_was_lifted_says_so_and_no_reason() -> None:
    (page, _) = pages(replace(LETTER, is_lifted=True))

    assert "no longer holds" in page
    assert "Troubles" not in page


def test_the_recipient_stands_in_the_window() -> None:
    places: dict[str, tuple[float, float]] = {}

    def note(text: str, _cm: object, tm: list[float], *_font: object) -> None:
        places[text.strip()] = (tm[4], tm[5])

    page = PdfReader(BytesIO(render_exclusion(LETTER, CANTEEN, plain))).pages[0]
    page.extract_text(visitor_text=note)

    x, y = places["Anne Essai"]
    assert x == pytest.approx(ADDRESS_LEFT, abs=0.1)
    assert ADDRESS_TOP < 297 * mm - y < ADDRESS_TOP + 6 * mm


@pytest.mark.parametrize("name", [LONG_NAME, *STRANGE_NAMES])
def test_whatever_people_are_called_it_is_a_page_each(name: str) -> None:
    reader = replace(ANNE, name=name, address_lines=(name, name))

    letter = replace(LETTER, readers=(reader,), child=name, reason=name * 3)

    assert len(pages(letter)) == 1


def test_a_letter_to_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(\)"):
        render_exclusion(replace(LETTER, readers=()), CANTEEN, plain)
