"""The class after a class, by its name; HarmoS counts from 1P to 11S.

A class of two levels, « 5-6P/2 », keeps its younger pupils and sends on the older ones.
"""

import re
from datetime import date
from typing import Final

LAST_OF_PRIMARY: Final = 8
LAST: Final = 11
_NUMBER: Final = re.compile(r"\d+")
_LEVELS: Final = re.compile(r"(?P<low>\d+)(?:\s*[-–]\s*(?P<high>\d+))?")
_SCHOOL_BEGINS: Final = (8, 1)
"""Who is four before the first of August begins with 1P in that year. Source: HarmoS, article 5."""


def next_class_name(name: str) -> str:
    """« 5P/2 » becomes « 6P/2 », « 5-6P/2 » becomes « 7-8P/2 ».

    Nothing after 8P, which orientation divides, and after 11S; a name without a number stays.
    """
    found = _LEVELS.search(name)
    if found is None:
        return name
    low, high = _levels(found)
    rest = name[found.end() :]
    is_primary = rest.lstrip(" -/.").upper().startswith("P")
    if high >= (LAST_OF_PRIMARY if is_primary else LAST):
        return ""
    step = high - low + 1
    last = f"{found[0][len(found['low']) : -len(found['high'])]}{high + step}" if step > 1 else ""
    return f"{name[: found.start()]}{low + step}{last}{rest}"


def stays(name: str, born: date, starts_on: date) -> bool:
    """Whether a pupil of a class of several levels has not come to its highest by their age.

    `starts_on` is the first day of the year in which they are in that class.
    """
    found = _LEVELS.search(name)
    if found is None:
        return False
    low, high = _levels(found)
    return low <= level_of(born, starts_on.year) < high


def level_of(born: date, year: int) -> int:
    """The HarmoS level of a child in the school year that begins in `year`."""
    is_late = (born.month, born.day) >= _SCHOOL_BEGINS
    return year - 3 - (born.year + is_late)


def _levels(found: re.Match[str]) -> tuple[int, int]:
    low = int(found["low"])
    high = int(found["high"] or low)
    return low, max(low, high)


def next_year_name(name: str) -> str:
    """« 2026-2027 » becomes « 2027-2028 »."""
    return _NUMBER.sub(lambda found: str(int(found[0]) + 1).zfill(len(found[0])), name)
