"""Departure: the pupil's enrolments end, the meals after it are cancelled, every payer is told.

Previewed by doing it and taking it back; undone as long as nobody has changed things since.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking, outbox
from app.booking.changes import Wish, try_to_book
from app.booking.record import lock_day, new_operation
from app.booking.restoring import gone_meals
from app.clock import Now
from app.enrolments import enrolments_from, hold_pupil
from app.errors import NotEnrolled, NothingToUndo
from app.models import (
    Account,
    Booking,
    BookingChange,
    Departure,
    Enrolment,
    Pupil,
    PupilAccount,
    ServiceDay,
)
from app.money import Cents
from app.rules.deadlines import ServiceRules
from app.vocabulary import FactKind


@dataclass(frozen=True)
class Leftover:
    """An account that paid for a pupil who leaves: its money, and who is left to eat from it."""

    account_id: int
    label: str
    balance: Cents
    siblings: tuple[str, ...]


@dataclass(frozen=True)
class Leaving:
    """What a departure does: the days whose meals go, and the accounts that paid."""

    departure_id: int
    days: tuple[date, ...]
    accounts: tuple[Leftover, ...]


def plan_departure(session: Session, pupil_id: int, first: date, now: Now) -> Leaving:
    """What `leave` would do, by doing it and taking it back. Raises: as `leave`."""
    point = session.begin_nested()
    try:
        return leave(session, pupil_id, first, now)
    finally:
        point.rollback()


def leave(session: Session, pupil_id: int, first: date, now: Now) -> Leaving:
    """The pupil is enrolled no more from the day on; open meals of those days are cancelled.

    What was charged stays charged. Raises: NotEnrolled for who is not enrolled then.
    """
    hold_pupil(session, pupil_id)
    ending = enrolments_from(session, pupil_id, first)
    if not ending:
        raise NotEnrolled(first)
    kept = [_kept(each) for each in ending]
    for enrolment in ending:
        if enrolment.valid_from >= first:
            session.delete(enrolment)
        else:
            enrolment.valid_until = first
    session.flush()
    operation = new_operation()
    booking.depart(session, pupil_id, now, operation)
    departure = Departure(
        pupil_id=pupil_id,
        valid_from=first,
        decided_at=now(),
        operation_id=operation,
        enrolments=kept,
    )
    session.add(departure)
    session.flush()
    accounts = leftovers(session, pupil_id, first)
    for account in accounts:
        outbox.tell(
            session,
            FactKind.DEPARTED,
            now=departure.decided_at,
            account_id=account.account_id,
            record_id=departure.id,
        )
    return Leaving(departure.id, days_cancelled(session, operation), accounts)


def _kept(enrolment: Enrolment) -> dict[str, Any]:
    return {
        "school_class_id": enrolment.school_class_id,
        "category_id": enrolment.category_id,
        "valid_from": enrolment.valid_from.isoformat(),
        "valid_until": enrolment.valid_until.isoformat(),
    }


def leftovers(session: Session, pupil_id: int, first: date) -> tuple[Leftover, ...]:
    """The accounts that pay for the pupil, and their other children who eat on from the day."""
    query = (
        sa.select(Account)
        .join(Account.pupils)
        .where(PupilAccount.pupil_id == pupil_id, Account.archived_at.is_(None))
        .order_by(Account.id)
    )
    return tuple(
        Leftover(a.id, a.label, a.balance, _siblings(session, a.id, pupil_id, first))
        for a in session.scalars(query)
    )


def _siblings(session: Session, account_id: int, pupil_id: int, first: date) -> tuple[str, ...]:
    is_enrolled = Pupil.enrolments.any(Enrolment.valid_until > first)
    query = (
        sa.select(Pupil)
        .join(Pupil.payers)
        .where(
            PupilAccount.account_id == account_id,
            Pupil.id != pupil_id,
            Pupil.archived_at.is_(None),
            is_enrolled,
        )
        .order_by(Pupil.birth_date, Pupil.id)
    )
    return tuple(pupil.full_name for pupil in session.scalars(query))


def days_cancelled(session: Session, operation: str) -> tuple[date, ...]:
    """The days whose meals a departure took away."""
    query = (
        sa.select(ServiceDay.date)
        .join(Booking, Booking.service_day_id == ServiceDay.id)
        .join(BookingChange, BookingChange.booking_id == Booking.id)
        .where(BookingChange.operation_id == operation)
        .order_by(ServiceDay.date)
    )
    return tuple(session.scalars(query))


def last_departure(session: Session, pupil_id: int) -> Departure | None:
    """The pupil's departure, if it holds: not undone, and not enrolled again since."""
    found: Departure | None = session.scalar(
        sa.select(Departure)
        .where(Departure.pupil_id == pupil_id, Departure.undone_at.is_(None))
        .order_by(Departure.id.desc())
        .limit(1)
    )
    if found is None or enrolments_from(session, pupil_id, found.valid_from):
        return None
    return found


def undo_departure(
    session: Session, departure_id: int, rules: ServiceRules, now: Now
) -> tuple[int, int]:
    """Enrol the pupil as before, and book again what went: how many meals, how many could not be.

    Raises: NothingToUndo, if it is undone already or the pupil was enrolled again since.
    """
    departure = session.get_one(Departure, departure_id, with_for_update=True)
    hold_pupil(session, departure.pupil_id)
    standing = last_departure(session, departure.pupil_id)
    if standing is None or standing.id != departure.id:
        raise NothingToUndo
    for kept in departure.enrolments:
        _restore(session, departure, kept)
    session.flush()
    departure.undone_at = now()
    again = _cancelled_meals(session, departure.operation_id)
    for day in sorted({wish.day for wish in again}):
        lock_day(session, day)
    done = sum(try_to_book(session, wish, rules, now) is None for wish in again)
    return done, len(again) - done


def _restore(session: Session, departure: Departure, kept: dict[str, Any]) -> None:
    begins, until = (date.fromisoformat(kept[key]) for key in ("valid_from", "valid_until"))
    ended = session.scalars(
        sa.select(Enrolment).where(
            Enrolment.pupil_id == departure.pupil_id, Enrolment.valid_from == begins
        )
    ).one_or_none()
    if ended is not None:
        ended.valid_until = until
        return
    enrolment = Enrolment(
        pupil_id=departure.pupil_id,
        school_class_id=kept["school_class_id"],
        category_id=kept["category_id"],
        valid_from=begins,
        valid_until=until,
    )
    session.add(enrolment)


def _cancelled_meals(session: Session, operation: str) -> list[Wish]:
    """What one departure cancelled, where nobody has changed it since."""
    undoing = new_operation()
    return [
        Wish(
            each.pupil_id,
            day,
            each.version,
            meal_type_id=each.meal_type_id,
            account_id=each.account_id,
            operation=undoing,
        )
        for each, day in session.execute(gone_meals(operation).add_columns(ServiceDay.date))
    ]
