"""The demo canteen: a village school that has used the program for some months, until this minute.

The same seed on the same day makes the same canteen. Everything is written in one transaction: an
interrupted load leaves an empty database, which the next start fills.
"""

from random import Random
from typing import Final

import sqlalchemy as sa

from app import clock
from app.access import EVERYTHING, SYSTEM, scope_of
from app.demo import bank, mails, office, present, record, refunds
from app.demo.habits import plan_meals
from app.demo.life import Life
from app.demo.people import register, sizes
from app.demo.school import open_school
from app.demo.years import span_around
from app.errors import DatabaseNotEmpty
from app.extensions import db
from app.models import Account, CanteenSettings, CanteenUser, MealType, Pupil, SchoolYear
from app.passwords import hash_password
from app.transaction import transaction

PASSWORD: Final = "Demo-Leysin-1"  # noqa: S105 - public: it is what visitors log in with
FEWEST: Final = 3
SCHOOL_WEEKS: Final = 12  # of history: three months
_MADE_BY_PEOPLE: Final = (CanteenUser, SchoolYear, MealType, Account, Pupil)


def is_empty() -> bool:
    """Whether the database holds nothing but what `flask canteen init` writes."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        return not any(
            session.scalar(sa.select(model.id).limit(1)) is not None for model in _MADE_BY_PEOPLE
        )


def is_demo() -> bool:
    """Whether the database holds the demo canteen."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        return session.scalar(sa.select(CanteenSettings.is_demo)) is True


def load_demo(families: int = 40, seed: int = 1854, weeks: int = SCHOOL_WEEKS) -> None:
    """Fill an empty database with so many families and school weeks of history.

    Raises: DatabaseNotEmpty; ValueError for fewer than three families or three weeks.
    """
    if not is_empty():
        raise DatabaseNotEmpty
    if min(families, weeks) < FEWEST:
        raise ValueError(families, weeks)
    now, rng, hashed = clock.now(), Random(seed), hash_password(PASSWORD)
    today = clock.local(now).date()
    span = span_around(today, weeks)
    with transaction(SYSTEM) as session:
        school = open_school(session, span, today, sum(sizes(families)))
        people = register(session, school, rng, families, hashed)
        meals = plan_meals(rng, school, people, now)
        life = Life(rng, school, people, meals, now)
        life.live(span.served)
        record.write_life(session, school, life, now)
        present.decide(session, school, people, now)
        present.send_money(session, rng, people, now)
        refunds.refund_some(session, rng, people, now)
        bank.bring_statement(session, now)
        office.give_out(session, people, now)
        office.write_to_all(session, people, now)
        mails.tell_latest(session, life.books.deposits)
        mails.send_all(session, now)
