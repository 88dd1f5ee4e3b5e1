"""Whose agenda it is: a parent's own children, or the pupil that staff name."""

from typing import Final

import sqlalchemy as sa
from flask_login import current_user

from app import clock
from app.context import service_rules
from app.errors import BadInput, NotFound
from app.extensions import db
from app.labels import FAMILIES_ASK_BY, STAFF_GIVE
from app.models import Pupil
from app.pages.asked import id_asked, word_asked
from app.pages.week_facts import Reader
from app.security import is_staff
from app.vocabulary import Channel, Reason

_PUPIL: Final = sa.select(Pupil).where(Pupil.id == sa.bindparam("pupil"))


def reader() -> Reader:
    """Who looks, and when."""
    return Reader(is_staff(current_user), clock.now(), service_rules())


def find_pupil(pupil_id: int) -> Pupil:
    """The pupil, within the reader's reach. Raises: NotFound."""
    found: Pupil | None = db.session().scalar(_PUPIL, {"pupil": pupil_id})
    if found is None:
        raise NotFound
    return found


def pupil_asked(text: str | None) -> int | None:
    """The pupil that staff look at; a parent sees all their own. Raises: NotFound."""
    if not text:
        return None
    pupil_id = find_pupil(id_asked(text)).id
    return pupil_id if is_staff(current_user) else None


def channel_asked(text: str | None) -> Channel | None:
    """How a family reached staff, who must say it; a parent's own word is not heard.

    Raises: BadInput.
    """
    if not is_staff(current_user):
        return None
    channel = word_asked(Channel, text)
    if channel not in FAMILIES_ASK_BY:
        raise BadInput
    return channel


def reason_asked(text: str | None) -> Reason | None:
    """Why staff change a day; a parent's own word is not heard. Raises: BadInput."""
    if not is_staff(current_user):
        return None
    reason = word_asked(Reason, text)
    if reason is not None and reason not in STAFF_GIVE:
        raise BadInput
    return reason
