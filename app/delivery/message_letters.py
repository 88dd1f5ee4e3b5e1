"""A message of staff as a mail: what was typed, in the canteen's frame."""

import re

from app.delivery.letter import Letter
from app.delivery.telling import Telling
from app.messages import Draft, text_for
from app.models import Message
from app.vocabulary import FactKind, Language


def message(told: Telling) -> Letter:
    """What was written to the reader."""
    (message_id,) = told.records(FactKind.MESSAGE)
    reader = told.mail.user
    language = Language.FRENCH if reader is None else reader.language
    return message_letter(told.session.get_one(Message, message_id), language)


def message_letter(written: Message | Draft, language: Language) -> Letter:
    """Paragraphs are what blank lines part; whatever was typed stays text."""
    subject, text = text_for(written, language)
    opening, *rest = re.split(r"\n\s*\n", text.strip())
    return Letter(subject=subject, opening=opening, notes=tuple(rest), is_by_hand=True)
