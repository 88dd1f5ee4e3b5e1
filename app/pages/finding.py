"""Whom a few typed letters mean: pupils and families, whatever their accents.

SQLite has no `unaccent`, and a folded column would be one more thing to keep in step with every
name. A school has a few thousand names: they are read afresh and compared here; only the folding of
a name is remembered, and that never grows old.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import Session

from app import clock
from app.access import is_held_on
from app.models import Account, AccountHolder, CanteenUser, Enrolment, Pupil, PupilAccount
from app.models import SchoolClass as Class
from app.rules.names import is_meant, words_of

SHOWN: Final = 10
FEWEST_LETTERS: Final = 2


@dataclass(frozen=True)
class Found:
    """A pupil or a family to choose; the hint tells two of the same name apart."""

    label: str
    hint: str
    url: str


@dataclass(frozen=True)
class _Name:
    id: int
    label: str
    words: tuple[str, ...]


def find(session: Session, text: str, today: date) -> list[Found]:
    """At most SHOWN pupils and families, pupils first; none for fewer than two letters."""
    typed = words_of(text[:80])
    if sum(map(len, typed)) < FEWEST_LETTERS:
        return []
    pupils = _meant(typed, _pupils(session))[:SHOWN]
    accounts = _meant(typed, _accounts(session))[: SHOWN - len(pupils)]
    return [*_found_pupils(session, pupils, today), *_found_accounts(session, accounts)]


def accounts_meant(session: Session, text: str) -> list[int]:
    """The accounts whose label or holders are called so."""
    return [account.id for account in _meant(words_of(text[:80]), _accounts(session))]


def _meant(typed: tuple[str, ...], names: Iterable[_Name]) -> list[_Name]:
    """Last names before first names, and « Favre » before every « Famille »."""
    found = [name for name in names if is_meant(typed, name.words)]
    return sorted(found, key=lambda name: (not is_meant(typed, name.words[1:]), name.words))


def _pupils(session: Session) -> list[_Name]:
    query = sa.select(Pupil.id, Pupil.first_name, Pupil.last_name).where(
        Pupil.archived_at.is_(None)
    )
    return [
        _Name(key, f"{first} {last}", words_of(first) + words_of(last))
        for key, first, last in session.execute(query)
    ]


def _accounts(session: Session) -> list[_Name]:
    query = sa.select(Account.id, Account.label).where(Account.archived_at.is_(None))
    holders = _holders(session)
    return [
        _Name(key, label, words_of(label) + holders.get(key, ()))
        for key, label in session.execute(query)
    ]


def _holders(session: Session) -> dict[int, tuple[str, ...]]:
    query = (
        sa.select(AccountHolder.account_id, CanteenUser.first_name, CanteenUser.last_name)
        .join(CanteenUser, CanteenUser.id == AccountHolder.user_id)
        .where(is_held_on(clock.today()))
    )
    words: dict[int, tuple[str, ...]] = {}
    for account_id, first, last in session.execute(query):
        words[account_id] = words.get(account_id, ()) + words_of(first) + words_of(last)
    return words


def _found_pupils(session: Session, pupils: list[_Name], today: date) -> list[Found]:
    ids = [pupil.id for pupil in pupils]
    classes = class_names(session, ids, today)
    query = (
        sa.select(PupilAccount.pupil_id, Account.label)
        .join(Account, Account.id == PupilAccount.account_id)
        .where(PupilAccount.pupil_id.in_(ids))
        .order_by(Account.id)
    )
    payers = _gathered(session.execute(query))
    return [
        Found(
            pupil.label,
            " · ".join(filter(None, [classes.get(pupil.id), *payers.get(pupil.id, [])])),
            url_for("TillView.pupil", pk=pupil.id),
        )
        for pupil in pupils
    ]


def _found_accounts(session: Session, accounts: list[_Name]) -> list[Found]:
    query = (
        sa.select(PupilAccount.account_id, Pupil.first_name)
        .join(Pupil, Pupil.id == PupilAccount.pupil_id)
        .where(PupilAccount.account_id.in_([account.id for account in accounts]))
        .order_by(Pupil.birth_date)
    )
    children = _gathered(session.execute(query))
    return [
        Found(
            account.label,
            ", ".join(children.get(account.id, [])),
            url_for("TillView.account", pk=account.id),
        )
        for account in accounts
    ]


def _gathered(pairs: Iterable[tuple[int, str]]) -> Mapping[int, list[str]]:
    gathered: dict[int, list[str]] = {}
    for key, text in pairs:
        gathered.setdefault(key, []).append(text)
    return gathered


def class_names(session: Session, pupil_ids: Iterable[int], day: date) -> dict[int, str]:
    """The class of each pupil that is enrolled on the day."""
    query = (
        sa.select(Enrolment.pupil_id, Class.name)
        .join(Class, Class.id == Enrolment.school_class_id)
        .where(
            Enrolment.pupil_id.in_(list(pupil_ids)),
            Enrolment.valid_from <= day,
            Enrolment.valid_until > day,
        )
    )
    return dict(session.execute(query).all())
