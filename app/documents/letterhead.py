"""Whose paper it is, and what every sheet carries: head, title, footer, room for text."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from reportlab.lib.pagesizes import A4
from reportlab.lib.units import mm

from app.documents.lettering import BOLD
from app.documents.pen import GREY, Box, Imprint, Pen
from app.documents.text import Face, shrink_lines, wrap
from app.models import CanteenSettings, CanteenUser

Gettext: TypeAlias = Callable[[str], str]
"""Translates an English sentence into the reader's language."""

MARGIN: Final = 18 * mm
LOGO: Final = (30 * mm, 18 * mm)
"""Most width and height of the logo."""

SENDER_WIDTH: Final = 85 * mm
"""Most width of logo, name and address, which leaves the window of an envelope free."""

NAME: Final = Face(11, BOLD)
SMALL: Final = Face(8.5, colour=GREY)
TITLE: Final = Face(18, BOLD)
HEADING: Final = Face(12, BOLD)
BODY: Final = Face(10)


@dataclass(frozen=True)
class Letterhead:
    """The canteen as its papers show it; an empty text is left out.

    `logo` is a PNG or JPEG; an unreadable one is left out as well.
    """

    name: str
    address_lines: tuple[str, ...] = ()
    phone: str = ""
    email: str = ""
    website: str = ""
    logo: bytes | None = None

    @property
    def contacts(self) -> tuple[str, ...]:
        """The ways to reach the canteen that are known."""
        return tuple(filter(None, (self.phone, self.email, self.website)))


def address_lines(addressed: CanteenSettings | CanteenUser) -> tuple[str, ...]:
    """Street, then postal code and town, as far as they are known."""
    town = f"{addressed.postal_code} {addressed.town}".strip()
    return tuple(filter(None, (addressed.street, town)))


def letterhead_of(canteen: CanteenSettings) -> Letterhead:
    """Whose paper our documents are printed on."""
    return Letterhead(
        canteen.name, address_lines(canteen), canteen.phone, canteen.email, canteen.website
    )


@dataclass(frozen=True)
class Paper:
    """What a sheet is printed on: size in points, language, page numbers or none."""

    locale: str
    size: tuple[float, float] = A4
    margin: float = MARGIN
    numbered: bool = True


