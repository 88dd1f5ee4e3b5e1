"""Making the next year as planned, once, and taking it back while nothing uses it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.booking.prices import announce_price
from app.clock import Now, local
from app.errors import NothingToUndo
from app.models import (
    Enrolment,
    Price,
    RollOver,
    SchoolClass,
    SchoolYear,
    ServiceDay,
)
from app.refusals import PriceInForce, YearOffered
from app.rollover.planning import Plan, plan
from app.rollover.wanted import Wanted, classes_of
from app.uses import refuse_if_used

# In the order in which they are made.
_KINDS: Final[Mapping[str, type[Any]]] = {
    "school_year": SchoolYear,
    "service_day": ServiceDay,
    "school_class": SchoolClass,
    "enrolment": Enrolment,
    "price": Price,
}


def roll_over(session: Session, wanted: Wanted, now: Now) -> tuple[RollOver, Plan]:
    """Make what the plan says is missing; a second time there is nothing to make.

    Two who do it at the same moment take turns. Raises: as `plan`.
    """
    session.get_one(SchoolYear, wanted.from_year_id, with_for_update=True)
    planned = plan(session, wanted, local(now()).date())
    made: dict[str, list[int]] = {name: [] for name in _KINDS}
    year = _year(session, planned, made)
    days = [
        ServiceDay(date=day, capacity=wanted.capacity, closure=closure)
        for day, closure in planned.new_days.items()
    ]
    _add(session, made, days)
    _add(
        session,
        made,
        [
            SchoolClass(school_year_id=year.id, name=name, teacher=teacher)
            for name, teacher in planned.new_classes
        ],
    )
    class_ids = {each.name: each.id for each in classes_of(session, year.id)}
    _add(session, made, _enrolments(planned, year, class_ids))
    prices = [
        Price(
            meal_type_id=each.key[0],
            category_id=each.key[1],
            valid_from=wanted.prices_from,
            amount=each.amount,
        )
        for each in planned.new_prices
    ]
    _add(session, made, prices)
    for price in prices:
        announce_price(session, price, now())
    return _note(session, wanted.from_year_id, year, made, now), planned


def _year(session: Session, planned: Plan, made: dict[str, list[int]]) -> SchoolYear:
    if planned.to_year_id is not None:
        return session.get_one(SchoolYear, planned.to_year_id)
    wanted = planned.wanted
    year = SchoolYear(name=wanted.name, starts_on=wanted.starts_on, ends_on=wanted.ends_on)
    _add(session, made, [year])
    return year


def _enrolments(planned: Plan, year: SchoolYear, class_ids: Mapping[str, int]) -> list[Enrolment]:
    return [
        Enrolment(
            pupil_id=move.pupil_id,
            school_class_id=class_ids[move.to_class],
            category_id=move.category_id,
            valid_from=year.starts_on,
            valid_until=year.ends_on,
        )
        for move in planned.new_enrolments
    ]


def _add(session: Session, made: dict[str, list[int]], records: list[Any]) -> None:
    session.add_all(records)
    session.flush()
    for record in records:
        made[record.__tablename__].append(record.id)


def _note(
    session: Session, from_year_id: int, year: SchoolYear, made: dict[str, list[int]], now: Now
) -> RollOver:
    """One row for the year: a later run adds to what the first made."""
    known = roll_over_of(session, from_year_id)
    if known is None:
        known = RollOver(from_year_id=from_year_id, to_year_id=year.id, done_at=now(), made=made)
        session.add(known)
    elif any(made.values()):
        known.made = {name: known.made.get(name, []) + made[name] for name in _KINDS}
    session.flush()
    return known


def roll_over_of(session: Session, from_year_id: int) -> RollOver | None:
    """What was made from a year."""
    query = sa.select(RollOver).where(RollOver.from_year_id == from_year_id)
    return session.scalars(query).one_or_none()


def undo_roll_over(session: Session, roll_over_id: int, now: Now) -> None:
    """Delete what the roll-over made, as long as nothing else needs it.

    Raises: NothingToUndo; UsedBy with what does; PriceInForce once its prices hold; YearOffered
    once families were told of it.
    """
    roll = session.get(RollOver, roll_over_id, with_for_update=True, populate_existing=True)
    if roll is None:
        raise NothingToUndo
    if roll.offered_at is not None:
        raise YearOffered
    made = {_KINDS[name]: ids for name, ids in roll.made.items()}
    ours = {**made, RollOver: [roll.id]}
    _refuse_prices_in_force(session, made[Price], now)
    for model, ids in made.items():
        refuse_if_used(session, model, ids, ours)
    begins = roll.to_year.starts_on
    session.delete(roll)
    session.flush()
    for model in reversed(list(_KINDS.values())):
        for record in session.scalars(_still_there(model, made[model], begins)):
            session.delete(record)
        session.flush()


def _still_there(model: type[Any], ids: list[int], begins: date) -> sa.Select[Any]:
    """SQLite gives the number of a deleted enrolment to another one."""
    query = sa.select(model).where(model.id.in_(ids))
    return query.where(Enrolment.valid_from >= begins) if model is Enrolment else query


def _refuse_prices_in_force(session: Session, ids: list[int], now: Now) -> None:
    begun = sa.select(Price.id).where(Price.id.in_(ids), Price.valid_from <= local(now()).date())
    if session.scalar(begun.limit(1)) is not None:
        raise PriceInForce
