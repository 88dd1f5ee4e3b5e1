"""Cash at the till and credits from every channel, on both databases."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import ledger
from app.access import EVERYTHING, SYSTEM, Actor, scope_of
from app.booking import (
    Wish,
    begin_closing,
    book_meal,
    charge_next,
    mark_attendance,
    refuse_meal,
)
from app.errors import (
    AccountArchived,
    AmountOutOfRange,
    BadAmount,
    CannotChange,
    InsufficientFunds,
    NotAllowed,
    NotFound,
    NotFunded,
    ReceiptNotToday,
    Refusal,
    SentBefore,
)
from app.extensions import db
from app.models import (
    Account,
    Booking,
    CanteenUser,
    Enrolment,
    OutboxFact,
    Receipt,
    ServiceDay,
    TopUp,
)
from app.payments.credit import credit, credit_due
from app.payments.till import cancel_receipt, record_cash
from app.rules.deadlines import ServiceRules
from app.transaction import transaction
from app.vocabulary import (
    Attendance,
    BookingState,
    Channel,
    FactKind,
    LedgerKind,
    Reason,
    TopUpChannel,
    TopUpState,
)
from tests.factories import Family, make_family

MONDAY = date(2026, 11, 16)
RULES = ServiceRules()


def at(text: str) -> Callable[[], datetime]:
    """A clock that shows this UTC time."""
    instant = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return lambda: instant


EARLY, NOON, AFTER_SERVICE, SATURDAY = (
    at("2026-11-16T06:00"),
    at("2026-11-16T11:00"),
    at("2026-11-16T13:00"),
    at("2026-11-14T11:00"),
)


@pytest.fixture
def till(app_on: Flask) -> Iterator[Flask]:
    """The application, on each database, with its context."""
    with app_on.app_context():
        yield app_on


def family(balance: int = 0, children: int = 1) -> Family:
    with transaction(SYSTEM) as session:
        return make_family(session, balance=balance, children=children)


def cashier() -> Actor:
    with scope_of(db.session(), EVERYTHING):
        user_id = db.session.scalars(
            sa.select(CanteenUser.id).where(CanteenUser.username == "till")
        ).one()
    db.session.rollback()
    return Actor(user_id, is_staff=True, channel=Channel.TILL)


def pay(
    actor: Actor,
    account_id: int,
    amount: int = 2000,
    request_id: str = "",
    now: Callable[[], datetime] = NOON,
) -> str:
    """Take cash in a transaction of its own; the receipt's label."""
    with transaction(actor) as session:
        request = request_id or uuid4().hex
        return record_cash(session, account_id, amount, request, RULES, now).label


def read(query: Any) -> Any:
    """One value, in a read transaction of its own."""
    with scope_of(db.session(), EVERYTHING):
        found = db.session.scalar(query)
    db.session.rollback()
    return found


def balance(account_id: int) -> int:
    found: int = read(sa.select(Account.balance).where(Account.id == account_id))
    return found


def meal_of(pupil_id: int) -> tuple[BookingState, Attendance]:
    with scope_of(db.session(), EVERYTHING):
        found = db.session.scalars(sa.select(Booking).where(Booking.pupil_id == pupil_id)).one()
        return found.state, found.attendance


def close_with_meals(*pupil_ids: int) -> None:
    """Monday's meals of these pupils, and its closing."""
    with transaction(SYSTEM) as session:
        for pupil_id in pupil_ids:
            book_meal(session, Wish(pupil_id, MONDAY), RULES, EARLY)
        day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == MONDAY)).one()
        begin_closing(session, day, RULES, at("2026-11-16T07:15"))
        while charge_next(session, day, at("2026-11-16T07:15")):
            pass


def in_threads(app: Flask, count: int, work: Callable[[int], object]) -> list[Any]:
    """What `count` threads bring, each with a session of its own; refusals are results."""

    def one(turn: int) -> object:
        with app.app_context():
            try:
                return work(turn)
            except Refusal as refused:
                return refused

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def prove_ledger() -> None:
    with scope_of(db.session(), EVERYTHING):
        assert ledger.discrepancies(db.session()) == []


@pytest.mark.parametrize("now", [NOON, SATURDAY], ids=["on a service day", "on a Saturday"])
def test_twenty_tills_at_once_leave_no_gap_between_their_numbers(
    till: Flask, now: Callable[[], datetime]
) -> None:
    accounts = [family().account_id for _ in range(4)]
    actor = cashier()

    labels = in_threads(till, 20, lambda turn: pay(actor, accounts[turn % 4], 500, now=now))

    assert sorted(labels) == [f"2026-{number:06d}" for number in range(1, 21)]
    assert [balance(account) for account in accounts] == [2500] * 4
    prove_ledger()


