"""Invariants 4 to 6 for online payments: credited once, whatever happens in whatever order.

`SOAK=1` goes to the depth that docs/INVARIANTS.md asks for.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from sqlalchemy.orm import Session

from app import clock, enquiries, ledger
from app.extensions import db
from app.models import OnlinePayment, TopUp, Transfer
from app.payments import online
from app.payments.credit import credit_due
from app.payments.gateway import Notice, Outcome, ProviderSilent, Standing, Started
from app.payments.providers.simulated import HEADER, Simulated
from app.refusals import AlreadyPaid
from app.transaction import transaction
from app.vocabulary import PaymentState, TopUpState
from tests.booking.acting import RULES
from tests.factories import Family, make_family
from tests.payments.paying import (
    LIMITS,
    clearing,
    family,
    notification,
    order,
    payment,
    provider_of,
    start,
    wish,
)
from tests.sessions import reading, writing
from tests.soak import SOAK

pytestmark = pytest.mark.soak

EXAMPLES = 1000 if SOAK else 40
FORGED = 10_000 if SOAK else 500
KILLS = 1000 if SOAK else 30


class Killed(BaseException):
    """The process ends here; nothing catches it."""


class Provider:
    """In memory, with payments by reference; its every call may be the last thing that happens."""

    name = "simulated"

    def __init__(self, crashes: Iterator[bool]) -> None:
        self.crashes = crashes
        self.payments: dict[str, Standing] = {}
        self.refunds: list[str] = []
        self.is_silent = False

    def perhaps_crash(self) -> None:
        if next(self.crashes, False):
            raise Killed

    def start(self, wanted: Any) -> Started:
        self.perhaps_crash()
        made = Standing(f"p-{wanted.number}", wanted.number, Outcome.PENDING, wanted.amount, "CHF")
        self.payments.setdefault(made.reference, made)
        self.perhaps_crash()
        return Started(made.reference, f"https://pay.example/{wanted.number}")

    def fetch(self, reference: str) -> Standing:
        self.perhaps_crash()
        if self.is_silent:
            raise ProviderSilent
        return self.payments[reference]

    def refund(self, standing: Standing, number: str) -> None:
        self.perhaps_crash()
        if number not in self.refunds:
            self.refunds.append(number)
            now = self.payments[standing.reference]
            self.payments[standing.reference] = replace(now, is_refunded=True)
        self.perhaps_crash()

    def say(self, references: list[str], index: int, outcome: Outcome) -> None:
        """What a family does on one of the pages it was sent to; what is paid stays paid."""
        if references:
            known = self.payments[references[index % len(references)]]
            if known.outcome is not Outcome.PAID:
                self.payments[known.reference] = replace(known, outcome=outcome)


class Story:
    """One top-up that a family pays, once or more often, while everything may go wrong."""

    def __init__(self, app: Flask, provider: Provider) -> None:
        self.app, self.provider = app, provider
        with writing(app) as session:
            self.household: Family = make_family(session)
        self.asked = wish(self.household)

    def begin(self, _: int) -> None:
        """The form is sent (again): written, asked for, kept."""
        try:
            with self._crashing() as session:
                found = online.begin(session, self.asked, "simulated", LIMITS, clock.now)
                payment_id, number, address = found.id, found.order_number, found.address
            if not address:
                started = self.provider.start(order(number, self.asked.amount))
                with self._crashing() as session:
                    online.mark_started(session, payment_id, started, clock.now)
        except AlreadyPaid:
            return

    def begin_later(self, index: int) -> None:
        """A page that is too old is not offered again: another attempt."""
        with writing(self.app) as session:
            session.execute(
                sa.update(OnlinePayment.__table__)
                .where(OnlinePayment.top_up_id.in_(self._top_up()))
                .values(terms_accepted_at=clock.now() - timedelta(minutes=26))
            )
        self.begin(index)

    def pay(self, index: int) -> None:
        self.provider.say(self.pages(), index, Outcome.PAID)

    def pay_them_all(self, _: int) -> None:
        """Two tabs, or a page that was thought to be gone."""
        for index in range(len(self.pages())):
            self.pay(index)

    def fail(self, index: int) -> None:
        self.provider.say(self.pages(), index, Outcome.FAILED)

    def leave(self, index: int) -> None:
        self.provider.say(self.pages(), index, Outcome.ABANDONED)

    def notify(self, index: int) -> None:
        references = list(self.provider.payments)
        if references:
            reference = references[index % len(references)]
            for _ in range(1 + index % 3):
                with self._crashing() as session:
                    notice = Notice(reference, f"event-{index % 2}")
                    online.note(session, "simulated", notice, clock.now)

    def be_silent(self, index: int) -> None:
        self.provider.is_silent = index % 2 == 0

    def ask(self, index: int) -> None:
        """The browser comes back, or the worker asks."""
        ids = self.attempts()
        if ids:
            try:
                enquiries.enquire(ids[index % len(ids)])
            except ProviderSilent:
                return

    def credit(self, _: int) -> None:
        with self._crashing() as session:
            credit_due(session, RULES, clock.now)

    def pages(self) -> list[str]:
        """A browser is sent only to a page that was kept before."""
        with reading(self.app) as session:
            query = sa.select(OnlinePayment.provider_reference).where(
                OnlinePayment.top_up_id.in_(self._top_up()), OnlinePayment.address != ""
            )
            return [r for r in session.scalars(query.order_by(OnlinePayment.id)) if r]

    def attempts(self) -> list[int]:
        with reading(self.app) as session:
            query = sa.select(OnlinePayment.id).where(OnlinePayment.top_up_id.in_(self._top_up()))
            return list(session.scalars(query.order_by(OnlinePayment.id)))

    def end(self) -> None:
        """All is well again, and everything that is due is done."""
        self.provider.crashes, self.provider.is_silent = iter(()), False
        for payment_id in self.attempts():
            for _ in range(2):
                enquiries.enquire(payment_id)
        self.credit(0)

    def check(self) -> None:
        paid = [p for p in self.provider.payments.values() if p.outcome is Outcome.PAID]
        states = [payment(self.app, i).state for i in self.attempts()]
        with reading(self.app) as session:
            query = sa.select(TopUp).where(TopUp.request_id == self.asked.request_id)
            top_up = session.scalar(query)
            credited = _transfers(session, f"top-up:{top_up.id}") if top_up else 0
            wrong = ledger.discrepancies(session)
            state = top_up.state if top_up else None
        assert wrong == []
        assert credited == (1 if paid else 0)
        assert (state is TopUpState.CREDITED) == bool(paid)
        assert states.count(PaymentState.VALIDATED) == (1 if paid else 0)
        assert states.count(PaymentState.REFUNDED) == max(0, len(paid) - 1)
        assert len(self.provider.refunds) == max(0, len(paid) - 1)

    def _top_up(self) -> sa.Select[int]:
        return sa.select(TopUp.id).where(TopUp.request_id == self.asked.request_id)

    @contextmanager
    def _crashing(self) -> Iterator[Session]:
        self.provider.perhaps_crash()
        with writing(self.app) as session:
            yield session
            self.provider.perhaps_crash()  # before the commit: all of it is undone
        self.provider.perhaps_crash()


def _transfers(session: Session, operation: str) -> int:
    query = sa.select(sa.func.count()).where(Transfer.operation_id == operation)
    return session.scalars(query).one()


EVENTS = [
    Story.begin,
    Story.begin_later,
    Story.begin_later,
    Story.pay,
    Story.pay_them_all,
    Story.fail,
    Story.leave,
    Story.notify,
    Story.be_silent,
    Story.ask,
    Story.credit,
]
STEPS = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5)), max_size=25)
CRASHES = st.lists(st.integers(0, 9).map(lambda drawn: drawn == 9), max_size=60)


def test_a_top_up_is_credited_once_whatever_happens_in_whatever_order(
    shared_app_on: Flask,
) -> None:
    app = shared_app_on
    app.config["ONLINE_CREDIT_DELAY_HOURS"] = 0
    is_fast = db_is_sqlite(app)

    @settings(
        max_examples=EXAMPLES if is_fast else max(15, EXAMPLES // 2),
        suppress_health_check=list(HealthCheck),
    )
    @given(STEPS, CRASHES)
    def live(steps: list[Any], crashes: list[bool]) -> None:
        provider = Provider(iter(crashes))
        with pytest.MonkeyPatch.context() as patch, app.app_context():
            patch.setattr(enquiries, "gateway_of", lambda *_: provider)
            patch.setattr(enquiries, "transaction", crashing(provider))
            story = Story(app, provider)
            for step, index in [(Story.begin, 0), *steps]:
                try:
                    step(story, index)
                except Killed:
                    db.session().rollback()
            story.end()
            story.check()

    live()


def crashing(provider: Provider) -> Any:
    @contextmanager
    def perhaps(actor: Any) -> Iterator[Session]:
        provider.perhaps_crash()
        with transaction(actor) as session:
            yield session
            provider.perhaps_crash()
        provider.perhaps_crash()

    return perhaps


def db_is_sqlite(app: Flask) -> bool:
    return str(app.config["SQLALCHEMY_DATABASE_URI"]).startswith("sqlite")


def test_no_forged_notification_is_taken(app: Flask) -> None:
    payment_id = start(app, wish(family(app)))
    reference = payment(app, payment_id).provider_reference or ""
    sent, rng, client = notification(app, reference, "paid"), Random(6), app.test_client()

    codes = [
        client.post("/paiement/notification/simulated", **_forge(sent, rng)).status_code
        for _ in range(FORGED)
    ]

    assert set(codes) == {403}
    assert payment(app, payment_id).state is PaymentState.STARTED


def _forge(sent: dict[str, Any], rng: Random) -> dict[str, Any]:
    """A byte of the body or a digit of the signature is another, or some are missing or added."""
    body, header = bytearray(sent["data"]), str(sent["headers"][HEADER])
    place, kind = rng.randrange(len(body)), rng.randrange(5)
    if kind == 0:
        body[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del body[place]
    elif kind == 2:
        body.insert(place, rng.randrange(256))
    else:
        spot = rng.randrange(len(header))
        other = rng.choice([c for c in "0123456789abcdef" if c != header[spot]])
        header = header[:spot] + other * (kind - 2) + header[spot + 1 :]
    return {"data": bytes(body), "headers": {HEADER: header}}


def test_kill_9_at_any_moment_loses_and_doubles_nothing(app: Flask) -> None:
    """The provider has the money of every page that was paid, and tells of it again and again."""
    app.config["ONLINE_CREDIT_DELAY_HOURS"] = 0
    households = [family(app) for _ in range(KILLS)]
    wishes = [wish(household) for household in households]
    with app.app_context():
        db.engine.dispose()
    rng = Random(9)

    for asked in wishes:
        child = os.fork()
        if child == 0:
            _pay_for_ever(app, asked)
        time.sleep(rng.uniform(0.005, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for asked in wishes:
        _pay(app, asked)

    with reading(app) as session:
        assert ledger.discrepancies(session) == []
        credited = session.scalars(sa.select(TopUp.state)).all()
    assert credited == [TopUpState.CREDITED] * KILLS
    assert clearing(app) == 5000 * KILLS


def _pay_for_ever(app: Flask, asked: online.Wish) -> None:
    """In a child of its own, until it is killed."""
    try:
        while True:
            _pay(app, asked)
    finally:
        os._exit(1)


def _pay(app: Flask, asked: online.Wish) -> None:
    """From the form to the credit; whatever was done before is found done."""
    try:
        payment_id = start(app, asked)
    except AlreadyPaid:
        payment_id = _attempt(app, asked)
    found = payment(app, payment_id)
    provider: Simulated = provider_of(app)
    provider.choose(found.order_number, Outcome.PAID)
    for _ in range(2):
        app.test_client().post(
            "/paiement/notification/simulated",
            **notification(app, found.provider_reference or "", "paid"),
        )
    with app.app_context():
        enquiries.enquire(payment_id)
    with writing(app) as session:
        credit_due(session, RULES, clock.now)


def _attempt(app: Flask, asked: online.Wish) -> int:
    with reading(app) as session:
        query = (
            sa.select(OnlinePayment.id)
            .join(OnlinePayment.top_up)
            .where(TopUp.request_id == asked.request_id)
        )
        return session.scalars(query).one()
