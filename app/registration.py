"""Registering a family: its account, its holders, its children, in one go.

Who looks known is proposed before anybody is made twice: a holder by mail address, telephone or
name, a child by name and birth date, also where the spelling is only near.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole
from sqlalchemy.orm import Session

from app import ledger
from app.errors import NotEnrolled
from app.known import known_holders, known_pupils
from app.models import (
    Account,
    AccountHolder,
    CanteenSettings,
    CanteenUser,
    Enrolment,
    HealthRecord,
    Pupil,
    PupilAccount,
    SchoolClass,
)
from app.refusals import AlreadyRegistered
from app.rules.names import username_for
from app.vocabulary import Language, Role, Severity

NO_MAIL: Final = "@sans-courriel.invalid"
"""A mail address is unique and never empty: who has none gets one that goes nowhere."""

NO_PASSWORD: Final = "!"  # noqa: S105 - the hash of no password
"""What no password hashes to: the first one comes with the letter."""


def shown_mail(address: str) -> str:
    """A mail address, nothing for the one of who has none."""
    return "" if address.endswith(NO_MAIL) else address


@dataclass(frozen=True)
class HolderDraft:
    """A parent to register; without a hash nobody can log in until a letter is printed.

    `known_id` is the user that staff recognised in the proposal: linked instead of made;
    `is_another` refuses the proposal.
    """

    first_name: str
    last_name: str
    password_hash: str = NO_PASSWORD
    email: str = ""
    phone: str = ""
    street: str = ""
    postal_code: str = ""
    town: str = ""
    language: Language = Language.FRENCH
    known_id: int | None = None
    is_another: bool = False

    @property
    def names(self) -> tuple[str, str]:
        """First name first."""
        return self.first_name, self.last_name


@dataclass(frozen=True)
class PupilDraft:
    """A child to register; `known_id` as for holders, `is_another` refuses the proposal."""

    first_name: str
    last_name: str
    birth_date: date
    diet_id: int
    school_class_id: int
    category_id: int
    allergens: tuple[str, ...] = ()
    severity: Severity = Severity.ALLERGY
    note: str = ""
    known_id: int | None = None
    is_another: bool = False

    @property
    def full_name(self) -> str:
        """First name first."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class FamilyDraft:
    """What the form says; the children are enrolled from `starts_on` to the end of the year."""

    label: str
    starts_on: date
    holders: tuple[HolderDraft, ...]
    pupils: tuple[PupilDraft, ...]


@dataclass(frozen=True)
class Registered:
    """The account, its users and children in the order of the draft; None for known users."""

    account_id: int
    new_users: tuple[CanteenUser | None, ...]
    pupil_ids: tuple[int, ...] = ()


def register_family(session: Session, draft: FamilyDraft, today: date) -> Registered:
    """Make what is new and link what is known; the holders reach the account from today on.

    Raises: AlreadyRegistered for who looks known and was not decided upon; NotEnrolled for a class
    whose year is over by then.
    """
    # Registrations wait for each other, so that the same form sent twice finds itself.
    session.get_one(CanteenSettings, 1, with_for_update={"key_share": True})
    _refuse_undecided(session, draft)
    account = ledger.open_account(session, draft.label)
    users = [_holder(session, account, holder, today) for holder in draft.holders]
    pupils = [_pupil(session, account, pupil, draft.starts_on) for pupil in draft.pupils]
    return Registered(account.id, tuple(users), tuple(pupils))


def _refuse_undecided(session: Session, draft: FamilyDraft) -> None:
    for holder in draft.holders:
        found = known_holders(session, holder.names, holder.email, holder.phone)
        # A mail address is one person's: that they are another is no answer.
        is_theirs = any(user.email == holder.email.lower() for user in found)
        if not _is_decided(holder, [user.id for user in found], is_open=not is_theirs):
            raise AlreadyRegistered(" ".join(holder.names))
    for pupil in draft.pupils:
        children = known_pupils(session, pupil.first_name, pupil.last_name, pupil.birth_date)
        if not _is_decided(pupil, [child.id for child in children], is_open=True):
            raise AlreadyRegistered(pupil.full_name)


