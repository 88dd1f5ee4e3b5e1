"""What booked meals will cost, and how far the money reaches."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.booking.prices import price_list
from app.models import Account, Booking, Enrolment, Pupil, ServiceDay
from app.money import Cents
from app.rules.coverage import Coverage, coverage_of
from app.rules.pricing import PriceList
from app.vocabulary import BookingState

_MEALS: Final = (
    sa.select(Booking.account_id, ServiceDay.date, Booking.meal_type_id, Enrolment.category_id)
    .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
    .join(
        Enrolment,
        sa.and_(
            Enrolment.pupil_id == Booking.pupil_id,
            Enrolment.valid_from <= ServiceDay.date,
            Enrolment.valid_until > ServiceDay.date,
        ),
    )
    .where(
        Booking.account_id.in_(sa.bindparam("accounts", expanding=True)),
        Booking.state == BookingState.BOOKED,
        ServiceDay.date >= sa.bindparam("today"),
    )
)


def meals_by_account(
    session: Session, account_ids: Iterable[int], today: date, prices: PriceList
) -> dict[int, list[tuple[date, Cents]]]:
    """The booked meals of each account from today on, at the prices of their dates."""
    given = {"accounts": list(account_ids), "today": today}
    meals: dict[int, list[tuple[date, Cents]]] = {}
    for account_id, day, meal_type_id, category_id in session.execute(_MEALS, given):
        price = prices.on(day, meal_type_id=meal_type_id, category_id=category_id)
        meals.setdefault(account_id, []).append((day, price or 0))
    return meals


def coverage(session: Session, account_id: int, today: date) -> Coverage:
    """How far the account's money reaches over its booked meals."""
    account = session.get_one(Account, account_id)
    meals = meals_by_account(session, [account_id], today, price_list(session))
    return coverage_of(account.balance + account.tolerance, meals.get(account_id, []))


@dataclass(frozen=True, order=True)
class Meal:
    """A booked meal at the price of its day."""

    day: date
    price: Cents
    child: str


def uncovered_meals(session: Session, account_id: int, available: Cents, today: date) -> list[Meal]:
    """The booked meals that so much money does not reach, the next ones first."""
    prices = price_list(session)
    given = {"accounts": [account_id], "today": today}
    query = _MEALS.join(Pupil, Pupil.id == Booking.pupil_id).add_columns(
        Pupil.first_name, Pupil.last_name
    )
    meals = sorted(
        Meal(day, prices.on(day, meal_type_id=kind, category_id=category) or 0, f"{first} {last}")
        for _account, day, kind, category, first, last in session.execute(query, given)
    )
    covered = coverage_of(available, [(meal.day, meal.price) for meal in meals]).covered_meals
    return meals[covered:]
