"""Who looks known: proposed before anybody is made twice.

A school has a few thousand names: they are read afresh and compared here.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import CanteenUser, Pupil
from app.rules.likeness import are_days_alike, are_names_alike, is_same_phone
from app.rules.names import folded

MOST_PROPOSED: Final = 3


def known_holders(
    session: Session, names: tuple[str, str], email: str, phone: str
) -> list[CanteenUser]:
    """Users whom that may mean: the one with the mail address, then by telephone or name."""
    likely = [
        user
        for user in session.scalars(sa.select(CanteenUser).order_by(CanteenUser.id))
        if is_same_phone(user.phone, phone)
        or are_names_alike((user.first_name, user.last_name), names)
        or (email and user.email == email.lower())
    ]
    by_mail = [user for user in likely if email and user.email == email.lower()]
    return by_mail + [user for user in likely if user not in by_mail][:MOST_PROPOSED]


def known_pupils(
    session: Session, first_name: str, last_name: str, birth_date: date
) -> Sequence[Pupil]:
    """The children whom that may mean, those of exactly that name and birth date first.

    Others have nearly that name and the birth date, or the name and nearly the birth date.
    """
    names = first_name, last_name
    query = sa.select(Pupil).order_by(Pupil.id)
    likely = [pupil for pupil in session.scalars(query) if _is_near(pupil, names, birth_date)]
    exact = [p for p in likely if _is_named(p, names) and p.birth_date == birth_date]
    return exact + [pupil for pupil in likely if pupil not in exact][:MOST_PROPOSED]


def _is_near(pupil: Pupil, names: tuple[str, str], birth_date: date) -> bool:
    if pupil.birth_date == birth_date:
        return are_names_alike((pupil.first_name, pupil.last_name), names)
    return _is_named(pupil, names) and are_days_alike(pupil.birth_date, birth_date)


def _is_named(pupil: Pupil, names: tuple[str, str]) -> bool:
    return folded(pupil.first_name + pupil.last_name) == folded("".join(names))
