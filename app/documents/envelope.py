"""A letter that fits a Swiss C5 envelope with a window, on the right unless said; folded once."""

from collections.abc import Iterable
from typing import Final

from reportlab.lib.units import mm

from app.documents.letterhead import Sheet
from app.documents.text import Face, shrink_lines

ADDRESS_LEFT: Final = 118 * mm
ADDRESS_LEFT_WINDOW: Final = 22 * mm
ADDRESS_TOP: Final = 50 * mm
"""Where the recipient begins, from the left and upper edges."""

ADDRESS: Final = Face(11)
ADDRESS_WIDTH: Final = 80 * mm
ADDRESS_HEIGHT: Final = 34 * mm
FOLD: Final = 148.5 * mm
"""Where the sheet is folded, from the upper edge: a small mark at the left edge."""

BODY_TOP: Final = 97 * mm
"""Where the letter's text begins, from the upper edge: below the window."""


def begin_letter(
    sheet: Sheet, name: str, address_lines: Iterable[str], *, is_window_left: bool = False
) -> None:
    """The recipient in the window, smaller rather than wider or longer; then room for the text."""
    left = ADDRESS_LEFT_WINDOW if is_window_left else ADDRESS_LEFT
    pieces = [
        (face, line)
        for text in (name, *address_lines)
        for face, lines in [shrink_lines(text, ADDRESS_WIDTH, ADDRESS, 2)]
        for line in lines
    ]
    scale = min(1, ADDRESS_HEIGHT / sum(face.leading for face, _line in pieces))
    y = sheet.paper_height - ADDRESS_TOP
    for face, line in pieces:
        y = sheet.line(line, left, y, Face(face.size * scale))
    sheet.rule(4 * mm, sheet.paper_height - FOLD, 5 * mm)
    sheet.y = min(sheet.y, sheet.paper_height - BODY_TOP)
