"""Labels for special trays, on A4 sheets of 3 × 8 labels of 70 × 37 mm."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from app.documents.letterhead import Gettext, Letterhead
from app.documents.lettering import BOLD
from app.documents.pen import GREY, Box, Imprint, Pen
from app.documents.text import LEAST_SIZE, Face, format_long_day, shrink_lines, wrap

COLUMNS: Final = 3
ROWS: Final = 8
LABELS_A_SHEET: Final = COLUMNS * ROWS
WIDTH, HEIGHT = 70 * mm, 37 * mm
TOP: Final = (A4[1] - ROWS * HEIGHT) / 2
"""Half a millimetre: what eight rows leave of the sheet."""

PADDING: Final = 5 * mm
"""Printers leave the edges of a sheet white."""

NAME: Final = Face(14, BOLD)
RESTRICTION: Final = Face(13, BOLD)
SMALL: Final = Face(9, colour=GREY)


@dataclass(frozen=True)
class TrayLabel:
    """One tray: whose it is, when it is eaten, what it must respect."""

    day: date
    pupil: str
    school_class: str
    restriction: str


def render_tray_labels(
    labels: Sequence[TrayLabel],
    letterhead: Letterhead,
    gettext: Gettext,
    locale: str,
    *,
    skipped: int = 0,
) -> bytes:
    """The labels as a PDF to print at full size; the first `skipped` places of the sheet are used.

    Raises: ValueError for more places than a sheet has.
    """
    if not 0 <= skipped < LABELS_A_SHEET:
        raise ValueError(skipped)
    _ = gettext
    pen = Pen(A4, Imprint(_("Tray labels"), letterhead.name, locale))
    for number, label in enumerate(labels, skipped):
        sheet, place = divmod(number, LABELS_A_SHEET)
        if sheet and not place:
            pen.end_page()
        _draw(pen, _box(place), label, locale, gettext)
    return pen.pdf()


def _box(place: int) -> Box:
    """A label's place, counted along the rows from the upper left."""
    row, column = divmod(place, COLUMNS)
    return Box(column * WIDTH, A4[1] - TOP - (row + 1) * HEIGHT, WIDTH, HEIGHT)


def _draw(pen: Pen, box: Box, label: TrayLabel, locale: str, gettext: Gettext) -> None:
    left, width = box.x + PADDING, box.width - 2 * PADDING
    top = box.y + box.height - PADDING * 0.8
    face, names = shrink_lines(label.pupil, width, NAME, 2)
    for line in names:
        top = pen.line(line, left, top, face)
    top, foot = top - 1 * mm, box.y + PADDING * 0.8
    about = " · ".join(filter(None, (label.school_class, format_long_day(label.day, locale))))
    pen.write_within(about, left, foot, SMALL, width)
    room = top - foot - SMALL.leading
    face, lines = _fitting(label.restriction, width, room, gettext)
    for line in lines:
        top = pen.line(line, left, top, face)


def _fitting(text: str, width: float, room: float, gettext: Gettext) -> tuple[Face, list[str]]:
    """The restriction as large as it fits; what is cut off says so, for it may matter."""
    for size in range(int(RESTRICTION.size), int(LEAST_SIZE) - 1, -1):
        face = replace(RESTRICTION, size=size)
        lines, most = wrap(text, width, face, 99), int(room / face.leading)
        if len(lines) <= most:
            return face, lines
    _ = gettext
    return face, [*lines[: most - 1], _("… see the kitchen’s list")]
