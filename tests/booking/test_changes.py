"""Booking and cancelling one meal, on both databases."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from flask import Flask

from app.access import Actor
from app.booking import Wish, begin_closing, book_meal, charge_next
from app.errors import BookingClosed
from app.models import Account, Booking, ServiceDay
from app.rules.deadlines import ServiceRules
from app.transaction import transaction
from app.vocabulary import BookingState, Channel
from tests.factories import Family, make_family

MONDAY = date(2026, 11, 16)
RULES = ServiceRules()


def at(text: str) -> Callable[[], datetime]:
    instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return lambda: instant


def parent(family: Family) -> Actor:
    return Actor(family.user_id, is_staff=False, channel=Channel.PORTAL)


def test_a_parent_books_until_the_last_call_and_the_closing_charges(app_on: Flask) -> None:
    with app_on.app_context():
        with transaction(Actor(None, is_staff=True, channel=Channel.SYSTEM)) as session:
            family = make_family(session, balance=1000)
        wish = Wish(family.pupil_id, MONDAY, version=0)

        with transaction(parent(family)) as session:
            book_meal(session, wish, RULES, at("2026-11-16T07:14:59"))
        with pytest.raises(BookingClosed), transaction(parent(family)) as session:
            book_meal(
                session,
                Wish(family.pupil_id, date(2026, 11, 16), meal_type_id=2),
                RULES,
                at("2026-11-16T07:15:00"),
            )
        with transaction(Actor(None, is_staff=True, channel=Channel.SYSTEM)) as session:
            day = session.query(ServiceDay).filter_by(date=MONDAY).one()
            begin_closing(session, day, RULES, at("2026-11-16T07:15:00"))
            assert charge_next(session, day, at("2026-11-16T07:15:00")) == 1
            assert charge_next(session, day, at("2026-11-16T07:15:00")) == 0
            assert session.get_one(Account, family.account_id).balance == 100
            assert session.query(Booking).one().state is BookingState.CHARGED
