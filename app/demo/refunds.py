"""Refunds of the demo in each of their states, made through the services at past instants."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial
from itertools import accumulate
from random import Random
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import Actor
from app.clock import Now, instant_of, local
from app.demo.meals import new_operation
from app.demo.people import PARENT2, Family, People
from app.demo.record import acting
from app.demo.school import RULES
from app.ledger import moves, wallet_id
from app.models import Account, CanteenSettings, CanteenUser, Transfer
from app.money import Cents
from app.payments.refund_office import (
    debtor_of,
    mark_paid,
    pay_refunds,
    refuse_refund,
    verify_refund,
)
from app.payments.refunds import Ask, Payee, request_refund

AMOUNT: Cents = 2000
_DAYS: Final = 15
_IBANS: Final = (
    "CH6209000000301234567",
    "CH6300767000A12345678",
    "CH3880808001234567890",
    "CH6209000000301234567",  # the same one for two families: who verifies sees it
    "CH7600230230123456789",
)
_REASON: Final = "Le titulaire de ce compte bancaire n’est pas un responsable de la famille."
# How many days ago it was requested, and the steps that it has taken since.
_STORIES: Final = (
    (24, ("verify", "pay", "mark_paid")),
    (18, ()),
    (9, ("refuse",)),
    (5, ("verify", "pay")),
    (3, ("verify",)),
)


@dataclass(frozen=True)
class _Story:
    """One refund; both accountants do their part on the days after the request."""

    family: Family
    iban: str
    at: datetime
    steps: tuple[str, ...]


def refund_some(session: Session, rng: Random, people: People, now: datetime) -> None:
    """Refunds of families that have had enough money all the time since."""
    for story in _stories(session, people, now):
        _tell(session, rng, people, story)


def _stories(session: Session, people: People, now: datetime) -> Iterator[_Story]:
    """As many as there are families to tell them of, the well-known ones left out."""
    others = iter([family for family in people.families if family.number > PARENT2])
    for iban, (days, steps) in zip(_IBANS, _STORIES, strict=True):
        at = instant_of(local(now).date() - timedelta(days=days), time(16, 30))
        family = next((f for f in others if _spare(session, f.account_id, at) >= AMOUNT), None)
        if family is None:
            return
        yield _Story(family, iban, at, steps)


def _spare(session: Session, account_id: int, since: datetime) -> Cents:
    """The least that the account has had since then."""
    wallet = wallet_id(session, account_id)
    query = (
        sa.select(Transfer.amount, Transfer.credit_id)
        .where(
            moves(wallet),
            Transfer.recorded_at > since,
        )
        .order_by(Transfer.recorded_at.desc(), Transfer.id.desc())
    )
    undone = [-amount if to == wallet else amount for amount, to in session.execute(query)]
    balance = session.get_one(Account, account_id).balance
    return min(accumulate(undone, initial=balance))


def _tell(session: Session, rng: Random, people: People, story: _Story) -> None:
    parent = story.family.parent()
    with acting(session, parent):
        ask = Ask(
            story.family.account_id, _payee(session, parent, story.iban), new_operation(rng), AMOUNT
        )
        refund_id: int = request_refund(session, ask, _DAYS, lambda: story.at).id
    debtor = debtor_of(session.get_one(CanteenSettings, 1))
    does: dict[str, tuple[str, Callable[[Now], object]]] = {
        "verify": ("compta", partial(verify_refund, session, refund_id)),
        "pay": ("compta2", partial(pay_refunds, session, [refund_id], debtor)),
        "mark_paid": ("compta2", partial(mark_paid, session, refund_id)),
        "refuse": ("compta", partial(refuse_refund, session, refund_id, _REASON, RULES)),
    }
    for days, step in enumerate(story.steps, 1):
        login, act = does[step]
        then = story.at + timedelta(days=days)
        with acting(session, people.at_work(login)):
            act(_standing_at(then))


def _standing_at(instant: datetime) -> Now:
    return lambda: instant


def _payee(session: Session, parent: Actor, iban: str) -> Payee:
    user = session.get_one(CanteenUser, parent.user_id)
    return Payee(iban, user.get_full_name(), user.street, user.postal_code, user.town)
