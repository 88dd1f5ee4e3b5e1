"""The letter that brings a family its identifiers and first passwords: a page per holder."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from reportlab.lib.colors import black
from reportlab.lib.units import mm

from app.documents.envelope import begin_letter
from app.documents.letterhead import BODY, Gettext, Letterhead, Paper, Sheet
from app.documents.lettering import BOLD, MONO, printable
from app.documents.pen import GREY, PALE, Box
from app.documents.text import Face, format_day

QR_SIDE: Final = 36 * mm

LONGEST_SECRET: Final = 64
"""Characters of an identifier or password that stay legible on one line."""


@dataclass(frozen=True)
class HolderLetter:
    """What one holder of the account needs to log in for the first time.

    Raises: ValueError, which names the holder only, for an identifier or a password that
    would not be printed character for character.
    """

    name: str
    address_lines: tuple[str, ...]
    identifier: str
    password: str
    children: tuple[str, ...]

    def __post_init__(self) -> None:
        """Hold identifier and password to what the font shows."""
        for secret in (self.identifier, self.password):
            if not 0 < len(secret) <= LONGEST_SECRET or printable(secret, MONO) != secret:
                raise ValueError(self.name)


@dataclass(frozen=True)
class CredentialsLetter:
    """The letters of some people; `opening_hours` are lines such as « Lu-Ve, 08:00 - 11:30 »."""

    holders: tuple[HolderLetter, ...]
    site_url: str
    written_on: date
    opening_hours: tuple[str, ...] = ()
    locale: str = "fr"
    is_window_left: bool = False


def render_credentials(
    content: CredentialsLetter, letterhead: Letterhead, gettext: Gettext
) -> bytes:
    """The letters as an A4 PDF, each holder's on a page of its own.

    Raises: ValueError if there is no holder.
    """
    if not content.holders:
        raise ValueError(content.holders)
    _ = gettext
    paper = Paper(content.locale, numbered=False)
    sheet = Sheet(letterhead, gettext, _("Your access to the canteen"), paper)
    for place, holder in enumerate(content.holders):
        if place:
            sheet.end_page()
            sheet.letter_head()
        _letter(sheet, holder, content, gettext)
    return sheet.pdf()


def _letter(
    sheet: Sheet, holder: HolderLetter, content: CredentialsLetter, gettext: Gettext
) -> None:
    _ = gettext
    is_left = content.is_window_left
    begin_letter(sheet, holder.name, holder.address_lines, is_window_left=is_left)
    sheet.paragraph(format_day(content.written_on))
    sheet.skip(5 * mm)
    sheet.paragraph(_("Your access to the canteen"), Face(15, BOLD))
    sheet.skip(3 * mm)
    _welcome(sheet, holder, gettext)
    _secrets(sheet, holder, content, gettext)
    _steps(sheet, gettext)
    _contact(sheet, content, gettext)


def _welcome(sheet: Sheet, holder: HolderLetter, gettext: Gettext) -> None:
    _ = gettext
    sheet.paragraph(_("Hello,"))
    sheet.skip(2 * mm)
    sheet.paragraph(
        _(
            "Your family's meal account is ready. On our website you choose the days on which "
            "your children eat with us, see what is left on the account and top it up."
        )
    )
    sheet.skip(2 * mm)
    if holder.children:
        names = _("Children on this account: %(names)s") % {"names": ", ".join(holder.children)}
        sheet.compact(names, Face(BODY.size, BOLD), 3)


def _secrets(
    sheet: Sheet, holder: HolderLetter, content: CredentialsLetter, gettext: Gettext
) -> None:
    """A box with identifier and password, and the site as a QR code beside them."""
    _ = gettext
    box = Box(sheet.left, sheet.y - 49 * mm, sheet.width, 45 * mm)
    sheet.fill(box, PALE)
    y = box.y + box.height - 6 * mm
    for label, value, face in (
        (_("Website"), content.site_url, Face(13, BOLD)),
        (_("Identifier"), holder.identifier, Face(15, MONO)),
        (_("First password"), holder.password, Face(17, MONO)),
    ):
        width = box.width - QR_SIDE - 15 * mm
        sheet.write(label, box.x + 5 * mm, y, Face(9, colour=GREY))
        sheet.write_within(value, box.x + 5 * mm, y - 6.5 * mm, face, width)
        y -= 14 * mm
    right = box.x + box.width - QR_SIDE - 4.5 * mm
    sheet.qr_code(content.site_url, Box(right, box.y + 4.5 * mm, QR_SIDE, QR_SIDE))
    sheet.y = box.y - 6 * mm


def _steps(sheet: Sheet, gettext: Gettext) -> None:
    _ = gettext
    sheet.paragraph(_("The first time"), Face(12, BOLD))
    sheet.skip(1 * mm)
    steps = (
        _("Type the website's address into your browser, or scan the code with your phone."),
        _("Enter the identifier and the first password exactly as printed above."),
        _("Choose a password of your own. From then on the one in this letter is of no use."),
    )
    for number, step in enumerate(steps, start=1):
        sheet.paragraph(f"{number}. {step}")
        sheet.skip(1 * mm)
    sheet.skip(2 * mm)
    sheet.paragraph(
        _("The identifier and the password are for you alone: please keep this letter safe.")
    )


def _contact(sheet: Sheet, content: CredentialsLetter, gettext: Gettext) -> None:
    _ = gettext
    letterhead = sheet.letterhead
    sheet.skip(5 * mm)
    sheet.paragraph(_("A question? We are glad to help."), Face(12, BOLD))
    sheet.skip(1 * mm)
    sheet.compact(" · ".join(letterhead.contacts), BODY, 2)
    if content.opening_hours:
        hours = _("Opening hours: %(hours)s") % {"hours": " · ".join(content.opening_hours)}
        sheet.compact(hours, BODY, 3)
    sheet.skip(5 * mm)
    sheet.compact(letterhead.name, Face(BODY.size, colour=black), 1)
