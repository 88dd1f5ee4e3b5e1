"""The till's pages, as the till's browser uses them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import time
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock
from app.access import EVERYTHING, scope_of
from app.booking import Wish, book_meal
from app.clock import instant_of
from app.extensions import db
from app.labels import label
from app.models import Account, PupilAccount, QrBill, Receipt, TopUp
from app.vocabulary import BookingState, TopUpChannel, TopUpState
from tests.booking.acting import LONG_BEFORE, MONDAY, RULES, close_day
from tests.conftest import FrozenClock
from tests.factories import Family, make_family
from tests.sessions import writing
from tests.web import Browser, forms_of, logged_in, text_of


@pytest.fixture(autouse=True)
def noon(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-16 12:00")
    return frozen_clock


@pytest.fixture
def till(app: Flask) -> Browser:
    return logged_in(app, "till")


def family(app: Flask, **more: Any) -> Family:
    with writing(app) as session:
        return make_family(session, **more)


def hungry(app: Flask, **more: Any) -> Family:
    """A family whose meals of today are not covered."""
    with writing(app) as session:
        household = make_family(session, **more)
        for pupil_id in household.pupil_ids:
            book_meal(session, Wish(pupil_id, MONDAY), RULES, LONG_BEFORE)
        close_day(session, MONDAY)
    return household


def one(app: Flask, query: sa.Select[Any]) -> Any:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        return db.session().scalar(query)


def balance(app: Flask, household: Family) -> int:
    found: int = one(app, sa.select(Account.balance).where(Account.id == household.account_id))
    return found


def count(app: Flask, model: type[Any]) -> int:
    found: int = one(app, sa.select(sa.func.count()).select_from(model))
    return found


def form_of(till: Browser, household: Family) -> dict[str, str]:
    """The hidden fields of the account's form."""
    page = till.get(f"/caisse/account/{household.account_id}").text
    form = next(form for form in forms_of(page) if "amount" in form.names)
    return {name: value for name, value in form.fields if name == "request_id"}


def pay(till: Browser, household: Family, amount: str, **fields: str) -> Any:
    sent = {**form_of(till, household), "amount": amount, **fields}
    return till.post(f"/caisse/account/{household.account_id}", sent, follow_redirects=True)


def test_cash_is_credited_and_the_answer_says_all_of_it(app: Flask, till: Browser) -> None:
    household = family(app, balance=550)

    answer = pay(till, household, "20")

    assert answer.status_code == 200
    said = text_of(answer.text)
    for expected in ("2026-000001", "20.00", "25.50"):
        assert expected in said
    assert balance(app, household) == 2550
    assert answer.text.count("/receiptview/pdf/1") == 2


@pytest.mark.parametrize("typed", ["12,50", "12.5", " 12.50 ", "12.50"])
def test_amounts_are_read_as_people_type_them(app: Flask, till: Browser, typed: str) -> None:
    household = family(app)

    pay(till, household, typed)

    assert balance(app, household) == 1250


def test_a_bad_amount_is_one_sentence_beside_the_field(app: Flask, till: Browser) -> None:
    household = family(app)
    bad = ["", "4,53", "-5", "1e9", "1000000000", "0", "😀", "twenty", str(2**65), "9" * 5000]

    answers = [pay(till, household, typed) for typed in bad]

    assert {answer.status_code for answer in answers} == {400}
    assert {answer.text.count('class="error"') for answer in answers} == {1}
    assert count(app, TopUp) == 0


def test_a_form_that_is_not_ours_is_refused(app: Flask, till: Browser) -> None:
    household = family(app)
    bad = ["", "a" * 65, "../1", "1 2", "\x00"]

    answers = [pay(till, household, "20", request_id=request_id) for request_id in bad]

    assert {answer.status_code for answer in answers} == {400}
    assert count(app, TopUp) == 0


def test_an_archived_account_has_no_form_and_a_form_sent_all_the_same_is_refused(
    app: Flask, till: Browser
) -> None:
    household = family(app)
    form = form_of(till, household)
    with writing(app) as session:
        session.get_one(Account, household.account_id).archived_at = clock.now()
    address = f"/caisse/account/{household.account_id}"

    page, refused = till.get(address), till.post(address, {**form, "amount": "20"})

    assert refused.status_code == 409
    for answer in (page, refused):
        assert "Ce compte est archivé et ne reçoit plus d’espèces." in text_of(answer.text)
        assert not [form for form in forms_of(answer.text) if "amount" in form.names]
    assert balance(app, household) == 0


