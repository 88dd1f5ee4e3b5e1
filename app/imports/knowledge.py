"""What is registered, as plain values to compare a list with."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole
from sqlalchemy.orm import Session

from app.access import is_held_on
from app.models import (
    Account,
    AccountHolder,
    CanteenUser,
    Diet,
    Enrolment,
    Pupil,
    PupilAccount,
    SchoolClass,
    TariffCategory,
)
from app.registration import shown_mail
from app.rules.names import folded
from app.sheets.known import Known, KnownEnrolment, KnownPupil, KnownUser
from app.vocabulary import Role


def knowledge(session: Session, year_id: int, today: date) -> Known:
    """All of it; the classes are those of the school year."""
    in_year = SchoolClass.school_year_id == year_id
    return Known(
        pupils=_pupils(session),
        users=_users(session),
        holders=_holders(session, today),
        classes=_keys(session, sa.select(SchoolClass.name, SchoolClass.id).where(in_year)),
        diets=_keys(session, _in_use(Diet)),
        categories=_keys(session, _in_use(TariffCategory)),
        names=_names(session),
    )


def _in_use(model: type[Any]) -> Any:
    return sa.select(model.name, model.id).where(model.archived_at.is_(None))


def _keys(session: Session, query: Any) -> dict[str, int]:
    return {folded(name): key for name, key in session.execute(query)}


def _names(session: Session) -> dict[tuple[str, int], str]:
    models: tuple[type[Any], ...] = (SchoolClass, Diet, TariffCategory)
    return {
        (model.__name__, key): name
        for model in models
        for key, name in session.execute(sa.select(model.id, model.name))
    }


def _pupils(session: Session) -> tuple[KnownPupil, ...]:
    accounts, enrolments = _accounts(session), _enrolments(session)
    query = sa.select(
        Pupil.id,
        Pupil.first_name,
        Pupil.last_name,
        Pupil.birth_date,
        Pupil.diet_id,
        Pupil.archived_at,
    ).order_by(Pupil.id)
    return tuple(
        KnownPupil(*row, account_ids=tuple(accounts[row.id]), enrolments=tuple(enrolments[row.id]))
        for row in session.execute(query)
    )


def _accounts(session: Session) -> Mapping[int, list[int]]:
    query = (
        sa.select(PupilAccount.pupil_id, PupilAccount.account_id)
        .join(PupilAccount.account)
        .where(Account.archived_at.is_(None))
        .order_by(PupilAccount.id)
    )
    found = defaultdict(list)
    for pupil_id, account_id in session.execute(query):
        found[pupil_id].append(account_id)
    return found


def _enrolments(session: Session) -> Mapping[int, list[KnownEnrolment]]:
    query: Any = sa.select(
        Enrolment.pupil_id,
        Enrolment.id,
        Enrolment.school_class_id,
        Enrolment.category_id,
        Enrolment.valid_from,
        Enrolment.valid_until,
    )
    found = defaultdict(list)
    for pupil_id, *values in session.execute(query):
        found[pupil_id].append(KnownEnrolment(*values))
    return found


def _users(session: Session) -> tuple[KnownUser, ...]:
    parents = sa.select(StoredRole.id).where(StoredRole.name != Role.PARENT.value)
    works = CanteenUser.roles.any(StoredRole.id.in_(parents))
    query = sa.select(
        CanteenUser.id,
        CanteenUser.first_name,
        CanteenUser.last_name,
        CanteenUser.email,
        CanteenUser.phone,
        CanteenUser.street,
        CanteenUser.postal_code,
        CanteenUser.town,
        CanteenUser.language,
        works.label("is_staff"),
    ).order_by(CanteenUser.id)
    return tuple(
        KnownUser(**{**row._mapping, "email": shown_mail(row.email)})  # noqa: SLF001 - public by a leading underscore
        for row in session.execute(query)
    )


def _holders(session: Session, today: date) -> dict[int, frozenset[int]]:
    query = (
        sa.select(AccountHolder.account_id, AccountHolder.user_id)
        .join(AccountHolder.account)
        .where(is_held_on(today), Account.archived_at.is_(None))
        .order_by(AccountHolder.id)
    )
    found = defaultdict(set)
    for account_id, user_id in session.execute(query):
        found[account_id].add(user_id)
    return {account_id: frozenset(users) for account_id, users in found.items()}
