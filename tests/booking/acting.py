"""Who acts, when, on which day: the words of the tests of bookings and money."""

from datetime import UTC, date, datetime, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import Actor
from app.booking import Wish, begin_closing, book_meal, charge_next
from app.clock import ZURICH, Now
from app.models import (
    Account,
    Booking,
    BookingChange,
    CanteenUser,
    MealType,
    OutboxFact,
    ServiceDay,
)
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, Channel, FactKind, MealKind
from tests.factories import Family

RULES = ServiceRules()
MONDAY = date(2026, 11, 16)  # a day on which the canteen of the tests serves
STAFF = Actor(None, is_staff=True, channel=Channel.TELEPHONE)


def on(day: date, shown: str = "12:00") -> Now:
    """A clock that stands at a Zurich time of a day, as in "08:14:59"."""
    instant = datetime.combine(day, time.fromisoformat(shown), ZURICH).astimezone(UTC)
    return lambda: instant


def at(shown: str) -> Now:
    """A clock that stands at a Zurich time, as in "2026-11-16 08:14:59"."""
    instant = datetime.fromisoformat(shown).replace(tzinfo=ZURICH).astimezone(UTC)
    return lambda: instant


def weeks_before(day: date) -> Now:
    return on(day - timedelta(days=14))


TUESDAY = MONDAY + timedelta(days=1)
LONG_BEFORE = weeks_before(MONDAY)
LAST_CALL = on(MONDAY, "08:15")
NOON = on(MONDAY)
END_OF_SERVICE = on(MONDAY, "14:00")


def parent(family: Family) -> Actor:
    return Actor(family.user_id, is_staff=False, channel=Channel.PORTAL)


def cashier(session: Session) -> Actor:
    """The till's user, who signs receipts."""
    user_id = session.scalars(sa.select(CanteenUser.id).where(CanteenUser.username == "till")).one()
    return Actor(user_id, is_staff=True, channel=Channel.TILL)


def book(
    session: Session,
    pupil_id: int,
    day: date,
    now: Now | None = None,
    account_id: int | None = None,
) -> Booking:
    """Book the usual meal, weeks before unless said otherwise."""
    wish = Wish(pupil_id, day, account_id=account_id)
    return book_meal(session, wish, RULES, now or weeks_before(day))


def close_day(session: Session, day: date = MONDAY, now: Now | None = None) -> int:
    """Close a day in one go, at its last call unless said otherwise; how many meals it settled."""
    instant = now or on(day, "08:15")
    begin_closing(session, the_day(session, day), RULES, instant)
    return sum(iter(lambda: charge_next(session, the_day(session, day), instant), 0))


def meal_type_id(session: Session, kind: MealKind) -> int:
    return session.scalars(sa.select(MealType.id).where(MealType.kind == kind)).one()


def the_day(session: Session, day: date) -> ServiceDay:
    return session.scalars(sa.select(ServiceDay).where(ServiceDay.date == day)).one()


def booking_of(session: Session, pupil_id: int, day: date) -> Booking:
    query = sa.select(Booking).join(ServiceDay)
    return session.scalars(query.where(Booking.pupil_id == pupil_id, ServiceDay.date == day)).one()


def state_of(session: Session, pupil_id: int, day: date) -> BookingState:
    return booking_of(session, pupil_id, day).state


def balance_of(session: Session, account_id: int) -> int:
    return session.get_one(Account, account_id, populate_existing=True).balance


def history_of(session: Session, booking_id: int) -> list[BookingChange]:
    query = sa.select(BookingChange).where(BookingChange.booking_id == booking_id)
    return list(session.scalars(query.order_by(BookingChange.id)))


def told(session: Session, account_id: int | None) -> list[FactKind]:
    """What there is to tell an account's holders; the kitchen, where there is no account."""
    query = sa.select(OutboxFact.kind).where(OutboxFact.account_id == account_id)
    return list(session.scalars(query.order_by(OutboxFact.id)))
