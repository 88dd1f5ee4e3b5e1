"""Receipt of a cash top-up: a page to keep, or a strip for the till's thermal roll."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from reportlab.lib.colors import black
from reportlab.lib.pagesizes import A5
from reportlab.lib.units import mm

from app.documents.letterhead import Gettext, Letterhead, Paper, Sheet
from app.documents.lettering import BOLD
from app.documents.pen import PALE, RED, Box, Imprint, Pen
from app.documents.text import Face, format_francs, format_moment, wrap
from app.money import Cents

ROLL_WIDTH: Final = 80 * mm
ROLL_PRINTED: Final = 70 * mm
"""What a thermal printer reaches of the roll's width."""

ROLL_TEAR: Final = 8 * mm
"""Free above the first and below the last line."""


@dataclass(frozen=True)
class CashReceipt:
    """Money taken at the till; `balance` is the account's right after it.

    `issued_at` is aware and shown in Zurich time. A cancelled receipt keeps its number.
    """

    number: str
    issued_at: datetime
    cashier: str
    account: str
    reference: str
    children: tuple[str, ...]
    amount: Cents
    balance: Cents
    cancelled: bool = False
    locale: str = "fr"


def render_receipt(
    content: CashReceipt, letterhead: Letterhead, gettext: Gettext, *, roll: bool = False
) -> bytes:
    """The receipt as a PDF of one A5 page, or of one 80 mm strip as long as its text.

    Raises: ValueError if `issued_at` is naive.
    """
    if roll:
        return _render_roll(content, letterhead, gettext)
    return _render_page(content, letterhead, gettext)


def _title(content: CashReceipt, gettext: Gettext) -> str:
    _ = gettext
    return _("Receipt %(number)s") % {"number": content.number}


def _details(content: CashReceipt, gettext: Gettext) -> list[tuple[str, str]]:
    _ = gettext
    details = [
        (_("Date and time"), format_moment(content.issued_at)),
        (_("Account"), content.account),
        (_("Children"), ", ".join(content.children)),
        (_("Payment reference"), content.reference),
        (_("Received by"), content.cashier),
    ]
    return [(label, value) for label, value in details if value]


def _render_page(content: CashReceipt, letterhead: Letterhead, gettext: Gettext) -> bytes:
    _ = gettext
    paper = Paper(content.locale, A5, 14 * mm, numbered=False)
    sheet = Sheet(letterhead, gettext, _title(content, gettext), paper)
    sheet.skip(4 * mm)
    sheet.title(_title(content, gettext), _("Cash top-up of the meal account"))
    if content.cancelled:
        _stamp(sheet, _("CANCELLED"))
    _amount(sheet, content, gettext)
    for label, value in _details(content, gettext):
        sheet.detail(label, value)
    sheet.detail(_("Balance after this operation"), format_francs(content.balance))
    return sheet.pdf()


def _stamp(sheet: Sheet, word: str) -> None:
    """A red frame over the whole width, so that nobody overlooks it."""
    box = Box(sheet.left, sheet.y - 13 * mm, sheet.width, 13 * mm)
    sheet.frame(box, RED, 2)
    face = Face(22, BOLD, RED, "centre")
    sheet.write_within(word, box.x + box.width / 2, box.y + 3.5 * mm, face, box.width - 8 * mm)
    sheet.skip(18 * mm)


def _amount(sheet: Sheet, content: CashReceipt, gettext: Gettext) -> None:
    _ = gettext
    box = Box(sheet.left, sheet.y - 16 * mm, sheet.width, 16 * mm)
    sheet.fill(box, PALE)
    base = box.y + 5.5 * mm
    sheet.write_within(_("Received in cash"), box.x + 4 * mm, base, Face(12), box.width * 0.45)
    amount = format_francs(content.amount)
    face = Face(20, BOLD, align="right")
    sheet.write_within(amount, box.x + box.width - 4 * mm, base, face, box.width * 0.48)
    sheet.skip(21 * mm)


@dataclass(frozen=True)
class _Strip:
    """A line of the roll and the free space above it, in points."""

    text: str
    face: Face
    above: float = 0


def _render_roll(content: CashReceipt, letterhead: Letterhead, gettext: Gettext) -> bytes:
    strips = _strips(content, letterhead, gettext)
    height = 2 * ROLL_TEAR + sum(strip.above + strip.face.leading for strip in strips)
    imprint = Imprint(_title(content, gettext), letterhead.name, content.locale)
    pen = Pen((ROLL_WIDTH, height), imprint)
    y = height - ROLL_TEAR
    for strip in strips:
        centred = strip.face.align == "centre"
        x = ROLL_WIDTH / 2 if centred else (ROLL_WIDTH - ROLL_PRINTED) / 2
        y = pen.line(strip.text, x, y - strip.above, strip.face)
    return pen.pdf()


def _strips(content: CashReceipt, letterhead: Letterhead, gettext: Gettext) -> list[_Strip]:
    _ = gettext
    centre, name = Face(10, align="centre"), Face(13, BOLD, align="centre")
    stamp = [*_wrapped(_("CANCELLED"), Face(22, BOLD, align="centre"), 8)]
    strips = [*_wrapped(letterhead.name, name)]
    for text in (*letterhead.address_lines, letterhead.phone):
        strips += _wrapped(text, centre) if text else []
    strips += _wrapped(_title(content, gettext), name, 12)
    strips += stamp if content.cancelled else []
    strips += _wrapped(_("Received in cash"), Face(11, align="centre"), 10)
    strips += _wrapped(format_francs(content.amount), Face(20, BOLD, align="centre"), 2)
    balance = (_("Balance after this operation"), format_francs(content.balance))
    for label, value in (*_details(content, gettext), balance):
        strips += _wrapped(label, Face(9, colour=black), 6)
        strips += _wrapped(value, Face(11, BOLD))
    return strips + (stamp if content.cancelled else [])


def _wrapped(text: str, face: Face, above: float = 0) -> list[_Strip]:
    first, *rest = [_Strip(line, face) for line in wrap(text, ROLL_PRINTED, face)]
    return [replace(first, above=above), *rest]
