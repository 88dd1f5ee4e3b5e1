"""Who is written to of an exclusion, and what each household may read."""

from datetime import date, timedelta

import sqlalchemy as sa
from flask_babel import get_locale
from sqlalchemy.orm import Session

from app.access import is_held_on
from app.documents.exclusion import ExclusionLetter, Reader
from app.documents.letterhead import address_lines
from app.models import Account, AccountHolder, CanteenUser, Exclusion, PupilAccount
from app.pages.finding import class_names
from app.vocabulary import DecisionState


def letters_of(session: Session, exclusion: Exclusion, today: date) -> ExclusionLetter:
    """The letter to every holder of an account that pays for the child."""
    until = exclusion.valid_until
    return ExclusionLetter(
        readers=tuple(_readers(session, exclusion, today)),
        child=exclusion.pupil.full_name,
        school_class=class_names(session, [exclusion.pupil_id], today).get(exclusion.pupil_id, ""),
        first=exclusion.valid_from,
        last=until - timedelta(days=1),
        opens_on=until,
        decided_on=exclusion.decided_on,
        reason=exclusion.reason,
        written_on=today,
        is_lifted=exclusion.state is DecisionState.LIFTED,
        locale=str(get_locale()),
    )


def _readers(session: Session, exclusion: Exclusion, today: date) -> list[Reader]:
    query = (
        sa.select(CanteenUser, PupilAccount.account_id)
        .join(AccountHolder, AccountHolder.user_id == CanteenUser.id)
        .join(Account, Account.id == AccountHolder.account_id)
        .join(PupilAccount, PupilAccount.account_id == Account.id)
        .where(
            PupilAccount.pupil_id == exclusion.pupil_id,
            Account.archived_at.is_(None),
            is_held_on(today),
        )
        .order_by(PupilAccount.account_id, CanteenUser.id)
    )
    found: dict[int, Reader] = {}
    for user, account_id in session.execute(query):
        knows = exclusion.account_id in {None, account_id}
        if user.id not in found or knows:
            found[user.id] = _reader(user, knows=knows)
    return list(found.values())


def _reader(user: CanteenUser, *, knows: bool) -> Reader:
    return Reader(user.get_full_name(), address_lines(user), knows)
