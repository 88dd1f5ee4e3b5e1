"""A family that pays online, and the simulated provider beside it."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import clock, ledger
from app.models import Account, OnlinePayment, TopUp
from app.payments import online, settling
from app.payments.credit import credit_due
from app.payments.gateway import Order, Outcome, Standing
from app.payments.providers import gateway_of
from app.payments.providers.signing import sign
from app.payments.providers.simulated import HEADER, Simulated
from app.rules.top_ups import TopUpLimits
from app.vocabulary import LedgerKind, PaymentState
from tests.booking.acting import RULES
from tests.factories import Family, make_family
from tests.sessions import reading, writing
from tests.working import work_at

LIMITS = TopUpLimits(500, 100_000, 5)
DAY = timedelta(hours=24)


def family(app: Flask, **more: Any) -> Family:
    with writing(app) as session:
        return make_family(session, **more)


def wish(household: Family, amount: int = 5000, request_id: str = "") -> online.Wish:
    return online.Wish(household.account_id, amount, 1, request_id or uuid4().hex)


def begin(session: Session, asked: online.Wish, provider: str = "simulated") -> OnlinePayment:
    return online.begin(session, asked, provider, LIMITS, clock.now)


def provider_of(app: Flask) -> Simulated:
    found = gateway_of("simulated", app.config)
    assert isinstance(found, Simulated)
    return found


def order(number: str, amount: int = 5000) -> Order:
    base = "http://127.0.0.1:8080/paiement"
    return Order(
        number=number,
        amount=amount,
        language="fr",
        return_url=f"{base}/retour/{number}",
        cancel_url=f"{base}/annule/{number}",
        notification_url=f"{base}/notification/simulated",
    )


def start(app: Flask, asked: online.Wish) -> int:
    """A payment whose page is open at the simulated provider; its id."""
    with writing(app) as session:
        payment = begin(session, asked)
        payment_id, number = payment.id, payment.order_number
    started = provider_of(app).start(order(number, asked.amount))
    with writing(app) as session:
        online.mark_started(session, payment_id, started, clock.now)
    return payment_id


def choose(app: Flask, payment_id: int, outcome: Outcome) -> None:
    """What the family does on the provider's page."""
    provider_of(app).choose(payment(app, payment_id).order_number, outcome)


def payment(app: Flask, payment_id: int) -> OnlinePayment:
    with reading(app) as session:
        found = session.get_one(OnlinePayment, payment_id, populate_existing=True)
        session.refresh(found, ["top_up"])
        session.refresh(found.top_up)
        session.expunge_all()
        return found


def standing(found: OnlinePayment, outcome: Outcome = Outcome.PAID, **more: Any) -> Standing:
    """As ordered, unless `more` says otherwise."""
    given = {
        "reference": found.provider_reference,
        "order_number": found.order_number,
        "outcome": outcome,
        "amount": found.top_up.amount,
        "currency": "CHF",
        **more,
    }
    return Standing(**given)


def validate(app: Flask, payment_id: int) -> PaymentState:
    """The provider says that it was paid as ordered; the money is credited a day later."""
    with writing(app) as session:
        said = standing(payment(app, payment_id))
        return settling.settle(session, payment_id, said, DAY, clock.now)


def credit(app: Flask) -> None:
    """Whatever is due by now."""
    with writing(app) as session:
        credit_due(session, RULES, clock.now)


def work(app: Flask) -> None:
    """The worker asks the provider, and credits whatever is due by now."""
    work_at(app, "ask providers", "credit top-ups")


def notification(app: Flask, reference: str, outcome: str, time: str = "1") -> dict[str, Any]:
    """A signed notification of the simulated provider, as arguments for a client's post."""
    body = json.dumps({"reference": reference, "outcome": outcome}).encode()
    return {"data": body, "headers": {HEADER: sign(provider_of(app).key, time, body)}}


def balance(app: Flask, household: Family) -> int:
    with reading(app) as session:
        query = sa.select(Account.balance).where(Account.id == household.account_id)
        return session.scalars(query).one()


def clearing(app: Flask) -> int:
    """What lies at the provider by our books."""
    with reading(app) as session:
        return -ledger.balance(session, ledger.chart_id(session, LedgerKind.CLEARING))


def top_ups(app: Flask) -> list[TopUp]:
    with reading(app) as session:
        found = list(session.scalars(sa.select(TopUp).order_by(TopUp.id)))
        session.expunge_all()
        return found
