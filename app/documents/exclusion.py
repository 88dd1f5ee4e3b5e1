"""The letter that tells a family of an exclusion: a page for each of those who read it."""

from dataclasses import dataclass
from datetime import date

from babel.dates import format_date
from reportlab.lib.units import mm

from app.documents.envelope import begin_letter
from app.documents.letterhead import BODY, Gettext, Letterhead, Paper, Sheet
from app.documents.lettering import BOLD
from app.documents.text import Face, format_day


@dataclass(frozen=True)
class Reader:
    """Whom a page is for; not every household learns the reason."""

    name: str
    address_lines: tuple[str, ...]
    knows_reason: bool


@dataclass(frozen=True)
class ExclusionLetter:
    """A decision of the committee; `last` is the last day without meals, `first` the first.

    `opens_on` is the first day on which the child may eat again.
    """

    readers: tuple[Reader, ...]
    child: str
    school_class: str
    first: date
    last: date
    opens_on: date
    decided_on: date
    reason: str
    written_on: date
    is_lifted: bool = False
    locale: str = "fr"


def render_exclusion(content: ExclusionLetter, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The letters as an A4 PDF. Raises: ValueError if nobody reads them."""
    if not content.readers:
        raise ValueError(content.readers)
    _ = gettext
    paper = Paper(content.locale, numbered=False)
    sheet = Sheet(letterhead, gettext, _title(content, gettext), paper)
    for place, reader in enumerate(content.readers):
        if place:
            sheet.end_page()
            sheet.letter_head()
        _letter(sheet, reader, content, gettext)
    return sheet.pdf()


def _title(content: ExclusionLetter, gettext: Gettext) -> str:
    _ = gettext
    if content.is_lifted:
        return _("The exclusion from the canteen is lifted")
    return _("Exclusion from the canteen")


def _letter(sheet: Sheet, reader: Reader, content: ExclusionLetter, gettext: Gettext) -> None:
    _ = gettext
    begin_letter(sheet, reader.name, reader.address_lines)
    sheet.paragraph(format_day(content.written_on))
    sheet.skip(5 * mm)
    sheet.paragraph(_title(content, gettext), Face(15, BOLD))
    sheet.skip(2 * mm)
    sheet.paragraph(_whose(content), Face(12, BOLD))
    sheet.skip(4 * mm)
    for text in _sentences(content, gettext):
        sheet.paragraph(text)
        sheet.skip(2.5 * mm)
    if reader.knows_reason and not content.is_lifted:
        reason = content.reason.rstrip(" .")
        sheet.paragraph(_("Reason: %(reason)s.") % {"reason": reason}, Face(BODY.size, BOLD))
    sheet.skip(4 * mm)
    _closing(sheet, gettext)


def _whose(content: ExclusionLetter) -> str:
    return ", ".join(filter(None, (content.child, content.school_class)))


def _sentences(content: ExclusionLetter, gettext: Gettext) -> tuple[str, ...]:
    _ = gettext
    facts = {
        name: format_date(getattr(content, name), "EEEE d MMMM y", content.locale)
        for name in ("first", "last", "opens_on", "decided_on")
    }
    if content.is_lifted:
        lifted = _("The decision of %(decided_on)s no longer holds: your child may eat with us.")
        return (_("Hello,"), lifted % facts)
    decided = _(
        "On %(decided_on)s the committee of the canteen decided that your child does not eat at "
        "the canteen from %(first)s to %(last)s inclusive."
    )
    meals = _(
        "Meals that were booked on these days are cancelled and cost nothing. No meal can be "
        "booked on them."
    )
    again = _("From %(opens_on)s on your child is welcome again; please book as usual.")
    return (_("Hello,"), decided % facts, meals, again % facts)


def _closing(sheet: Sheet, gettext: Gettext) -> None:
    _ = gettext
    contacts = " · ".join(sheet.letterhead.contacts)
    if contacts:
        sheet.compact(_("Questions: %(contacts)s") % {"contacts": contacts}, BODY, 2)
    sheet.skip(8 * mm)
    sheet.paragraph(_("For the committee of the canteen"))
    sheet.skip(16 * mm)
    sheet.paragraph(sheet.letterhead.name, Face(BODY.size, BOLD))