def test_the_same_form_sent_twenty_times_gives_one_receipt(till: Flask) -> None:
    account, actor = family().account_id, cashier()

    labels = in_threads(till, 20, lambda _: pay(actor, account, 2000, "one-form"))

    assert set(labels) == {"2026-000001"}
    assert balance(account) == 2000
    assert read(sa.select(sa.func.count(TopUp.id))) == 1


@pytest.mark.parametrize("changed", ["account", "amount"])
def test_a_form_sent_again_with_something_else_in_it_is_refused(till: Flask, changed: str) -> None:
    first, second, actor = family().account_id, family().account_id, cashier()
    pay(actor, first, 2000, "one-form")
    account, amount = (second, 2000) if changed == "account" else (first, 500)

    with pytest.raises(SentBefore):
        pay(actor, account, amount, "one-form")

    assert (balance(first), balance(second)) == (2000, 0)


def _pay_and_fail(actor: Actor, account_id: int) -> None:
    with transaction(actor) as session:
        assert record_cash(session, account_id, 500, "lost", RULES, NOON).number == 2
        raise ZeroDivisionError


def test_a_failure_gives_the_number_back(till: Flask) -> None:
    account, actor = family().account_id, cashier()
    pay(actor, account)

    with pytest.raises(ZeroDivisionError):
        _pay_and_fail(actor, account)

    assert pay(actor, account) == "2026-000002"
    assert balance(account) == 4000


def test_each_year_has_numbers_of_its_own_by_the_zurich_clock(till: Flask) -> None:
    account, actor = family().account_id, cashier()

    labels = [
        pay(actor, account, now=at(instant))
        for instant in ("2026-12-31T22:59:59", "2026-12-31T23:00:00", "2027-01-01T09:00:00")
    ]

    assert labels == ["2026-000001", "2027-000001", "2027-000002"]


def test_a_receipt_tells_who_took_how_much_and_what_the_balance_was(till: Flask) -> None:
    account, actor = family(balance=1000).account_id, cashier()

    pay(actor, account, 1250)

    with scope_of(db.session(), EVERYTHING):
        receipt = db.session.scalars(sa.select(Receipt)).one()
        assert receipt.cashier_id == actor.user_id
        assert (receipt.top_up.amount, receipt.balance_after) == (1250, 2250)
        assert receipt.issued_at == NOON()


def test_a_receipt_of_today_is_paid_back_and_keeps_its_number(till: Flask) -> None:
    account, actor = family().account_id, cashier()
    pay(actor, account, 2000)
    receipt_id = read(sa.select(Receipt.id))

    for _ in range(2):
        with transaction(actor) as session:
            assert cancel_receipt(session, receipt_id, AFTER_SERVICE).number == 1

    assert pay(actor, account, 500) == "2026-000002"
    assert balance(account) == 500
    with scope_of(db.session(), EVERYTHING):
        cash = ledger.chart_id(db.session(), LedgerKind.CASH)
        assert ledger.balance(db.session(), cash) == -500
        top_up = db.session.scalars(sa.select(TopUp).order_by(TopUp.id)).first()
        assert top_up is not None
        assert top_up.state is TopUpState.CANCELLED
    prove_ledger()


def test_a_receipt_of_yesterday_is_not_paid_back(till: Flask) -> None:
    account, actor = family().account_id, cashier()
    pay(actor, account, now=at("2026-11-16T22:59:59"))
    receipt_id = read(sa.select(Receipt.id))

    with pytest.raises(ReceiptNotToday), transaction(actor) as session:
        cancel_receipt(session, receipt_id, at("2026-11-16T23:00:00"))

    assert balance(account) == 2000


def test_money_that_was_eaten_is_not_paid_back(till: Flask) -> None:
    household, actor = family(), cashier()
    close_with_meals(household.pupil_id)
    pay(actor, household.account_id, 1000)
    receipt_id = read(sa.select(Receipt.id))

    with pytest.raises(InsufficientFunds), transaction(actor) as session:
        cancel_receipt(session, receipt_id, NOON)

    assert balance(household.account_id) == 100


