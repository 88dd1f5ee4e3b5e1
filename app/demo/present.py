"""What is going on now, through the services: decisions for the coming days, money on its way."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking
from app.booking.interruptions import (
    cancel_meals,
    foresee,
    mark_of_interruption,
    put_in_force,
)
from app.clock import local
from app.demo.books import Deposit
from app.demo.meals import new_operation
from app.demo.paying import ONLINE_DELAY
from app.demo.people import PARENT, PARENT2, People
from app.demo.record import acting, write_deposits
from app.demo.school import School
from app.models import Exclusion, Interruption, SchoolClass, SchoolYear, ServiceDay
from app.rules.weeks import week_to_show
from app.vocabulary import InterruptionKind, TopUpChannel

EXCLUDED: Final = 7  # the family whose first child is
TRAINING: Final = "Journée pédagogique"
OUTING: Final = "Course d’école au zoo de Servion"
_FULL_IN, _OUTING_IN, _TRAINING_IN = 4, 7, 12  # days with school from now
_ON_THE_WAY: Final = ((PARENT, 8000, timedelta(hours=5)), (PARENT2, 5000, timedelta(hours=20)))


def decide(session: Session, school: School, people: People, now: datetime) -> None:
    """An exclusion, a day that is full, a closed day, and an outing of a class."""
    coming = [day for day in school.span.served if day > local(now).date()]
    _exclude(session, people, now)
    for day in coming[_FULL_IN : _FULL_IN + 1]:
        _fill(session, day)
    with acting(session, people.at_work("secretariat")):
        for day in coming[_TRAINING_IN : _TRAINING_IN + 1]:
            _interrupt(session, day, TRAINING, now)
        for day in coming[_OUTING_IN : _OUTING_IN + 1]:
            _interrupt(session, day, OUTING, now, _a_class(session, day))


def _a_class(session: Session, day: date) -> list[SchoolClass]:
    """The first class of the year that the day lies in."""
    query = (
        sa.select(SchoolClass)
        .join(SchoolClass.school_year)
        .where(SchoolYear.starts_on <= day, SchoolYear.ends_on > day)
        .order_by(SchoolClass.id)
    )
    return list(session.scalars(query.limit(1)))


def _interrupt(
    session: Session,
    day: date,
    reason: str,
    now: datetime,
    classes: Sequence[SchoolClass] = (),
) -> None:
    """A closed day, or an outing of some classes, in force."""
    made = Interruption(
        kind=InterruptionKind.OUTING if classes else InterruptionKind.CLOSURE,
        valid_from=day,
        valid_until=day + timedelta(days=1),
        reason=reason,
        classes=list(classes),
    )
    session.add(made)
    session.flush()
    mark = mark_of_interruption(made, foresee(session, made))
    put_in_force(session, made.id, mark, lambda: now)
    cancel_meals(session, made, day, lambda: now)


def _exclude(session: Session, people: People, now: datetime) -> None:
    """A week, from the Monday after the one that the agenda shows."""
    if len(people.families) <= EXCLUDED:
        return
    monday = week_to_show(local(now).date()) + timedelta(weeks=1)
    exclusion = Exclusion(
        pupil_id=people.families[EXCLUDED].own[0].id,
        valid_from=monday,
        valid_until=monday + timedelta(weeks=1),
        decided_on=local(now).date() - timedelta(days=1),
        reason="Troubles répétés pendant le service, après deux avertissements.",
    )
    with acting(session, people.at_work("comite")):
        session.add(exclusion)
        session.flush()
        booking.exclude(session, exclusion, lambda: now)


def _fill(session: Session, day: date) -> None:
    """As many seats as were taken."""
    session.execute(
        sa.update(ServiceDay.__table__)
        .where(ServiceDay.date == day)
        .values(capacity=ServiceDay.seats_taken)
    )
    session.expire_all()


def send_money(session: Session, rng: Random, people: People, now: datetime) -> None:
    """Two online top-ups that the provider has validated and that will count within a day."""
    deposits = [
        Deposit(
            people.families[number],
            TopUpChannel.ONLINE,
            amount,
            made_at=now - ago,
            credit_at=now - ago + ONLINE_DELAY,
            request_id=new_operation(rng),
        )
        for number, amount, ago in _ON_THE_WAY
    ]
    write_deposits(session, deposits)
