"""A decision is taken back: the meals that it cancelled are booked again, where they can be."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.booking.changes import Wish, try_to_book
from app.booking.record import lock_day
from app.clock import Now
from app.errors import Refusal
from app.models import Booking, BookingChange, ServiceDay
from app.refusals import DayPast
from app.rules.deadlines import ServiceRules, end_of_service_of
from app.vocabulary import BookingState, Reason

LIFTED: Final = "-lifted"
"""What the operation that books meals again is called after the one that cancelled them."""

_GONE = (BookingState.CANCELLED, BookingState.GIVEN_BACK)


@dataclass(frozen=True)
class Restored:
    """What became of one cancelled meal: booked again, or why not."""

    day: date
    child: str
    refusal: Refusal | None = None


def gone_meals(operation: str) -> sa.Select[Booking]:
    """The meals that the operation cancelled and that nobody has touched since, in their order."""
    return (
        sa.select(Booking)
        .join(BookingChange, BookingChange.booking_id == Booking.id)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .where(
            BookingChange.operation_id == operation,
            BookingChange.new_state.in_(_GONE),
            BookingChange.version == Booking.version,
        )
        .order_by(ServiceDay.date, Booking.id)
    )


def days_to_restore(session: Session, operation: str, first: date) -> Sequence[date]:
    """The days from the first one on that have such meals."""
    query = gone_meals(operation).with_only_columns(ServiceDay.date).distinct()
    return session.scalars(
        query.where(ServiceDay.date >= first).order_by(None).order_by(ServiceDay.date)
    ).all()


def restore_meals(
    session: Session, operation: str, day: date, rules: ServiceRules, now: Now
) -> list[Restored]:
    """Book again what the operation cancelled on the day, each meal for itself.

    As staff would: after the last call it is charged at once. A day that is over stays as it is.
    """
    lock_day(session, day)
    query = gone_meals(operation).where(ServiceDay.date == day)
    meals = session.scalars(query.options(joinedload(Booking.pupil))).all()
    if now() >= end_of_service_of(day, rules):
        return [Restored(day, meal.pupil.full_name, DayPast()) for meal in meals]
    return [_restore(session, meal, operation, day, rules, now) for meal in meals]


def _restore(
    session: Session, meal: Booking, operation: str, day: date, rules: ServiceRules, now: Now
) -> Restored:
    child = meal.pupil.full_name
    wish = Wish(
        meal.pupil_id,
        day,
        version=meal.version,
        meal_type_id=meal.meal_type_id,
        account_id=meal.account_id,
        reason=Reason.RESTORED,
        operation=f"{operation}{LIFTED}",
    )
    return Restored(day, child, try_to_book(session, wish, rules, now))