def test_two_tills_pay_the_same_receipt_back_once(till: Flask) -> None:
    account, actor = family().account_id, cashier()
    pay(actor, account)
    receipt_id = read(sa.select(Receipt.id))

    def cancel(_: int) -> int:
        with transaction(actor) as session:
            return cancel_receipt(session, receipt_id, NOON).number

    assert in_threads(till, 8, cancel) == [1] * 8
    assert balance(account) == 0
    prove_ledger()


def test_cash_makes_the_unfunded_meal_of_today_good_on_the_spot(till: Flask) -> None:
    household, actor = family(), cashier()
    close_with_meals(household.pupil_id)
    booking_id = read(sa.select(Booking.id))
    with pytest.raises(NotFunded), transaction(actor) as session:
        mark_attendance(session, booking_id, Attendance.SERVED, MONDAY, NOON)

    pay(actor, household.account_id, 900)

    assert meal_of(household.pupil_id) == (BookingState.CHARGED, Attendance.EXPECTED)
    assert balance(household.account_id) == 0


def test_cash_that_does_not_reach_charges_no_part_of_a_meal(till: Flask) -> None:
    household, actor = family(), cashier()
    close_with_meals(household.pupil_id)

    pay(actor, household.account_id, 895)

    assert meal_of(household.pupil_id) == (BookingState.UNFUNDED, Attendance.EXPECTED)
    assert balance(household.account_id) == 895


def test_a_meal_without_a_price_stops_no_cash_and_no_other_meal(till: Flask) -> None:
    household, actor = family(children=2), cashier()
    close_with_meals(*household.pupil_ids)
    unpriced, priced = household.pupil_ids
    with transaction(SYSTEM) as session:
        session.execute(
            sa.update(Enrolment).where(Enrolment.pupil_id == unpriced).values(valid_until=MONDAY)
        )

    pay(actor, household.account_id, 2000)

    assert meal_of(unpriced)[0] is BookingState.UNFUNDED
    assert meal_of(priced)[0] is BookingState.CHARGED
    assert balance(household.account_id) == 1100


def test_cash_for_one_of_two_meals_feeds_the_younger_child(till: Flask) -> None:
    household, actor = family(children=2), cashier()
    close_with_meals(*household.pupil_ids)

    pay(actor, household.account_id, 1000)

    older, younger = household.pupil_ids
    assert meal_of(younger)[0] is BookingState.CHARGED
    assert meal_of(older)[0] is BookingState.UNFUNDED


@pytest.mark.parametrize(
    ("instant", "state"),
    [
        ("2026-11-16T12:59:59", BookingState.CHARGED),
        ("2026-11-16T13:00:00", BookingState.UNFUNDED),
    ],
)
def test_after_the_end_of_service_cash_makes_no_meal_good(
    till: Flask, instant: str, state: BookingState
) -> None:
    household, actor = family(), cashier()
    close_with_meals(household.pupil_id)

    pay(actor, household.account_id, 2000, now=at(instant))

    assert meal_of(household.pupil_id)[0] is state


def test_one_till_takes_the_cash_while_another_refuses_the_meal(till: Flask) -> None:
    actor, households = cashier(), [family() for _ in range(5)]
    close_with_meals(*(household.pupil_id for household in households))

    outcomes = [_pay_while_refusing(till, actor, household) for household in households]

    for household, (refused, paid) in zip(households, outcomes, strict=True):
        state, _attendance = meal_of(household.pupil_id)
        is_charged = state is BookingState.CHARGED
        assert isinstance(paid, str)
        assert isinstance(refused, CannotChange) if is_charged else refused is state
        assert balance(household.account_id) == (100 if is_charged else 1000)
    prove_ledger()


def _pay_while_refusing(till: Flask, actor: Actor, household: Family) -> list[Any]:
    booking_id = read(sa.select(Booking.id).where(Booking.pupil_id == household.pupil_id))

    def act(turn: int) -> Any:
        if turn:
            return pay(actor, household.account_id, 1000)
        with transaction(actor) as session:
            return refuse_meal(session, booking_id, MONDAY, Reason.NO_FUNDS, NOON).state

    return in_threads(till, 2, act)


def archive(account_id: int) -> None:
    with transaction(SYSTEM) as session:
        session.get_one(Account, account_id).archived_at = NOON()


def test_an_archived_account_takes_no_cash(till: Flask) -> None:
    account, actor = family().account_id, cashier()
    archive(account)

    with pytest.raises(AccountArchived):
        pay(actor, account)

    assert balance(account) == 0
    assert read(sa.select(sa.func.count(TopUp.id))) == 0


