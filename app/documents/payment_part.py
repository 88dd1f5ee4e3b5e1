"""The Swiss payment part and its receipt, at the foot of an A4 page, drawn to the millimetre.

Source: Swiss Implementation Guidelines and Style Guide QR-bill: 62 × 105 mm and 148 × 105 mm,
margins of 5 mm, code of 46 × 46 mm with a cross of 7 × 7 mm, corners for what is left blank.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import segno
from reportlab.lib.colors import black, white
from reportlab.lib.units import mm

from app.bank.iban import format_iban
from app.bank.qrbill import Address, QrBill, cleaned, payload
from app.bank.references import format_reference
from app.documents.letterhead import Gettext
from app.documents.lettering import BOLD
from app.documents.pen import Box, Pen
from app.documents.text import MOST_LINES, Face, wrap
from app.money import Cents

HEIGHT: Final = 105 * mm
RECEIPT_WIDTH: Final = 62 * mm
WIDTH: Final = 210 * mm

_MARGIN: Final = 5 * mm
_TOP: Final = HEIGHT - _MARGIN
_LEFT: Final = RECEIPT_WIDTH + _MARGIN
_INFORMATION_TOP: Final = _TOP - 7 * mm
_AMOUNT_TOP: Final = _INFORMATION_TOP - 56 * mm
_CODE: Final = Box(_LEFT, _INFORMATION_TOP - 51 * mm, 46 * mm, 46 * mm)

_TITLE: Final = Face(11, BOLD)
_CORNER: Final = 3 * mm
_SCALES: Final = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)
"""Sizes tried for long texts; the least still has 6 points."""


@dataclass(frozen=True)
class _Section:
    """Where a section's blocks go and in what sizes, in points; the widths of its blank box."""

    box: Box
    heading: float
    value: float
    line: float
    blank: tuple[float, float]


_RECEIPT: Final = _Section(Box(_MARGIN, _AMOUNT_TOP, 52 * mm, 56 * mm), 6, 8, 9, (52 * mm, 20 * mm))
_PAYMENT: Final = _Section(
    Box(118 * mm, _MARGIN + 10 * mm, 87 * mm, 85 * mm), 8, 10, 11, (65 * mm, 25 * mm)
)


@dataclass(frozen=True)
class _Block:
    """A heading and what stands below it; no lines: corners for the payer to write in."""

    heading: str
    lines: tuple[str, ...]


def draw_payment_part(pen: Pen, bill: QrBill, gettext: Gettext) -> None:
    """Draw both parts on the lowest 105 mm of an A4 page.

    Raises: as `app.bank.qrbill.cleaned`.
    """
    bill = cleaned(bill)
    _draw_cuts(pen, gettext)
    _draw_receipt(pen, bill, gettext)
    _draw_payment(pen, bill, gettext)
    _draw_code(pen, bill)


def _draw_receipt(pen: Pen, bill: QrBill, gettext: Gettext) -> None:
    _ = gettext
    pen.line(_("Receipt"), _MARGIN, _TOP, _TITLE)
    _draw_blocks(pen, _RECEIPT, [_blocks(bill, gettext), _blocks(_townsfolk(bill), gettext)])
    box = Box(27 * mm, _AMOUNT_TOP - 11 * mm, 30 * mm, 10 * mm)
    _draw_amount(pen, bill.amount, _RECEIPT, (_MARGIN, 12 * mm), box, gettext)
    face = Face(6, BOLD, align="right")
    pen.line(_("Acceptance point"), RECEIPT_WIDTH - _MARGIN, _AMOUNT_TOP - 14 * mm, face)


def _draw_payment(pen: Pen, bill: QrBill, gettext: Gettext) -> None:
    _ = gettext
    pen.line(_("Payment part"), _LEFT, _TOP, _TITLE)
    _draw_blocks(pen, _PAYMENT, [_blocks(bill, gettext, bill.message)])
    box = Box(_LEFT + 9 * mm, _AMOUNT_TOP - 19 * mm, 40 * mm, 15 * mm)
    _draw_amount(pen, bill.amount, _PAYMENT, (_LEFT, 14 * mm), box, gettext)


def _blocks(bill: QrBill, gettext: Gettext, message: str = "") -> list[_Block]:
    _ = gettext
    debtor = bill.debtor
    payer = _("Payable by") if debtor else _("Payable by (name/address)")
    return [
        _Block(_("Account / Payable to"), (format_iban(bill.iban), *_lines(bill.creditor))),
        _Block(_("Reference"), (format_reference(bill.reference),)),
        *([_Block(_("Additional information"), (message,))] if message else []),
        _Block(payer, _lines(debtor) if debtor else ()),
    ]


def _lines(address: Address) -> tuple[str, ...]:
    abroad = "" if address.country == "CH" else f"{address.country}-"
    street = f"{address.street} {address.number}".strip()
    town = f"{abroad}{address.postal_code} {address.town}"
    return tuple(filter(None, (address.name, street, town)))


def _townsfolk(bill: QrBill) -> QrBill:
    """The bill without streets, which the receipt may leave out where they do not fit."""
    creditor, debtor = _without_street(bill.creditor), bill.debtor
    return replace(bill, creditor=creditor, debtor=debtor and _without_street(debtor))


