"""Booking and cancelling one meal."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import Actor, accounts_of, actor_of, holds_account
from app.booking.closing import charge_at_once, fund_today, give_back
from app.booking.outings import is_outing_of
from app.booking.prices import price_of
from app.booking.record import Move, apply, lock_booking, lock_day, new_operation
from app.clock import Now, local
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
    NoServiceDay,
    NotAllowed,
    NotFound,
    OnOuting,
    ReasonMissing,
)
from app.models import (
    Account,
    Booking,
    Diet,
    Exclusion,
    Interruption,
    MealType,
    Pupil,
    PupilAccount,
    ServiceDay,
)
from app.rules.choices import MealChoice, open_types
from app.rules.deadlines import (
    ServiceRules,
    booking_deadline,
    cancelling_deadline,
    is_late_cancellation,
    last_call_of,
)
from app.vocabulary import HOLDS_A_SEAT, Attendance, BookingState, DecisionState, Reason

_TAKEN_BACK = {
    BookingState.BOOKED: BookingState.CANCELLED,
    BookingState.UNFUNDED: BookingState.CANCELLED,
    BookingState.CHARGED: BookingState.GIVEN_BACK,
}

# Built once: they run at every tap.
_KEPT_AWAY: Final = sa.select(
    sa.select(sa.func.max(Exclusion.valid_until))
    .where(
        Exclusion.pupil_id == sa.bindparam("pupil"),
        Exclusion.state == DecisionState.IN_FORCE,
        Exclusion.valid_from <= sa.bindparam("day"),
        Exclusion.valid_until > sa.bindparam("day"),
    )
    .scalar_subquery(),
    sa.select(sa.func.max(Interruption.reason))
    .where(is_outing_of(sa.bindparam("pupil"), sa.bindparam("day")))
    .scalar_subquery(),
)
_DIET: Final = (
    sa.select(Diet.meal_type_id, Diet.offers_choice)
    .join(Pupil, Pupil.diet_id == Diet.id)
    .where(Pupil.id == sa.bindparam("pupil"), Pupil.archived_at.is_(None))
)
_MEAL_TYPES: Final = sa.select(MealType)
_MEAL_TYPE: Final = sa.select(MealType).where(MealType.id == sa.bindparam("meal_type"))
_PAYERS: Final = (
    sa.select(Account.id, Account.taken_back)
    .join(PupilAccount, PupilAccount.account_id == Account.id)
    .where(PupilAccount.pupil_id == sa.bindparam("pupil"), Account.archived_at.is_(None))
)
_OWN_PAYERS: Final = _PAYERS.where(Account.id.in_(accounts_of(sa.bindparam("user"))))


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


@dataclass(frozen=True)
class _Case:
    """What is known once the locks are held: who wishes what, on which day, and when."""

    session: Session
    wish: Wish
    rules: ServiceRules
    actor: Actor
    day: ServiceDay
    booking: Booking | None
    instant: datetime

    @property
    def is_over(self) -> bool:
        """After the last call only staff change the day; a late worker never reopens it."""
        last_call = last_call_of(self.day.date, self.rules)
        return self.day.closed_at is not None or self.instant >= last_call

    @property
    def version(self) -> int:
        """The booking's version, 0 where there is none."""
        return 0 if self.booking is None else self.booking.version


def book_meal(session: Session, wish: Wish, rules: ServiceRules, now: Now) -> Booking:
    """Book a meal, or change its type; a wish that is fulfilled already changes nothing.

    Parents until the deadline; staff afterwards too, with a reason: then the meal is charged at
    once or refused.

    Raises: NoServiceDay, NotFound, MealTypeNotOpen, NotAllowed, ChangedMeanwhile, CanteenClosed,
    Excluded, OnOuting, BookingClosed, ReasonMissing, NotEnrolled, NoPrice, AccountNotOpen,
    AccountOverdrawn, DayFull, CannotChange, InsufficientFunds.
    """
    case = _look(session, wish, rules, now)
    meal_type = _meal_type(case)
    if case.booking is not None:
        _check_payer(case, case.booking)
        if _is_fulfilled(case.booking, wish):
            return case.booking
    _check_version(case)
    _check_day(case)
    _check_deadline(case, meal_type)
    price = price_of(session, pupil_id=wish.pupil_id, meal_type_id=meal_type.id, day=wish.day)
    move = _booked(case, meal_type)
    if case.is_over:
        charge_at_once(session, case.day, move, price, now=case.instant, operation=wish.operation)
    else:
        apply(session, case.day, [move], now=case.instant, operation=wish.operation)
    return move.booking


def cancel_meal(session: Session, wish: Wish, rules: ServiceRules, now: Now) -> Booking:
    """Cancel a meal; cancelling what is cancelled changes nothing.

    Parents until the last call; afterwards staff with a reason, and what was charged is given back:
    that may make another of today's meals good.

    Raises: NoServiceDay, NotFound, NotAllowed, CancellingClosed, ReasonMissing, ChangedMeanwhile,
    CannotChange.
    """
    case = _look(session, wish, rules, now)
    booking = case.booking
    if booking is None:
        raise NotFound
    _check_payer(case, booking)
    if booking.state in {BookingState.CANCELLED, BookingState.GIVEN_BACK}:
        return booking
    _check_version(case)
    _check_cancelling(case)
    state = _TAKEN_BACK.get(booking.state)
    if state is None or booking.attendance is Attendance.SERVED:
        raise CannotChange
    if state is BookingState.GIVEN_BACK:
        give_back(session, booking, now=case.instant)
    move = _taken_back(case, booking, state)
    apply(session, case.day, [move], now=case.instant, operation=wish.operation)
    if state is BookingState.GIVEN_BACK:
        fund_today(session, booking.account_id, rules, case.instant)
    return booking


