"""A pen on a page: every PDF is drawn by it, the same bytes for the same content."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import segno
from reportlab import rl_config
from reportlab.lib.colors import Color, black, white
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from app.documents.lettering import load_font, printable
from app.documents.text import Face, cut, shrink

rl_config.useA85 = 0  # a PDF is no mail: binary is a fifth smaller, and 3 ms sooner

GREY = Color(0.35, 0.35, 0.35)
PALE = Color(0.93, 0.93, 0.93)
LINE = Color(0.75, 0.75, 0.75)
RED = Color(0.75, 0.05, 0.1)


@dataclass(frozen=True)
class Imprint:
    """What the PDF says about itself; `locale` is a language as in « fr »."""

    title: str
    author: str
    locale: str


@dataclass(frozen=True)
class Box:
    """A rectangle in points from the lower left corner of the page."""

    x: float
    y: float
    width: float
    height: float


class Pen:
    """Draws on pages of one size, in points; texts lie above everything else."""

    def __init__(self, size: tuple[float, float], imprint: Imprint) -> None:
        """Open the first page of a PDF of this paper size."""
        self._file = BytesIO()
        self.paper_width, self.paper_height = size
        self.canvas = Canvas(
            self._file, size, pageCompression=1, invariant=1, lang=f"{imprint.locale}-CH"
        )
        self.canvas.setTitle(printable(imprint.title))
        self.canvas.setAuthor(printable(imprint.author))
        self.canvas.setCreator("Réfectoire")
        self.canvas.setViewerPreference("DisplayDocTitle", "true")
        self._begin()

    def _begin(self) -> None:
        self._text = self.canvas.beginText()
        self._font: tuple[str, float] | None = None
        self._colour: Color = black
        self._stroke: tuple[Color, float] | None = None

    def write(self, text: str, x: float, y: float, face: Face) -> None:
        """Put a text on the line `y`, as long as it is."""
        shown = printable(text, face.font)
        self._take(face)
        if face.align != "left":
            x -= face.width(shown) / (1 if face.align == "right" else 2)
        self._text.setTextOrigin(x, y)
        self._text.textOut(shown)

    def write_within(self, text: str, x: float, y: float, face: Face, width: float) -> None:
        """Put a text on the line `y`, smaller or cut if it is wider than `width`."""
        fitting = shrink(text, width, face)
        self.write(cut(text, width, fitting), x, y, fitting)

    def line(self, text: str, x: float, top: float, face: Face) -> float:
        """Put a text on the line below `top`; the top of the next line."""
        self.write(text, x, top - face.ascent, face)
        return top - face.leading

    def _take(self, face: Face) -> None:
        if self._font != (face.font, face.size):
            load_font(face.font)
            self._text.setFont(face.font, face.size)
            self._font = face.font, face.size
        if self._colour is not face.colour:
            self._text.setFillColor(face.colour)
            self._colour = face.colour

    def rule(self, x: float, y: float, width: float, colour: Color = LINE) -> None:
        """Draw a thin level line."""
        self._draw_with(colour, 0.5)
        self.canvas.line(x, y, x + width, y)

    def _draw_with(self, colour: Color, thickness: float) -> None:
        if self._stroke != (colour, thickness):
            self.canvas.setStrokeColor(colour)
            self.canvas.setLineWidth(thickness)
            self._stroke = colour, thickness

    def fill(self, box: Box, colour: Color = PALE) -> None:
        """Colour a rectangle."""
        self.canvas.setFillColor(colour)
        self.canvas.rect(box.x, box.y, box.width, box.height, stroke=0, fill=1)

    def frame(self, box: Box, colour: Color = black, thickness: float = 1) -> None:
        """Draw the border of a rectangle."""
        self._draw_with(colour, thickness)
        self.canvas.rect(box.x, box.y, box.width, box.height)

    def circle(self, x: float, y: float, radius: float) -> None:
        """Draw a hollow circle."""
        self._draw_with(black, 1)
        self.canvas.circle(x, y, radius)

    def picture(self, content: bytes, box: Box) -> float:
        """Draw a PNG or JPEG in the upper left of the box; the width that it takes.

        An unreadable picture takes none: a receipt prints without its logo.
        """
        try:
            image = ImageReader(BytesIO(content))
            wide, high = image.getSize()
            scale = min(box.width / wide, box.height / high)
            bottom = box.y + box.height - high * scale
            self.canvas.drawImage(image, box.x, bottom, wide * scale, high * scale, mask="auto")
        except OSError:
            return 0
        return float(wide * scale)

    def qr_code(self, text: str, box: Box) -> None:
        """Draw a QR code (level M, quiet zone included) that fills the square box."""
        self.modules(_code(text), box, border=4)

    def modules(self, code: segno.QRCode, box: Box, *, border: int = 0) -> None:
        """Draw a code that fills the square box, `border` free modules included."""
        rows = list(code.matrix_iter(border=border))
        side = box.width / len(rows)
        self.fill(box, white)
        self.canvas.saveState()
        self.canvas.setFillColor(black)
        self.canvas.translate(box.x, box.y + box.height)
        self.canvas.scale(side, -side)
        # Whole numbers, written at once: a path of a thousand rectangles takes six times as long.
        runs = [f"{x} {y} {n} 1 re" for y, row in enumerate(rows) for x, n in dark_runs(row)]
        self.canvas.addLiteral("\n".join([*runs, "f"]))
        self.canvas.restoreState()

    def end_page(self) -> None:
        """Close this page and open the next."""
        self.canvas.drawText(self._text)
        self.canvas.showPage()
        self._begin()

    def pdf(self) -> bytes:
        """Close the last page; the whole PDF."""
        self.end_page()
        return self.save()

    def save(self) -> bytes:
        """The whole PDF, all its pages being closed."""
        self.canvas.save()
        return self._file.getvalue()


@lru_cache(maxsize=8)
def _code(text: str) -> segno.QRCode:
    """The same on every letter of a batch."""
    return segno.make(text, error="m", micro=False)


def dark_runs(row: Iterable[int]) -> list[tuple[int, int]]:
    """Start and length of each run of dark modules in a row of a QR code."""
    runs: list[tuple[int, int]] = []
    for place, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((place, 1))
    return runs
