"""What a request asks for, read strictly: what our pages never send is BadInput or NotFound."""

from datetime import date
from enum import StrEnum
from typing import TypeVar

from app.columns import MAX_ID
from app.errors import BadInput, NotFound
from app.extensions import db

# Far from the ends of the calendar, where a week before or after cannot be told.
_FIRST, _END = date(2000, 1, 1), date(2200, 1, 1)

Word = TypeVar("Word", bound=StrEnum)
Record = TypeVar("Record")


def _whole(text: str) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > len(str(MAX_ID)):
        return None
    return int(text) if int(text) <= MAX_ID else None


def id_asked(text: str | None) -> int:
    """A record's id. Raises: NotFound for what no record can have."""
    found = _whole(text or "")
    if found is None:
        raise NotFound
    return found


def record_asked(model: type[Record], text: str | None) -> Record:
    """The record with that id, within the reader's reach. Raises: NotFound."""
    found: Record | None = db.session().get(model, id_asked(text))
    if found is None:
        raise NotFound
    return found


def number_asked(text: str | None) -> int | None:
    """A whole number, None where none is given. Raises: BadInput."""
    if not text:
        return None
    found = _whole(text)
    if found is None:
        raise BadInput
    return found


def day_asked(text: str | None, *, default: date | None = None) -> date:
    """A date as yyyy-mm-dd, the default where none is given. Raises: BadInput."""
    if not text and default is not None:
        return default
    try:
        found = date.fromisoformat(text or "")
    except ValueError:
        raise BadInput from None
    if not _FIRST <= found < _END:
        raise BadInput
    return found


def code_asked(text: str | None) -> str:
    """An id of our making: letters and digits. Raises: BadInput."""
    if not text or not text.isascii() or not text.isalnum():
        raise BadInput
    return text


def word_asked(words: type[Word], text: str | None) -> Word | None:
    """One of an enum's values, None where none is given. Raises: BadInput."""
    if not text:
        return None
    try:
        return words(text)
    except ValueError:
        raise BadInput from None
