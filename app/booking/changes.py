"""Booking and cancelling one meal."""

from dataclasses import dataclass, field
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.access import Actor, actor_of, holds_account
from app.booking.closing import charge_at_once, give_back
from app.booking.prices import price_of
from app.booking.record import Move, apply, lock_booking, lock_day, new_operation
from app.clock import Now
from app.errors import (
    AccountNotOpen,
    AccountOverdrawn,
    BookingClosed,
    CancellingClosed,
    CannotChange,
    CanteenClosed,
    ChangedMeanwhile,
    Excluded,
    MealTypeNotOpen,
    NotFound,
    ReasonMissing,
)
from app.models import Account, Booking, Exclusion, MealType, Pupil, PupilAccount, ServiceDay
from app.rules.choices import MealChoice, open_types
from app.rules.deadlines import (
    ServiceRules,
    booking_deadline,
    cancelling_deadline,
    is_late_cancellation,
    last_call_of,
)
from app.vocabulary import Attendance, BookingState, Reason

_TAKEN_BACK = {
    BookingState.BOOKED: BookingState.CANCELLED,
    BookingState.UNFUNDED: BookingState.CANCELLED,
    BookingState.CHARGED: BookingState.GIVEN_BACK,
}


@dataclass(frozen=True)
class Wish:
    """What somebody wants for one pupil on one day.

    `version` is the booking's version that they saw, 0 where there was none, None not to compare.
    """

    pupil_id: int
    day: date
    version: int | None = None
    meal_type_id: int | None = None
    account_id: int | None = None
    reason: Reason | None = None
    operation: str = field(default_factory=new_operation)


def book_meal(session: Session, wish: Wish, rules: ServiceRules, now: Now) -> Booking:
    """Book a meal, or change its type; a wish that is fulfilled already changes nothing.

    Parents until the deadline; staff afterwards with a reason, and once the day is closed the meal
    is charged at once or refused.

    Raises: NoServiceDay, CanteenClosed, NotEnrolled, NoPrice, Excluded, MealTypeNotOpen,
    BookingClosed, ReasonMissing, AccountNotOpen, AccountOverdrawn, DayFull, ChangedMeanwhile,
    CannotChange, InsufficientFunds.
    """
    day = lock_day(session, wish.day)
    booking = lock_booking(session, wish.pupil_id, day.id)
    instant, actor = now(), actor_of(session)
    meal_type = _meal_type(session, wish, actor)
    if booking is not None and _is_fulfilled(booking, meal_type, actor, session):
        return booking
    _check_version(booking, wish)
    _check_day(session, day, wish)
    _check_deadline(day, meal_type, rules, instant, actor, wish)
    price_of(session, pupil_id=wish.pupil_id, meal_type_id=meal_type.id, day=wish.day)
    booking = _prepare(session, booking, day, meal_type, wish, actor)
    move = Move(booking, BookingState.BOOKED, meal_type.id, Attendance.EXPECTED, wish.reason)
    if day.closed_at is None:
        apply(session, day, [move], now=instant, operation=wish.operation)
    else:
        charge_at_once(session, day, move, now=instant, operation=wish.operation)
    return booking


def cancel_meal(session: Session, wish: Wish, rules: ServiceRules, now: Now) -> Booking:
    """Cancel a meal; cancelling what is cancelled changes nothing.

    Parents until the last call; afterwards staff with a reason, and what was charged is given back.

    Raises: NoServiceDay, NotFound, CancellingClosed, ReasonMissing, ChangedMeanwhile, CannotChange.
    """
    day = lock_day(session, wish.day)
    booking = lock_booking(session, wish.pupil_id, day.id)
    instant, actor = now(), actor_of(session)
    if booking is None or not _may_change(session, booking, actor):
        raise NotFound
    if booking.state in {BookingState.CANCELLED, BookingState.GIVEN_BACK}:
        return booking
    _check_version(booking, wish)
    _check_cancelling(day, rules, instant, actor, wish)
    _take_back(session, day, booking, rules, instant, wish)
    return booking


def _take_back(
    session: Session,
    day: ServiceDay,
    booking: Booking,
    rules: ServiceRules,
    instant: datetime,
    wish: Wish,
) -> None:
    state = _TAKEN_BACK.get(booking.state)
    if state is None or booking.attendance is Attendance.SERVED:
        raise CannotChange
    if state is BookingState.GIVEN_BACK:
        give_back(session, booking, now=instant)
    is_special = session.get_one(MealType, booking.meal_type_id).is_special
    is_late = is_late_cancellation(day.date, rules, is_special=is_special, now=instant)
    attendance = Attendance.EXPECTED if day.closed_at is None else Attendance.ABSENT
    move = Move(booking, state, None, attendance, wish.reason, is_late)
    apply(session, day, [move], now=instant, operation=wish.operation)


