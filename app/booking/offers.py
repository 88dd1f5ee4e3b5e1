"""What may be booked for a pupil on a day: which meal, at what price, and until when not."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.booking.outings import is_outing_of
from app.booking.prices import types_and_prices
from app.errors import MealTypeNotOpen, NoPrice, NotEnrolled, NotFound
from app.models import Diet, Enrolment, Exclusion, Interruption, MealType, Pupil
from app.money import Cents
from app.rules.choices import MealChoice, open_types
from app.rules.pricing import PriceList
from app.vocabulary import DecisionState

# Built once: they run at every tap.
_EXCLUDED_UNTIL: Final = (
    sa.select(sa.func.max(Exclusion.valid_until))
    .where(
        Exclusion.pupil_id == Pupil.id,
        Exclusion.state == DecisionState.IN_FORCE,
        Exclusion.valid_from <= sa.bindparam("day"),
        Exclusion.valid_until > sa.bindparam("day"),
    )
    .scalar_subquery()
)
_OUTING: Final = (
    sa.select(sa.func.max(Interruption.reason))
    .where(is_outing_of(sa.bindparam("pupil"), sa.bindparam("day")))
    .scalar_subquery()
)
_PUPIL: Final = (
    sa.select(
        Diet.meal_type_id,
        Diet.offers_choice,
        Enrolment.category_id,
        _EXCLUDED_UNTIL.label("excluded_until"),
        _OUTING.label("outing"),
    )
    .select_from(Pupil)
    .join(Pupil.diet)
    .outerjoin(
        Enrolment,
        sa.and_(
            Enrolment.pupil_id == Pupil.id,
            Enrolment.valid_from <= sa.bindparam("day"),
            Enrolment.valid_until > sa.bindparam("day"),
        ),
    )
    .where(Pupil.id == sa.bindparam("pupil"), Pupil.archived_at.is_(None))
)


@dataclass(frozen=True)
class Offer:
    """The meal that is wished, open to the pupil, its price, and what keeps the pupil away."""

    meal_type: MealType
    category_id: int | None
    excluded_until: date | None
    outing: str | None
    prices: PriceList

    def price_on(self, day: date) -> Cents:
        """What it costs, in centimes. Raises: NotEnrolled; NoPrice."""
        if self.category_id is None:
            raise NotEnrolled(day)
        price = self.prices.on(day, meal_type_id=self.meal_type.id, category_id=self.category_id)
        if price is None:
            raise NoPrice
        return price


def offer_of(
    session: Session, pupil_id: int, day: date, wanted: int | None, *, is_staff: bool
) -> Offer:
    """The meal type that is wanted, or the pupil's usual one where none is named.

    Raises: NotFound; MealTypeNotOpen.
    """
    pupil = session.execute(_PUPIL, {"pupil": pupil_id, "day": day}).first()
    if pupil is None:
        raise NotFound
    types, prices = types_and_prices(session)
    meal_type = _open_type(pupil, types, wanted, is_staff=is_staff)
    return Offer(meal_type, pupil.category_id, pupil.excluded_until, pupil.outing, prices)


def _open_type(
    diet: Any, types: Mapping[int, MealType], wanted: int | None, *, is_staff: bool
) -> MealType:
    in_use = {i: MealChoice(i, t.is_special) for i, t in types.items() if t.archived_at is None}
    allowed = open_types(
        MealChoice(diet.meal_type_id, types[diet.meal_type_id].is_special),
        in_use.values(),
        offers_choice=diet.offers_choice,
        is_staff=is_staff,
    )
    chosen = diet.meal_type_id if wanted is None else wanted
    if chosen not in allowed or chosen not in in_use:
        raise MealTypeNotOpen
    return types[chosen]
