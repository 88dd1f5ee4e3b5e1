"""A list as a file to save: what its readers see, with real numbers and days in the cells."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Final

from flask import Response, send_file
from flask_babel import gettext as _
from markupsafe import Markup

from app import clock
from app.clock import local
from app.money import format_chf
from app.sheets.text import write_text
from app.sheets.workbook import write_workbook

MOST_ROWS: Final = 20_000
ROWS_AT_ONCE: Final = 1000
_IN_MEMORY: Final = 2**20


class FileFormat(StrEnum):
    """What a list is written as."""

    CSV = "csv"
    XLSX = "xlsx"


_TYPES: Final = {
    FileFormat.CSV: "text/csv; charset=utf-8",
    FileFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_WRITERS: Final = {FileFormat.CSV: write_text, FileFormat.XLSX: write_workbook}


def write(
    target: IO[bytes], kind: FileFormat, headers: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """The table, as it is asked for."""
    _WRITERS[kind](target, headers, rows)


def sent(
    title: str, kind: FileFormat, headers: Sequence[str], rows: Iterable[Sequence[Any]]
) -> Response:
    """An attachment. It is whole before the first byte leaves: a fault sends no half of a list."""
    target: Any = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - Flask closes it
    write(target, kind, headers, rows)
    target.seek(0)
    name = f"{title.lower()} {clock.today()}.{kind}".replace(" ", "-")
    return send_file(target, mimetype=_TYPES[kind], as_attachment=True, download_name=name)


def francs(amount: int | None) -> Decimal | None:
    """An amount as a number with two decimals."""
    return None if amount is None else Decimal(amount).scaleb(-2)


def cell(value: Any, formatter: Callable[[Any], Any] | None) -> Any:
    """A value of a list for a cell: shown as there, unless it is a number or a day."""
    if formatter is format_chf:
        return francs(value)
    if formatter is not None:
        value = formatter(value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, datetime):
        return local(value).replace(tzinfo=None)
    if value is None or isinstance(value, int | float | Decimal | date):
        return value
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return value.striptags() if isinstance(value, Markup) else str(value)
