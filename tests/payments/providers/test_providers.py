"""Both providers against their fakes: what is asked, what is believed, what goes wrong."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from app import clock
from app.enquiries import enquire
from app.models import OnlinePayment
from app.payments import online, settling
from app.payments.gateway import Gateway, NotSigned, ProviderNotSet, ProviderSilent
from app.payments.providers import current_gateway, gateway_of, is_open
from app.payments.providers.postfinance import _LAST_LOOK_UP, to_cents, to_francs
from app.vocabulary import PaymentState
from tests.conftest import FrozenClock
from tests.payments.paying import (
    DAY,
    balance,
    begin,
    clearing,
    family,
    order,
    payment,
    standing,
    wish,
    work,
)
from tests.payments.providers.provider import Fake, FakeDatatrans, FakePostFinance, served
from tests.sessions import writing

PAID = {"datatrans": "settled", "postfinance": "FULFILL"}
LEFT = {"datatrans": "canceled", "postfinance": "VOIDED"}
FAILED = {"datatrans": "failed", "postfinance": "FAILED"}


pytestmark = pytest.mark.usefixtures("evening")


@pytest.fixture(params=["datatrans", "postfinance"])
def fake(request: pytest.FixtureRequest) -> Iterator[Any]:
    made: Fake = FakeDatatrans() if request.param == "datatrans" else FakePostFinance()
    with served(made):
        yield made
    assert made.faults == []


def use(app: Flask, fake: Any) -> Gateway:
    app.config.update(fake.settings)
    return current_gateway(app.config)


def start(app: Flask, fake: Any, asked: online.Wish | None = None) -> tuple[int, str]:
    """A payment started at the fake; its id and the provider's."""
    gateway = use(app, fake)
    asked = asked or wish(family(app), 5005)
    with writing(app) as session:
        found = begin(session, asked, gateway.name)
        payment_id, number = found.id, found.order_number
    started = gateway.start(order(number, asked.amount))
    with writing(app) as session:
        online.mark_started(session, payment_id, started, clock.now)
    return payment_id, started.reference


def test_what_is_paid_is_credited_a_day_later(
    app: Flask, fake: Any, frozen_clock: FrozenClock
) -> None:
    household = family(app)
    payment_id, reference = start(app, fake, wish(household, 5005))
    fake.set(reference, PAID[current_gateway(app.config).name])

    frozen_clock.advance(timedelta(minutes=2))
    work(app)
    frozen_clock.advance(DAY)
    work(app)

    assert payment(app, payment_id).state is PaymentState.VALIDATED
    assert balance(app, household) == clearing(app) == 5005


@pytest.mark.parametrize(
    ("words", "state"), [(LEFT, PaymentState.ABANDONED), (FAILED, PaymentState.FAILED)]
)
def test_what_is_not_paid_is_told_apart(
    app: Flask, fake: Any, words: dict[str, str], state: PaymentState
) -> None:
    payment_id, reference = start(app, fake)
    fake.set(reference, words[current_gateway(app.config).name])

    with app.app_context():
        assert enquire(payment_id) is state


@pytest.mark.parametrize(
    "word", ["initialized", "authorized", "challenge_ongoing", "authenticated", "unheard of"]
)
def test_before_it_is_settled_nothing_is_believed(app: Flask, word: str) -> None:
    with served(FakeDatatrans()) as fake:
        payment_id, reference = start(app, fake)
        fake.transactions[reference]["status"] = word

        with app.app_context():
            assert enquire(payment_id) is PaymentState.STARTED


