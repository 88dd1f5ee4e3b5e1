"""Names of people: as identifiers, and as a few typed letters find them."""

import re
import unicodedata
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import Final

_LETTERS_APART: Final = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th"}
)
_LIGATURES: Final = str.maketrans({"œ": "oe", "æ": "ae", "Œ": "oe", "Æ": "ae"})
_LONGEST: Final = 40


@lru_cache(maxsize=32_768)
def words_of(name: str) -> tuple[str, ...]:
    """A name without accents and capitals: « Élodie Favre-Aubry » is elodie, favre, aubry."""
    parts = unicodedata.normalize("NFKD", name.translate(_LIGATURES))
    plain = "".join(each for each in parts if not unicodedata.combining(each))
    return tuple(re.findall(r"\w+", plain.casefold()))


def is_meant(typed: Iterable[str], words: Iterable[str]) -> bool:
    """Whether each word that was typed begins one of the name's words."""
    names = tuple(words)
    return all(any(name.startswith(word) for name in names) for word in typed)


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
