"""Names of people as identifiers."""

import unicodedata
from collections.abc import Collection
from typing import Final

_LETTERS_APART: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th"}
)
_LONGEST: Final = 40


def folded(text: str) -> str:
    """The letters a to z and the digits of a text: « Zoé Müller-Roth » is « zoemullerroth »."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS_APART))
    return "".join(sign for sign in plain if sign.isascii() and sign.isalnum())


def username_for(first_name: str, last_name: str, taken: Collection[str]) -> str:
    """An identifier nobody has yet: « zoe.muller », then « zoe.muller2 »."""
    names = [folded(first_name), folded(last_name)]
    base = ".".join(filter(None, names))[:_LONGEST].strip(".") or "famille"
    free, number = base, 1
    while free in taken:
        number += 1
        free = f"{base}{number}"
    return free
