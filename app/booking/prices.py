"""What a meal costs: the price list at the service date, for the pupil's category on that day."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import outbox
from app.models import Booking, Enrolment, MealType, Price, ServiceDay
from app.rules.pricing import PriceLine, PriceList
from app.vocabulary import BookingState, FactKind

_PRICES: Final = sa.select(Price.meal_type_id, Price.category_id, Price.valid_from, Price.amount)
_TYPES_AND_PRICES: Final = (
    sa.select(MealType, Price.category_id, Price.valid_from, Price.amount)
    .outerjoin(Price, Price.meal_type_id == MealType.id)
    .order_by(MealType.position, MealType.id)
)
_CATEGORIES: Final = sa.select(Enrolment.pupil_id, Enrolment.category_id).where(
    Enrolment.pupil_id.in_(sa.bindparam("pupils", expanding=True)),
    Enrolment.valid_from <= sa.bindparam("day"),
    Enrolment.valid_until > sa.bindparam("day"),
)


def price_list(session: Session) -> PriceList:
    """The whole price list as a value."""
    return PriceList.of(PriceLine(*row) for row in session.execute(_PRICES))


def types_and_prices(session: Session) -> tuple[dict[int, MealType], PriceList]:
    """The meal types in their order, archived ones too, and the whole price list."""
    types, lines = {}, []
    for meal_type, category_id, valid_from, amount in session.execute(_TYPES_AND_PRICES):
        types[meal_type.id] = meal_type
        if amount is not None:
            lines.append(PriceLine(meal_type.id, category_id, valid_from, amount))
    return types, PriceList.of(lines)


def categories_on(session: Session, day: date, pupil_ids: Iterable[int]) -> dict[int, int]:
    """The tariff category of each pupil that is enrolled on the day."""
    given = {"pupils": list(set(pupil_ids)), "day": day}
    return dict(session.execute(_CATEGORIES, given).all())


def announce_price(session: Session, price: Price, now: datetime) -> int:
    """Tell the families with booked meals that a new price touches; how many accounts."""
    query = (
        sa.select(Booking.account_id)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .join(Enrolment, Enrolment.pupil_id == Booking.pupil_id)
        .where(
            Booking.state == BookingState.BOOKED,
            Booking.meal_type_id == price.meal_type_id,
            Enrolment.category_id == price.category_id,
            ServiceDay.date >= price.valid_from,
            Enrolment.valid_from <= ServiceDay.date,
            Enrolment.valid_until > ServiceDay.date,
        )
        .distinct()
    )
    accounts = session.scalars(query).all()
    for account_id in accounts:
        outbox.tell(
            session,
            FactKind.PRICE_CHANGED,
            now=now,
            account_id=account_id,
            record_id=price.id,
        )
    return len(accounts)
