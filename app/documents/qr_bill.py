"""The QR-bill of an account: how to top it up by e-banking or at the post, on one A4 page."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from reportlab.lib.units import mm

from app.bank.qrbill import QrBill
from app.bank.references import format_reference
from app.documents.letterhead import Gettext, Letterhead, Paper, Sheet
from app.documents.payment_part import draw_payment_part
from app.documents.text import Face, format_day, format_francs
from app.money import Cents

STEP: Final = Face(10.5)


@dataclass(frozen=True)
class TopUpBill:
    """A bill and whose account it tops up; `proposed` is shown where the bill leaves it open.

    `is_monthly`: a standing order, paid every month with the same reference.
    """

    bill: QrBill
    account: str
    children: tuple[str, ...]
    issued_on: date
    is_monthly: bool = False
    proposed: Cents | None = None
    locale: str = "fr"


def render_qr_bill(content: TopUpBill, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The bill as a PDF of one A4 page, payment part and receipt at its foot.

    Raises: as `app.bank.qrbill.cleaned`.
    """
    _ = gettext
    title = _("Top-up by monthly standing order") if content.is_monthly else _("Top-up by QR-bill")
    sheet = Sheet(letterhead, gettext, title, Paper(content.locale, numbered=False))
    sheet.skip(6 * mm)
    sheet.title(title, format_day(content.issued_on))
    for label, value in _details(content, gettext):
        sheet.detail(label, value)
    sheet.skip(4 * mm)
    for step in _steps(content, gettext):
        sheet.paragraph(step, STEP)
        sheet.skip(2 * mm)
    draw_payment_part(sheet, content.bill, gettext)
    return sheet.pdf()


def _details(content: TopUpBill, gettext: Gettext) -> list[tuple[str, str]]:
    _ = gettext
    amount = content.bill.amount or content.proposed
    label = _("Proposed monthly amount") if content.is_monthly else _("Amount")
    details = [
        (_("Account"), content.account),
        (_("Children"), ", ".join(content.children)),
        (_("Payment reference"), format_reference(content.bill.reference)),
        (label, format_francs(amount) if amount else _("as you choose")),
    ]
    return [(label, value) for label, value in details if value]


def _steps(content: TopUpBill, gettext: Gettext) -> list[str]:
    _ = gettext
    scan = _("Scan the code below in your e-banking, or pay at a post office counter.")
    if content.is_monthly:
        scan = _("Scan the code below in your e-banking and order the payment for every month.")
    return [
        scan,
        *([_("Enter the amount that you choose.")] if content.bill.amount is None else []),
        _("The reference stays the same for ever and is this account’s alone."),
        _("The money is on the account 3 to 7 working days after you pay."),
    ]
