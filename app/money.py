"""Money is an integer number of centimes of CHF; decimals exist only to parse or show."""

import re
from typing import TypeAlias

Cents: TypeAlias = int

MAX_CENTS: Cents = 10**12
_TYPED = re.compile(r"(?P<francs>\d{1,10})(?:[.,](?P<centimes>\d{1,2}))?")
_SEPARATORS = dict.fromkeys(map(ord, "'’ \u00a0\u202f"))


def parse_chf(text: str) -> Cents:
    """Centimes of an amount as people type it: « 4,50 », « 4.5 », « 1’234.50 ».

    Raises: ValueError for anything else; signs and rounding are never guessed.
    """
    found = _TYPED.fullmatch(text.strip().translate(_SEPARATORS))
    if found is None or not found["francs"].isascii():
        raise ValueError(text)
    return int(found["francs"]) * 100 + int((found["centimes"] or "").ljust(2, "0"))


def format_chf(cents: Cents) -> str:
    """Francs with two decimals and Swiss thousands: 123450 is « 1’234.50 »."""
    francs, centimes = divmod(abs(cents), 100)
    sign = "-" if cents < 0 else ""
    return f"{sign}{francs:,}.{centimes:02d}".replace(",", "’")
