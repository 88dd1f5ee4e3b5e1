"""Card payments that were taken back after they were credited, on both databases."""

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock, ledger
from app.errors import CannotDecide, NotAllowed
from app.models import Account, OutboxFact
from app.payments.chargebacks import charge_back, lift_chargeback
from app.refusals import AlreadyPaid
from app.vocabulary import FactKind, LedgerKind, PaymentState, TopUpState, TransferKind
from tests.booking.acting import RULES
from tests.conftest import FrozenClock
from tests.factories import Family
from tests.payments.paying import (
    DAY,
    balance,
    begin,
    clearing,
    credit,
    family,
    payment,
    start,
    validate,
    wish,
)
from tests.payments.refunding import accountant, acting
from tests.sessions import reading, writing
from tests.web import logged_in, text_of

pytestmark = pytest.mark.usefixtures("evening")


def paid(app: Flask, household: Family, request_id: str = "") -> int:
    payment_id = start(app, wish(household, request_id=request_id))
    validate(app, payment_id)
    return payment_id


def credit_a_day_later(app: Flask, frozen_clock: FrozenClock) -> None:
    frozen_clock.advance(DAY)
    credit(app)


def take_back(app: Flask, payment_id: int) -> None:
    with acting(app, accountant(app, "accounting")) as session:
        charge_back(session, payment_id, clock.now)


def spend(app: Flask, household: Family, amount: int) -> None:
    """A refund leaves the account, so that less lies there than the card takes back."""
    with writing(app) as session:
        entry = ledger.Entry(
            TransferKind.REFUND,
            f"spent:{amount}",
            ledger.wallet_id(session, household.account_id),
            ledger.chart_id(session, LedgerKind.REFUNDS_DUE),
            amount,
            clock.today(),
        )
        ledger.transfer(session, entry, now=clock.now())


def test_it_comes_off_the_account_below_zero_and_the_family_is_told(
    app_on: Flask, frozen_clock: FrozenClock, books_agree: None
) -> None:
    household = family(app_on)
    payment_id = paid(app_on, household)
    credit_a_day_later(app_on, frozen_clock)
    spend(app_on, household, 3000)

    take_back(app_on, payment_id)

    found = payment(app_on, payment_id)
    assert (found.state, found.top_up.state) == (PaymentState.CHARGED_BACK, TopUpState.CANCELLED)
    assert (balance(app_on, household), clearing(app_on)) == (-3000, 0)
    with reading(app_on) as session:
        assert session.get_one(Account, household.account_id).taken_back == 3000
        told = session.scalars(sa.select(OutboxFact.kind)).all()
    assert told.count(FactKind.TAKEN_BACK) == 1


def test_once_and_only_what_was_credited_and_only_by_staff(
    app_on: Flask, frozen_clock: FrozenClock, books_agree: None
) -> None:
    payment_id = paid(app_on, family(app_on))
    with pytest.raises(CannotDecide):
        take_back(app_on, payment_id)
    credit_a_day_later(app_on, frozen_clock)
    with pytest.raises(NotAllowed), acting(app_on) as session:
        charge_back(session, payment_id, clock.now)

    take_back(app_on, payment_id)

    with pytest.raises(CannotDecide):
        take_back(app_on, payment_id)
    assert clearing(app_on) == 0


def test_a_chargeback_that_is_lifted_credits_again_as_often_as_it_happens(
    app_on: Flask, frozen_clock: FrozenClock, books_agree: None
) -> None:
    household = family(app_on)
    payment_id = paid(app_on, household)
    credit_a_day_later(app_on, frozen_clock)

    for _ in range(2):
        take_back(app_on, payment_id)
        with acting(app_on, accountant(app_on, "accounting")) as session:
            lift_chargeback(session, payment_id, RULES, clock.now)

    found = payment(app_on, payment_id)
    assert (found.state, found.top_up.state) == (PaymentState.VALIDATED, TopUpState.CREDITED)
    assert balance(app_on, household) == clearing(app_on) == 5000


def test_a_top_up_that_was_charged_back_is_not_paid_again(
    app_on: Flask, frozen_clock: FrozenClock, books_agree: None
) -> None:
    household = family(app_on)
    payment_id = paid(app_on, household, "form")
    credit_a_day_later(app_on, frozen_clock)
    take_back(app_on, payment_id)

    with pytest.raises(AlreadyPaid), writing(app_on) as session:
        begin(session, wish(household, request_id="form"))


def test_the_accountant_does_it_on_the_payments_page(app: Flask, frozen_clock: FrozenClock) -> None:
    household = family(app)
    payment_id = paid(app, household)
    credit_a_day_later(app, frozen_clock)
    browser, page = logged_in(app, "accounting"), f"/onlinepaymentview/show/{payment_id}"

    before = browser.get(page).text
    browser.post(f"/onlinepaymentview/action/charge_back/{payment_id}")
    between, after = balance(app, household), browser.get(page).text
    browser.post(f"/onlinepaymentview/action/lift/{payment_id}")

    assert "/action/charge_back/" in before
    assert "/action/lift/" in after
    assert "/action/charge_back/" not in after
    assert "Repris par la carte" in text_of(after)
    assert (between, balance(app, household)) == (0, 5000)
