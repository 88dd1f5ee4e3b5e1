"""Searches by name, whatever the accents: « elodie » finds Élodie."""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from app.extensions import db
from app.filters import Condition, search_by
from app.models import Account, AccountHolder, CanteenUser, Pupil, PupilAccount
from app.rules.names import is_meant, words_of


def by_names(among: Callable[[list[int]], Condition], names: Callable[[], Any]) -> list[type[Any]]:
    """A text that finds the rows that are `among` the keys it means: `Pupil.id.in_`.

    `names` selects a key and then the names that go with it, over as many rows as there are.
    """

    def condition(text: str) -> Condition:
        typed = words_of(text[:80])
        words: dict[int, tuple[str, ...]] = {}
        for key, *texts in db.session().execute(names()):
            words[key] = sum((words_of(each or "") for each in texts), words.get(key, ()))
        return among([key for key, own in words.items() if is_meant(typed, own)])

    return [search_by("ct", condition)]


def pupil_names() -> Any:
    """Every pupil."""
    return sa.select(Pupil.id, Pupil.first_name, Pupil.last_name)


def user_names() -> Any:
    """Every user."""
    return sa.select(CanteenUser.id, CanteenUser.first_name, CanteenUser.last_name)


def family_names() -> Any:
    """Every account, with its holders and children."""
    return (
        sa.select(
            Account.id,
            Account.label,
            CanteenUser.first_name,
            CanteenUser.last_name,
            Pupil.first_name,
            Pupil.last_name,
        )
        .outerjoin(Account.holders)
        .outerjoin(AccountHolder.user)
        .outerjoin(Account.pupils)
        .outerjoin(PupilAccount.pupil)
    )