class Sheet(Pen):
    """A document that fills page after page from the top; `y` is where it has got to."""

    def __init__(self, letterhead: Letterhead, gettext: Gettext, title: str, paper: Paper) -> None:
        """Open the first page and draw the letterhead on it."""
        super().__init__(paper.size, Imprint(title, letterhead.name, paper.locale))
        self.letterhead = letterhead
        self.paper = paper
        self.width = self.paper_width - 2 * paper.margin
        self.left = paper.margin
        self.right = self.left + self.width
        self.bottom = paper.margin * 0.9
        self._gettext = gettext
        self._title = title
        self._begins = self._page = 1
        self.letter_head()

    @property
    def empty_height(self) -> float:
        """Points that a following page has for its content."""
        return self.paper_height - self.paper.margin * 0.7 - 12 - self.bottom

    def letter_head(self) -> None:
        """Draw logo, name and addresses at the top of this page."""
        top = self.paper_height - self.paper.margin * 0.8
        ends = self._contacts(top)
        taken = 0.0
        if self.letterhead.logo:
            box = Box(self.left, top - LOGO[1], *LOGO)
            taken = self.picture(self.letterhead.logo, box)
            ends = min(ends, box.y if taken else top)
        left = self.left + (taken + 3 * mm if taken else 0)
        self.y = min(ends, self._sender(left, top, SENDER_WIDTH - (left - self.left))) - 5 * mm

    def _sender(self, x: float, y: float, width: float) -> float:
        width = min(width, self.width * 0.62 - (x - self.left))
        for face, text in (
            (NAME, self.letterhead.name),
            *((SMALL, line) for line in self.letterhead.address_lines),
        ):
            for line in wrap(text, width, face):
                y = self.line(line, x, y, face)
        return y

    def _contacts(self, y: float) -> float:
        face = Face(SMALL.size, colour=GREY, align="right")
        for text in self.letterhead.contacts:
            self.write_within(text, self.right, y - NAME.ascent, face, self.width * 0.36)
            y -= face.leading
        return y

    def title(self, text: str, *subtitles: str) -> None:
        """Write the title of the document and the lines below it."""
        self.paragraph(text, TITLE)
        for subtitle in subtitles:
            self.paragraph(subtitle, Face(11, colour=GREY))
        self.skip(3 * mm)

    def heading(self, text: str, needed: float = 25 * mm) -> None:
        """Write the heading of a section, on the page that has `needed` points below it."""
        self.room(needed + HEADING.leading)
        self.paragraph(text, HEADING)
        self.skip(1.5 * mm)

    def paragraph(self, text: str, face: Face = BODY, width: float | None = None) -> None:
        """Write a text over as many lines as it takes, and stop below it."""
        for line in wrap(text, width or self.width, face):
            self.room(face.leading)
            self.y = self.line(line, self.left, self.y, face)

    def compact(self, text: str, face: Face, most: int) -> None:
        """Write a text over at most `most` lines, smaller if it must be."""
        smaller, lines = shrink_lines(text, self.width, face, most)
        self.room(len(lines) * smaller.leading)
        for line in lines:
            self.y = self.line(line, self.left, self.y, smaller)

    def detail(self, label: str, value: str) -> None:
        """Write a label on the left and its value, over up to four lines, beside it."""
        x, width = self.left + self.width * 0.4, self.width * 0.6
        face, lines = shrink_lines(value, width, Face(10.5), 4)
        self.room(len(lines) * face.leading)
        base = self.y - face.ascent
        self.write_within(label, self.left, base, Face(9.5, colour=GREY), self.width * 0.38)
        for line in lines:
            self.y = self.line(line, x, self.y, face)
        self.skip(2.2 * mm)

    def skip(self, height: float) -> None:
        """Leave `height` points free."""
        self.y -= height

    def room(self, height: float) -> bool:
        """Go on to the next page if this one has less than `height` points; whether it did."""
        if self.y - height >= self.bottom:
            return False
        self.next_page()
        return True

    def next_page(self) -> None:
        """Begin a page with the short head: whose and what it is."""
        self.end_page()
        self._page += 1
        self.y = self.paper_height - self.paper.margin * 0.7
        self.write_within(self.letterhead.name, self.left, self.y, SMALL, self.width * 0.48)
        right = Face(SMALL.size, colour=GREY, align="right")
        self.write_within(self._title, self.right, self.y, right, self.width * 0.48)
        self.rule(self.left, self.y - 5, self.width)
        self.y -= 11

    def next_document(self) -> None:
        """Begin another paper of the same title in this file: letterhead and page numbers anew."""
        self.end_page()
        self._number_pages()
        self._begins = self._page = self._page + 1
        self._begin()
        self.letter_head()

    def end_page(self) -> None:
        """Close this page; its footer waits for the number of pages."""
        if self.paper.numbered:
            self.canvas.doForm(f"footer-{self._page}")
        super().end_page()

    def pdf(self) -> bytes:
        """Close the last page and number them all; the whole PDF."""
        self.end_page()
        self._number_pages()
        return self.save()

    def _number_pages(self) -> None:
        """Each page of the paper that ends here."""
        if self.paper.numbered:
            for page in range(self._begins, self._page + 1):
                self._footer(page)

    def _footer(self, page: int) -> None:
        _ = self._gettext
        self.canvas.beginForm(f"footer-{page}", 0, 0, self.paper_width, self.paper_height)
        self._begin()
        before = self._begins - 1
        text = _("Page %(page)s of %(pages)s") % {
            "page": page - before,
            "pages": self._page - before,
        }
        face = Face(SMALL.size, colour=GREY, align="right")
        self.write(text, self.right, self.bottom - 5 * mm, face)
        self.canvas.drawText(self._text)
        self.canvas.endForm()
