"""A mail as its reader gets it: subject, text and HTML in their language."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from flask_babel import force_locale
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from app.delivery.letter import Attachment, Letter
from app.delivery.letters import LETTERS
from app.delivery.recipients import kitchen_address
from app.delivery.telling import Telling
from app.documents.letterhead import letterhead_of
from app.language import LOCALES
from app.models import CanteenSettings, CanteenUser, OutboxMail
from app.vocabulary import Language


@dataclass(frozen=True)
class Composed:
    """A letter that is ready to be sent."""

    name: str
    address: str
    subject: str
    text: str
    html: str
    attachments: tuple[Attachment, ...] = ()


def compose(
    session: Session, mail: OutboxMail, now: datetime, *, is_preview: bool = False
) -> Composed:
    """The mail with the present state of what it tells of; only reads.

    A preview is for staff: a link that lets its reader choose a password is left out.
    """
    canteen = session.get_one(CanteenSettings, 1)
    write = LETTERS[mail.kind]
    telling = Telling(session, mail, canteen, now, is_preview)
    return compose_letter(lambda: write(telling), mail.user, canteen)


def compose_letter(
    write: Callable[[], Letter], user: CanteenUser | None, canteen: CanteenSettings
) -> Composed:
    """A letter that is written in its reader's language, as they get it."""
    name = "" if user is None else f"{user.first_name} {user.last_name}".strip()
    language = Language.FRENCH if user is None else user.language
    with force_locale(LOCALES[language]):
        letter = write()
        variables = {
            "letter": letter,
            "greeting": _("Hello %(name)s,", name=name) if name else _("Hello,"),
            "canteen": canteen,
            "footer": _footer(canteen, letter),
            "lang": str(language),
        }
        return Composed(
            name=one_line(name),
            address=kitchen_address(canteen) if user is None else user.email,
            subject=one_line(letter.subject),
            text=_render("mail/letter.txt", variables),
            html=_render("mail/letter.html", variables),
            attachments=letter.attachments,
        )


def one_line(text: str) -> str:
    """Fit for a header: whatever was typed, no line ends."""
    return " ".join(text.split())


def _footer(canteen: CanteenSettings, letter: Letter) -> Sequence[str]:
    head = letterhead_of(canteen)
    address = ", ".join(filter(None, (head.name, *head.address_lines)))
    contact = ", ".join(filter(None, (head.phone, head.email)))
    why = (
        _("You get this mail because you hold an account at the canteen.")
        if letter.is_by_hand
        else _("This mail was written by a program.")
    )
    return [line for line in (address, contact, why) if line]


def _render(template: str, variables: dict[str, Any]) -> str:
    """Without the pages' own variables: a mail has no request and no menu."""
    return current_app.jinja_env.get_template(template).render(variables)
