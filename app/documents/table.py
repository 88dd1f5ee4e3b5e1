"""Rows that go on over pages, with their head on each of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from reportlab.lib.colors import Color, black

from app.documents.letterhead import HEADING, Sheet
from app.documents.lettering import BOLD
from app.documents.pen import LINE, PALE, Box
from app.documents.text import Face, shrink_lines, wrap

PADDING: Final = 0.3
"""Free space above and below a row's text, in font sizes."""

GUTTER: Final = 5.0
"""Points between the texts of two columns."""


@dataclass(frozen=True)
class Column:
    """A column: its head, its share of the width, the side its texts keep to, their weight."""

    title: str
    share: float
    align: Literal["left", "right", "centre"] = "left"
    bold: bool = False


@dataclass(frozen=True)
class Row:
    """Where a row was drawn: top and height in points."""

    top: float
    height: float


class Table:
    """Draws rows on a sheet; a row is never cut by the end of a page."""

    def __init__(
        self,
        sheet: Sheet,
        columns: Sequence[Column],
        face: Face,
        *,
        caption: str = "",
        head: Face | None = None,
    ) -> None:
        """Draw caption and head; both come again on every following page."""
        self.sheet = sheet
        self.face = face
        self.caption = caption
        self._head_face = replace(head or face, font=BOLD)
        self._titles = [column.title for column in columns]
        total = sum(column.share for column in columns)
        self.widths = [sheet.width * column.share / total for column in columns]
        self.lefts = [sheet.left + sum(self.widths[:place]) for place in range(len(columns))]
        self._faces = [
            replace(face, align=column.align, font=BOLD if column.bold else face.font)
            for column in columns
        ]
        self._most = int(sheet.empty_height * 0.4 / face.leading)
        sheet.room(self._head_height + 3 * face.leading)
        self._head()

    @property
    def _head_height(self) -> float:
        return 3 * self.face.leading + (2 * HEADING.leading if self.caption else 0)

    def _head(self) -> None:
        if self.caption:
            heading = replace(HEADING, size=max(HEADING.size, self.face.size + 1))
            face, lines = shrink_lines(self.caption, self.sheet.width, heading, 2)
            for line in lines:
                self.sheet.y = self.sheet.line(line, self.sheet.left, self.sheet.y, face)
            self.sheet.skip(3)
        if any(self._titles):
            faces = [replace(self._head_face, align=face.align) for face in self._faces]
            self._draw(self._titles, faces, PALE)

    def row(self, cells: Sequence[str], *, bold: bool = False, fill: Color | None = None) -> Row:
        """Draw a row, on the next page if it does not fit; where it is."""
        faces = [replace(face, font=BOLD) for face in self._faces] if bold else self._faces
        return self._draw(cells, faces, fill)

    def _draw(self, cells: Sequence[str], faces: Sequence[Face], fill: Color | None) -> Row:
        texts = [
            wrap(cell, width - GUTTER, face, self._most)
            for cell, width, face in zip(cells, self.widths, faces, strict=True)
        ]
        padding = faces[0].size * PADDING
        height = max(map(len, texts)) * faces[0].leading + 2 * padding
        if self.sheet.room(height):
            self._head()
        row = Row(self.sheet.y, height)
        self._ground(row, fill)
        for place, lines in enumerate(texts):
            self._cell(lines, place, row.top - padding, faces[place])
        self.sheet.y -= height
        return row

    def _ground(self, row: Row, fill: Color | None) -> None:
        bottom = row.top - row.height
        if fill:
            self.sheet.fill(Box(self.sheet.left, bottom, self.sheet.width, row.height), fill)
        self.sheet.rule(self.sheet.left, bottom, self.sheet.width, black if fill else LINE)

    def _cell(self, lines: Sequence[str], place: int, top: float, face: Face) -> None:
        inner = self.widths[place] - GUTTER
        offset = {"left": 0.0, "right": inner, "centre": inner / 2}[face.align]
        for line in filter(None, lines):
            top = self.sheet.line(line, self.lefts[place] + GUTTER / 2 + offset, top, face)
