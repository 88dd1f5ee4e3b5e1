"""Messages of staff to many households: written once, told to each holder apart.

Nobody learns of another reader: the outbox makes one mail of each fact. A holder of several
accounts is told once, of the first of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager

from app import outbox
from app.access import is_held_on, staff_id
from app.clock import Now, local
from app.errors import N_, BadInput, Refusal
from app.models import (
    Account,
    AccountHolder,
    Booking,
    CanteenUser,
    Enrolment,
    Message,
    Pupil,
    PupilAccount,
    ServiceDay,
)
from app.money import Cents
from app.vocabulary import HOLDS_A_SEAT, Audience, BookingState, FactKind, Language

_EATS = HOLDS_A_SEAT - {BookingState.REFUSED}


class NobodyToWrite(Refusal):
    """A message without a reader."""

    sentence = N_("No household is meant by this choice. Choose other readers.")
    status = 400


@dataclass(frozen=True)
class Draft:
    """A message as it was typed; of `school_class_id`, `day`, `below` the one that is asked for."""

    audience: Audience
    subject: str
    text: str
    request_id: str
    school_class_id: int | None = None
    day: date | None = None
    below: Cents | None = None
    english_subject: str = ""
    english_text: str = ""


@dataclass(frozen=True)
class Addressee:
    """A holder, and the account by which they are written to."""

    user: CanteenUser
    account_id: int


def households(session: Session, draft: Draft, today: date) -> Sequence[int]:
    """The accounts in use that the message is for, by id. Raises: BadInput."""
    query = sa.select(Account.id).where(Account.archived_at.is_(None), _chosen(draft, today))
    return session.scalars(query.order_by(Account.id)).all()


def _chosen(draft: Draft, today: date) -> sa.ColumnElement[bool]:
    if draft.audience is Audience.EVERYONE:
        return sa.true()
    if draft.audience is Audience.CLASS and draft.school_class_id is not None:
        return Account.id.in_(_enrolled(today, draft.school_class_id))
    if draft.audience is Audience.DAY and draft.day is not None:
        return Account.id.in_(_eating(draft.day))
    if draft.audience is Audience.LOW_BALANCE and draft.below is not None:
        return sa.and_(Account.balance < draft.below, Account.id.in_(_enrolled(today)))
    raise BadInput


def _enrolled(today: date, school_class_id: int | None = None) -> sa.Select[int]:
    """The accounts of children who are at the school, or come to it, in the class if one is meant.

    Both households of a shared child.
    """
    query = (
        sa.select(PupilAccount.account_id)
        .join(Enrolment, Enrolment.pupil_id == PupilAccount.pupil_id)
        .join(Pupil, Pupil.id == PupilAccount.pupil_id)
        .where(Enrolment.valid_until > today, Pupil.archived_at.is_(None))
    )
    if school_class_id is None:
        return query
    return query.where(Enrolment.school_class_id == school_class_id)


def _eating(day: date) -> sa.Select[int]:
    """The accounts that pay for a meal of the day: a shared child's is told to its payer alone."""
    return (
        sa.select(Booking.account_id)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .where(ServiceDay.date == day, Booking.state.in_(_EATS))
    )


def addressees(session: Session, account_ids: Sequence[int], today: date) -> list[Addressee]:
    """Everybody who holds one of the accounts today, once, whether they have a mail address or not.

    Who has none is in the list for the office, which then knows whom to call.
    """
    query = (
        sa.select(AccountHolder)
        .join(AccountHolder.user)
        .where(AccountHolder.account_id.in_(account_ids), is_held_on(today))
        .order_by(AccountHolder.account_id, AccountHolder.user_id)
        .options(contains_eager(AccountHolder.user))
    )
    found: dict[int, Addressee] = {}
    for held in session.scalars(query):
        found.setdefault(held.user_id, Addressee(held.user, held.account_id))
    return list(found.values())


def send_message(session: Session, draft: Draft, now: Now) -> Message:
    """Keep the message and tell every addressee. The same form sent twice is one message.

    Raises: NotAllowed for who is not staff; NobodyToWrite; BadInput.
    """
    writer_id = staff_id(session)
    # One message of a person at a time: the second click finds what the first one sent.
    session.get_one(CanteenUser, writer_id, with_for_update=True)
    query = sa.select(Message).where(Message.request_id == draft.request_id)
    known: Message | None = session.scalar(query)
    if known is not None:
        return known
    instant = now()
    today = local(instant).date()
    account_ids = households(session, draft, today)
    readers = addressees(session, account_ids, today)
    if not readers:
        raise NobodyToWrite
    message = Message(
        **vars(draft),
        written_by_id=writer_id,
        written_at=instant,
        households=len(account_ids),
        readers=len(readers),
    )
    session.add(message)
    session.flush()
    for each in readers:
        outbox.tell(
            session,
            FactKind.MESSAGE,
            now=instant,
            account_id=each.account_id,
            user_id=each.user.id,
            record_id=message.id,
        )
    return message


def text_for(message: Message | Draft, language: Language) -> tuple[str, str]:
    """Subject and text in the reader's language, in the first one where there is no other."""
    if language is Language.ENGLISH and message.english_text:
        return message.english_subject, message.english_text
    return message.subject, message.text