def _is_decided(
    draft: HolderDraft | PupilDraft, known_ids: Sequence[int], *, is_open: bool
) -> bool:
    if not known_ids or draft.known_id in known_ids:
        return True
    return draft.is_another and draft.known_id is None and is_open


def _holder(
    session: Session, account: Account, draft: HolderDraft, since: date
) -> CanteenUser | None:
    if draft.known_id is None:
        user = new_parent(session, draft)
    else:
        user = session.get_one(CanteenUser, draft.known_id)
        welcome_back(session, user)
    session.add(AccountHolder(user_id=user.id, account_id=account.id, valid_from=since))
    session.flush()
    return user if draft.known_id is None else None


def welcome_back(session: Session, user: CanteenUser) -> None:
    """Who left, or has only worked here, is a parent again."""
    parent = stored_role(session, Role.PARENT)
    if parent not in user.roles:
        user.roles.append(parent)
    user.active, user.archived_at = True, None


def new_parent(session: Session, draft: HolderDraft) -> CanteenUser:
    """A user with the role Parent and a password that the first login changes."""
    username = free_username(session, draft.first_name, draft.last_name)
    user = parent_of(draft, username, stored_role(session, Role.PARENT))
    session.add(user)
    session.flush()
    return user


def parent_of(draft: HolderDraft, username: str, role: StoredRole) -> CanteenUser:
    """The same, not yet in the session."""
    return CanteenUser(
        username=username,
        first_name=draft.first_name,
        last_name=draft.last_name,
        phone=draft.phone,
        street=draft.street,
        postal_code=draft.postal_code,
        town=draft.town,
        language=draft.language,
        password=draft.password_hash,
        must_change_password=True,
        active=True,
        roles=[role],
        email=draft.email.lower() or f"{username}{NO_MAIL}",
    )


def stored_role(session: Session, role: Role) -> StoredRole:
    """The row that Flask-AppBuilder keeps for a role."""
    return session.scalars(sa.select(StoredRole).where(StoredRole.name == role.value)).one()


def free_username(session: Session, first_name: str, last_name: str) -> str:
    """An identifier made of the name that nobody has yet."""
    base = username_for(first_name, last_name, ())
    like_it = sa.select(CanteenUser.username).where(CanteenUser.username.startswith(base))
    return username_for(first_name, last_name, set(session.scalars(like_it)))


def _pupil(session: Session, account: Account, draft: PupilDraft, since: date) -> int:
    if draft.known_id is None:
        pupil_id = _new_pupil(session, draft)
    else:
        pupil_id = draft.known_id
        session.get_one(Pupil, pupil_id).archived_at = None
    session.add(PupilAccount(pupil_id=pupil_id, account_id=account.id))
    if not _is_enrolled(session, pupil_id, since):
        session.add(_enrolment(session, pupil_id, draft, since))
    session.flush()
    return pupil_id


def _new_pupil(session: Session, draft: PupilDraft) -> int:
    pupil = Pupil(
        first_name=draft.first_name,
        last_name=draft.last_name,
        birth_date=draft.birth_date,
        diet_id=draft.diet_id,
    )
    session.add(pupil)
    session.flush()
    if draft.allergens or draft.note:
        record = HealthRecord(
            pupil_id=pupil.id,
            allergens=list(draft.allergens),
            severity=draft.severity,
            note=draft.note,
        )
        session.add(record)
    return pupil.id


def _is_enrolled(session: Session, pupil_id: int, day: date) -> bool:
    query = sa.select(Enrolment.id).where(
        Enrolment.pupil_id == pupil_id, Enrolment.valid_until > day
    )
    return session.scalar(query.limit(1)) is not None


def _enrolment(session: Session, pupil_id: int, draft: PupilDraft, since: date) -> Enrolment:
    year = session.get_one(SchoolClass, draft.school_class_id).school_year
    if since >= year.ends_on:
        raise NotEnrolled(since)
    return Enrolment(
        pupil_id=pupil_id,
        school_class_id=draft.school_class_id,
        category_id=draft.category_id,
        valid_from=max(since, year.starts_on),
        valid_until=year.ends_on,
    )
