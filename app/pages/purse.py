"""A family's account as the till sees it: whose it is, who eats today, what money is on its way."""

from dataclasses import dataclass
from datetime import date, datetime, time

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.access import is_held_on
from app.booking.prices import categories_on, price_list
from app.clock import instant_of
from app.labels import label
from app.models import (
    Account,
    AccountHolder,
    Booking,
    BookingChange,
    Pupil,
    PupilAccount,
    Receipt,
    ServiceDay,
    TopUp,
)
from app.money import Cents
from app.pages.finding import class_names
from app.pages.incoming import (
    StandingOrder,
    standing_order,
    top_ups_on_their_way,
    when_it_counts,
)
from app.payments.till import SMALLEST_COIN
from app.vocabulary import Attendance, BookingState


@dataclass(frozen=True)
class Child:
    """A child of the account, and what became of today's meal in the word that anyone may read."""

    pupil_id: int
    name: str
    school_class: str
    meal: str
    state: str
    is_open: bool


@dataclass(frozen=True)
class Incoming:
    """A top-up that is not credited yet: validated, or announced by the family."""

    channel: str
    amount: Cents
    when: str


@dataclass(frozen=True)
class Purse:
    """An account; `missing` is what today's unfunded meals lack, in whole coins."""

    account_id: int
    label: str
    balance: Cents
    holders: list[str]
    children: list[Child]
    incoming: list[Incoming]
    standing_order: StandingOrder | None
    missing: Cents


def purse_of(session: Session, account: Account, today: date) -> Purse:
    """The account as the till's page shows it."""
    children = _pupils(session, account.id)
    bookings = _bookings(session, [child.id for child in children], account.id, today)
    return Purse(
        account_id=account.id,
        label=account.label,
        balance=account.balance,
        holders=_holders(session, account.id, today),
        children=_children(session, children, bookings, account.id, today),
        incoming=_incoming(session, account.id),
        standing_order=standing_order(session, account.id),
        missing=_missing(session, account, bookings, today),
    )


def _holders(session: Session, account_id: int, today: date) -> list[str]:
    query = (
        sa.select(AccountHolder)
        .where(AccountHolder.account_id == account_id, is_held_on(today))
        .options(joinedload(AccountHolder.user))
        .order_by(AccountHolder.id)
    )
    return [holder.user.get_full_name() for holder in session.scalars(query)]


def _pupils(session: Session, account_id: int) -> list[Pupil]:
    query = (
        sa.select(Pupil)
        .join(PupilAccount, PupilAccount.pupil_id == Pupil.id)
        .where(PupilAccount.account_id == account_id, Pupil.archived_at.is_(None))
        .order_by(Pupil.birth_date, Pupil.id)
    )
    return list(session.scalars(query))


def _bookings(
    session: Session, pupil_ids: list[int], account_id: int, today: date
) -> list[Booking]:
    query = (
        sa.select(Booking)
        .join(ServiceDay, ServiceDay.id == Booking.service_day_id)
        .where(
            ServiceDay.date == today,
            sa.or_(Booking.pupil_id.in_(pupil_ids), Booking.account_id == account_id),
        )
        .options(joinedload(Booking.meal_type))
    )
    return list(session.scalars(query))


def _children(
    session: Session, pupils: list[Pupil], bookings: list[Booking], account_id: int, today: date
) -> list[Child]:
    classes = class_names(session, [pupil.id for pupil in pupils], today)
    by_pupil = {booking.pupil_id: booking for booking in bookings}
    return [
        _child(pupil, classes.get(pupil.id, ""), by_pupil.get(pupil.id), account_id)
        for pupil in pupils
    ]


def _child(pupil: Pupil, school_class: str, booking: Booking | None, account_id: int) -> Child:
    is_open = (
        booking is not None
        and booking.state is BookingState.UNFUNDED
        and booking.account_id == account_id
    )
    return Child(
        pupil_id=pupil.id,
        name=pupil.full_name,
        school_class=school_class,
        meal=booking.meal_type.name if booking else "",
        state=_word_for(booking) if booking else "",
        is_open=is_open,
    )


def _word_for(booking: Booking) -> str:
    """Who looks over the cashier's shoulder reads « Booked » of a meal that is not covered."""
    if booking.attendance is not Attendance.EXPECTED:
        return label(booking.attendance)
    if booking.state is BookingState.UNFUNDED:
        return label(BookingState.BOOKED)
    return label(booking.state)


def _incoming(session: Session, account_id: int) -> list[Incoming]:
    return [
        Incoming(label(top_up.channel), top_up.amount, when_it_counts(top_up))
        for top_up in top_ups_on_their_way(session, account_id)
    ]


def _missing(session: Session, account: Account, bookings: list[Booking], today: date) -> Cents:
    waiting = [
        booking
        for booking in bookings
        if booking.state is BookingState.UNFUNDED and booking.account_id == account.id
    ]
    if not waiting:
        return 0
    prices = price_list(session)
    categories = categories_on(session, today, [booking.pupil_id for booking in waiting])
    total = sum(
        prices.on(
            today,
            meal_type_id=booking.meal_type_id,
            category_id=categories.get(booking.pupil_id, 0),
        )
        or 0
        for booking in waiting
    )
    lacking = max(0, total - account.balance - account.tolerance)
    return -(-lacking // SMALLEST_COIN) * SMALLEST_COIN


def accounts_for(session: Session, pupil_id: int, today: date) -> list[Account]:
    """Where a pupil's cash may go: the account of today's unfunded meal, else all that may pay."""
    unfunded = (
        sa.select(Account)
        .join(Booking, Booking.account_id == Account.id)
        .join(ServiceDay, ServiceDay.id == Booking.service_day_id)
        .where(
            Booking.pupil_id == pupil_id,
            Booking.state == BookingState.UNFUNDED,
            ServiceDay.date == today,
        )
    )
    payers = (
        sa.select(Account)
        .join(PupilAccount, PupilAccount.account_id == Account.id)
        .where(PupilAccount.pupil_id == pupil_id, Account.archived_at.is_(None))
        .order_by(Account.id)
    )
    return list(session.scalars(unfunded)) or list(session.scalars(payers))


def made_good(session: Session, receipt: Receipt) -> list[str]:
    """The children whose meal became paid by this receipt's money, by the instant of both."""
    query = (
        sa.select(Pupil)
        .join(Booking, Booking.pupil_id == Pupil.id)
        .join(BookingChange, BookingChange.booking_id == Booking.id)
        .where(
            Booking.account_id == receipt.top_up.account_id,
            BookingChange.old_state == BookingState.UNFUNDED,
            BookingChange.new_state == BookingState.CHARGED,
            BookingChange.changed_at == receipt.issued_at,
        )
        .order_by(Pupil.id)
    )
    return [pupil.first_name for pupil in session.scalars(query)]


@dataclass(frozen=True)
class Takings:
    """Today's receipts, the last first, and the cash that they brought."""

    receipts: list[Receipt]
    count: int
    total: Cents


def takings_of(session: Session, today: date, shown: int) -> Takings:
    """What the till took today; cancelled receipts are listed and bring nothing."""
    midnight: datetime = instant_of(today, time())
    query = (
        sa.select(Receipt)
        .where(Receipt.issued_at >= midnight)
        .options(joinedload(Receipt.top_up).joinedload(TopUp.account))
        .order_by(Receipt.id.desc())
    )
    receipts = list(session.scalars(query))
    valid = [receipt.top_up.amount for receipt in receipts if receipt.cancelled_at is None]
    return Takings(receipts[:shown], len(valid), sum(valid))