@pytest.mark.parametrize("word", ["PENDING", "CONFIRMED", "PROCESSING", "AUTHORIZED", "COMPLETED"])
def test_before_it_is_fulfilled_nothing_is_believed(app: Flask, word: str) -> None:
    with served(FakePostFinance()) as fake:
        payment_id, reference = start(app, fake)
        fake.transactions[reference]["state"] = word

        with app.app_context():
            assert enquire(payment_id) is PaymentState.STARTED


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "EUR"},
        {"refno": "another"},
        {"merchantId": "another"},
        {"type": "credit"},
        {"detail": {"settle": {"amount": 5004}}},
    ],
)
def test_datatrans_what_is_not_as_ordered_is_not_credited(
    app: Flask, wrong: dict[str, Any]
) -> None:
    with served(FakeDatatrans()) as fake:
        payment_id, reference = start(app, fake)
        fake.set(reference, "settled", **wrong)

        with app.app_context():
            assert enquire(payment_id) is PaymentState.MISMATCHED


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "EUR"},
        {"merchantReference": "another"},
        {"linkedSpaceId": 1},
        {"completedAmount": 50.04},
    ],
)
def test_postfinance_what_is_not_as_ordered_is_not_credited(
    app: Flask, wrong: dict[str, Any]
) -> None:
    with served(FakePostFinance()) as fake:
        payment_id, reference = start(app, fake)
        fake.set(reference, "FULFILL", **wrong)

        with app.app_context():
            assert enquire(payment_id) is PaymentState.MISMATCHED


@pytest.mark.parametrize(
    "nonsense", [{"detail": {}}, {"detail": {"settle": {"amount": "5005"}}}, {"refno": 7}]
)
def test_an_answer_without_what_it_must_name_is_no_answer(
    app: Flask, nonsense: dict[str, Any]
) -> None:
    with served(FakeDatatrans()) as fake:
        payment_id, reference = start(app, fake)
        fake.set(reference, "settled", **nonsense)

        with app.app_context(), pytest.raises(ProviderSilent):
            enquire(payment_id)