def test_a_double_tap_takes_the_cash_once(app: Flask, till: Browser) -> None:
    household = family(app)
    sent = {**form_of(till, household), "amount": "20", "csrf_token": till.token}
    cookie = till.client.get_cookie("session")
    assert cookie is not None

    def tap(_: int) -> str:
        browser = app.test_client()
        browser.set_cookie("session", cookie.value)
        return browser.post(f"/caisse/account/{household.account_id}", data=sent).location

    with ThreadPoolExecutor(6) as pool:
        receipts = set(pool.map(tap, range(6)))

    assert receipts == {"/caisse/receipt/1"}
    assert balance(app, household) == 2000


def test_the_same_form_with_another_amount_is_refused(app: Flask, till: Browser) -> None:
    household = family(app)
    sent = form_of(till, household)
    pay(till, household, "20", **sent)

    answer = pay(till, household, "50", **sent)

    assert answer.status_code == 409
    assert balance(app, household) == 2000


def test_the_unfunded_meal_of_today_is_paid_for_on_the_spot(app: Flask, till: Browser) -> None:
    household = hungry(app, balance=350)
    assert "5.50" in till.get(f"/caisse/account/{household.account_id}").text

    answer = pay(till, household, "5.50")

    assert 'href="/static/icons.svg#utensils"' in answer.text.split("section")[1]
    assert balance(app, household) == 0


def test_what_does_not_reach_is_said(app: Flask, till: Browser) -> None:
    household = hungry(app)

    answer = pay(till, household, "5")

    assert "4.00" in text_of(answer.text)
    assert balance(app, household) == 500


def test_after_the_service_cash_is_kept_for_later(
    app: Flask, till: Browser, noon: FrozenClock
) -> None:
    household = hungry(app)
    noon.set("2026-11-16 14:00")

    pay(till, household, "20")

    assert balance(app, household) == 2000


def test_a_receipt_of_today_is_cancelled_and_keeps_its_number(app: Flask, till: Browser) -> None:
    household = family(app)
    pay(till, household, "20")

    answer = till.post("/caisse/receipt/1/cancel", follow_redirects=True)

    assert answer.status_code == 200
    assert "/cancel" not in answer.text
    assert balance(app, household) == 0
    assert "2026-000002" in pay(till, household, "5").text


def test_a_receipt_of_yesterday_is_not(app: Flask, till: Browser, noon: FrozenClock) -> None:
    household = family(app)
    pay(till, household, "20")
    noon.set("2026-11-17 08:00")

    page = till.get("/caisse/receipt/1").text
    answer = till.post("/caisse/receipt/1/cancel")

    assert "/cancel" not in page
    assert answer.status_code == 409
    assert balance(app, household) == 2000


def test_money_that_was_eaten_is_not_paid_back(app: Flask, till: Browser) -> None:
    household = hungry(app)
    pay(till, household, "10")

    answer = till.post("/caisse/receipt/1/cancel")

    assert answer.status_code == 409
    assert balance(app, household) == 100


def test_a_pupil_leads_to_the_account(app: Flask, till: Browser) -> None:
    household = family(app)

    answer = till.get(f"/caisse/pupil/{household.pupil_id}")

    assert answer.location == f"/caisse/account/{household.account_id}"


def test_a_shared_child_makes_the_till_ask(app: Flask, till: Browser) -> None:
    mother, father = family(app), family(app)
    share(app, mother.pupil_id, father.account_id)

    page = till.get(f"/caisse/pupil/{mother.pupil_id}").text

    for household in (mother, father):
        assert f"/caisse/account/{household.account_id}" in page


def test_a_shared_child_who_cannot_eat_leads_to_the_account_that_lacks_the_money(
    app: Flask, till: Browser
) -> None:
    mother, father = hungry(app), family(app)
    share(app, mother.pupil_id, father.account_id)

    answer = till.get(f"/caisse/pupil/{mother.pupil_id}")

    assert answer.location == f"/caisse/account/{mother.account_id}"


def share(app: Flask, pupil_id: int, account_id: int) -> None:
    with writing(app) as session:
        session.add(PupilAccount(pupil_id=pupil_id, account_id=account_id))


