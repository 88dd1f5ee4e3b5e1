"""Online payments as the accountant sees them."""

from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock, ledger
from app.declared.payouts import ClearingSums, clearing_sums
from app.ledger import Entry
from app.models import PaymentTerms
from app.payments.gateway import Outcome
from app.vocabulary import LedgerKind, PaymentState, TransferKind
from tests.conftest import FrozenClock
from tests.payments.paying import (
    DAY,
    choose,
    credit,
    family,
    payment,
    start,
    validate,
    wish,
)
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

pytestmark = pytest.mark.usefixtures("evening")


@pytest.fixture
def accountant(app: Flask) -> Browser:
    return logged_in(app, "accounting")


def paid(app: Flask, amount: int) -> None:
    validate(app, start(app, wish(family(app), amount)))


def pay_out(app: Flask, amount: int, kind: TransferKind = TransferKind.PAYOUT) -> None:
    target = LedgerKind.BANK if kind is TransferKind.PAYOUT else LedgerKind.FEES
    with writing(app) as session:
        entry = Entry(
            kind=kind,
            operation_id=f"test:{kind}:{amount}",
            debit_id=ledger.chart_id(session, target),
            credit_id=ledger.chart_id(session, LedgerKind.CLEARING),
            amount=amount,
            booked_on=clock.today(),
        )
        ledger.transfer(session, entry, now=clock.now())


def test_payouts_are_held_against_what_was_credited(
    app_on: Flask, frozen_clock: FrozenClock
) -> None:
    paid(app_on, 5000)
    frozen_clock.advance(DAY)
    credit(app_on)
    paid(app_on, 3000)
    frozen_clock.advance(DAY)
    credit(app_on)
    paid(app_on, 2000)
    pay_out(app_on, 4900)
    pay_out(app_on, 100, TransferKind.FEE)

    with reading(app_on) as session:
        sums = clearing_sums(session)

    assert sums == ClearingSums(
        credited=8000,
        paid_out=4900,
        other=-100,
        lying=3000,
        validated=2000,
        since=date(2026, 11, 17),
    )


def test_the_list_of_payouts_runs_along_with_what_lies_there(
    app: Flask, accountant: Browser, frozen_clock: FrozenClock
) -> None:
    paid(app, 5000)
    frozen_clock.advance(DAY)
    credit(app)
    pay_out(app, 4900)

    said = text_of(accountant.get("/payoutview/list/").text)

    assert "Encore chez le prestataire CHF 1.00" in said
    assert "-49.00 1.00" in said
    assert "50.00 50.00" in said


def test_new_terms_are_a_new_version_and_the_old_one_stays(app: Flask, accountant: Browser) -> None:
    accountant.get("/paymenttermsview/add")

    answer = accountant.post("/paymenttermsview/add", {"text": "Nouvelles conditions."})

    assert answer.status_code == 302
    with reading(app) as session:
        kept = dict(session.execute(sa.select(PaymentTerms.version, PaymentTerms.text)).all())
    assert kept == {1: "Payé d’avance.", 2: "Nouvelles conditions."}


def test_terms_are_not_edited_nor_deleted(accountant: Browser) -> None:
    for path in ("/paymenttermsview/edit/1", "/paymenttermsview/delete/1"):
        assert accountant.get(path).status_code == 404


def test_the_accountant_has_the_provider_asked_again(app: Flask, accountant: Browser) -> None:
    payment_id = start(app, wish(family(app)))
    choose(app, payment_id, Outcome.PAID)
    accountant.get(f"/onlinepaymentview/show/{payment_id}")

    answer = accountant.post(f"/onlinepaymentview/action/ask/{payment_id}")

    assert answer.status_code == 302
    assert payment(app, payment_id).state is PaymentState.VALIDATED
    assert accountant.get("/onlinepaymentview/list/").status_code == 200
