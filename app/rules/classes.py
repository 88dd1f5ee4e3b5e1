"""The class after a class, by its name; HarmoS counts from 1P to 11S."""

import re
from typing import Final

LAST_OF_PRIMARY: Final = 8
LAST: Final = 11
_NUMBER: Final = re.compile(r"\d+")


def next_class_name(name: str) -> str:
    """« 5P/2 » becomes « 6P/2 »; nothing after 8P, which orientation divides, and after 11S.

    A name without a number stays what it is.
    """
    found = _NUMBER.search(name)
    if found is None:
        return name
    number, rest = int(found[0]), name[found.end() :]
    is_primary = rest.lstrip(" -/.").upper().startswith("P")
    if number >= LAST or (is_primary and number >= LAST_OF_PRIMARY):
        return ""
    return f"{name[: found.start()]}{number + 1}{rest}"


def next_year_name(name: str) -> str:
    """« 2026-2027 » becomes « 2027-2028 »."""
    return _NUMBER.sub(lambda found: str(int(found[0]) + 1).zfill(len(found[0])), name)
