"""Booking and cancelling one meal."""

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import Actor, accounts_of, actor_of, holds_account
from app.booking.closing import charge_at_once, fund_today, give_back
from app.booking.offers import Offer, offer_of
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
    NoServiceDay,
    NotAllowed,
    NotFound,
    ReasonMissing,
    Refusal,
)
from app.models import (
    Account,
    Booking,
    MealType,
    PupilAccount,
    ServiceDay,
)
from app.money import Cents
from app.refusals import OnOuting
from app.rules.deadlines import (
    ServiceRules,
    booking_deadline,
    cancelling_deadline,
    is_late_cancellation,
    last_call_of,
)
from app.vocabulary import HOLDS_A_SEAT, Attendance, BookingState, Reason

_TAKEN_BACK = {
    BookingState.BOOKED: BookingState.CANCELLED,
    BookingState.UNFUNDED: BookingState.CANCELLED,
    BookingState.CHARGED: BookingState.GIVEN_BACK,
}

# Built once: they run at every tap.
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
    payers: dict[int, Cents]
    """The accounts of the pupil that the actor may use, with what was taken back from each."""
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
    offer = offer_of(
        session, wish.pupil_id, wish.day, wish.meal_type_id, is_staff=case.actor.is_staff
    )
    if case.booking is not None:
        _check_payer(case, case.booking)
        if _is_fulfilled(case.booking, wish):
            return case.booking
    _check_version(case)
    _check_day(case, offer)
    _check_deadline(case, offer.meal_type)
    price = offer.price_on(wish.day)
    move = _booked(case, offer.meal_type)
    if case.is_over:
        charge_at_once(session, case.day, move, price, now=case.instant, operation=wish.operation)
    else:
        apply(session, case.day, [move], now=case.instant, operation=wish.operation)
    return move.booking


def try_to_book(session: Session, wish: Wish, rules: ServiceRules, now: Now) -> Refusal | None:
    """Book one of several meals, or say why not: a refusal in the middle leaves nothing behind."""
    try:
        with session.begin_nested():
            book_meal(session, wish, rules, now)
    except Refusal as refused:
        return refused
    return None


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
    actor = actor_of(session)
    return _Case(session, wish, rules, actor, day, booking, _payers(session, wish, actor), now())


def hold_today(session: Session, day: date, now: Now) -> None:
    """What is given back for an earlier day may fund a meal of today: days before wallets."""
    today = local(now()).date()
    if day < today:
        with suppress(NoServiceDay):
            lock_day(session, today)


def _payers(session: Session, wish: Wish, actor: Actor) -> dict[int, Cents]:
    query = _PAYERS if actor.is_staff else _OWN_PAYERS
    given = {"pupil": wish.pupil_id, "user": actor.user_id}
    return dict(session.execute(query, given).all())


def _check_payer(case: _Case, booking: Booking) -> None:
    """A standing meal is its payer's: of a shared child, only those who pay may change it."""
    is_theirs = case.actor.is_staff or booking.state not in HOLDS_A_SEAT
    if is_theirs or booking.account_id in case.payers:
        return
    if holds_account(case.session, case.actor.user_id, booking.account_id):
        return
    _check_version(case)
    raise NotAllowed


def _is_fulfilled(booking: Booking, wish: Wish) -> bool:
    is_standing = booking.state in {BookingState.BOOKED, BookingState.CHARGED}
    return is_standing and wish.meal_type_id in {None, booking.meal_type_id}


def _check_version(case: _Case) -> None:
    if case.wish.version not in {None, case.version}:
        raise ChangedMeanwhile


def _check_day(case: _Case, offer: Offer) -> None:
    day = case.day
    if day.closure is not None:
        raise CanteenClosed(day.date, day.closure)
    if offer.excluded_until is not None:
        raise Excluded(offer.excluded_until - timedelta(days=1))
    if offer.outing is not None:
        raise OnOuting(day.date, offer.outing)


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
    chosen = case.wish.account_id
    if chosen is None and len(case.payers) == 1:
        chosen = next(iter(case.payers))
    if chosen is None or chosen not in case.payers:
        raise AccountNotOpen
    if case.payers[chosen] > 0:
        raise AccountOverdrawn
    return chosen


def _taken_back(case: _Case, booking: Booking, state: BookingState) -> Move:
    return Move(
        booking,
        state,
        attendance=Attendance.ABSENT if case.is_over else Attendance.EXPECTED,
        reason=case.wish.reason,
        is_late=is_late_cancellation(
            case.day.date, case.rules, is_special=booking.meal_type.is_special, now=case.instant
        ),
    )
