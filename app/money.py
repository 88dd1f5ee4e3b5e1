"""Money is an integer number of centimes of CHF; decimals exist only to parse or show."""

import re
from typing import TypeAlias

Cents: TypeAlias = int

MAX_CENTS: Cents = 10**12
_TYPED = re.compile(
    r"(?P<francs>\d{1,10}|\d{1,3}(?:['’ \u00a0\u202f]\d{3}){1,3})(?:[.,](?P<centimes>\d{1,2}))?",
    re.ASCII,
)


def parse_chf(text: str) -> Cents:
    """Centimes of an amount as people type it: « 4,50 », « 4.5 », « 1’234.50 ».

    Raises: ValueError for anything else; signs and rounding are never guessed.
    """
    found = _TYPED.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    francs, centimes = re.sub(r"\D", "", found["francs"]), found["centimes"] or ""
    cents = int(francs + centimes.ljust(2, "0"))
    if cents > MAX_CENTS:
        raise ValueError(text)
    return cents


def decimal_chf(cents: Cents) -> str:
    """Francs as files, forms and QR codes write them: 123450 is « 1234.50 »."""
    return format_chf(cents).replace("’", "")


def format_chf(cents: Cents) -> str:
    """Francs with two decimals and Swiss thousands: 123450 is « 1’234.50 »."""
    francs, centimes = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}{francs:,}.{centimes:02d}".replace(",", "’")
