"""The fonts that every PDF carries inside, and the text that they can show."""

import unicodedata
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

REGULAR: Final = "LiberationSans-Regular"
BOLD: Final = "LiberationSans-Bold"
MONO: Final = "LiberationMono-Bold"

MISSING: Final = "□"
"""Stands for a letter that the font lacks, so that nobody takes the name for complete."""

SPACES: Final = " \u00a0\u202f"
"""French puts unbreakable ones before its colons; any other becomes a plain one."""

_FOLDER = Path(__file__).parent / "fonts"
_REGISTERING = Lock()
_fonts: dict[str, TTFont] = {}


def load_font(name: str) -> TTFont:
    """The font, read from its file and registered on first use, by one thread.

    Two objects of one font would share a document's glyphs between them and lose some.
    """
    with _REGISTERING:
        if name not in _fonts:
            _fonts[name] = TTFont(name, str(_FOLDER / f"{name}.ttf"))
            pdfmetrics.registerFont(_fonts[name])
        return _fonts[name]


@cache
def _shown_as_is(name: str) -> frozenset[str]:
    """The characters that the font has and that take a place on the line."""
    characters = map(chr, load_font(name).face.charToGlyph)
    return frozenset(
        char for char in characters if char in SPACES or unicodedata.category(char)[0] not in "CZ"
    )


def printable(text: str, font: str = REGULAR) -> str:
    """The text on one line, in characters that the font has.

    Letters that it lacks fall back on their plain form, otherwise on `MISSING`; emoji and
    needless spaces go. Only a blank text gives a blank one.
    """
    normal = unicodedata.normalize("NFC", text)
    if not _shown_as_is(font).issuperset(normal):
        normal = "".join(_shown(char, font) for char in normal)
    shown = " ".join(filter(None, normal.split(" ")))
    return shown or (MISSING if text.strip() else "")


def _shown(char: str, font: str) -> str:
    if char in _shown_as_is(font):
        return char
    if char.isspace() or unicodedata.category(char) == "Cc":
        return " "
    return _plain(char, font)


def _plain(char: str, font: str) -> str:
    """The letters left when marks and styling are taken off a character."""
    parts = unicodedata.normalize("NFKD", char)
    known = "".join(part for part in parts if part in _shown_as_is(font))
    if known:
        return known
    return MISSING if unicodedata.category(char)[0] in "LN" else ""
