"""The characters and lengths that Swiss payments allow, and the nearest thing to all others."""

import unicodedata
from collections.abc import Iterable
from itertools import chain
from typing import Final

from app.bank.refusals import TextTooLong

SOFT_HYPHEN: Final = "\u00ad"
ALLOWED: Final = frozenset(
    map(chr, chain(range(0x20, 0x7F), range(0xA0, 0x180), map(ord, "ȘșȚț€")))
) - {SOFT_HYPHEN}
"""Source: Swiss Payment Standards, character set of QR-bill 2.3 and of pain.001.001.09."""

_NEAREST: Final = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012–—―\u2212\u2022", "-"),
        **dict.fromkeys("\u2018’\u201a\u201b\u2032\u02bc", "'"),
        **dict.fromkeys("“”„‟″", '"'),
        "\u2039": "<",
        "\u203a": ">",
        "ẞ": "SS",
        "Ə": "E",
        "ə": "e",
    }
)
"""Dashes, apostrophes, quotation marks and letters that Unicode does not take apart."""


def swiss_text(text: str) -> str:
    """The text in allowed characters, on one line, its spaces made single.

    Letters lose the marks that they may not have; letters of other scripts become « ? », so that
    nobody takes a name for complete; emoji and other signs go.
    """
    normal = unicodedata.normalize("NFC", text).translate(_NEAREST)
    return " ".join("".join(map(_allowed, normal)).split())


def _allowed(char: str) -> str:
    if char in ALLOWED:
        return char
    if char.isspace():
        return " "
    parts = unicodedata.normalize("NFKD", char).translate(_NEAREST)
    known = "".join(part for part in parts if part in ALLOWED)
    return known or ("?" if unicodedata.category(char)[0] in "LN" else "")


def fit(text: str, most: int) -> str:
    """The text in allowed characters, if these are at most `most`.

    Raises: TextTooLong.
    """
    fitting = swiss_text(text)
    if len(fitting) > most:
        raise TextTooLong(fitting, most)
    return fitting


def grouped(text: str, size: int, *, first: int = 0) -> str:
    """The text in groups of `size` characters; the first one of `first`, if that is given."""
    starts: Iterable[int] = range(first, len(text), size)
    groups = [text[start : start + size] for start in starts]
    return " ".join([text[:first], *groups] if first else groups)
