from app.documents.letterhead import Paper, Sheet
from app.documents.table import Column, Table
from app.documents.text import Face
from tests.documents.reading import CANTEEN, LONG_NAME, pages_of, plain, squeezed

COLUMNS = (Column("Left", 1), Column("Right", 1, "right"))


def _table(caption: str = "") -> Table:
    sheet = Sheet(CANTEEN, plain, "Rows", Paper("fr"))
    return Table(sheet, COLUMNS, Face(10), caption=caption)


def test_caption_and_head_come_again_on_every_page() -> None:
    table = _table("Caption")
    for number in range(100):
        table.row((f"row {number}", "x"))

    pages = pages_of(table.sheet.pdf())

    assert len(pages) == 3
    assert all("Caption Left Right" in page for page in pages)


def test_every_row_is_there_once_in_order() -> None:
    table = _table()
    for number in range(100):
        table.row((f"<{number}>", ""))

    text = squeezed(table.sheet.pdf())

    places = [text.index(f"<{number}>") for number in range(100)]
    assert places == sorted(places)


def test_a_row_is_as_high_as_its_longest_cell() -> None:
    table = _table()

    short, long = table.row(("a", "b")), table.row((LONG_NAME, "b"))

    assert long.height > 3 * short.height
    assert LONG_NAME in squeezed(table.sheet.pdf())


def test_a_cell_longer_than_a_page_is_cut() -> None:
    table = _table()
    table.row((LONG_NAME * 100, "end"))

    text = squeezed(table.sheet.pdf())

    assert "…" in text
    assert "end" in text


def test_the_columns_share_the_whole_width() -> None:
    table = _table()

    assert sum(table.widths) == table.sheet.width
