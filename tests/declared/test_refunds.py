"""Refunds in the office: verified, paid as one file, refused; and the question of the year."""

from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from lxml import etree

from app.bank.pain001 import NAMESPACE
from app.models import (
    BalanceQuestion,
    CanteenSettings,
    OutboxFact,
    RefundBatch,
    SchoolYear,
)
from app.payments.refunds import Payee
from app.vocabulary import FactKind, RefundState, Role
from tests.bank.camt_builder import Ntry, Tx, camt
from tests.conftest import FrozenClock
from tests.declared.acting import (
    count,
    family,
    in_french,
    one,
)
from tests.factories import YEAR_ENDS, Family, make_user
from tests.payments.refunding import (
    IBAN,
    OTHER_IBAN,
    QR_IBAN,
    accountant,
    household,
    refund,
    requested,
    sent,
    verified,
)
from tests.reconciliation.importing import import_content, reference_of, set_up
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

SCHEMAS = [files("sepaxml") / "schemas" / "pain.001.001.09.xsd"]
SWISS = Path(__file__).parents[3] / "shared/specs/pain.001.001.09.ch.03.xsd"
LIST = "/refunds/list/"
LI_IBAN = "LI21088100002324013AA"


@pytest.fixture(autouse=True)
def noon(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-16 12:00")
    return frozen_clock


@pytest.fixture(autouse=True)
def payer(app: Flask) -> None:
    """The canteen pays from an account of its own."""
    with writing(app) as session:
        settings = session.get_one(CanteenSettings, 1)
        settings.refund_iban, settings.creditor_name = OTHER_IBAN, "Réfectoire de l’essai"


@pytest.fixture
def first(app: Flask) -> Browser:
    return logged_in(app, "accounting")


@pytest.fixture
def second(app: Flask) -> Browser:
    with writing(app) as session:
        make_user(session, Role.ACCOUNTING, username="accounting2")
    return logged_in(app, "accounting2")


def act(browser: Browser, name: str, *ids: int) -> Any:
    """Tick rows of the list and act on them."""
    return browser.post("/refunds/action_post", {"action": name, "rowid": list(map(str, ids))})


def shown(browser: Browser, query: str = "") -> int:
    return browser.get(f"{LIST}?{query}").text.count("/refunds/show/")


def settle_settings(app: Flask, **values: str) -> None:
    with writing(app) as session:
        for name, value in values.items():
            setattr(session.get_one(CanteenSettings, 1), name, value)


# -- two people ------------------------------------------------------------------------------------


def test_one_verifies_another_makes_the_file(app: Flask, first: Browser, second: Browser) -> None:
    ids = [requested(app, family(app, balance=4250)), requested(app, family(app, balance=805))]

    act(first, "verify", *ids)
    made = act(second, "pay", *ids)

    batch_id = one(app, sa.select(RefundBatch.id))
    assert made.headers["Location"] == f"/refunds/orders/show/{batch_id}"
    assert {refund(app, each).state for each in ids} == {RefundState.SENT}
    page = text_of(second.get(f"/refunds/orders/show/{batch_id}").text)
    assert "50.55" in page


def test_the_file_is_valid_and_says_what_was_verified(
    app: Flask, first: Browser, second: Browser
) -> None:
    payee = Payee("CH56 0483 5012 3456 7800 9", "Zoë « Ț » 🙂 Müller–Rey", "", "9490", "Vaduz")
    refund_id = requested(app, family(app, balance=4250), payee=payee)
    act(first, "verify", refund_id)
    act(second, "pay", refund_id)
    batch_id = one(app, sa.select(RefundBatch.id))

    answer = first.get(f"/refunds/orders/file/{batch_id}")
    again = second.get(f"/refunds/orders/file/{batch_id}")

    document = etree.fromstring(answer.data)
    for schema in [*SCHEMAS, *([SWISS] if SWISS.exists() else [])]:
        etree.XMLSchema(etree.fromstring(schema.read_bytes())).assertValid(document)

    def said(path: str) -> str:
        return document.findtext(f".//{path}", namespaces={"": NAMESPACE}) or ""

    message_id = one(app, sa.select(RefundBatch.message_id))
    assert again.data == answer.data
    assert answer.headers["Content-Disposition"] == f"attachment; filename={message_id}.xml"
    assert said("EndToEndId") == refund(app, refund_id).end_to_end_id == f"{message_id}-1"
    assert (said("MsgId"), said("CtrlSum"), said("InstdAmt")) == (message_id, "42.50", "42.50")
    assert said("Cdtr/Nm") == "Zoë « Ț » Müller-Rey"
    assert (said("Cdtr/PstlAdr/Ctry"), said("DbtrAcct/Id/IBAN")) == ("LI", OTHER_IBAN)
    assert said("ReqdExctnDt/Dt") == "2026-11-17"


def test_who_verified_does_not_pay(app: Flask, first: Browser) -> None:
    refund_id = requested(app, family(app, balance=4250))
    act(first, "verify", refund_id)

    for name in ("pay", "mark_paid"):
        page = first.get(act(first, name, refund_id).headers["Location"]).text

        assert 'class="alert bad"' in page
    assert refund(app, refund_id).state is RefundState.VERIFIED
    assert count(app, RefundBatch) == 0


def test_several_are_paid_together_or_none(app: Flask, first: Browser, second: Browser) -> None:
    ready, not_yet = (requested(app, family(app, balance=100)) for _ in range(2))
    act(first, "verify", ready)

    act(second, "pay", ready, not_yet)

    assert refund(app, ready).state is RefundState.VERIFIED
    assert count(app, RefundBatch) == 0


def test_paying_twice_makes_one_file(app: Flask, first: Browser, second: Browser) -> None:
    refund_id = requested(app, family(app, balance=100))
    act(first, "verify", refund_id)

    act(second, "pay", refund_id)
    act(second, "pay", refund_id)

    assert count(app, RefundBatch) == 1


@pytest.mark.parametrize(
    ("refund_iban", "creditor_iban", "is_possible"),
    [
        ("", OTHER_IBAN, True),
        ("", QR_IBAN, False),
        (OTHER_IBAN, QR_IBAN, True),
        ("", "", False),
        (QR_IBAN, "", False),
    ],
)
def test_money_leaves_an_ordinary_account_only(
    app: Flask,
    first: Browser,
    second: Browser,
    refund_iban: str,
    creditor_iban: str,
    *,
    is_possible: bool,
) -> None:
    settle_settings(app, refund_iban=refund_iban, creditor_iban=creditor_iban)
    refund_id = requested(app, family(app, balance=100))
    act(first, "verify", refund_id)

    act(second, "pay", refund_id)

    assert (refund(app, refund_id).state is RefundState.SENT) is is_possible


def test_paid_by_hand(app: Flask, first: Browser, second: Browser) -> None:
    refund_id = requested(app, family(app, balance=100))
    act(first, "verify", refund_id)

    act(second, "mark_paid", refund_id)

    found = refund(app, refund_id)
    assert (found.state, found.paid_on) == (RefundState.PAID, date(2026, 11, 16))


def test_refused_with_a_reason(app: Flask, first: Browser) -> None:
    household = family(app, balance=100)
    refund_id = requested(app, household)
    asks_why = act(first, "refuse", refund_id).headers["Location"]
    form = first.get(asks_why).text
    assert household.username.capitalize() in form

    without = first.post(asks_why, {"reason": " "})
    first.post(asks_why, {"reason": "L’IBAN n’est pas le vôtre 😀"})

    assert without.status_code == 200
    found = refund(app, refund_id)
    assert (found.state, found.reason) == (RefundState.REFUSED, "L’IBAN n’est pas le vôtre 😀")


@pytest.mark.parametrize("key", ["", "0", "abc", str(2**65), "😀"])
def test_a_refusal_of_nothing_is_not_found(first: Browser, key: str) -> None:
    assert first.get("/refunds/refuse/", query_string={"refund": key}).status_code == 404


def test_what_a_person_compares_is_on_the_page(app: Flask, first: Browser) -> None:
    household, other = family(app, balance=500), family(app, balance=500)
    refunded = sent(app, other)
    refund_id = requested(app, household)

    page = first.get(f"/refunds/show/{refund_id}").text

    assert f"/refunds/show/{refunded}" in page, "the other account with this IBAN"
    assert in_french(app, "Other accounts with this IBAN") in page
    assert household.username.capitalize() in page
    assert "CH93 0076 2011 6238 5295 7" in page
    assert "/action/verify/" in page
    assert "/action/pay/" not in page


# -- the list --------------------------------------------------------------------------------------


def test_what_came_from_the_iban_and_from_the_holder_is_on_the_page(
    app: Flask, first: Browser, tmp_path: Path
) -> None:
    paid_into, other = set_up(app)
    payments = [
        Tx(bank_reference="1", references=(reference_of(paid_into),), iban=IBAN),
        Tx(bank_reference="2", references=(), iban=OTHER_IBAN, name="ANNE ESSAI"),
        Tx(bank_reference="3", references=(reference_of(other),), name="Jean Autre"),
    ]
    import_content(app, camt(Ntry(amount="150.00", payments=payments)), tmp_path)
    refund_id = requested(app, household(app))
    stranger = requested(app, household(app), payee=Payee(LI_IBAN, "Zoé Rey", "", "9490", "Vaduz"))

    page = text_of(first.get(f"/refunds/show/{refund_id}").text)
    strange = text_of(first.get(f"/refunds/show/{stranger}").text)

    received = page.partition("Reçu à la banque")[2]
    assert received.count("CHF 50.00") == 2
    assert received.count("cet IBAN") == 1
    assert "ANNE ESSAI" in received
    assert "Jean Autre" not in page
    assert "Rien n’a encore été reçu de cet IBAN" in strange


def test_open_ones_first_closed_ones_aside_overdue_ones_found(
    app: Flask, first: Browser, noon: FrozenClock
) -> None:
    requested(app, family(app, balance=100))
    verified(app, family(app, balance=100), accountant(app))
    paid = sent(app, family(app, balance=100))
    act(first, "mark_paid", paid)

    assert (shown(first), shown(first, "aside=1")) == (2, 1)
    assert shown(first, "_flt_0_state=paid") == 1
    assert shown(first, "_flt_0_overdue=yes") == 0
    noon.set("2026-12-02 08:00")
    assert shown(first, "_flt_0_overdue=yes") == 2


@pytest.mark.parametrize("role", ["till", "kitchen", "committee", "secretariat"])
def test_only_the_accountant_decides(app: Flask, role: str) -> None:
    refund_id = requested(app, family(app, balance=100))
    browser = logged_in(app, role)

    assert act(browser, "verify", refund_id).status_code in {302, 403}
    assert refund(app, refund_id).state is RefundState.REQUESTED


# -- the question of the year ----------------------------------------------------------------------


def questions(app: Flask) -> list[tuple[int, bool]]:
    with reading(app) as session:
        query = sa.select(BalanceQuestion.account_id, BalanceQuestion.is_leaving)
        found = session.execute(query.order_by(BalanceQuestion.account_id))
        return [(account_id, is_leaving) for account_id, is_leaving in found]


def leave(app: Flask, household: Family) -> None:
    """The children of the family are no longer enrolled."""
    with writing(app) as session:
        session.execute(
            sa.text("UPDATE enrolment SET valid_until = :day WHERE pupil_id = :pupil"),
            {"day": "2026-11-01", "pupil": household.pupil_id},
        )


@pytest.mark.parametrize("role", ["accounting", "secretariat"])
def test_families_with_money_are_asked_once(app: Flask, role: str) -> None:
    staying, leaver, empty = family(app, balance=10), family(app, balance=2000), family(app)
    leave(app, leaver)
    browser = logged_in(app, role)
    preview = text_of(browser.get("/balance-questions/ask/").text)
    assert "20.10" in preview

    browser.post("/balance-questions/ask/")
    browser.post("/balance-questions/ask/")

    assert questions(app) == [(staying.account_id, False), (leaver.account_id, True)]
    assert count(app, OutboxFact, OutboxFact.kind == FactKind.BALANCE_QUESTION) == 2
    assert empty.account_id not in dict(questions(app))


def test_once_next_year_is_planned_who_is_not_in_it_is_leaving(app: Flask) -> None:
    staying, leaver = family(app, balance=10), family(app, balance=10)
    with writing(app) as session:
        session.add(SchoolYear(name="2027-2028", starts_on=YEAR_ENDS, ends_on=date(2028, 7, 3)))
        session.execute(
            sa.text(
                "INSERT INTO enrolment (pupil_id, school_class_id, category_id, valid_from,"
                " valid_until) SELECT pupil_id, school_class_id, category_id, :day, '2028-07-03'"
                " FROM enrolment WHERE pupil_id = :pupil"
            ),
            {"day": YEAR_ENDS.isoformat(), "pupil": staying.pupil_id},
        )

    logged_in(app, "accounting").post("/balance-questions/ask/")

    assert questions(app) == [(staying.account_id, False), (leaver.account_id, True)]


def test_the_till_asks_nobody(app: Flask) -> None:
    family(app, balance=10)

    logged_in(app, "till").post("/balance-questions/ask/")

    assert questions(app) == []


def test_a_batch_that_does_not_exist_is_not_found(first: Browser) -> None:
    for key in ("0", "abc", str(2**65), "😀"):
        assert first.get(f"/refunds/orders/file/{key}").status_code == 404
