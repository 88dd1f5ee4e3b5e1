"""What a provider's notification costs to answer: verified, found, kept once; CPU, not waiting."""

import json
from statistics import median
from time import process_time
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app import clock
from app.access import SYSTEM
from app.models import Account, CanteenSettings
from app.payments import online
from app.payments.gateway import Started
from app.payments.limits import limits_of
from app.payments.providers import gateway_of
from app.payments.providers.signing import sign
from app.payments.providers.simulated import HEADER, Simulated
from app.transaction import transaction

ROUNDS = 100
AT_MOST = 0.020  # seconds of CPU (issue 3)


def seconds_of_a_notification(app: Flask) -> float:
    """Median CPU time of a notification that is new, of a payment that is open."""
    reference = _open_payment(app)
    client = app.test_client()
    return median(_timed(app, client, reference, f"event-{n}") for n in range(ROUNDS))


def _open_payment(app: Flask) -> str:
    with app.app_context(), transaction(SYSTEM) as session:
        account_id = session.scalars(sa.select(Account.id).limit(1)).one()
        terms = online.current_terms(session)
        assert terms is not None
        limits = limits_of(session.get_one(CanteenSettings, 1))
        asked = online.Wish(account_id, limits.minimum, terms.version, uuid4().hex)
        payment = online.begin(session, asked, "simulated", limits, clock.now)
        started = Started(f"sim-{payment.order_number}", "http://127.0.0.1/")
        online.mark_started(session, payment.id, started, clock.now)
    return started.reference


def _timed(app: Flask, client: FlaskClient, reference: str, event: str) -> float:
    gateway = gateway_of("simulated", app.config)
    assert isinstance(gateway, Simulated)
    body = json.dumps({"reference": reference, "outcome": event}).encode()
    headers = {HEADER: sign(gateway.key, "1", body)}
    began = process_time()
    answer = client.post("/paiement/notification/simulated", data=body, headers=headers)
    took = process_time() - began
    assert answer.status_code == 200
    return took
