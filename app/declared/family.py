"""A family on one page: who they are, what they eat, have and get, and how to act for them."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager, joinedload

from app.access import is_held_on
from app.booking.forecast import coverage
from app.declared.papers import papers_of
from app.models import (
    Account,
    AccountHolder,
    Booking,
    BookingChange,
    FamilyPaper,
    OutboxMail,
    Pupil,
    PupilAccount,
    ServiceDay,
)
from app.operations import latest
from app.pages.finding import class_names
from app.pages.summary import coverage_sentence
from app.payments.refunds import open_refund
from app.registration import shown_mail
from app.vocabulary import HOLDS_A_SEAT

SHOWN: Final = 8


@dataclass(frozen=True)
class Child:
    """A child of the account."""

    id: int
    name: str
    school_class: str
    diet: str
    is_archived: bool


def family_page(session: Session, account: Account, today: date) -> dict[str, Any]:
    """What the template of a family's page shows."""
    return {
        "shown_mail": shown_mail,
        "coverage": coverage_sentence(coverage(session, account.id, today)),
        "meals": session.scalars(_meals(account.id, today)).all(),
        "refund": open_refund(session, account.id),
        "papers": papers_of(session, FamilyPaper.account_id == account.id),
        "holders": session.scalars(_holders(account.id, today)).all(),
        "children": children_of(session, account.id, today),
        "changes": session.scalars(_changes(account.id)).all(),
        "operations": latest(session, account.id, SHOWN),
        "mails": session.scalars(_mails(account.id)).all(),
    }


def children_of(session: Session, account_id: int, today: date) -> list[Child]:
    """The children that the account pays for, the oldest first."""
    query = (
        sa.select(Pupil)
        .join(PupilAccount, PupilAccount.pupil_id == Pupil.id)
        .where(PupilAccount.account_id == account_id)
        .order_by(Pupil.birth_date, Pupil.id)
        .options(joinedload(Pupil.diet))
    )
    pupils = session.scalars(query).all()
    classes = class_names(session, [pupil.id for pupil in pupils], today)
    return [
        Child(
            id=pupil.id,
            name=pupil.full_name,
            school_class=classes.get(pupil.id, ""),
            diet=pupil.diet.name,
            is_archived=pupil.archived_at is not None,
        )
        for pupil in pupils
    ]


def _holders(account_id: int, today: date) -> sa.Select[AccountHolder]:
    return (
        sa.select(AccountHolder)
        .where(AccountHolder.account_id == account_id, is_held_on(today))
        .order_by(AccountHolder.id)
        .options(joinedload(AccountHolder.user))
    )


def _meals(account_id: int, today: date) -> sa.Select[Booking]:
    """The next meals that the account pays for."""
    return (
        sa.select(Booking)
        .join(Booking.service_day)
        .where(
            Booking.account_id == account_id,
            Booking.state.in_(HOLDS_A_SEAT),
            ServiceDay.date >= today,
        )
        .order_by(ServiceDay.date, Booking.pupil_id)
        .limit(SHOWN)
        .options(
            joinedload(Booking.pupil),
            contains_eager(Booking.service_day),
            joinedload(Booking.meal_type),
        )
    )


def _changes(account_id: int) -> sa.Select[BookingChange]:
    return (
        sa.select(BookingChange)
        .join(BookingChange.booking)
        .where(Booking.account_id == account_id)
        .order_by(BookingChange.id.desc())
        .limit(SHOWN)
        .options(
            joinedload(BookingChange.actor),
            joinedload(BookingChange.booking).options(
                joinedload(Booking.pupil), joinedload(Booking.service_day)
            ),
        )
    )


def _mails(account_id: int) -> sa.Select[OutboxMail]:
    return (
        sa.select(OutboxMail)
        .where(OutboxMail.account_id == account_id)
        .order_by(OutboxMail.id.desc())
        .limit(SHOWN)
        .options(joinedload(OutboxMail.user))
    )
