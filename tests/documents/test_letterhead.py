from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image
from pypdf import PdfReader

from app.documents.letterhead import Letterhead, Paper, Sheet
from tests.documents.reading import CANTEEN, LONG_NAME, fonts_of, pages_of, plain, text_of


def _sheet(letterhead: Letterhead = CANTEEN, *, numbered: bool = True) -> Sheet:
    return Sheet(letterhead, plain, "Some list", Paper("fr", numbered=numbered))


def _png() -> bytes:
    file = BytesIO()
    Image.new("RGB", (40, 20), "red").save(file, "PNG")
    return file.getvalue()


def test_the_head_shows_all_that_is_known_of_the_canteen() -> None:
    text = text_of(_sheet().pdf())

    for known in (CANTEEN.name, *CANTEEN.address_lines, *CANTEEN.contacts):
        assert known in text


def test_what_is_not_known_is_left_out() -> None:
    assert text_of(_sheet(Letterhead("Cantine"), numbered=False).pdf()) == "Cantine"


def test_the_file_says_what_it_is_whose_and_in_which_language() -> None:
    reader = PdfReader(BytesIO(_sheet().pdf()))

    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == ("Some list", CANTEEN.name)
    assert str(reader.root_object["/Lang"]) == "fr-CH"


def test_every_page_has_its_number_and_the_following_ones_a_short_head() -> None:
    sheet = _sheet()
    for number in range(120):
        sheet.paragraph(f"line {number}")

    first, second, third = pages_of(sheet.pdf())

    assert "Page 1 of 3" in first
    assert "Page 3 of 3" in third
    assert f"{CANTEEN.name} Some list" in second


def test_fonts_travel_with_the_file() -> None:
    sheet = _sheet()
    sheet.title("Title")
    fonts = fonts_of(sheet.pdf())

    assert len(fonts) == 2
    assert all("Liberation" in name for name in fonts)
    assert all("/FontFile2" in descriptor for descriptor in fonts.values())


@pytest.mark.parametrize(("logo", "pictures"), [(_png(), 1), (None, 0), (b"broken", 0)])
def test_a_logo_is_drawn_if_it_can_be_read(logo: bytes | None, pictures: int) -> None:
    pdf = _sheet(replace(CANTEEN, logo=logo)).pdf()

    assert len(PdfReader(BytesIO(pdf)).pages[0].images) == pictures


def test_a_long_name_leaves_room_for_the_page() -> None:
    sheet = _sheet(replace(CANTEEN, name=LONG_NAME, email=LONG_NAME))

    assert sheet.y > sheet.paper_height / 2


def test_a_heading_goes_with_what_follows_it() -> None:
    sheet = _sheet()
    sheet.skip(sheet.y - sheet.bottom - 20)
    sheet.heading("Section")

    assert "Section" not in pages_of(sheet.pdf())[0]
