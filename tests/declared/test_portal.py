"""What a parent reads of their own account, and nothing of others."""

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader

from app.access import Actor
from app.booking import Wish, begin_closing, book_meal, charge_next
from app.models import AccountHolder, CanteenUser, PupilAccount, Receipt, ServiceDay, TopUp
from app.payments.till import record_cash
from app.registration import stored_role
from app.rules.deadlines import ServiceRules
from app.transaction import transaction
from app.vocabulary import Channel, Role, TopUpChannel, TopUpState
from tests.conftest import FrozenClock
from tests.declared.acting import (
    family,
    one,
)
from tests.factories import Family
from tests.sessions import writing
from tests.web import logged_in, text_of

MONDAY = date(2026, 11, 16)
RULES = ServiceRules()
LISTS = ("/my/operations/list/", "/my/top-ups/list/", "/my/receipts/list/")


@pytest.fixture(autouse=True)
def noon(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-16 12:00")
    return frozen_clock


def cash(app: Flask, household: Family, amount: int, now: FrozenClock) -> int:
    """Cash at the till; the receipt's id."""
    cashier = one(app, sa.select(CanteenUser.id).where(CanteenUser.username == "till"))
    actor = Actor(cashier, is_staff=True, channel=Channel.TILL)
    with app.app_context(), transaction(actor) as session:
        request_id = f"test-{household.account_id}-{amount}"
        return record_cash(session, household.account_id, amount, request_id, RULES, now.now).id


def eat(app: Flask, household: Family, now: FrozenClock) -> None:
    """A meal of today, booked long before and charged at the last call."""
    with writing(app) as session:
        long_before = datetime(2026, 11, 2, 9, tzinfo=UTC)
        book_meal(session, Wish(household.pupil_id, MONDAY), RULES, lambda: long_before)
        day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == MONDAY)).one()
        begin_closing(session, day, RULES, now.now)
        charge_next(session, day, now.now)


def rows(page: str) -> list[str]:
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [text_of(row) for row in body.split("<tr>")[1:]]


def test_operations_run_along_with_their_balance(app: Flask, noon: FrozenClock) -> None:
    household = family(app)
    noon.set("2026-11-10 12:00")
    cash(app, household, 5_000, noon)
    noon.set("2026-11-16 12:00")
    eat(app, household, noon)
    noon.set("2026-11-16 12:30")
    cash(app, household, 2_000, noon)

    shown = rows(logged_in(app, household.username).get("/my/operations/list/").text)

    assert [("20.00" in row, "-9.00" in row, "50.00" in row) for row in shown] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]
    assert ["61.00" in shown[0], "41.00" in shown[1]] == [True, True]
    assert "16.11.2026 (Normal)" in shown[1]


def test_the_balance_runs_along_whatever_page_and_dates_are_asked_for(
    app: Flask, noon: FrozenClock
) -> None:
    household = family(app)
    for day in range(1, 6):
        noon.set(f"2026-11-0{day} 12:00")
        cash(app, household, day * 100, noon)
    parent = logged_in(app, household.username)

    second_page = rows(
        parent.get("/my/operations/list/?psize_MyOperationView=2&page_MyOperationView=1").text
    )
    until_the_third = rows(parent.get("/my/operations/list/?_flt_1_recorded_at=2026-11-03").text)
    turned = rows(
        parent.get("/my/operations/list/?_oc_MyOperationView=id&_od_MyOperationView=asc").text
    )

    assert ["6.00" in second_page[0], "3.00" in second_page[1]] == [True, True]
    assert "6.00" in until_the_third[0]
    assert "15.00" in turned[0]


def test_top_ups_on_their_way_say_from_when_they_count(app: Flask, noon: FrozenClock) -> None:
    household = family(app)
    with writing(app) as session:
        session.add(
            TopUp(
                account_id=household.account_id,
                channel=TopUpChannel.ONLINE,
                state=TopUpState.VALIDATED,
                amount=3_000,
                made_at=noon.now(),
                credit_at=datetime(2026, 11, 17, 11, tzinfo=UTC),
                request_id="online-1",
            )
        )

    (row,) = rows(logged_in(app, household.username).get("/my/top-ups/list/").text)

    assert "30.00" in row
    assert "17.11.2026 12:00" in row


def test_a_receipt_is_printed_again_by_its_family_only(app: Flask, noon: FrozenClock) -> None:
    mine, other = family(app), family(app)
    key = cash(app, mine, 2_000, noon)

    own = logged_in(app, mine.username).get(f"/my/receipts/file/{key}")
    foreign = logged_in(app, other.username).get(f"/my/receipts/file/{key}")

    text = PdfReader(BytesIO(own.data)).pages[0].extract_text()
    assert one(app, sa.select(Receipt)).label in text
    assert "Till" in text
    assert foreign.status_code == 404


@pytest.mark.parametrize("path", LISTS)
def test_no_list_shows_another_family(app: Flask, noon: FrozenClock, path: str) -> None:
    mine, other = family(app), family(app)
    cash(app, other, 2_000, noon)
    parent = logged_in(app, mine.username)

    for query in ("", f"?_flt_0_account={other.account_id}", "?_flt_0_account=abc"):
        answer = parent.get(path + query)

        assert answer.status_code == 200
        assert rows(answer.text) == []
        assert "20.00" not in answer.text


def test_a_shared_child_does_not_show_what_the_other_account_pays(
    app: Flask, noon: FrozenClock
) -> None:
    mother, father = family(app, balance=5_000), family(app)
    with writing(app) as session:
        session.add(PupilAccount(pupil_id=mother.pupil_id, account_id=father.account_id))
        wish = Wish(mother.pupil_id, MONDAY, account_id=mother.account_id)
        book_meal(session, wish, RULES, lambda: datetime(2026, 11, 2, 9, tzinfo=UTC))
        day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == MONDAY)).one()
        begin_closing(session, day, RULES, noon.now)
        charge_next(session, day, noon.now)

    seen = {
        each.username: len(rows(logged_in(app, each.username).get(LISTS[0]).text))
        for each in (mother, father)
    }

    assert seen == {mother.username: 2, father.username: 0}


def test_staff_who_are_parents_see_here_what_is_theirs_alone(app: Flask, noon: FrozenClock) -> None:
    mine, other = family(app), family(app)
    cash(app, mine, 1_000, noon)
    key = cash(app, other, 2_000, noon)
    with writing(app) as session:
        user = session.get_one(CanteenUser, mine.user_id)
        user.roles.append(stored_role(session, Role.SECRETARIAT))
    both = logged_in(app, mine.username)

    pages = [rows(both.get(path).text) for path in LISTS]

    assert [len(page) for page in pages] == [1, 1, 1]
    assert both.get(f"/my/receipts/file/{key}").status_code == 404


def test_who_no_longer_holds_the_account_sees_nothing_of_it(app: Flask, noon: FrozenClock) -> None:
    household = family(app)
    cash(app, household, 1_000, noon)
    with writing(app) as session:
        held = sa.select(AccountHolder).where(AccountHolder.user_id == household.user_id)
        session.scalars(held).one().valid_until = MONDAY
    parent = logged_in(app, household.username)

    pages: list[Any] = [rows(parent.get(path).text) for path in LISTS]

    assert pages == [[], [], []]
