"""What is going on now, through the services: decisions for the coming days, money on its way."""

from datetime import date, datetime, timedelta
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking
from app.clock import local
from app.demo.books import Deposit
from app.demo.meals import new_operation
from app.demo.paying import ONLINE_DELAY
from app.demo.people import PARENT, PARENT2, People
from app.demo.record import acting, write_deposits
from app.demo.school import School
from app.models import Exclusion, ServiceDay
from app.rules.weeks import week_to_show
from app.vocabulary import TopUpChannel

EXCLUDED: Final = 7  # the family whose first child is
TRAINING: Final = "Journée pédagogique"
_FULL_IN, _TRAINING_IN = 4, 12  # days with school from now
_ON_THE_WAY: Final = ((PARENT, 8000, timedelta(hours=5)), (PARENT2, 5000, timedelta(hours=20)))


def decide(session: Session, school: School, people: People, now: datetime) -> None:
    """An exclusion, a day that is full, and a day on which the canteen stays closed."""
    coming = [day for day in school.span.served if day > local(now).date()]
    _exclude(session, people, now)
    for day in coming[_FULL_IN : _FULL_IN + 1]:
        _fill(session, day)
    for day in coming[_TRAINING_IN : _TRAINING_IN + 1]:
        with acting(session, people.at_work("secretariat")):
            booking.close_canteen(session, day, TRAINING, lambda: now)


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
