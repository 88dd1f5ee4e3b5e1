"""Whose agenda it is: a parent's own children, or the pupil that staff name."""

from flask_login import current_user

from app import clock
from app.context import service_rules
from app.errors import NotFound
from app.extensions import db
from app.models import Pupil
from app.pages.asked import id_asked
from app.pages.week_facts import Reader
from app.security import is_staff


def reader() -> Reader:
    """Who looks, and when."""
    return Reader(is_staff(current_user), clock.now(), service_rules())


def find_pupil(pupil_id: int) -> Pupil:
    """The pupil, within the reader's reach. Raises: NotFound."""
    found: Pupil | None = db.session().get(Pupil, pupil_id)
    if found is None:
        raise NotFound
    return found


def pupil_asked(text: str | None) -> int | None:
    """The pupil that staff look at; parents see their own, whatever they ask for."""
    if not text or not is_staff(current_user):
        return None
    return find_pupil(id_asked(text)).id
