"""Dates and amounts as Swiss readers write them; text broken or shrunk to its place."""

from bisect import bisect_right
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final, Literal

from babel.dates import format_date
from reportlab.lib.colors import Color, black
from reportlab.pdfbase.pdfmetrics import stringWidth

from app.clock import local
from app.documents.lettering import REGULAR, load_font, printable
from app.money import Cents, format_chf

ELLIPSIS: Final = "…"
LEADING: Final = 1.25
"""Distance of two lines, in font sizes."""

ASCENT: Final = 0.95
"""What of it lies above the base of the letters, accents on capitals included."""

MOST_LINES: Final = 20
LEAST_SIZE: Final = 6.0
"""In points; smaller than this is not legible, so the text is cut."""


@dataclass(frozen=True)
class Face:
    """How a text looks; size in points. `x` is its left end, right end or middle."""

    size: float = 10
    font: str = REGULAR
    colour: Color = black
    align: Literal["left", "right", "centre"] = "left"

    @property
    def leading(self) -> float:
        """Points from one line to the next."""
        return self.size * LEADING

    @property
    def ascent(self) -> float:
        """Points from the top of a line to the base of its letters."""
        return self.size * ASCENT

    def width(self, text: str) -> float:
        """Points that the text takes on one line."""
        load_font(self.font)
        return float(stringWidth(text, self.font, self.size))


def format_day(day: date) -> str:
    """A date in figures: « 24.11.2026 »."""
    return f"{day:%d.%m.%Y}"


def format_long_day(day: date, locale: str) -> str:
    """A date in words: « Mardi 24 novembre 2026 »."""
    words = format_date(day, "EEEE d MMMM y", locale=locale)
    return words[:1].upper() + words[1:]


def format_moment(instant: datetime) -> str:
    """An instant on a Zurich clock: « 24.11.2026, 07:50 ».

    Raises: ValueError for a naive one.
    """
    if instant.tzinfo is None:
        raise ValueError(instant)
    return f"{local(instant):%d.%m.%Y, %H:%M}"


def format_francs(cents: Cents) -> str:
    """An amount that says its currency: « CHF 12.50 »."""
    return f"CHF {format_chf(cents)}"


def format_signed(cents: Cents) -> str:
    """An amount with its sign, also when it comes in: « +50.00 »."""
    return f"+{format_chf(cents)}" if cents > 0 else format_chf(cents)


def wrap(text: str, width: float, face: Face, most: int = MOST_LINES) -> list[str]:
    """The text in lines no wider than `width` points; long words are broken.

    At least one line; at most `most`, the last one then ends in an ellipsis.
    """
    shown = printable(text, face.font)
    if face.width(shown) <= width:
        return [shown]
    lines = _lines(shown.split(" "), width, face)
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], cut(f"{lines[most - 1]}{ELLIPSIS}", width, face)]


def _lines(words: list[str], width: float, face: Face) -> list[str]:
    lines = [""]
    for word in words:
        longer = f"{lines[-1]} {word}".lstrip()
        if face.width(longer) <= width:
            lines[-1] = longer
        else:
            pieces = _pieces(word, width, face)
            lines[-1:] = [*filter(None, lines[-1:]), *pieces]
    return lines


def _pieces(word: str, width: float, face: Face) -> list[str]:
    """A word cut into pieces that fit, each of at least one character."""
    pieces = []
    while word:
        length = max(1, _fitting(word, width, face))
        pieces.append(word[:length])
        word = word[length:]
    return pieces


def _fitting(text: str, width: float, face: Face) -> int:
    """How many characters of the text fit."""
    lengths = range(1, len(text) + 1)
    return bisect_right(lengths, width, key=lambda length: face.width(text[:length]))


def cut(text: str, width: float, face: Face) -> str:
    """The text, or as much of its beginning as fits, with an ellipsis."""
    shown = printable(text, face.font)
    if face.width(shown) <= width:
        return shown
    length = _fitting(shown, width - face.width(ELLIPSIS), face)
    return shown[:length].rstrip(f" {ELLIPSIS}") + ELLIPSIS


def shrink(text: str, width: float, face: Face) -> Face:
    """The face in which the text fits on one line, down to `LEAST_SIZE`."""
    taken = face.width(printable(text, face.font))
    if taken <= width:
        return face
    return replace(face, size=max(LEAST_SIZE, face.size * width / taken * 0.999))


def shrink_lines(text: str, width: float, face: Face, most: int) -> tuple[Face, list[str]]:
    """The largest face in which the text takes at most `most` lines, and these lines."""
    for tenths in range(10, 5, -1):
        smaller = replace(face, size=max(LEAST_SIZE, face.size * tenths / 10))
        lines = wrap(text, width, smaller)
        if len(lines) <= most:
            return smaller, lines
    return smaller, wrap(text, width, smaller, most)