def _look(session: Session, wish: Wish, rules: ServiceRules, now: Now) -> _Case:
    """Take the locks, then read the clock."""
    day = lock_day(session, wish.day)
    hold_today(session, wish.day, now)
    booking = lock_booking(session, wish.pupil_id, day.id)
    return _Case(session, wish, rules, actor_of(session), day, booking, now())


def hold_today(session: Session, day: date, now: Now) -> None:
    """What is given back for an earlier day may fund a meal of today: days before wallets."""
    today = local(now()).date()
    if day < today:
        with suppress(NoServiceDay):
            lock_day(session, today)


def _check_payer(case: _Case, booking: Booking) -> None:
    """A standing meal is its payer's: of a shared child, only those who pay may change it."""
    is_theirs = case.actor.is_staff or booking.state not in HOLDS_A_SEAT
    if is_theirs or holds_account(case.session, case.actor.user_id, booking.account_id):
        return
    _check_version(case)
    raise NotAllowed


def _is_fulfilled(booking: Booking, wish: Wish) -> bool:
    is_standing = booking.state in {BookingState.BOOKED, BookingState.CHARGED}
    return is_standing and wish.meal_type_id in {None, booking.meal_type_id}


def _check_version(case: _Case) -> None:
    if case.wish.version not in {None, case.version}:
        raise ChangedMeanwhile


def _check_day(case: _Case) -> None:
    day = case.day
    if day.closure is not None:
        raise CanteenClosed(day.date, day.closure)
    given = {"pupil": case.wish.pupil_id, "day": day.date}
    excluded_until, outing = case.session.execute(_KEPT_AWAY, given).one()
    if excluded_until is not None:
        raise Excluded(excluded_until - timedelta(days=1))
    if outing is not None:
        raise OnOuting(day.date, outing)


def _check_deadline(case: _Case, meal_type: MealType) -> None:
    deadline = booking_deadline(case.day.date, case.rules, is_special=meal_type.is_special)
    if not case.actor.is_staff and (case.is_over or case.instant >= deadline):
        raise BookingClosed(case.day.date, deadline)
    _check_reason(case)


def _check_cancelling(case: _Case) -> None:
    if case.is_over and not case.actor.is_staff:
        deadline = cancelling_deadline(case.day.date, case.rules)
        raise CancellingClosed(case.day.date, deadline)
    _check_reason(case)


def _check_reason(case: _Case) -> None:
    if case.is_over and case.wish.reason is None:
        raise ReasonMissing


def _meal_type(case: _Case) -> MealType:
    """What is wished, or the pupil's usual meal type, if it is open to them."""
    diet = case.session.execute(_DIET, {"pupil": case.wish.pupil_id}).one_or_none()
    if diet is None:
        raise NotFound
    types = {meal_type.id: meal_type for meal_type in case.session.scalars(_MEAL_TYPES)}
    in_use = {i: MealChoice(i, t.is_special) for i, t in types.items() if t.archived_at is None}
    allowed = open_types(
        MealChoice(diet.meal_type_id, types[diet.meal_type_id].is_special),
        in_use.values(),
        offers_choice=diet.offers_choice,
        is_staff=case.actor.is_staff,
    )
    wanted = diet.meal_type_id if case.wish.meal_type_id is None else case.wish.meal_type_id
    if wanted not in allowed or wanted not in in_use:
        raise MealTypeNotOpen
    return types[wanted]


def _booked(case: _Case, meal_type: MealType) -> Move:
    """A booked meal keeps its payer; any other gets the one that was chosen."""
    booking = case.booking or Booking(pupil_id=case.wish.pupil_id, service_day_id=case.day.id)
    keeps = booking.state is BookingState.BOOKED
    return Move(
        booking,
        BookingState.BOOKED,
        meal_type_id=meal_type.id,
        account_id=booking.account_id if keeps else _payer(case),
        attendance=Attendance.EXPECTED,
        reason=case.wish.reason,
    )


def _payer(case: _Case) -> int:
    """The account that was chosen, or the only one that pays for the pupil and is the actor's."""
    query = _PAYERS if case.actor.is_staff else _OWN_PAYERS
    given = {"pupil": case.wish.pupil_id, "user": case.actor.user_id}
    taken_back = dict(case.session.execute(query, given).all())
    chosen = case.wish.account_id
    if chosen is None and len(taken_back) == 1:
        chosen = next(iter(taken_back))
    if chosen is None or chosen not in taken_back:
        raise AccountNotOpen
    if taken_back[chosen] > 0:
        raise AccountOverdrawn
    return chosen


def _taken_back(case: _Case, booking: Booking, state: BookingState) -> Move:
    meal_type = case.session.scalars(_MEAL_TYPE, {"meal_type": booking.meal_type_id}).one()
    return Move(
        booking,
        state,
        attendance=Attendance.ABSENT if case.is_over else Attendance.EXPECTED,
        reason=case.wish.reason,
        is_late=is_late_cancellation(
            case.day.date, case.rules, is_special=meal_type.is_special, now=case.instant
        ),
    )
