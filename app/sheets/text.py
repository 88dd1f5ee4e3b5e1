"""CSV, whatever wrote it: its characters, its delimiter, its lines."""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import IO, Any, Final

from app.sheets.refusals import NotATable

_DELIMITERS: Final = ";,\t|"
_LOOKED_AT: Final = 50
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PLAIN: Final = ("utf-8", "cp1252", "mac_roman")
"""UTF-8 is never mistaken for another. Bytes that Windows does not know come from a Mac."""

_MISREAD: Final = re.compile("[a-zç][ŽŸŠ]")
"""What é, ü and ö of a Mac become in the characters of Windows: « PrŽnom »."""

_BLANKS: Final = frozenset("\t\r\n\v\f")


def text_of(content: bytes) -> str:
    """The characters of a file. Raises: NotATable for one that is no text."""
    try:
        text = content.decode(_encoding_of(content))
    except UnicodeDecodeError:
        raise NotATable from None
    if any(sign < " " and sign not in _BLANKS for sign in set(text)):
        raise NotATable
    return text


def _encoding_of(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    start = content[:2000]
    if start[1::2].count(0) > len(start) / 4:
        return "utf-16-le"
    if start[::2].count(0) > len(start) / 4:
        return "utf-16-be"
    return next(filter(lambda each: _can_read(content, each), _PLAIN))


def _can_read(content: bytes, encoding: str) -> bool:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return encoding != "cp1252" or not _MISREAD.search(text)


def rows_of_text(text: str) -> list[list[str]]:
    """The rows of a CSV file, empty ones too. Raises: NotATable."""
    first, _, rest = text.partition("\n")
    if first.strip().lower().startswith("sep=") and len(first.strip()) == len("sep=;"):
        return _split(rest, first.strip()[-1])
    return _split(text, max(_DELIMITERS, key=lambda sign: _fitness(text, sign)))


def _split(text: str, delimiter: str, limit: int | None = None) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return [row for row, _ in zip(reader, range(limit or len(text) + 1), strict=False)]
    except csv.Error:
        raise NotATable from None


def _fitness(text: str, delimiter: str) -> tuple[float, int]:
    """How many rows it cuts into equally many cells, and into how many."""
    try:
        widths = Counter(len(row) for row in _split(text, delimiter, _LOOKED_AT) if any(row))
    except NotATable:
        return 0, 0
    cut = Counter({width: count for width, count in widths.items() if width > 1})
    if not cut:
        return 0, 0
    width, count = max(cut.items(), key=lambda each: (each[1], each[0]))
    return count / widths.total(), width


# -- written ---------------------------------------------------------------------------------------

_DANGEROUS: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-][\d\s'./()-]*")
"""A telephone or an amount: no formula calls anything by it."""


def write_text(target: IO[bytes], headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """CSV as a Swiss spreadsheet opens it: semicolons, UTF-8 with its mark, days as in ISO.

    A text that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    written = io.TextIOWrapper(target, encoding="utf-8-sig", newline="")
    lines = csv.writer(written, delimiter=";")
    lines.writerow([_harmless(header) for header in headers])
    lines.writerows([_harmless(value) for value in row] for row in rows)
    written.flush()
    written.detach()


def _harmless(value: Any) -> Any:
    if isinstance(value, str):
        is_formula = value.startswith(_DANGEROUS) and not _NUMBER.fullmatch(value)
        return f"'{value}" if is_formula else value
    return value.isoformat(" ", "minutes") if isinstance(value, datetime) else value
