"""Receipts, top-ups and the journal, as the till and the accountant read them."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask

from app.access import EVERYTHING, scope_of
from app.clock import ZURICH, Now
from app.extensions import db
from app.models import Account, Pupil, Receipt, TopUp, Transfer
from app.payments.till import record_cash
from app.transaction import transaction
from app.vocabulary import TopUpChannel, TopUpState, TransferKind
from tests.booking.acting import LONG_BEFORE, RULES, balance_of, cashier
from tests.conftest import FrozenClock
from tests.documents.reading import text_of as pdf_text
from tests.factories import Family, make_family
from tests.sessions import writing
from tests.web import Browser, logged_in, text_of


def at(shown: str) -> Now:
    """A clock that stands at this Zurich time."""
    instant = datetime.fromisoformat(shown).replace(tzinfo=ZURICH).astimezone(UTC)
    return lambda: instant


NOON = at("2026-11-16 12:00")


@pytest.fixture(autouse=True)
def noon(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-16 12:00")
    return frozen_clock


@pytest.fixture
def till(app: Flask) -> Browser:
    return logged_in(app, "till")


@pytest.fixture
def accountant(app: Flask) -> Browser:
    return logged_in(app, "accounting")


def family(app: Flask, label: str = "Famille Essai") -> Family:
    with writing(app) as session:
        household = make_family(session)
        session.get_one(Account, household.account_id).label = label
    return household


def receipt(app: Flask, household: Family, amount: int = 2000, shown: str = "") -> int:
    """Cash that the till took, at noon of the 16th or at another Zurich time; the receipt's id."""
    with app.app_context():
        with scope_of(db.session(), EVERYTHING):
            actor = cashier(db.session())
        now = at(shown) if shown else NOON
        with transaction(actor) as session:
            request = uuid4().hex
            taken = record_cash(session, household.account_id, amount, request, RULES, now)
            receipt_id: int = taken.id
    return receipt_id


def one(app: Flask, query: sa.Select[Any]) -> Any:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        return db.session().scalar(query)


def balance(app: Flask, household: Family) -> int:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        return balance_of(db.session(), household.account_id)


def shown(browser: Browser, view: str, query: str) -> int:
    """How many records a list shows."""
    page = browser.get(f"/{view}/list/?{query}").text
    return page.count(f"/{view}/show/")


# -- receipts ------------------------------------------------------------------------------------


def test_receipts_are_found_by_number_date_and_account(app: Flask, till: Browser) -> None:
    favre, rey = family(app, "Famille Favre"), family(app, "Famille Réy")
    receipt(app, favre, shown="2026-11-15 23:59")
    receipt(app, favre)
    receipt(app, rey)

    assert shown(till, "receiptview", "") == 3
    assert shown(till, "receiptview", "_flt_0_number=2") == 1
    assert shown(till, "receiptview", "_flt_0_issued_at=2026-11-16") == 2
    assert shown(till, "receiptview", "_flt_1_issued_at=2026-11-15") == 1
    assert shown(till, "receiptview", "_flt_0_account=rey") == 1


def test_a_receipt_is_printed_on_a_page_and_on_the_roll(app: Flask, accountant: Browser) -> None:
    household = family(app, "Famille Favre")
    receipt_id = receipt(app, household, 1250)
    child = one(app, sa.select(Pupil.first_name).where(Pupil.id == household.pupil_id))

    for roll in ("", "?roll=1"):
        answer = accountant.get(f"/receiptview/pdf/{receipt_id}{roll}")

        printed = pdf_text(answer.data)
        assert answer.mimetype == "application/pdf"
        for expected in ("2026-000001", "Famille Favre", child, "12.50"):
            assert expected in printed


def test_the_action_cancels_a_receipt_of_today(app: Flask, till: Browser) -> None:
    household = family(app)
    receipt_id = receipt(app, household)
    assert "/action/cancel_receipt/" in till.get(f"/receiptview/show/{receipt_id}").text

    till.post(f"/receiptview/action/cancel_receipt/{receipt_id}")

    assert balance(app, household) == 0
    assert one(app, sa.select(Receipt.cancelled_at)) == NOON()


def test_the_action_refuses_a_receipt_of_yesterday_in_a_sentence(
    app: Flask, till: Browser, noon: FrozenClock
) -> None:
    household = family(app)
    receipt_id = receipt(app, household)
    noon.set("2026-11-17 08:00")

    answer = till.post(f"/receiptview/action/cancel_receipt/{receipt_id}", follow_redirects=True)

    assert 'class="alert bad"' in answer.text
    assert balance(app, household) == 2000


@pytest.mark.parametrize("role", ["accounting", "kitchen", "committee", "parent"])
def test_only_the_till_and_the_secretariat_cancel(app: Flask, role: str) -> None:
    household = family(app)
    receipt_id = receipt(app, household)
    browser = logged_in(app, household.username if role == "parent" else role)

    answer = browser.post(f"/receiptview/action/cancel_receipt/{receipt_id}")

    assert answer.status_code == 403
    assert balance(app, household) == 2000