def _may_change(session: Session, booking: Booking, actor: Actor) -> bool:
    return actor.is_staff or holds_account(session, actor.user_id, booking.account_id)


def _is_fulfilled(booking: Booking, meal_type: MealType, actor: Actor, session: Session) -> bool:
    if booking.state is not BookingState.BOOKED:
        return False
    if not _may_change(session, booking, actor):
        raise NotFound
    return booking.meal_type_id == meal_type.id


def _check_version(booking: Booking | None, wish: Wish) -> None:
    seen = 0 if booking is None else booking.version
    if wish.version is not None and wish.version != seen:
        raise ChangedMeanwhile


def _check_day(session: Session, day: ServiceDay, wish: Wish) -> None:
    if day.closure is not None:
        raise CanteenClosed(day.date, day.closure)
    query = sa.select(sa.func.max(Exclusion.valid_until)).where(
        Exclusion.pupil_id == wish.pupil_id,
        Exclusion.valid_from <= day.date,
        Exclusion.valid_until > day.date,
    )
    until = session.scalar(query)
    if until is not None:
        raise Excluded(until)


def _check_deadline(
    day: ServiceDay,
    meal_type: MealType,
    rules: ServiceRules,
    instant: datetime,
    actor: Actor,
    wish: Wish,
) -> None:
    deadline = booking_deadline(day.date, rules, is_special=meal_type.is_special)
    if not actor.is_staff and (instant >= deadline or day.closed_at is not None):
        raise BookingClosed(day.date, deadline)
    if actor.is_staff and instant >= last_call_of(day.date, rules) and wish.reason is None:
        raise ReasonMissing


def _check_cancelling(
    day: ServiceDay, rules: ServiceRules, instant: datetime, actor: Actor, wish: Wish
) -> None:
    deadline = cancelling_deadline(day.date, rules)
    is_over = instant >= deadline or day.closed_at is not None
    if is_over and not actor.is_staff:
        raise CancellingClosed(day.date, deadline)
    if is_over and wish.reason is None:
        raise ReasonMissing


def _meal_type(session: Session, wish: Wish, actor: Actor) -> MealType:
    pupil = session.get(Pupil, wish.pupil_id)
    if pupil is None or pupil.archived_at is not None:
        raise NotFound
    types = {t.id: t for t in session.scalars(sa.select(MealType)) if t.archived_at is None}
    usual = pupil.diet.meal_type
    allowed = open_types(
        MealChoice(usual.id, usual.is_special),
        [MealChoice(t.id, t.is_special) for t in types.values()],
        offers_choice=pupil.diet.offers_choice,
        is_staff=actor.is_staff,
    )
    wanted = allowed[0] if wish.meal_type_id is None else wish.meal_type_id
    if wanted not in allowed or wanted not in types:
        raise MealTypeNotOpen
    return types[wanted]


def _prepare(
    session: Session,
    booking: Booking | None,
    day: ServiceDay,
    meal_type: MealType,
    wish: Wish,
    actor: Actor,
) -> Booking:
    """The row to write: a booked one keeps its payer, any other gets the one that was chosen."""
    if booking is not None and booking.state is BookingState.BOOKED:
        return booking
    payer_id = _payer(session, wish, actor)
    if booking is None:
        return Booking(
            pupil_id=wish.pupil_id,
            service_day_id=day.id,
            meal_type_id=meal_type.id,
            account_id=payer_id,
        )
    booking.account_id = payer_id
    booking.price = None if booking.state is BookingState.CANCELLED else booking.price
    return booking


def _payer(session: Session, wish: Wish, actor: Actor) -> int:
    query = (
        sa.select(PupilAccount.account_id)
        .join(Account)
        .where(PupilAccount.pupil_id == wish.pupil_id, Account.archived_at.is_(None))
        .order_by(PupilAccount.account_id)
    )
    possible = [
        account_id
        for account_id in session.scalars(query)
        if actor.is_staff or holds_account(session, actor.user_id, account_id)
    ]
    if wish.account_id is None and len(possible) == 1:
        chosen = possible[0]
    elif wish.account_id in possible:
        chosen = wish.account_id
    else:
        raise AccountNotOpen
    if ledger.lock_accounts(session, [chosen])[chosen].taken_back > 0:
        raise AccountOverdrawn
    return chosen
