"""The portal's page of refunds, as a browser without a script sees it."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.models import Account, BalanceQuestion, CanteenUser, RefundRequest, SchoolYear
from app.payments.questions import ask_families
from app.payments.refund_office import verify_refund
from app.vocabulary import BalanceAnswer, RefundState
from tests.booking.acting import MONDAY, book
from tests.conftest import FrozenClock
from tests.declared.acting import (
    count,
    family,
    in_french,
    one,
)
from tests.factories import NORMAL, Family
from tests.payments.refunding import OTHER_IBAN, QR_IBAN, accountant, acting, do
from tests.sessions import writing
from tests.web import Browser, forms_of, logged_in, text_of

PAGE = "/remboursement/"


@pytest.fixture(autouse=True)
def noon(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-16 12:00")
    return frozen_clock


def filled(parent: Browser, household: Family, **typed: str) -> dict[str, str]:
    """The form as the page offers it, with what a parent types."""
    page = parent.get(PAGE).text
    form = next(each for each in forms_of(page) if "iban" in each.names)
    values = dict(form.fields)
    return values | {
        "account": str(household.account_id),
        "part": "whole",
        "amount": "",
        "iban": "CH56 0483 5012 3456 7800 9",
        "holder_name": "Anne Essai",
        "postal_code": "1854",
        "town": "Leysin",
        **typed,
    }


def balance(app: Flask, household: Family) -> int:
    found: int = one(app, sa.select(Account.balance).where(Account.id == household.account_id))
    return found


def state(app: Flask, household: Family) -> Any:
    return one(
        app, sa.select(RefundRequest.state).where(RefundRequest.account_id == household.account_id)
    )


def ask(parent: Browser, household: Family, **typed: str) -> Any:
    return parent.post(PAGE, filled(parent, household, **typed) | {"step": "send"})


def test_the_form_knows_who_asks(app: Flask) -> None:
    household = family(app, balance=5000)
    with writing(app) as session:
        user = session.get_one(CanteenUser, household.user_id)
        user.street, user.postal_code, user.town = "Rue du Lac 3", "1854", "Leysin"

    page = logged_in(app, household.username).get(PAGE).text

    assert all(f'value="{text}"' in page for text in ("Rue du Lac 3", "1854", "Leysin"))
    assert "CHF 50.00" in page


def test_first_it_is_shown_what_it_would_mean(app: Flask) -> None:
    household = family(app, balance=3 * NORMAL)
    with writing(app) as session:
        for days in (7, 8, 9, 10):
            book(session, household.pupil_id, MONDAY + timedelta(days=days))
    parent = logged_in(app, household.username)

    shown = text_of(parent.post(PAGE, filled(parent, household, part="part", amount="15")).text)

    assert "UBS Switzerland AG - Zürich" in shown
    assert "CHF 15.00" in shown
    assert "CHF 12.00" in shown
    assert shown.count("Essai 9.00") == 2, "two of the three covered meals are no longer"
    assert count(app, RefundRequest, RefundRequest.account_id == household.account_id) == 0


def test_then_it_is_sent_from_what_was_shown(app: Flask) -> None:
    household = family(app, balance=5000)
    parent = logged_in(app, household.username)
    preview = parent.post(PAGE, filled(parent, household, part="part", amount="12,50")).text
    form = next(each for each in forms_of(preview) if "iban" in each.names)

    answer = parent.post(PAGE, dict(form.fields) | {"step": "send"})

    assert answer.status_code == 302
    assert balance(app, household) == 3750
    page = text_of(parent.get(PAGE).text)
    assert "12.50" in page
    assert "CH56 0483 5012 3456 7800 9" in page
    assert "1 décembre 2026" in page


def test_one_may_go_back_and_change(app: Flask) -> None:
    household = family(app, balance=5000)
    parent = logged_in(app, household.username)

    page = parent.post(PAGE, filled(parent, household, town="Aigle") | {"step": "edit"}).text

    assert 'value="Aigle"' in page
    assert balance(app, household) == 5000


def test_a_form_that_is_sent_twice_asks_once(app: Flask) -> None:
    household = family(app, balance=5000)
    parent = logged_in(app, household.username)
    sent = filled(parent, household, part="part", amount="10") | {"step": "send"}

    parent.post(PAGE, sent)
    parent.post(PAGE, sent)

    assert balance(app, household) == 4000


@pytest.mark.parametrize(
    "typed",
    [
        {"iban": QR_IBAN},
        {"iban": "CH93 0076 2011 6238 5295 8"},
        {"iban": "DE89370400440532013000"},
        {"iban": "😀"},
        {"iban": str(2**65)},
        {"part": "part", "amount": "50.01"},
        {"part": "part", "amount": "0"},
        {"part": "part", "amount": "-5"},
        {"part": "part", "amount": str(2**65)},
        {"part": "part", "amount": ""},
        {"holder_name": ""},
        {"holder_name": "😀"},
        {"town": "x" * 36},
        {"account": "999999"},
        {"account": "😀"},
        {"part": "all"},
        {"request_id": "../../etc"},
    ],
    ids=str,
)
def test_what_cannot_be_paid_is_said_and_nothing_moves(app: Flask, typed: dict[str, str]) -> None:
    household = family(app, balance=5000)
    parent = logged_in(app, household.username)

    answer = ask(parent, household, **typed)

    assert answer.status_code in {200, 400}
    assert "alert" in answer.text
    assert balance(app, household) == 5000


def test_another_familys_account_is_not_on_offer(app: Flask) -> None:
    mine, theirs = family(app, balance=5000), family(app, balance=5000)

    ask(logged_in(app, mine.username), mine, account=str(theirs.account_id))

    assert (balance(app, mine), balance(app, theirs)) == (5000, 5000)


def test_the_bank_of_an_iban_is_shown_as_it_is_typed(app: Flask) -> None:
    household = family(app, balance=5000)
    parent = logged_in(app, household.username)
    parent.get(PAGE)

    known = parent.fetch(PAGE + "iban", {"iban": OTHER_IBAN})
    wrong = parent.fetch(PAGE + "iban", {"iban": QR_IBAN})
    blank = parent.fetch(PAGE + "iban", {"iban": ""})

    assert "UBS Switzerland AG - Zürich" in known.text
    assert "QR" in wrong.text
    assert (known.status_code, wrong.status_code, text_of(blank.text)) == (200, 200, "")


def test_a_parent_withdraws_what_nobody_has_verified(app: Flask) -> None:
    household = family(app, balance=5000)
    parent = logged_in(app, household.username)
    ask(parent, household)
    refund_id = one(app, sa.select(RefundRequest.id))
    assert f"/withdraw/{refund_id}" in parent.get(PAGE).text

    answer = parent.post(f"{PAGE}withdraw/{refund_id}")

    assert answer.status_code == 303
    assert (state(app, household), balance(app, household)) == (RefundState.WITHDRAWN, 5000)


def test_a_verified_refund_is_not_withdrawn(app: Flask, noon: FrozenClock) -> None:
    household = family(app, balance=5000)
    parent = logged_in(app, household.username)
    ask(parent, household)
    refund_id = one(app, sa.select(RefundRequest.id))
    do(app, accountant(app), lambda s: verify_refund(s, refund_id, noon.now))

    page, answer = parent.get(PAGE).text, parent.post(f"{PAGE}withdraw/{refund_id}")

    assert "/withdraw/" not in page
    assert answer.status_code == 409
    assert balance(app, household) == 0


@pytest.mark.parametrize("key", ["0", "abc", str(2**65), "😀"])
def test_no_other_refund_is_withdrawn(app: Flask, key: str) -> None:
    mine, theirs = family(app, balance=5000), family(app, balance=5000)
    ask(logged_in(app, theirs.username), theirs)
    parent = logged_in(app, mine.username)

    answer = parent.post(f"{PAGE}withdraw/{key}")
    of_others = parent.post(f"{PAGE}withdraw/{one(app, sa.select(RefundRequest.id))}")

    assert (answer.status_code, of_others.status_code) == (404, 404)
    assert state(app, theirs) is RefundState.REQUESTED


def asked(app: Flask, noon: FrozenClock) -> None:
    with acting(app, accountant(app)) as session:
        year_id = session.scalars(sa.select(SchoolYear.id)).one()
        ask_families(session, year_id, MONDAY, noon.now)


def test_the_question_of_the_year_is_answered_by_keeping(app: Flask, noon: FrozenClock) -> None:
    household = family(app, balance=5000)
    asked(app, noon)
    parent = logged_in(app, household.username)
    question_id = one(app, sa.select(BalanceQuestion.id))
    assert f"/carry-over/{question_id}" in parent.get(PAGE).text

    parent.post(f"{PAGE}carry-over/{question_id}")

    assert one(app, sa.select(BalanceQuestion.answer)) is BalanceAnswer.CARRIED_OVER
    assert "/carry-over/" not in parent.get(PAGE).text
    assert balance(app, household) == 5000


def test_or_by_asking_for_a_refund(app: Flask, noon: FrozenClock) -> None:
    household = family(app, balance=5000)
    asked(app, noon)

    ask(logged_in(app, household.username), household)

    assert one(app, sa.select(BalanceQuestion.answer)) is BalanceAnswer.REFUND


def test_nobody_answers_for_others(app: Flask, noon: FrozenClock) -> None:
    mine, _theirs = family(app), family(app, balance=5000)
    asked(app, noon)
    parent = logged_in(app, mine.username)

    answer = parent.post(f"{PAGE}carry-over/{one(app, sa.select(BalanceQuestion.id))}")

    assert answer.status_code == 404
    assert one(app, sa.select(BalanceQuestion.answer)) is None


def test_an_empty_account_says_so(app: Flask) -> None:
    page = logged_in(app, family(app).username).get(PAGE).text

    assert in_french(app, "There is no balance to pay back.") in text_of(page)
    assert 'name="iban"' not in page