def test_a_parent_does_not_print_receipts_here(app: Flask) -> None:
    household = family(app)
    receipt_id = receipt(app, household)

    answer = logged_in(app, household.username).get(f"/receiptview/pdf/{receipt_id}")

    assert answer.status_code == 403


# -- top-ups -------------------------------------------------------------------------------------


def test_top_ups_show_state_channel_and_the_day_they_count_from(
    app: Flask, accountant: Browser
) -> None:
    household = family(app)
    receipt(app, household)
    with writing(app) as session:
        session.add(
            TopUp(
                account_id=household.account_id,
                channel=TopUpChannel.ONLINE,
                state=TopUpState.VALIDATED,
                amount=7500,
                made_at=LONG_BEFORE(),
                credit_at=at("2026-11-18 09:30")(),
                request_id="online",
            )
        )

    said = text_of(accountant.get("/topupview/list/").text)

    assert "75.00" in said
    assert "18.11.2026 09:30" in said
    assert shown(accountant, "topupview", "_flt_0_state=validated") == 1
    assert shown(accountant, "topupview", "_flt_0_channel=cash") == 1
    assert shown(accountant, "topupview", "_flt_0_made_at=2026-11-03") == 1


def test_a_cancelled_receipts_top_up_is_cancelled_too(app: Flask, till: Browser) -> None:
    receipt_id = receipt(app, family(app))

    till.post(f"/receiptview/action/cancel_receipt/{receipt_id}")

    assert shown(till, "topupview", "_flt_0_state=cancelled") == 1
    assert shown(till, "topupview", "_flt_0_state=credited") == 0


# -- the journal ---------------------------------------------------------------------------------


def test_the_journal_names_both_sides_of_an_entry(app: Flask, accountant: Browser) -> None:
    household = family(app, "Famille Favre")
    receipt(app, household)

    said = text_of(accountant.get("/transferview/list/").text)

    assert f"W{household.account_id} Famille Favre" in said
    assert "1000 " in said
    assert "20.00" in said


def test_the_journal_is_searched_by_date_kind_amount_and_account(
    app: Flask, till: Browser, accountant: Browser
) -> None:
    favre, rey = family(app, "Famille Favre"), family(app, "Famille Rey")
    receipt_id = receipt(app, favre, 1250)
    receipt(app, rey, 2000, shown="2026-11-15 23:59")
    till.post(f"/receiptview/action/cancel_receipt/{receipt_id}")
    kinds = [TransferKind.TOP_UP, TransferKind.REVERSAL]

    assert [shown(accountant, "transferview", f"_flt_0_kind={kind}") for kind in kinds] == [2, 1]
    assert shown(accountant, "transferview", "_flt_0_booked_on=2026-11-16") == 2
    assert shown(accountant, "transferview", "_flt_1_booked_on=2026-11-15") == 1
    assert shown(accountant, "transferview", "_flt_0_amount=12,50") == 2
    assert shown(accountant, "transferview", "_flt_0_account=favre") == 2


def test_nothing_in_the_journal_can_be_changed(app: Flask) -> None:
    receipt(app, family(app))
    transfer_id = one(app, sa.select(Transfer.id))
    admin = logged_in(app, "admin")

    answers = [
        admin.post(f"/transferview/{path}", {"amount": "1", "rowid": str(transfer_id)})
        for path in ("add", f"edit/{transfer_id}", f"delete/{transfer_id}", "action_post")
    ]

    assert all(answer.status_code in {404, 405} for answer in answers)
    assert one(app, sa.select(sa.func.sum(Transfer.amount))) == 2000


@pytest.mark.parametrize("role", ["till", "secretariat", "kitchen", "committee"])
def test_only_accounting_reads_the_journal(app: Flask, role: str) -> None:
    assert logged_in(app, role).get("/transferview/list/").status_code == 403


def test_a_search_for_nonsense_is_no_fault(app: Flask, accountant: Browser) -> None:
    receipt(app, family(app))
    columns = {
        "receiptview": ("number", "issued_at", "account"),
        "topupview": ("state", "channel", "made_at", "account"),
        "transferview": ("booked_on", "kind", "amount", "account"),
    }
    bad = ["abc", "-1", str(2**65), "9" * 5000, "😀", "2026-13-45", "9999-12-31"]

    answers = [
        accountant.get(f"/{view}/list/?_flt_{index}_{column}={each}")
        for view, names in columns.items()
        for column in names
        for index in (0, 1)
        for each in bad
    ]

    assert {answer.status_code for answer in answers} == {200}


def test_a_page_that_is_no_number_is_no_fault(accountant: Browser) -> None:
    bad = ["abc", "-1", str(2**65), "😀"]

    answers = [
        accountant.get(f"/transferview/list/?{name}_TransferView={each}")
        for name in ("page", "psize")
        for each in bad
    ]

    assert {answer.status_code for answer in answers} == {400}
