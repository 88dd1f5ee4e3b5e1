"""Who acts, when, on which day: the words of the tests of bookings and money."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import Actor
from app.booking.closing import begin_closing, charge_next
from app.clock import Now
from app.models import Account, Booking, CanteenUser, MealType, ServiceDay
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, Channel, MealKind
from tests.factories import Family

RULES = ServiceRules()
MONDAY = date(2026, 11, 16)  # a day on which the canteen of the tests serves
TUESDAY = date(2026, 11, 17)


def at(shown: str) -> Now:
    """A clock that stands at a Zurich time, as in "2026-11-16 08:14:59"."""
    instant = datetime.fromisoformat(shown).replace(tzinfo=ZoneInfo("Europe/Zurich"))
    return lambda: instant.astimezone(UTC)


LONG_BEFORE = at("2026-11-02 12:00")
JUST_BEFORE = at("2026-11-16 08:14:59")
LAST_CALL = at("2026-11-16 08:15")
NOON = at("2026-11-16 12:00")
END_OF_SERVICE = at("2026-11-16 14:00")


def parent(family: Family) -> Actor:
    return Actor(family.user_id, is_staff=False, channel=Channel.PORTAL)


STAFF = Actor(None, is_staff=True, channel=Channel.TELEPHONE)


def cashier(session: Session) -> Actor:
    """The till's user, who signs receipts."""
    user_id = session.scalars(sa.select(CanteenUser.id).where(CanteenUser.username == "till")).one()
    return Actor(user_id, is_staff=True, channel=Channel.TILL)


def meal_type_id(session: Session, kind: MealKind) -> int:
    return session.scalars(sa.select(MealType.id).where(MealType.kind == kind)).one()


def the_day(session: Session, day: date = MONDAY) -> ServiceDay:
    return session.scalars(sa.select(ServiceDay).where(ServiceDay.date == day)).one()


def booking_of(session: Session, pupil_id: int, day: date = MONDAY) -> Booking:
    query = sa.select(Booking).join(ServiceDay)
    return session.scalars(query.where(Booking.pupil_id == pupil_id, ServiceDay.date == day)).one()


def state_of(session: Session, pupil_id: int, day: date = MONDAY) -> BookingState:
    return booking_of(session, pupil_id, day).state


def balance_of(session: Session, account_id: int) -> int:
    return session.get_one(Account, account_id, populate_existing=True).balance


def close_day(session: Session, day: date = MONDAY, now: Callable[[], datetime] = LAST_CALL) -> int:
    """Close a day in one go; how many meals were settled."""
    begin_closing(session, the_day(session, day), RULES, now)
    return sum(iter(lambda: charge_next(session, the_day(session, day), now), 0))
