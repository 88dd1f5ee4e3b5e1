"""Payments that are not as they were ordered: looked at, settled by a person, on both databases."""

import json
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.access import SYSTEM, Actor
from app.enquiries import enquire, standing_of
from app.errors import CannotDecide, NotAllowed
from app.models import OnlinePayment, TopUp
from app.payments.gateway import Outcome, Standing
from app.payments.mismatch import Decision, decide, decisions
from app.transaction import transaction
from app.vocabulary import Channel, PaymentState, TopUpState
from tests.booking.acting import RULES
from tests.delivery.mailing import files_of
from tests.payments.paying import (
    balance,
    clearing,
    family,
    payment,
    provider_of,
    start,
    top_ups,
    wish,
)
from tests.payments.refunding import accountant
from tests.web import logged_in, text_of
from tests.working import work_at

REASON = "Montant corrigé par le prestataire"


pytestmark = pytest.mark.usefixtures("evening")


def pay(app: Flask, household: Any, amount: int = 4500) -> int:
    """CHF 50 were ordered; the provider holds another amount."""
    payment_id = start(app, wish(household))
    path = provider_of(app).folder / f"{payment(app, payment_id).order_number}.json"
    path.write_text(json.dumps({"outcome": "paid", "amount": amount}))
    with app.app_context():
        assert enquire(payment_id) is PaymentState.MISMATCHED
    return payment_id


def settle(app: Flask, payment_id: int, decision: Decision, by: Actor | None = None) -> None:
    with app.app_context():
        standing = standing_of(payment_id)
        with transaction(by or accountant(app, "accounting")) as session:
            decide(session, payment_id, decision, standing, REASON, RULES, clock.now)


def test_what_was_really_received_is_credited_and_who_decided_is_kept(
    app_on: Flask, books_agree: None
) -> None:
    household = family(app_on)
    payment_id = pay(app_on, household)

    settle(app_on, payment_id, Decision.CREDIT)

    found = payment(app_on, payment_id)
    assert (found.state, found.received, found.amount) == (PaymentState.VALIDATED, 4500, 4500)
    assert (found.decided_by_id, found.reason) == (accountant(app_on, "accounting").user_id, REASON)
    assert balance(app_on, household) == clearing(app_on) == 4500
    states = [(top_up.state, top_up.amount) for top_up in top_ups(app_on)]
    assert states == [(TopUpState.CANCELLED, 5000), (TopUpState.CREDITED, 4500)]


def test_the_card_has_it_back_and_the_books_knew_of_it_meanwhile(
    app_on: Flask, books_agree: None
) -> None:
    household = family(app_on)
    payment_id = pay(app_on, household)

    settle(app_on, payment_id, Decision.REFUND)
    held = payment(app_on, payment_id).state, clearing(app_on)
    work_at(app_on, "ask providers", "send mails")

    assert held == (PaymentState.REFUNDING, 4500)
    assert [top_up.state for top_up in top_ups(app_on)] == [TopUpState.CANCELLED]
    assert payment(app_on, payment_id).state is PaymentState.REFUNDED
    assert clearing(app_on) == balance(app_on, household) == 0
    kept = json.loads(next(provider_of(app_on).folder.glob("*.json")).read_text())
    assert kept["refunded"] is True
    (mail,) = files_of(app_on)
    assert mail["Subject"] == "CHF 45.00 remboursés sur votre carte"


def test_it_is_decided_once_and_by_staff(app_on: Flask, books_agree: None) -> None:
    payment_id = pay(app_on, family(app_on))
    stranger = Actor(1, is_staff=False, channel=Channel.PORTAL)

    for nobody in (stranger, SYSTEM):
        with pytest.raises(NotAllowed):
            settle(app_on, payment_id, Decision.CREDIT, nobody)
    settle(app_on, payment_id, Decision.CREDIT)
    for again in Decision:
        with pytest.raises(CannotDecide):
            settle(app_on, payment_id, again)

    assert clearing(app_on) == 4500


BOTH = (Decision.REFUND, Decision.CREDIT)


@pytest.mark.parametrize(
    ("changes", "may"),
    [
        ({}, BOTH),
        ({"order_number": "X"}, (Decision.REFUND,)),
        ({"reference": "X"}, (Decision.REFUND,)),
        ({"currency": "EUR"}, ()),
        ({"amount": 0}, ()),
        ({"outcome": Outcome.PENDING}, ()),
        ({"outcome": Outcome.FAILED}, (Decision.CLOSE,)),
        ({"is_refunded": True}, (Decision.CLOSE,)),
        ({"merchant_is_ours": False}, (Decision.CLOSE,)),
    ],
)
def test_only_what_is_certain_may_be_decided(
    changes: dict[str, Any], may: tuple[Decision, ...]
) -> None:
    ordered = OnlinePayment(order_number="A", provider_reference="R", top_up=TopUp(amount=5000))
    said = {"reference": "R", "order_number": "A", "amount": 4500, "currency": "CHF"}

    standing = Standing(**{"outcome": Outcome.PAID, **said, **changes})

    assert decisions(ordered, standing) == may


def test_the_accountant_looks_and_settles_it_on_a_page(app: Flask) -> None:
    household = family(app)
    payment_id = pay(app, household)
    browser, path = logged_in(app, "accounting"), "/online-payments/settle/?payment="

    asked = browser.post(f"/onlinepaymentview/action/decide/{payment_id}")
    page = browser.get(f"{path}{payment_id}").text
    form = {"decision": "credit", "reason": REASON, "seen": "paid:4500:CHF"}
    without = browser.post(f"{path}{payment_id}", {**form, "reason": ""})
    stale = browser.post(f"{path}{payment_id}", {**form, "seen": "paid:4000:CHF"})
    done = browser.post(f"{path}{payment_id}", form)

    assert asked.headers["Location"] == f"{path}{payment_id}"
    assert "Commandé CHF 50.00" in text_of(page)
    assert "CHF 45.00, payé" in text_of(page)
    assert without.status_code == 200
    assert "Quelqu’un vient de modifier ces données." in text_of(stale.text)
    assert done.headers["Location"] == f"/onlinepaymentview/show/{payment_id}"
    assert balance(app, household) == 4500
    assert REASON in text_of(browser.get(done.headers["Location"]).text)
    assert logged_in(app, "till").get(f"{path}{payment_id}").status_code == 403


def test_a_refund_is_made_at_once_and_again_while_the_provider_is_silent(app: Flask) -> None:
    payment_id = pay(app, family(app))
    browser, path = logged_in(app, "accounting"), f"/online-payments/settle/?payment={payment_id}"
    browser.get(path)

    browser.post(path, {"decision": "refund", "reason": REASON, "seen": "paid:4500:CHF"})

    assert payment(app, payment_id).state is PaymentState.REFUNDED
    assert clearing(app) == 0


def test_while_the_provider_is_silent_nothing_is_decided(app: Flask) -> None:
    payment_id = pay(app, family(app))
    for kept in provider_of(app).folder.glob("*.json"):
        kept.unlink()
    browser, path = logged_in(app, "accounting"), f"/online-payments/settle/?payment={payment_id}"

    page = browser.get(path)
    browser.post(path, {"decision": "credit", "reason": REASON, "seen": ""})

    assert "Le service de paiement ne répond pas." in text_of(page.text)
    assert payment(app, payment_id).state is PaymentState.MISMATCHED