def test_a_form_sent_again_after_the_account_was_archived_gives_its_receipt(till: Flask) -> None:
    account, actor = family().account_id, cashier()
    label = pay(actor, account, 2000, "one-form")
    archive(account)

    assert pay(actor, account, 2000, "one-form") == label
    assert balance(account) == 2000


@pytest.mark.parametrize("amount", [0, -500, 453, 1, 4])
def test_refuses_what_no_coins_make(till: Flask, amount: int) -> None:
    account, actor = family().account_id, cashier()

    with pytest.raises(BadAmount):
        pay(actor, account, amount)


@pytest.mark.parametrize("amount", [200_005, 10**11, 2**65 * 5])
def test_refuses_more_than_anybody_brings(till: Flask, amount: int) -> None:
    account, actor = family().account_id, cashier()

    with pytest.raises(AmountOutOfRange):
        pay(actor, account, amount)

    assert balance(account) == 0


def test_a_parent_takes_no_cash_and_cancels_no_receipt(till: Flask) -> None:
    household = family()
    pay(cashier(), household.account_id)
    receipt_id = read(sa.select(Receipt.id))
    parent = Actor(household.user_id, is_staff=False, channel=Channel.PORTAL)

    with pytest.raises(NotAllowed):
        pay(parent, household.account_id)
    with pytest.raises(NotAllowed), transaction(parent) as session:
        cancel_receipt(session, receipt_id, NOON)


def test_an_unknown_account_or_receipt_is_not_found(till: Flask) -> None:
    actor = cashier()

    with pytest.raises(NotFound):
        pay(actor, 999_999)
    with pytest.raises(NotFound), transaction(actor) as session:
        cancel_receipt(session, 999_999, NOON)


# -- every credit --------------------------------------------------------------------------------


def online(session: Session, account_id: int, *, credit_at: datetime, amount: int = 900) -> TopUp:
    top_up = TopUp(
        account_id=account_id,
        channel=TopUpChannel.ONLINE,
        state=TopUpState.VALIDATED,
        amount=amount,
        made_at=credit_at - timedelta(hours=24),
        credit_at=credit_at,
        request_id=uuid4().hex,
    )
    session.add(top_up)
    session.flush()
    return top_up


def test_online_money_is_credited_when_its_time_has_come_and_once(till: Flask) -> None:
    household = family()
    with transaction(SYSTEM) as session:
        online(session, household.account_id, credit_at=NOON())
        online(session, household.account_id, credit_at=NOON() + timedelta(seconds=1))

    credited = []
    for _ in range(2):
        with transaction(SYSTEM) as session:
            credited.append(credit_due(session, RULES, NOON))

    assert credited == [1, 0]
    assert balance(household.account_id) == 900
    prove_ledger()


def test_online_money_makes_the_meal_of_today_good_too(till: Flask) -> None:
    household = family()
    close_with_meals(household.pupil_id)
    with transaction(SYSTEM) as session:
        online(session, household.account_id, credit_at=NOON())

    with transaction(SYSTEM) as session:
        credit_due(session, RULES, NOON)

    assert meal_of(household.pupil_id)[0] is BookingState.CHARGED


def test_the_database_refuses_to_credit_a_top_up_twice(till: Flask) -> None:
    household = family()
    with transaction(SYSTEM) as session:
        top_up = online(session, household.account_id, credit_at=NOON())
        credit(session, top_up, RULES, NOON())

    with pytest.raises(IntegrityError), transaction(SYSTEM) as session:
        credit(session, session.scalars(sa.select(TopUp)).one(), RULES, NOON())

    assert balance(household.account_id) == 900


def test_every_credit_is_told_to_the_holders(till: Flask) -> None:
    household, actor = family(), cashier()

    pay(actor, household.account_id)

    told = sa.select(OutboxFact.account_id).where(OutboxFact.kind == FactKind.CREDITED)
    assert read(told) == household.account_id


def test_a_cancelled_receipt_is_told_to_the_holders_once(till: Flask) -> None:
    household, actor = family(), cashier()
    pay(actor, household.account_id)
    receipt_id = read(sa.select(Receipt.id))

    for _ in range(2):
        with transaction(actor) as session:
            cancel_receipt(session, receipt_id, NOON)

    told = sa.select(OutboxFact).where(OutboxFact.kind == FactKind.RECEIPT_CANCELLED)
    with scope_of(db.session(), EVERYTHING):
        (fact,) = db.session.scalars(told)
        assert (fact.account_id, fact.record_id) == (household.account_id, receipt_id)
