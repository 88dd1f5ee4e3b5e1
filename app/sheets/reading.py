"""A list of pupils as a file: which rows are its header, and which are its lines.

A title above the header is passed over; a second header line is either a group (« Responsable 1 »
over « Nom », « Prénom ») or the same names in another language.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from app.sheets.cells import day_of, line_of
from app.sheets.columns import meaning_of
from app.sheets.refusals import (
    EmptyTable,
    LockedWorkbook,
    NotATable,
    OldWorkbook,
    TableTooLarge,
    TooManyLines,
)
from app.sheets.text import rows_of_text, text_of
from app.sheets.workbook import rows_of_workbook

LARGEST: Final = 10 * 2**20
MOST_LINES: Final = 10_000
MOST_COLUMNS: Final = 150
_MOST_ROWS: Final = 5 * MOST_LINES
"""Blank rows are counted apart: some programs write a million."""

_HEADER_WITHIN: Final = 15
_ZIP: Final = b"PK\x03\x04"
_OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True)
class Row:
    """One row that is not blank, by the number that a spreadsheet shows."""

    number: int
    cells: tuple[Any, ...]

    def texts(self) -> list[str]:
        """Every cell as a line of text."""
        return [line_of(cell) for cell in self.cells]


@dataclass(frozen=True)
class Table:
    """The names of the columns, and the rows below."""

    headers: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(content: bytes) -> Table:
    """The table of a CSV or XLSX file. Raises: SheetRefused, by its subclasses."""
    if len(content) > LARGEST:
        raise TableTooLarge
    rows = _rows(_cells(content))
    if not rows:
        raise EmptyTable
    table = _with_header(rows)
    if not table.rows:
        raise EmptyTable
    return table


def _cells(content: bytes) -> Iterable[Sequence[Any]]:
    if content.startswith(_ZIP):
        return rows_of_workbook(content)
    if content.startswith(_OLE):
        raise LockedWorkbook if "EncryptedPackage".encode("utf-16-le") in content else OldWorkbook
    if content.startswith(b"%PDF-"):
        raise NotATable
    return rows_of_text(text_of(content))


def _rows(found: Iterable[Sequence[Any]]) -> list[Row]:
    rows = []
    for number, cells in enumerate(found, 1):
        if any(line_of(cell) for cell in cells):
            rows.append(Row(number, _without_blank_end(cells)))
        is_wide = bool(rows) and len(rows[-1].cells) > MOST_COLUMNS
        if is_wide or len(rows) > MOST_LINES + _HEADER_WITHIN:
            raise TooManyLines(MOST_LINES, MOST_COLUMNS)
        if number >= _MOST_ROWS:
            break
    return rows


def _without_blank_end(cells: Sequence[Any]) -> tuple[Any, ...]:
    end = len(cells)
    while end and not line_of(cells[end - 1]):
        end -= 1
    return tuple(cells[:end])


def _with_header(rows: Sequence[Row]) -> Table:
    at = max(range(min(len(rows), _HEADER_WITHIN)), key=lambda each: (_known(rows[each]), -each))
    if _known(rows[at]) < 2:  # noqa: PLR2004 - one word may be a title
        at = next((each for each, row in enumerate(rows) if len(row.cells) > 1), 0)
    names = rows[at].texts()
    if at and rows[at - 1].number == rows[at].number - 1:
        names = _grouped(rows[at - 1].texts(), names)
    begin = at + 1
    while begin < len(rows) and _is_header_again(rows[begin], rows[at]):
        begin += 1
    width = max(len(row.cells) for row in rows[at:])
    names += [""] * (width - len(names))
    return Table(tuple(names), tuple(rows[begin:]))


def _known(row: Row) -> int:
    """How many cells of a row are names of columns; a row with a day or an address has none."""
    texts = row.texts()
    if any("@" in text or _is_day(text) for text in texts):
        return 0
    return sum(meaning_of(text) is not None for text in texts if len(text) < 40)  # noqa: PLR2004


def _is_day(text: str) -> bool:
    try:
        return day_of(text) is not None
    except ValueError:
        return False


def _is_header_again(row: Row, header: Row) -> bool:
    return _known(row) >= 2 and _known(row) * 2 >= _known(header)  # noqa: PLR2004


def _grouped(above: Sequence[str], names: Sequence[str]) -> list[str]:
    """Each name under its group; a line of one cell is a title and no group."""
    if sum(bool(text) for text in above) < 2:  # noqa: PLR2004
        return list(names)
    grouped, group = [], ""
    for over, name in zip_longest(above, names, fillvalue=""):
        group = over or group
        grouped.append(f"{group} – {name}" if group and group != name and name else name)
    return grouped
