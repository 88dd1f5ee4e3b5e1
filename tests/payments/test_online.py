"""Online payments, step by step, on both databases."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock
from app.enquiries import enquire
from app.errors import AccountArchived, AmountNotInSteps, AmountOutOfRange, NotFound, SentBefore
from app.models import (
    Account,
    OnlinePayment,
    OutboxFact,
    PaymentNotification,
    PaymentTerms,
)
from app.payments import online, settling
from app.payments.gateway import Notice, Outcome, ProviderNotSet, Started
from app.refusals import AlreadyPaid, TermsChanged
from app.vocabulary import FactKind, PaymentState, TopUpState
from tests.conftest import FrozenClock
from tests.payments.paying import (
    DAY,
    balance,
    begin,
    choose,
    clearing,
    family,
    payment,
    standing,
    start,
    top_ups,
    validate,
    wish,
    work,
)
from tests.sessions import reading, writing

pytestmark = pytest.mark.usefixtures("evening")


def facts(app: Flask, kind: FactKind) -> int:
    with reading(app) as session:
        query = sa.select(sa.func.count()).where(OutboxFact.kind == kind)
        return session.scalars(query).one()


def test_a_payment_is_validated_at_once_and_credited_a_day_later(
    app_on: Flask, frozen_clock: FrozenClock, books_agree: None
) -> None:
    household = family(app_on)
    payment_id = start(app_on, wish(household))
    choose(app_on, payment_id, Outcome.PAID)

    frozen_clock.advance(timedelta(minutes=3))
    work(app_on)
    found, before = payment(app_on, payment_id), balance(app_on, household)
    frozen_clock.advance(timedelta(hours=23, minutes=59))
    work(app_on)
    still_before = balance(app_on, household)
    frozen_clock.advance(timedelta(minutes=1))
    work(app_on)

    assert (found.state, found.top_up.state) == (PaymentState.VALIDATED, TopUpState.VALIDATED)
    assert (before, still_before, balance(app_on, household)) == (0, 0, 5000)
    assert clearing(app_on) == 5000
    assert facts(app_on, FactKind.PAYMENT_VALIDATED) == facts(app_on, FactKind.CREDITED) == 1


def test_without_a_delay_it_is_credited_at_once(app_on: Flask, books_agree: None) -> None:
    app_on.config["ONLINE_CREDIT_DELAY_HOURS"] = 0
    household = family(app_on)
    payment_id = start(app_on, wish(household))
    choose(app_on, payment_id, Outcome.PAID)

    with app_on.app_context():
        enquire(payment_id)

    assert balance(app_on, household) == 5000


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Outcome.FAILED, PaymentState.FAILED), (Outcome.ABANDONED, PaymentState.ABANDONED)],
)
def test_what_is_not_paid_is_not_credited_and_may_be_tried_again(
    app_on: Flask, outcome: Outcome, state: PaymentState
) -> None:
    asked = wish(family(app_on))
    first = start(app_on, asked)
    choose(app_on, first, outcome)
    with app_on.app_context():
        enquire(first)

    second = start(app_on, asked)

    assert payment(app_on, first).state is state
    assert second != first
    assert [top_up.state for top_up in top_ups(app_on)] == [TopUpState.ANNOUNCED]


def test_a_page_that_is_left_expires_and_is_asked_about_rarer_and_rarer(
    app_on: Flask, frozen_clock: FrozenClock
) -> None:
    payment_id = start(app_on, wish(family(app_on)))
    asked = []
    while (due := payment(app_on, payment_id).check_at) is not None:
        frozen_clock.advance(due - clock.now())
        asked.append(clock.now())
        work(app_on)

    found = payment(app_on, payment_id)
    assert (found.state, found.top_up.state) == (PaymentState.EXPIRED, TopUpState.CANCELLED)
    assert 10 < len(asked) < 25
    assert asked[-1] - asked[0] > timedelta(days=1)


def test_what_is_paid_after_it_expired_is_credited(
    app_on: Flask, frozen_clock: FrozenClock, books_agree: None
) -> None:
    household = family(app_on)
    payment_id = start(app_on, wish(household))
    frozen_clock.advance(timedelta(hours=2))
    work(app_on)
    expired = payment(app_on, payment_id).state
    choose(app_on, payment_id, Outcome.PAID)

    frozen_clock.advance(timedelta(hours=3))
    work(app_on)
    frozen_clock.advance(DAY)
    work(app_on)

    assert expired is PaymentState.EXPIRED
    assert balance(app_on, household) == 5000


def test_the_second_payment_of_a_top_up_goes_back_to_the_card(
    app_on: Flask, frozen_clock: FrozenClock, books_agree: None
) -> None:
    household = family(app_on)
    asked = wish(household)
    first = start(app_on, asked)
    frozen_clock.advance(timedelta(minutes=26))  # its page is too old to be offered again
    second = start(app_on, asked)
    for each in (second, first):
        choose(app_on, each, Outcome.PAID)

    frozen_clock.advance(timedelta(minutes=5))
    work(app_on)
    frozen_clock.advance(DAY)
    work(app_on)

    states = {payment(app_on, each).state for each in (first, second)}
    assert states == {PaymentState.VALIDATED, PaymentState.REFUNDED}
    assert (balance(app_on, household), clearing(app_on)) == (5000, 5000)
    assert facts(app_on, FactKind.PAYMENT_REFUNDED) == 1


def test_until_the_card_has_it_back_the_second_payment_is_in_the_books(
    app_on: Flask, books_agree: None
) -> None:
    asked = wish(family(app_on))
    first = start(app_on, asked)
    validate(app_on, first)
    with writing(app_on) as session:
        again = OnlinePayment(
            top_up_id=payment(app_on, first).top_up_id,
            provider="simulated",
            order_number="second",
            provider_reference="sim-second",
            state=PaymentState.STARTED,
            terms_version=1,
            terms_accepted_at=clock.now(),
        )
        session.add(again)
        session.flush()
        second = again.id

    state = validate(app_on, second)

    assert state is PaymentState.PAID_TWICE
    assert clearing(app_on) == 5000
    assert payment(app_on, second).check_at is not None


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 4999},
        {"amount": 5001},
        {"currency": "EUR"},
        {"order_number": "another"},
        {"reference": "another"},
        {"merchant_is_ours": False},
    ],
)
def test_what_is_not_as_ordered_is_not_credited_and_waits_for_a_person(
    app_on: Flask, wrong: dict[str, Any]
) -> None:
    payment_id = start(app_on, wish(family(app_on)))
    said = standing(payment(app_on, payment_id), **wrong)

    with writing(app_on) as session:
        settling.settle(session, payment_id, said, DAY, clock.now)

    found = payment(app_on, payment_id)
    assert found.state is PaymentState.MISMATCHED
    assert found.top_up.state is TopUpState.ANNOUNCED


def test_saying_it_again_or_saying_less_changes_nothing(app_on: Flask) -> None:
    payment_id = start(app_on, wish(family(app_on)))
    found = payment(app_on, payment_id)

    for outcome in (Outcome.PAID, Outcome.PENDING, Outcome.FAILED, Outcome.PAID):
        with writing(app_on) as session:
            settling.settle(session, payment_id, standing(found, outcome), DAY, clock.now)

    after = payment(app_on, payment_id)
    assert after.state is PaymentState.VALIDATED
    assert after.top_up.credit_at == clock.now() + DAY
    assert facts(app_on, FactKind.PAYMENT_VALIDATED) == 1


def test_a_form_sent_twice_is_one_payment_and_one_page(app_on: Flask) -> None:
    asked = wish(family(app_on))
    with writing(app_on) as session:
        first = begin(session, asked).id
    with writing(app_on) as session:
        second = begin(session, asked).id
    addresses = []
    for name in ("one", "two"):
        with writing(app_on) as session:
            page = Started(name, f"https://pay.example/{name}")
            addresses.append(online.mark_started(session, first, page, clock.now))

    assert first == second
    assert addresses == ["https://pay.example/one"] * 2
    assert payment(app_on, first).provider_reference == "one"


def test_a_form_that_comes_again_with_something_else_is_refused(app_on: Flask) -> None:
    household, other = family(app_on), family(app_on)
    asked = wish(household)
    with writing(app_on) as session:
        begin(session, asked)

    for changed in (
        wish(household, 6000, asked.request_id),
        wish(other, 5000, asked.request_id),
    ):
        with pytest.raises(SentBefore), writing(app_on) as session:
            begin(session, changed)


def test_a_form_of_what_is_paid_pays_nothing_more(app_on: Flask) -> None:
    asked = wish(family(app_on))
    payment_id = start(app_on, asked)
    validate(app_on, payment_id)

    with pytest.raises(AlreadyPaid), writing(app_on) as session:
        begin(session, asked)


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [(499, AmountOutOfRange), (100_001, AmountOutOfRange), (501, AmountNotInSteps)],
)
def test_amounts_outside_the_limits_are_refused(
    app_on: Flask, amount: int, refusal: type[Exception]
) -> None:
    asked = wish(family(app_on), amount)

    with pytest.raises(refusal), writing(app_on) as session:
        begin(session, asked)


def test_terms_that_were_replaced_meanwhile_are_not_accepted(app_on: Flask) -> None:
    asked = wish(family(app_on))
    with writing(app_on) as session:
        session.add(PaymentTerms(version=2, text="Nouvelles.", published_at=clock.now()))

    with pytest.raises(TermsChanged), writing(app_on) as session:
        begin(session, asked)


def test_no_account_or_one_that_is_archived_takes_no_payment(app_on: Flask) -> None:
    household = family(app_on)
    with writing(app_on) as session:
        session.get_one(Account, household.account_id).archived_at = clock.now()

    with pytest.raises(AccountArchived), writing(app_on) as session:
        begin(session, wish(household))
    with pytest.raises(NotFound), writing(app_on) as session:
        begin(session, online.Wish(999_999, 5000, 1, "unknown"))


def test_a_notification_is_kept_once_and_makes_us_ask(app_on: Flask) -> None:
    payment_id = start(app_on, wish(family(app_on)))
    reference = payment(app_on, payment_id).provider_reference or ""

    answers = []
    for event in ("paid", "paid", "pending"):
        with writing(app_on) as session:
            answers.append(online.note(session, "simulated", Notice(reference, event), clock.now))
    with writing(app_on) as session:
        answers.append(online.note(session, "simulated", Notice("unknown", "paid"), clock.now))

    assert answers == [True, False, True, False]
    assert payment(app_on, payment_id).check_at == clock.now()
    with reading(app_on) as session:
        count = session.scalar(sa.select(sa.func.count()).select_from(PaymentNotification))
    assert count == 2


def test_a_page_that_the_provider_never_gave_expires_without_being_asked(
    app_on: Flask, frozen_clock: FrozenClock
) -> None:
    asked = wish(family(app_on))
    with writing(app_on) as session:
        payment_id = begin(session, asked).id

    frozen_clock.advance(timedelta(hours=1))
    work(app_on)

    found = payment(app_on, payment_id)
    assert (found.state, found.check_at) == (PaymentState.EXPIRED, None)
    assert found.top_up.state is TopUpState.CANCELLED


def test_the_simulated_provider_refuses_to_run_in_production(app_on: Flask) -> None:
    payment_id = start(app_on, wish(family(app_on)))
    app_on.config["PRODUCTION"] = True

    with app_on.app_context(), pytest.raises(ProviderNotSet):
        enquire(payment_id)
