"""XLSX: read line by line, without believing what the archive says of itself; written likewise.

Excel takes a text that begins with an equals sign for a formula: here it stays a text.
"""

import warnings
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from typing import IO, Any, Final, TypeAlias
from zipfile import ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from app.sheets.refusals import NotATable, SheetRefused, TableTooLarge

Cell: TypeAlias = str | int | float | Decimal | date | datetime | None

LARGEST_UNPACKED: Final = 50 * 2**20
MOST_MEMBERS: Final = 1000
LONGEST_TEXT: Final = 32_767
_DAY: Final = "DD.MM.YYYY"
_INSTANT: Final = "DD.MM.YYYY HH:MM"
_FRANCS: Final = "0.00"


def rows_of_workbook(content: bytes) -> Iterator[tuple[Any, ...]]:
    """The cells of the first sheet, row by row. Raises: NotATable, TableTooLarge."""
    try:
        _check_size(content)
        sheet = _first_sheet(content)
        sheet.reset_dimensions()
        yield from sheet.iter_rows(values_only=True)
    except SheetRefused:
        raise
    except Exception:  # noqa: BLE001 - anything at all, on a file that no spreadsheet wrote
        raise NotATable from None


def _first_sheet(content: bytes) -> Any:
    with warnings.catch_warnings():
        # What a spreadsheet has beside its cells is not our concern.
        warnings.simplefilter("ignore")
        book = load_workbook(BytesIO(content), read_only=True, data_only=True, keep_links=False)
    return book.worksheets[0]


def _check_size(content: bytes) -> None:
    """No member unpacks to more than it declares, so that their sum can be believed."""
    with ZipFile(BytesIO(content)) as archive:
        members = archive.infolist()
    if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > LARGEST_UNPACKED:
        raise TableTooLarge


def write_workbook(
    target: IO[bytes], headers: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> None:
    """One sheet with a header that stays in sight; numbers and dates are real ones."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "A2"
    for position, header in enumerate(headers):
        sheet.column_dimensions[_letters(position)].width = max(12, min(len(header) + 4, 40))
    sheet.append([_written(sheet, header, font=Font(bold=True)) for header in headers])
    for row in rows:
        sheet.append([_written(sheet, value) for value in row])
    book.save(target)


def _letters(position: int) -> str:
    return chr(ord("A") + position) if position < 26 else "A" + _letters(position - 26)  # noqa: PLR2004


def _written(sheet: Any, value: Cell, font: Font | None = None) -> Any:
    if isinstance(value, str):
        cell = WriteOnlyCell(sheet, value=None)
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", value)[:LONGEST_TEXT]
        cell.data_type = "s"
    else:
        cell = WriteOnlyCell(sheet, value=value)  # type: ignore[arg-type] # decimals too
    if isinstance(value, datetime):
        cell.number_format = _INSTANT
    elif isinstance(value, date):
        cell.number_format = _DAY
    elif isinstance(value, Decimal):
        cell.number_format = _FRANCS
    if font is not None:
        cell.font = font
    return cell
