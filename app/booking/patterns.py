"""A repeating pattern: chosen weekdays from a day until a day, in one go, previewed, undoable."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.booking.changes import Wish, cancel_meal, try_to_book
from app.booking.record import lock_day, new_operation
from app.clock import Now
from app.errors import NotAllowed, NothingToUndo, Refusal
from app.models import Booking, BookingChange, ServiceDay
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState


@dataclass(frozen=True)
class Pattern:
    """Half-open range of dates; weekdays count from Monday, 0."""

    pupil_id: int
    first: date
    until: date
    weekdays: frozenset[int]
    meal_type_id: int | None = None
    account_id: int | None = None
    operation: str = field(default_factory=new_operation)


@dataclass(frozen=True)
class Planned:
    """What becomes of one day of a pattern: booked, or why not."""

    day: date
    refusal: Refusal | None = None
    was_booked: bool = False


def pattern_days(session: Session, pattern: Pattern) -> list[date]:
    """The service days that the pattern means, in order."""
    query = (
        sa.select(ServiceDay.date)
        .where(ServiceDay.date >= pattern.first, ServiceDay.date < pattern.until)
        .order_by(ServiceDay.date)
    )
    return [day for day in session.scalars(query) if day.weekday() in pattern.weekdays]


def plan_pattern(
    session: Session, pattern: Pattern, days: Sequence[date], rules: ServiceRules, now: Now
) -> list[Planned]:
    """What `book_pattern` would do, by doing it and taking it back."""
    point = session.begin_nested()
    try:
        return book_pattern(session, pattern, days, rules, now)
    finally:
        point.rollback()


def book_pattern(
    session: Session, pattern: Pattern, days: Sequence[date], rules: ServiceRules, now: Now
) -> list[Planned]:
    """Book those of the pattern's days that can be booked; say why of the others.

    Days that are booked already stay as they are. `days` is a part of `pattern_days`.
    """
    # All of them before the first wallet: locks are taken in one order everywhere.
    for day in sorted(days):
        lock_day(session, day)
    return [_book(session, pattern, day, rules, now) for day in days]


def _book(session: Session, pattern: Pattern, day: date, rules: ServiceRules, now: Now) -> Planned:
    if _standing(session, pattern.pupil_id, day):
        return Planned(day, was_booked=True)
    wish = Wish(
        pattern.pupil_id,
        day,
        meal_type_id=pattern.meal_type_id,
        account_id=pattern.account_id,
        operation=pattern.operation,
    )
    return Planned(day, try_to_book(session, wish, rules, now))


def _standing(session: Session, pupil_id: int, day: date) -> bool:
    query = (
        sa.select(Booking.id)
        .join(ServiceDay)
        .where(
            Booking.pupil_id == pupil_id,
            ServiceDay.date == day,
            Booking.state.not_in([BookingState.CANCELLED, BookingState.GIVEN_BACK]),
        )
    )
    return session.scalar(query) is not None


def undo_operation(
    session: Session, operation: str, rules: ServiceRules, now: Now
) -> list[Planned]:
    """Cancel what one operation booked, where nobody has changed it since; not a change of type.

    Raises: NothingToUndo.
    """
    query = (
        sa.select(Booking.pupil_id, ServiceDay.date, BookingChange.version)
        .join(BookingChange, BookingChange.booking_id == Booking.id)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .where(
            BookingChange.operation_id == operation,
            BookingChange.old_state.is_distinct_from(BookingState.BOOKED),
            BookingChange.new_state == BookingState.BOOKED,
            BookingChange.version == Booking.version,
        )
        .order_by(ServiceDay.date)
    )
    wishes = [Wish(pupil, day, version) for pupil, day, version in session.execute(query)]
    if not wishes:
        raise NothingToUndo
    for day in sorted({wish.day for wish in wishes}):
        lock_day(session, day)
    undoing = new_operation()
    undone = [_cancel(session, replace(w, operation=undoing), rules, now) for w in wishes]
    if all(isinstance(planned.refusal, NotAllowed) for planned in undone):
        raise NothingToUndo
    return undone


def _cancel(session: Session, wish: Wish, rules: ServiceRules, now: Now) -> Planned:
    try:
        with session.begin_nested():
            cancel_meal(session, wish, rules, now)
    except Refusal as refused:
        return Planned(wish.day, refused)
    return Planned(wish.day)
