"""Paying online as a family's browser does, and what a provider sends to us."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask

from app.models import OnlinePayment, PaymentNotification, PaymentTerms, TopUp
from app.payments.gateway import Outcome, ProviderSilent
from app.payments.providers.simulated import HEADER, Simulated
from app.vocabulary import PaymentState, TopUpState
from tests.conftest import FrozenClock
from tests.factories import Family
from tests.payments.paying import (
    balance,
    choose,
    family,
    notification,
    payment,
    start,
    top_ups,
    wish,
    work,
)
from tests.sessions import reading, writing
from tests.web import Browser, forms_of, logged_in, text_of

pytestmark = pytest.mark.usefixtures("evening")


def form(household: Family, **more: str) -> dict[str, str]:
    return {
        "account": str(household.account_id),
        "amount": "50",
        "terms": "yes",
        "terms_version": "1",
        "request_id": uuid4().hex,
        **more,
    }


def payments(app: Flask) -> list[OnlinePayment]:
    with reading(app) as session:
        found = list(session.scalars(sa.select(OnlinePayment).order_by(OnlinePayment.id)))
        session.expunge_all()
        return found


def pay(browser: Browser, household: Family, **more: str) -> Any:
    """From the form to the simulated page, « Pay », and back."""
    led = browser.post("/paiement/start", form(household, **more))
    page = browser.get(led.location)
    address = page.headers["Refresh"].partition("url=")[2].removeprefix("http://127.0.0.1:8080")
    browser.get(address)
    return browser.post(address, {"outcome": "paid"}, follow_redirects=True)


def test_a_family_pays_and_reads_when_it_counts(app_on: Flask, frozen_clock: FrozenClock) -> None:
    household = family(app_on)
    browser = logged_in(app_on, household.username)

    back = pay(browser, household)
    home, listed = browser.get("/").text, browser.get("/my/top-ups/list/").text
    frozen_clock.advance(timedelta(hours=24))
    work(app_on)

    assert back.status_code == 200
    assert "17 novembre 2026" in text_of(back.text)
    assert "50.00" in text_of(home)
    assert "17 novembre" in text_of(home)
    assert "50.00" in text_of(listed)
    assert balance(app_on, household) == 5000


def test_the_browser_that_comes_back_credits_nothing_by_itself(app: Flask) -> None:
    household = family(app)
    browser = logged_in(app, household.username)
    browser.post("/paiement/start", form(household))
    number = payments(app)[0].order_number

    for address in (f"/paiement/retour/{number}", f"/paiement/annule/{number}?outcome=paid"):
        answer = browser.get(address)
        assert answer.status_code == 200

    assert payments(app)[0].state is PaymentState.STARTED
    assert top_ups(app)[0].state is TopUpState.ANNOUNCED


def test_the_simulated_page_says_that_no_money_moves(app: Flask) -> None:
    household = family(app)
    browser = logged_in(app, household.username)
    browser.post("/paiement/start", form(household))

    page = browser.get(f"/paiement/simule/{payments(app)[0].order_number}")

    assert "aucun argent" in text_of(page.text)
    assert [f.method for f in forms_of(page.text) if "outcome" in f.names] == ["post"]


@pytest.mark.parametrize("outcome", ["failed", "abandoned"])
def test_what_was_not_paid_says_so(app: Flask, outcome: str) -> None:
    household = family(app)
    browser = logged_in(app, household.username)
    browser.post("/paiement/start", form(household))
    address = f"/paiement/simule/{payments(app)[0].order_number}"

    answer = browser.post(address, {"outcome": outcome}, follow_redirects=True)

    assert "Rien n’a été payé" in text_of(answer.text)
    assert payments(app)[0].state.value == outcome


def test_a_double_tap_starts_one_payment(app: Flask) -> None:
    household = family(app)
    browser = logged_in(app, household.username)
    sent = form(household)

    answers = [browser.post("/paiement/start", sent) for _ in range(3)]

    assert len({answer.location for answer in answers}) == 1
    assert len(payments(app)) == len(top_ups(app)) == 1


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("terms", "", "conditions"),
        ("amount", "4.99", "5.00"),
        ("amount", "1000.05", "1’000.00"),
        ("amount", "vingt", "francs"),
        ("terms_version", "2", "conditions"),
    ],
)
def test_a_refused_form_comes_back_with_one_sentence(
    app: Flask, field: str, typed: str, said: str
) -> None:
    household = family(app)
    browser = logged_in(app, household.username)

    answer = browser.post("/paiement/start", form(household, **{field: typed}))

    assert answer.status_code == 303
    assert answer.location.startswith("/recharge/")
    assert said in text_of(browser.get(answer.location).text)
    assert payments(app) == []


def test_another_family_s_account_and_payment_are_not_found(app: Flask) -> None:
    mine, theirs = family(app), family(app)
    number = payment(app, start(app, wish(theirs))).order_number
    browser = logged_in(app, mine.username)

    answers = [
        browser.post("/paiement/start", form(theirs)),
        browser.get(f"/paiement/aller/{number}"),
        browser.get(f"/paiement/retour/{number}"),
        browser.get(f"/paiement/simule/{number}"),
        browser.post(f"/paiement/simule/{number}", {"outcome": "paid"}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5


def test_a_silent_provider_is_one_sentence_and_the_form_may_be_sent_again(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    household = family(app)
    browser, sent = logged_in(app, household.username), form(household)

    def silent(*_: object) -> None:
        raise ProviderSilent

    with monkeypatch.context() as broken:
        broken.setattr(Simulated, "start", silent)
        refused = browser.post("/paiement/start", sent)
    led = browser.post("/paiement/start", sent)

    assert refused.location.startswith("/recharge/")
    assert led.location.startswith("/paiement/aller/")
    assert len(payments(app)) == 1


def test_the_accepted_version_is_kept_and_stays_readable(app: Flask) -> None:
    household = family(app)
    browser = logged_in(app, household.username)
    browser.post("/paiement/start", form(household))
    with writing(app) as session:
        session.add(
            PaymentTerms(version=2, text="Nouveau texte.", published_at=evening_of(session))
        )

    found = payments(app)[0]
    page = browser.get(f"/paiement/conditions/{found.terms_version}")

    assert (found.terms_version, found.terms_accepted_at) == (1, evening_of(None))
    assert "Payé d’avance." in text_of(page.text)
    assert browser.get("/paiement/conditions/3").status_code == 404


def evening_of(_: object) -> Any:
    from app import clock

    return clock.now()


# -- notifications ---------------------------------------------------------------------------------

ADDRESS = "/paiement/notification/simulated"


def test_a_notification_before_the_browser_is_back_leads_to_one_credit(
    app_on: Flask, frozen_clock: FrozenClock
) -> None:
    household = family(app_on)
    payment_id = start(app_on, wish(household))
    reference = payment(app_on, payment_id).provider_reference or ""
    choose(app_on, payment_id, Outcome.PAID)
    client, sent = app_on.test_client(), notification(app_on, reference, "paid")

    codes = [client.post(ADDRESS, **sent).status_code for _ in range(3)]
    work(app_on)
    validated = payment(app_on, payment_id).state
    codes.append(client.post(ADDRESS, **sent).status_code)
    frozen_clock.advance(timedelta(hours=24))
    work(app_on)

    assert codes == [200] * 4
    assert validated is PaymentState.VALIDATED
    assert balance(app_on, household) == 5000
    with reading(app_on) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PaymentNotification)) == 1


def test_a_signed_lie_is_not_believed(app_on: Flask) -> None:
    payment_id = start(app_on, wish(family(app_on)))
    reference = payment(app_on, payment_id).provider_reference or ""

    answer = app_on.test_client().post(ADDRESS, **notification(app_on, reference, "paid"))
    work(app_on)

    assert answer.status_code == 200
    assert payment(app_on, payment_id).state is PaymentState.STARTED


def test_forged_and_altered_notifications_are_refused(app: Flask) -> None:
    payment_id = start(app, wish(family(app)))
    reference = payment(app, payment_id).provider_reference or ""
    sent, rng = notification(app, reference, "paid"), Random(6)
    client, before = app.test_client(), payment(app, payment_id).check_at

    codes = [client.post(ADDRESS, **_altered(sent, rng)).status_code for _ in range(300)]

    assert set(codes) == {403}
    assert payment(app, payment_id).check_at == before


def _altered(sent: dict[str, Any], rng: Random) -> dict[str, Any]:
    """One bit of the body or one character of the signature is another."""
    body, header = bytearray(sent["data"]), sent["headers"][HEADER]
    if rng.random() < 0.5:
        body[rng.randrange(len(body))] ^= 1 << rng.randrange(8)
    else:
        place = rng.randrange(len(header))
        other = rng.choice([c for c in "0123456789abcdef" if c != header[place]])
        header = header[:place] + other + header[place + 1 :]
    return {"data": bytes(body), "headers": {HEADER: header}}


@pytest.mark.parametrize(
    "headers",
    [{}, {HEADER: ""}, {HEADER: "t=1,s0="}, {HEADER: f"t=1,s0={'0' * 64}"}, {HEADER: "t=é,s0=é"}],
)
def test_what_is_not_signed_is_refused(app: Flask, headers: dict[str, str]) -> None:
    answers = [
        app.test_client().post(ADDRESS, data=body, headers=headers)
        for body in (b"", b"{}", b"\xff\xfe", hashlib.sha256(b"x").digest())
    ]

    assert {answer.status_code for answer in answers} == {403}


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"reference": 1}', b"\xff", b'"text"'])
def test_what_is_signed_and_makes_no_sense_is_refused(app: Flask, body: bytes) -> None:
    from app.payments.providers.signing import sign
    from tests.payments.paying import provider_of

    headers = {HEADER: sign(provider_of(app).key, "1", body)}
    answer = app.test_client().post(ADDRESS, data=body, headers=headers)

    assert answer.status_code == 403


def test_only_notifications_go_without_a_token_and_only_of_our_providers(app: Flask) -> None:
    client = app.test_client()

    assert client.post("/paiement/notification/paypal", data=b"{}").status_code == 404
    assert client.post("/paiement/notification/datatrans", data=b"{}").status_code == 404
    assert client.post(ADDRESS, data=b"x" * 200_000).status_code == 413
    assert client.get(ADDRESS).status_code == 405
    assert client.post("/paiement/start", data={}).status_code in {302, 400}
    with reading(app) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(TopUp)) == 0


def test_a_form_and_a_notification_sent_by_many_at_once_count_once(app_on: Flask) -> None:
    household = family(app_on)
    sent = form(household)
    browsers = [logged_in(app_on, household.username) for _ in range(6)]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: each.post("/paiement/start", sent), browsers))
    found = payments(app_on)
    told = notification(app_on, found[0].provider_reference or "", "paid")
    with ThreadPoolExecutor(10) as pool:
        clients = [app_on.test_client() for _ in range(20)]
        codes = list(pool.map(lambda each: each.post(ADDRESS, **told).status_code, clients))

    assert {answer.status_code for answer in answers} == {303}
    assert len({answer.location for answer in answers}) == len(found) == 1
    assert set(codes) == {200}
    with reading(app_on) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(PaymentNotification)) == 1