def test_nobody_who_looks_over_the_shoulder_reads_that_a_meal_is_not_covered(
    app: Flask, till: Browser
) -> None:
    household = hungry(app)

    page = till.get(f"/caisse/account/{household.account_id}").text

    badge = page.split('class="badge">')[1].split("<")[0]
    with app.test_request_context():
        assert badge == label(BookingState.BOOKED)
    assert 'class="open"' in page


def test_money_on_its_way_is_shown_with_its_day(app: Flask, till: Browser) -> None:
    household = family(app)
    with writing(app) as session:
        session.add(
            TopUp(
                account_id=household.account_id,
                channel=TopUpChannel.ONLINE,
                state=TopUpState.VALIDATED,
                amount=7500,
                made_at=LONG_BEFORE(),
                credit_at=instant_of(MONDAY, time(14)),
                request_id="online",
            )
        )

    said = text_of(till.get(f"/caisse/account/{household.account_id}").text)

    assert "CHF 75.00, En ligne, compte dès le 16 novembre, 14:00" in said


def test_what_a_family_announced_is_shown_and_so_is_its_standing_order(
    app: Flask, till: Browser
) -> None:
    household = family(app)
    with writing(app) as session:
        for number, state in enumerate((TopUpState.ANNOUNCED, TopUpState.CREDITED)):
            session.add(
                TopUp(
                    account_id=household.account_id,
                    channel=TopUpChannel.BANK,
                    state=state,
                    amount=12_000,
                    made_at=LONG_BEFORE(),
                    credit_at=instant_of(MONDAY, time(12)),
                    credited_at=clock.now() if state is TopUpState.CREDITED else None,
                    request_id=f"bank{number}",
                )
            )
        session.add(
            QrBill(
                account_id=household.account_id,
                amount=12_000,
                is_standing=True,
                made_at=LONG_BEFORE(),
                request_id="standing",
            )
        )

    said = text_of(till.get(f"/caisse/account/{household.account_id}").text)

    assert "CHF 120.00, Banque, attendu d’ici au 16 novembre" in said
    assert "Ordre permanent CHF 120.00, chaque mois, le dernier le 16 novembre" in said


def test_the_script_gets_the_results_alone(app: Flask, till: Browser) -> None:
    family(app)

    answer = till.get("/caisse/?q=Enf", headers={"X-Requested-With": "fetch"})

    assert "<html" not in answer.text
    assert "/caisse/pupil/" in answer.text


def test_without_the_script_one_result_is_opened(app: Flask, till: Browser) -> None:
    household = family(app)

    answer = till.get(f"/caisse/?q={household.username}")

    assert answer.location == f"/caisse/account/{household.account_id}"


def test_the_front_of_the_till_counts_what_was_taken_today(
    app: Flask, till: Browser, noon: FrozenClock
) -> None:
    household = family(app)
    noon.set("2026-11-15 23:59")
    pay(till, household, "100")
    noon.set("2026-11-16 12:00")
    for amount in ("20", "5", "10"):
        pay(till, household, amount)
    till.post("/caisse/receipt/3/cancel")

    said = text_of(till.get("/caisse/").text)

    assert "30.00" in said
    assert "2026-000001" not in said


def test_what_does_not_exist_is_not_found(till: Browser) -> None:
    bad = ["0", "999999", "-1", "abc", str(2**65), "9" * 5000, "😀", "1.5"]

    answers = [
        till.get(f"/caisse/{path}/{key}") for path in ("account", "receipt", "pupil") for key in bad
    ]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("role", ["kitchen", "accounting", "committee"])
def test_other_roles_have_no_till(app: Flask, role: str) -> None:
    household = family(app)
    browser = logged_in(app, role)

    answers = [
        browser.get("/caisse/"),
        browser.get(f"/caisse/account/{household.account_id}"),
        browser.post(f"/caisse/account/{household.account_id}", {"amount": "20"}),
        browser.post("/caisse/receipt/1/cancel"),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert count(app, Receipt) == 0


def test_a_parent_has_no_till_not_even_for_their_own_account(app: Flask) -> None:
    household = family(app)
    browser = logged_in(app, household.username)

    answer = browser.post(
        f"/caisse/account/{household.account_id}", {"amount": "20", "request_id": "1"}
    )

    assert answer.status_code == 403
    assert balance(app, household) == 0
