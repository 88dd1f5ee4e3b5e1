"""Who refunds what to whom: the words of the tests of refunds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.access import SYSTEM, Actor
from app.clock import Now
from app.models import CanteenUser, RefundRequest
from app.payments.refund_office import Debtor, pay_refunds, verify_refund
from app.payments.refunds import Ask, Payee, request_refund
from app.transaction import transaction
from app.vocabulary import Channel, Role
from tests.booking.acting import NOON, parent
from tests.factories import Family, make_family, make_user
from tests.sessions import reading

IBAN, OTHER_IBAN, QR_IBAN = (
    "CH9300762011623852957",
    "CH5604835012345678009",
    "CH4431999123000889012",
)
PAYEE = Payee(IBAN, "Anne Essai", "Rue du Lac 3", "1854", "Leysin")
DEBTOR = Debtor("Réfectoire de l’essai", OTHER_IBAN)
DAYS = 15
_forms = count(1)


@contextmanager
def acting(app: Flask, actor: Actor = SYSTEM) -> Iterator[Session]:
    with app.app_context(), transaction(actor) as session:
        yield session


def form() -> str:
    return f"form{next(_forms)}"


def ask(family: Family, amount: int | None = None, **more: Any) -> Ask:
    return Ask(family.account_id, more.get("payee", PAYEE), more.get("form") or form(), amount)


def household(app: Flask, balance: int = 5000, **more: Any) -> Family:
    with acting(app) as session:
        return make_family(session, balance=balance, **more)


def accountant(app: Flask, username: str = "") -> Actor:
    """Somebody of Comptabilité: a new one, or the one of that name."""
    with acting(app) as session:
        query = sa.select(CanteenUser.id).where(CanteenUser.username == username)
        user_id = session.scalar(query) or make_user(session, Role.ACCOUNTING).id
    return Actor(user_id, is_staff=True, channel=Channel.DESK)


def requested(
    app: Flask, family: Family, amount: int | None = None, now: Now = NOON, **more: Any
) -> int:
    """A refund that the family asks for; its id."""
    with acting(app, parent(family)) as session:
        refund_id: int = request_refund(session, ask(family, amount, **more), DAYS, now).id
    return refund_id


def verified(app: Flask, family: Family, by: Actor, now: Now = NOON) -> int:
    refund_id = requested(app, family, now=now)
    with acting(app, by) as session:
        verify_refund(session, refund_id, now)
    return refund_id


def sent(app: Flask, family: Family, now: Now = NOON) -> int:
    """A refund that one person verified and another put into a payment order."""
    refund_id = verified(app, family, accountant(app), now)
    with acting(app, accountant(app)) as session:
        pay_refunds(session, [refund_id], DEBTOR, now)
    return refund_id


def refund(app: Flask, refund_id: int) -> RefundRequest:
    """The refund as the database has it, to look at."""
    with reading(app) as session:
        found = session.get_one(RefundRequest, refund_id, populate_existing=True)
        session.expunge(found)
    return found


def do(app: Flask, actor: Actor, act: Callable[[Session], Any]) -> Any:
    with acting(app, actor) as session:
        return act(session)
