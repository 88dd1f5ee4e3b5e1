"""What a cell says, whichever program wrote it."""

import re
import unicodedata
from datetime import date, datetime, timedelta
from typing import Any, Final

_SERIAL_ZERO: Final = date(1899, 12, 30)
"""The day that Excel counts from."""

_LAST_SERIAL: Final = 2_958_465
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_SWISS: Final = re.compile(r"(\d{1,2})\s*[./]\s*(\d{1,2})\s*[./]\s*(\d{4})")
_SERIAL: Final = re.compile(r"\d{5}(?:\.0+)?")


def line_of(cell: Any) -> str:
    """The cell as one line of text; a whole number without decimals, a day as in ISO."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        cell = cell.date()
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    plain = unicodedata.normalize("NFC", str(cell))
    kept = (" " if unicodedata.category(sign)[0] in "CZ" else sign for sign in plain)
    return " ".join("".join(kept).split())


def day_of(cell: Any) -> date | None:
    """The day: a date, ISO, 31.12.2015, 31/12/2015, or a serial number of Excel; None if blank.

    Raises: ValueError for anything else. Two digits are no year.
    """
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    text = line_of(cell)
    if not text:
        return None
    if found := _ISO.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _SWISS.fullmatch(text):
        return date(int(found[3]), int(found[2]), int(found[1]))
    if _SERIAL.fullmatch(text):
        return _SERIAL_ZERO + timedelta(days=min(int(float(text)), _LAST_SERIAL))
    raise ValueError(text)