@pytest.mark.parametrize("mood", ["500", "nonsense", "list", "slow"])
def test_a_provider_that_is_unwell_is_asked_again_until_it_answers(
    app: Flask, fake: Any, frozen_clock: FrozenClock, mood: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("calling", "postfinance"):
        monkeypatch.setattr(f"app.payments.providers.{module}.PATIENCE", 0.4)
    payment_id, reference = start(app, fake)
    fake.set(reference, PAID[current_gateway(app.config).name])
    fake.mood = mood

    frozen_clock.advance(timedelta(days=4))  # long after we stop asking about what is not paid
    work(app)
    unwell = payment(app, payment_id)
    fake.mood = "well"
    frozen_clock.advance(timedelta(days=4))
    work(app)

    assert unwell.state is PaymentState.STARTED
    assert unwell.check_at is not None
    assert payment(app, payment_id).state is PaymentState.VALIDATED


def test_a_provider_that_is_down_is_one_refusal(app: Flask, fake: Any) -> None:
    use(app, fake)
    app.config.update(DATATRANS_API="http://127.0.0.1:1", POSTFINANCE_HOST="http://127.0.0.1:1")
    gateway = current_gateway(app.config)

    for ask in (
        lambda: gateway.start(order("abc")),
        lambda: gateway.fetch("240000000000000001"),
    ):
        with pytest.raises(ProviderSilent):
            ask()


def test_a_payment_made_twice_is_refunded_once_whatever_is_repeated(app: Flask, fake: Any) -> None:
    household = family(app)
    asked = wish(household, 5005)
    first, one = start(app, fake, asked)
    with writing(app) as session:
        said = standing(payment(app, first))
        settling.settle(session, first, said, timedelta(0), clock.now)
    second, two = _second(app, fake, first)
    fake.set(two, PAID[current_gateway(app.config).name])
    gateway = current_gateway(app.config)

    gateway.refund(gateway.fetch(two), f"R{payment(app, second).order_number}"[:20])
    # Killed here: the card has its money, we do not know it yet.
    with app.app_context():
        states = [enquire(second), enquire(second)]

    assert one != two
    assert states == [PaymentState.REFUNDED, PaymentState.REFUNDED]
    refunds = fake.credits(two) if isinstance(fake, FakeDatatrans) else len(fake.refunds)
    assert refunds == 1
    assert clearing(app) == 0


def _second(app: Flask, fake: Any, first: int) -> tuple[int, str]:
    known = payment(app, first)
    gateway = current_gateway(app.config)
    started = gateway.start(order("secondattempt0000000", 5005))
    with writing(app) as session:
        again = OnlinePayment(
            top_up_id=known.top_up_id,
            provider=gateway.name,
            order_number="secondattempt0000000",
            provider_reference=started.reference,
            state=PaymentState.STARTED,
            terms_version=1,
            terms_accepted_at=clock.now(),
        )
        session.add(again)
        session.flush()
        return again.id, started.reference


def test_datatrans_starts_an_order_once(app: Flask) -> None:
    with served(FakeDatatrans()) as fake:
        gateway = use(app, fake)

        references = {gateway.start(order("same")).reference for _ in range(3)}

        assert len(references) == len(fake.transactions) == 1


def test_a_signed_notification_makes_us_ask_and_a_second_one_nothing(app: Flask, fake: Any) -> None:
    payment_id, reference = start(app, fake)
    fake.set(reference, PAID[current_gateway(app.config).name])
    client, address = (
        app.test_client(),
        f"/paiement/notification/{payment(app, payment_id).provider}",
    )
    sent, before = fake.notification(reference), len(fake.asked)

    codes = [client.post(address, **sent).status_code for _ in range(3)]
    asked_at_once = [a for a in fake.asked[before:] if "encryption" not in a]
    work(app)

    assert codes == [200] * 3
    assert asked_at_once == []
    assert payment(app, payment_id).state is PaymentState.VALIDATED


@pytest.mark.parametrize("change", ["body", "signature", "none"])
def test_an_altered_notification_is_refused(app: Flask, fake: Any, change: str) -> None:
    payment_id, reference = start(app, fake)
    sent = fake.notification(reference)
    ((name, header),) = sent["headers"].items()
    if change == "body":
        sent["data"] = sent["data"] + b" "
    elif change == "signature":
        sent["headers"] = {name: header[:-6] + ("A" * 6 if name == "X-Signature" else "0" * 6)}
    else:
        sent["headers"] = {}

    answer = app.test_client().post(
        f"/paiement/notification/{payment(app, payment_id).provider}", **sent
    )

    assert answer.status_code == 403


def test_keys_that_postfinance_does_not_know_are_looked_up_seldom(app: Flask) -> None:
    with served(FakePostFinance()) as fake:
        gateway = use(app, fake)
        _LAST_LOOK_UP.clear()
        header = "algorithm=SHA256withECDSA, keyId={}, signature=AAAA"
        refused = []
        for number in range(20):
            with pytest.raises((ProviderSilent, NotSigned)) as caught:
                gateway.read(b"{}", {"X-Signature": header.format(f"forged-{number}")})
            refused.append(caught.type)

        assert len([a for a in fake.asked if "encryption" in a]) == 1


@pytest.mark.parametrize("cents", [1, 5, 10, 29, 99, 100, 5005, 1_234_567, 999_999_995])
def test_francs_and_centimes_convert_exactly(cents: int) -> None:
    assert to_cents(to_francs(cents)) == cents


def test_every_centime_up_to_a_thousand_francs_comes_back() -> None:
    assert all(to_cents(to_francs(cents)) == cents for cents in range(1, 100_001))


@pytest.mark.parametrize("francs", [0.001, 50.055, float("nan"), float("inf"), None, 1e300, True])
def test_what_is_no_amount_of_centimes_is_no_answer(francs: Any) -> None:
    with pytest.raises(ProviderSilent):
        to_cents(francs)


def test_without_credentials_online_payment_is_closed(app: Flask) -> None:
    for name in ("datatrans", "postfinance", "", "paypal"):
        app.config["ONLINE_PROVIDER"] = name

        assert not is_open(app.config)
    app.config.update(DATATRANS_MERCHANT_ID="1", DATATRANS_PASSWORD="2", DATATRANS_SIGN_KEY="xyz")
    with pytest.raises(ProviderNotSet):
        gateway_of("datatrans", app.config)
