"""Payouts of the provider: which payments each one pays, to the centime, on both databases."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app import clock, ledger
from app.errors import CannotDecide, ChangedMeanwhile
from app.payments.chargebacks import charge_back
from app.reconciliation import deciding
from app.reconciliation.clearing import cover, left_over, open_movements, with_payments
from app.reconciliation.payouts import named_in, pay_out, proposed
from app.refusals import PayoutOff
from app.vocabulary import LedgerKind, TransferKind
from tests.bank.camt_builder import Ntry, Tx, camt
from tests.conftest import FrozenClock
from tests.factories import Family
from tests.payments.paying import DAY, clearing, credit, family, payment, start, validate, wish
from tests.payments.refunding import accountant, acting
from tests.reconciliation.importing import entries, fates, import_content, ledger_balance, set_up
from tests.sessions import reading, writing
from tests.web import logged_in, text_of


@pytest.fixture(autouse=True)
def evening(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-20 20:00")
    return frozen_clock


@pytest.fixture
def books_agree(app_on: Flask, books_agree: None) -> Iterator[None]:
    """Besides, the open movements come to what lies there."""
    yield
    with reading(app_on) as session:
        lying = sum(each.amount for each in open_movements(session))
    assert lying == clearing(app_on)


def credited(app: Flask, frozen_clock: FrozenClock, *amounts: int) -> list[int]:
    """Payments that were made and credited a day later; their ids."""
    household: Family = family(app)
    ids = [start(app, wish(household, amount)) for amount in amounts]
    for payment_id in ids:
        validate(app, payment_id)
    frozen_clock.advance(DAY)
    credit(app)
    return ids


def received(app: Flask, folder: Path, amount: str, mark: str = "1", *, debit: bool = False) -> int:
    """A bank payment of the provider that waits; its id. Booked on the 24th."""
    direction = "DBIT" if debit else "CRDT"
    tx = Tx(amount=amount, direction=direction, bank_reference=f"P-{mark}", references=())
    line = Ntry(amount, direction, bank_reference=f"E-{mark}", payments=[tx])
    content = camt(line, kind="053" if debit else "054").replace(
        b"STMT-1", b"STMT-" + mark.encode()
    )
    import_content(app, content, folder, f"{mark}.xml")
    return entries(app)[-1].id


def movements(app: Flask) -> list[int]:
    with reading(app) as session:
        return [each.id for each in open_movements(session)]


def book(app: Flask, entry_id: int, chosen: list[int], fees: int) -> None:
    with acting(app, accountant(app, "accounting")) as session:
        pay_out(session, entry_id, chosen, fees, clock.now)


def test_a_payout_pays_its_payments_less_its_fees(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path, books_agree: None
) -> None:
    set_up(app_on)
    credited(app_on, frozen_clock, 5000, 3000, 2000)
    first, second, third = movements(app_on)
    entry_id = received(app_on, tmp_path, "78.80")

    book(app_on, entry_id, [first, second], 120)

    assert movements(app_on) == [third]
    assert clearing(app_on) == 2000
    assert ledger_balance(app_on, LedgerKind.BANK) == 7880
    assert -ledger_balance(app_on, LedgerKind.FEES) == 120
    assert ledger_balance(app_on, LedgerKind.SUSPENSE) == 0
    assert fates(app_on) == [("settled", "payout")]


def test_what_does_not_come_to_the_centime_is_not_booked(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path
) -> None:
    set_up(app_on)
    credited(app_on, frozen_clock, 5000, 3000, 2000)
    known = movements(app_on)
    entry_id = received(app_on, tmp_path, "78.80")

    for chosen, fees in ((1, 120), (2, 119), (2, 121), (2, -120), (3, 120)):
        with pytest.raises(PayoutOff):
            book(app_on, entry_id, known[:chosen], fees)

    assert movements(app_on) == known
    book(app_on, entry_id, known, 2120)
    assert movements(app_on) == []


def test_a_payment_is_paid_out_once(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path, books_agree: None
) -> None:
    set_up(app_on)
    credited(app_on, frozen_clock, 5000)
    (only,) = movements(app_on)
    first = received(app_on, tmp_path, "50.00")
    second = received(app_on, tmp_path, "50.00", "2")

    book(app_on, first, [only], 0)

    with pytest.raises(CannotDecide):
        book(app_on, first, [only], 0)
    with pytest.raises(ChangedMeanwhile):
        book(app_on, second, [only], 0)
    with pytest.raises(IntegrityError), writing(app_on) as session:
        cover(session, second, [only])


def test_a_chargeback_is_kept_back_from_a_later_payout(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path, books_agree: None
) -> None:
    set_up(app_on)
    paid, _ = credited(app_on, frozen_clock, 5000, 9000)
    first, second = movements(app_on)
    book(app_on, received(app_on, tmp_path, "49.00"), [first], 100)
    with acting(app_on, accountant(app_on, "accounting")) as session:
        charge_back(session, paid, clock.now)

    book(app_on, received(app_on, tmp_path, "39.50", "2"), movements(app_on), 50)

    assert movements(app_on) == []
    assert second not in movements(app_on)
    assert clearing(app_on) == 0


def test_a_payout_below_zero_is_a_debit(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path, books_agree: None
) -> None:
    set_up(app_on)
    entry_id = received(app_on, tmp_path, "29.00", debit=True)

    book(app_on, entry_id, [], 2900)

    assert -ledger_balance(app_on, LedgerKind.FEES) == 2900
    assert ledger_balance(app_on, LedgerKind.BANK) == -2900


def test_a_payout_that_is_taken_back_leaves_its_payments_open(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path, books_agree: None
) -> None:
    set_up(app_on)
    credited(app_on, frozen_clock, 5000)
    known = movements(app_on)
    entry_id = received(app_on, tmp_path, "49.00")

    for _ in range(2):
        book(app_on, entry_id, known, 100)
        with acting(app_on, accountant(app_on, "accounting")) as session:
            deciding.reconsider(session, entry_id, clock.now)

    assert movements(app_on) == known
    assert clearing(app_on) == 5000
    assert ledger_balance(app_on, LedgerKind.SUSPENSE) == 4900
    assert ledger_balance(app_on, LedgerKind.FEES) == 0


def test_what_lay_there_on_an_evening_is_known_payment_by_payment(
    app_on: Flask, frozen_clock: FrozenClock, tmp_path: Path
) -> None:
    set_up(app_on)
    credited(app_on, frozen_clock, 5000)
    known = movements(app_on)
    book(app_on, received(app_on, tmp_path, "49.00"), known, 100)

    with reading(app_on) as session:
        on_the_23rd = open_movements(session, date(2026, 11, 24))
        on_the_24th = open_movements(session, date(2026, 11, 25))

    assert [(each.id, each.amount) for each in on_the_23rd] == [(known[0], 5000)]
    assert on_the_24th == []
    assert left_over(on_the_23rd, date(2026, 11, 1)) == []
    assert left_over(on_the_23rd, date(2026, 12, 1)) == on_the_23rd


def test_the_providers_list_names_payments_by_either_number(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    ids = credited(app, frozen_clock, 5000, 3000, 2000)
    by_order, by_reference = payment(app, ids[0]), payment(app, ids[1])
    text = f"""Refno;Amount;Fee
        {by_order.order_number};50.00;0.60
        "{by_reference.provider_reference}";30.00;0.60"""

    with reading(app) as session:
        found = with_payments(session, open_movements(session))

    assert {each.payment.id for each in found if each.payment} == set(ids)
    assert named_in(text, found) == [each.id for each in found[:2]]
    assert named_in("", found) == []


def test_the_oldest_payments_are_proposed_where_that_is_clear(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    credited(app, frozen_clock, 5000, 3000, 2000)

    with reading(app) as session:
        found = open_movements(session)

    wanted = {7880: 2, 8000: 2, 5000: 1, 4900: 1, 6000: 0, 99_999: 0}
    assert {amount: len(proposed(found, amount)) for amount in wanted} == wanted
    assert proposed(found, 7880) == [each.id for each in found[:2]]


def test_the_accountant_ticks_them_or_has_the_list_read(
    app: Flask, frozen_clock: FrozenClock, tmp_path: Path
) -> None:
    set_up(app)
    ids = credited(app, frozen_clock, 5000, 3000)
    first, second = movements(app)
    entry_id = received(app, tmp_path, "29.50")
    browser, page = logged_in(app, "accounting"), f"/payouts/book/?entry={entry_id}"

    asked = browser.post(f"/bankentryview/action/payout/{entry_id}")
    shown = browser.get(page).text
    number = payment(app, ids[1]).order_number
    found = browser.post(page, {"listed": number, "fees": "", "find": "1"}).text
    wrong = browser.post(page, {"movement": [str(first)], "fees": "0.50"}).text
    done = browser.post(page, {"movement": [str(second)], "fees": "0.50"})

    assert asked.headers["Location"] == page
    assert number in shown
    assert f'value="{second}" checked' in found
    assert f'value="{first}" checked' not in found
    assert "CHF 50.00" in text_of(wrong)
    assert f'value="{first}" checked' in wrong
    assert done.headers["Location"] == f"/bankentryview/show/{entry_id}"
    assert movements(app) == [first]
    assert browser.get(page).status_code == 409
    assert logged_in(app, "till").get(page).status_code == 403


def test_a_payment_made_twice_and_refunded_is_two_movements_that_undo_each_other(
    app: Flask,
) -> None:
    household = family(app)
    asked = wish(household, request_id="twice")
    first = start(app, asked)
    validate(app, first)
    with writing(app) as session:
        held = ledger.Entry(
            TransferKind.PAID_TWICE,
            f"online:{first}",
            ledger.chart_id(session, LedgerKind.CLEARING),
            ledger.chart_id(session, LedgerKind.SUSPENSE),
            5000,
            date(2026, 10, 1),
        )
        ledger.reverse(session, ledger.transfer(session, held, now=clock.now()), now=clock.now())

    with reading(app) as session:
        found = with_payments(session, open_movements(session))

    assert [each.amount for each in found] == [5000, -5000]
    assert {each.payment.id for each in found if each.payment} == {first}
    assert left_over(found, date(2026, 12, 1)) == []