def _without_street(address: Address) -> Address:
    return replace(address, street="", number="")


def _draw_blocks(pen: Pen, section: _Section, versions: Sequence[list[_Block]]) -> None:
    """Draw the first version that fits, as large as it can be; at worst, cut its texts."""
    for scale in _SCALES:
        sized = _scaled(section, scale)
        for blocks in versions:
            wrapped = [_wrapped(block, sized, MOST_LINES) for block in blocks]
            if _height(wrapped, sized) <= section.box.height:
                _draw_wrapped(pen, wrapped, sized)
                return
    _draw_wrapped(pen, [_wrapped(block, sized, 2) for block in versions[-1]], sized)


def _scaled(section: _Section, scale: float) -> _Section:
    return replace(
        section,
        heading=max(6, section.heading * scale),
        value=section.value * scale,
        line=section.line * scale,
    )


def _wrapped(block: _Block, section: _Section, most: int) -> _Block:
    face = Face(section.value)
    lines = [part for line in block.lines for part in wrap(line, section.box.width, face, most)]
    return replace(block, lines=tuple(lines))


def _height(blocks: Sequence[_Block], section: _Section) -> float:
    """Points that the blocks take, each followed by a blank line but the last."""
    lines = sum(len(block.lines) + 2 for block in blocks) - 1
    blank = section.blank[1] if not blocks[-1].lines else 0
    return lines * section.line + blank


def _draw_wrapped(pen: Pen, blocks: Sequence[_Block], section: _Section) -> None:
    heading, value = Face(section.heading, BOLD), Face(section.value)
    x, y = section.box.x, section.box.y + section.box.height
    for block in blocks:
        pen.line(block.heading, x, y, heading)
        y -= section.line
        for line in block.lines:
            pen.line(line, x, y, value)
            y -= section.line
        if not block.lines:
            _draw_corners(pen, Box(x, y - section.blank[1], *section.blank))
        y -= section.line


def _draw_amount(
    pen: Pen,
    amount: Cents | None,
    section: _Section,
    place: tuple[float, float],
    box: Box,
    gettext: Gettext,
) -> None:
    """Currency at `place`'s x, amount that much beside it; `box` is where the payer writes it."""
    _ = gettext
    heading, value = Face(section.heading, BOLD), Face(section.value)
    x, beside = place
    pen.line(_("Currency"), x, _AMOUNT_TOP, heading)
    pen.line(_("Amount"), x + beside, _AMOUNT_TOP, heading)
    pen.line("CHF", x, _AMOUNT_TOP - section.line, value)
    if amount is None:
        _draw_corners(pen, box)
    else:
        shown = f"{amount // 100:,}.{amount % 100:02d}".replace(",", " ")
        pen.line(shown, x + beside, _AMOUNT_TOP - section.line, value)


def _draw_corners(pen: Pen, box: Box) -> None:
    canvas = pen.canvas
    canvas.saveState()
    canvas.setLineWidth(0.75)
    for x, inward in ((box.x, _CORNER), (box.x + box.width, -_CORNER)):
        for y, upward in ((box.y, _CORNER), (box.y + box.height, -_CORNER)):
            canvas.line(x, y, x + inward, y)
            canvas.line(x, y, x, y + upward)
    canvas.restoreState()


def swiss_code(bill: QrBill) -> segno.QRCode:
    """The code in UTF-8, level M. Raises: as `app.bank.qrbill.cleaned`."""
    return segno.make(payload(bill), error="m", encoding="utf-8", micro=False, boost_error=False)


def _draw_code(pen: Pen, bill: QrBill) -> None:
    """The code, and the Swiss cross in its middle."""
    pen.modules(swiss_code(bill), _CODE)
    x, y = _CODE.x + _CODE.width / 2, _CODE.y + _CODE.height / 2
    for width, height, colour in (
        (7, 7, white),
        (6, 6, black),
        (1.17, 3.89, white),
        (3.89, 1.17, white),
    ):
        pen.fill(Box(x - width * mm / 2, y - height * mm / 2, width * mm, height * mm), colour)


def _draw_cuts(pen: Pen, gettext: Gettext) -> None:
    """The two lines along which the parts are cut off, with scissors."""
    pen.rule(0, HEIGHT, WIDTH, black)
    pen.canvas.line(RECEIPT_WIDTH, 0, RECEIPT_WIDTH, HEIGHT)
    _draw_scissors(pen, 8 * mm, HEIGHT, 0)
    _draw_scissors(pen, RECEIPT_WIDTH, HEIGHT - 8 * mm, -90)
    _ = gettext
    face = Face(6, align="centre")
    pen.write(_("Separate before paying in"), WIDTH / 2, HEIGHT + 1 * mm, face)


def _draw_scissors(pen: Pen, x: float, y: float, angle: float) -> None:
    canvas = pen.canvas
    canvas.saveState()
    canvas.translate(x, y)
    canvas.rotate(angle)
    canvas.setLineWidth(0.7)
    for side in (1, -1):
        canvas.circle(-1.3 * mm, side * 0.75 * mm, 0.6 * mm)
        canvas.line(-0.8 * mm, side * 0.45 * mm, 2.2 * mm, -side * 0.75 * mm)
    canvas.restoreState()
