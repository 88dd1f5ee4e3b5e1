"""Whether two people are likely to be one, however they were spelled."""

import re
from datetime import date
from difflib import SequenceMatcher
from typing import Final

from app.rules.names import folded

ALIKE: Final = 0.85
_SHORTEST_PHONE: Final = 9


def are_names_alike(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """First and last names of nearly the same letters, or the two exchanged.

    « Emma Favre » is alike to « Emma Louise Favre-Müller ».
    """
    first, last = map(folded, one)
    their_first, their_last = map(folded, other)
    if _is_alike(first + last, their_first + their_last):
        return True
    if _is_alike(last + first, their_first + their_last):
        return True
    return _is_part(first, their_first) and _is_part(last, their_last)


def _is_alike(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > max(len(one), len(other)) * (1 - ALIKE) * 2:
        return False
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return matcher.real_quick_ratio() >= ALIKE and matcher.ratio() >= ALIKE


def _is_part(one: str, other: str) -> bool:
    return bool(one and other) and (one in other or other in one)


def are_days_alike(one: date, other: date) -> bool:
    """One slip of the pen apart: day and month exchanged, or one of day, month, year another."""
    if (one.day, one.month, one.year) == (other.month, other.day, other.year):
        return True
    slips = (one.day != other.day) + (one.month != other.month) + (one.year != other.year)
    return slips <= 1


def is_same_phone(one: str, other: str) -> bool:
    """« +41 79 123 45 67 » is « 079/123.45.67 »."""
    ours, theirs = _digits(one), _digits(other)
    return len(ours) >= _SHORTEST_PHONE and ours == theirs


def _digits(phone: str) -> str:
    """The digits without the country's or the leading zero."""
    digits = re.sub(r"\D", "", phone.replace("(0)", ""))
    return re.sub(r"^(0041|41(?=\d{9}$)|0)", "", digits)
