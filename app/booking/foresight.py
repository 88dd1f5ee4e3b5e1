"""Which meals a decision would take away, before it is made; and whether that is still so."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import (
    Account,
    Booking,
    Enrolment,
    Exclusion,
    Interruption,
    MealType,
    Pupil,
    SchoolClass,
    ServiceDay,
)
from app.money import Cents
from app.vocabulary import BookingState

Decision = TypeVar("Decision", Exclusion, Interruption)


@dataclass(frozen=True)
class FallingMeal:
    """A meal that would go: whose, who pays, and what was charged for it, in centimes."""

    booking_id: int
    version: int
    day: date
    pupil_id: int
    child: str
    school_class: str
    meal_type: str
    account_id: int
    account: str
    charged: Cents


def falling_meals(session: Session, *conditions: sa.ColumnElement[bool]) -> list[FallingMeal]:
    """The bookings that the conditions mean, by day and name; joined: their service day."""
    is_charged = Booking.state == BookingState.CHARGED
    query = (
        sa.select(
            Booking.id,
            Booking.version,
            ServiceDay.date,
            Pupil.id,
            Pupil.first_name + " " + Pupil.last_name,
            sa.func.coalesce(SchoolClass.name, ""),
            MealType.name,
            Account.id,
            Account.label,
            sa.case((is_charged, Booking.price), else_=0),
        )
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .join(Booking.pupil)
        .join(Booking.meal_type)
        .join(Booking.account)
        .outerjoin(
            Enrolment,
            sa.and_(
                Enrolment.pupil_id == Booking.pupil_id,
                Enrolment.valid_from <= ServiceDay.date,
                Enrolment.valid_until > ServiceDay.date,
            ),
        )
        .outerjoin(SchoolClass, Enrolment.school_class_id == SchoolClass.id)
        .where(*conditions)
        .order_by(ServiceDay.date, Pupil.last_name, Pupil.first_name, Booking.id)
    )
    return [FallingMeal(*row) for row in session.execute(query)]


def lock_decision(session: Session, model: type[Decision], key: int) -> Decision:
    """The exclusion, closure or outing, locked and read afresh; before any service day."""
    return session.get_one(model, key, with_for_update=True, populate_existing=True)


def mark_of(*facts: Any) -> str:
    """What a preview was made from: a decision whose mark is another by now was not previewed."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()
