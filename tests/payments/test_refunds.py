"""Refunds from the request to the bank, on both kinds of database."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app import ledger
from app.access import Actor
from app.bank.refusals import AddressIncomplete, IbanForBills, IbanForeign, IbanWrong
from app.clock import local
from app.errors import (
    AmountOutOfRange,
    NotAllowed,
    NotFound,
    ReasonMissing,
    Refusal,
    SentBefore,
)
from app.models import AccountHolder, RefundRequest, Transfer
from app.payments.refund_office import mark_paid, pay_refunds, refuse_refund, verify_refund
from app.payments.refunds import (
    Payee,
    request_refund,
    settle_refund,
    withdraw_refund,
)
from app.refusals import NothingToRefund, OwnRefund, RefundMoved, RefundOpen, SamePerson
from app.vocabulary import (
    BookingState,
    Channel,
    FactKind,
    LedgerKind,
    RefundState,
    TransferKind,
)
from tests.booking.acting import (
    MONDAY,
    NOON,
    RULES,
    balance_of,
    book,
    close_day,
    on,
    parent,
    state_of,
    told,
)
from tests.factories import NORMAL, make_family
from tests.payments.refunding import (
    DAYS,
    DEBTOR,
    IBAN,
    OTHER_IBAN,
    PAYEE,
    QR_IBAN,
    accountant,
    acting,
    ask,
    do,
    household,
    refund,
    requested,
    sent,
    verified,
)
from tests.sessions import reading


@pytest.fixture
def app(shared_app_on: Flask) -> Flask:
    return shared_app_on


def balance(app: Flask, account_id: int) -> int:
    with reading(app) as session:
        return balance_of(session, account_id)


def due(app: Flask) -> int:
    """What the ledger holds for refunds."""
    with reading(app) as session:
        return ledger.balance(session, ledger.chart_id(session, LedgerKind.REFUNDS_DUE))


def facts(app: Flask, account_id: int) -> list[FactKind]:
    with reading(app) as session:
        return told(session, account_id)


# -- the family ------------------------------------------------------------------------------------


def test_the_whole_balance_is_set_aside_at_once(app: Flask) -> None:
    family, before = household(app, 4235), due(app)

    found = refund(app, requested(app, family))

    assert (found.amount, found.state, found.iban) == (4235, RefundState.REQUESTED, IBAN)
    assert found.due_on == MONDAY + timedelta(days=DAYS)
    assert (balance(app, family.account_id), due(app) - before) == (0, 4235)
    assert facts(app, family.account_id) == [FactKind.REFUND_REQUESTED]


def test_a_part_of_the_balance_leaves_the_rest(app: Flask) -> None:
    family = household(app, 5000)

    requested(app, family, 1999)

    assert balance(app, family.account_id) == 3001


@pytest.mark.parametrize("amount", [0, -1, 5001])
def test_no_more_than_the_balance_and_no_less_than_a_centime(app: Flask, amount: int) -> None:
    family = household(app, 5000)

    with pytest.raises(AmountOutOfRange):
        requested(app, family, amount)

    assert balance(app, family.account_id) == 5000


def test_an_agreed_tolerance_is_not_paid_out(app: Flask) -> None:
    family = household(app, 1000)
    with acting(app) as session:
        ledger.set_tolerance(session, family.account_id, 3000)

    with pytest.raises(AmountOutOfRange):
        requested(app, family, 1001)


def test_nothing_is_refunded_from_an_empty_account(app: Flask) -> None:
    with pytest.raises(NothingToRefund):
        requested(app, household(app, 0))


@pytest.mark.parametrize(
    ("payee", "refusal"),
    [
        (Payee(QR_IBAN, "Anne", "", "1854", "Leysin"), IbanForBills),
        (Payee("CH9300762011623852958", "Anne", "", "1854", "Leysin"), IbanWrong),
        (Payee("DE89370400440532013000", "Anne", "", "1854", "Leysin"), IbanForeign),
        (Payee("9" * 5000, "Anne", "", "1854", "Leysin"), IbanWrong),
        (Payee(IBAN, "🙂", "", "1854", "Leysin"), AddressIncomplete),
        (Payee(IBAN, "Anne", "", "1854", ""), AddressIncomplete),
    ],
)
def test_an_account_that_no_payment_reaches_is_refused(
    app: Flask, payee: Payee, refusal: type[Refusal]
) -> None:
    family = household(app)

    with pytest.raises(refusal):
        requested(app, family, payee=payee)

    assert balance(app, family.account_id) == 5000


def test_one_refund_of_an_account_at_a_time(app: Flask) -> None:
    family = household(app)
    requested(app, family, 1000)

    with pytest.raises(RefundOpen):
        requested(app, family, 1000)

    assert balance(app, family.account_id) == 4000


def test_the_database_keeps_a_second_open_refund_out(app: Flask) -> None:
    family = household(app)
    first = refund(app, requested(app, family, 1000))
    copied = {
        column.name: getattr(first, column.name)
        for column in RefundRequest.__table__.columns
        if column.name not in {"id", "request_id"}
    }

    with pytest.raises(IntegrityError), acting(app) as session:
        session.execute(sa.insert(RefundRequest).values(**copied, request_id="another"))


def test_the_same_form_twice_asks_once(app: Flask) -> None:
    family = household(app)

    first = requested(app, family, 1000, form="twice")
    second = requested(app, family, 1000, form="twice")

    assert first == second
    assert balance(app, family.account_id) == 4000
    assert facts(app, family.account_id) == [FactKind.REFUND_REQUESTED]


def test_the_same_form_with_another_amount_is_refused(app: Flask) -> None:
    family = household(app)
    requested(app, family, 1000, form="changed")

    with pytest.raises(SentBefore):
        requested(app, family, 1001, form="changed")


def test_nobody_asks_for_the_money_of_others(app: Flask) -> None:
    mine, theirs = household(app), household(app)

    with pytest.raises(NotFound):
        do(app, parent(mine), lambda s: request_refund(s, ask(theirs), DAYS, NOON))


def test_withdrawing_gives_the_money_back(app: Flask) -> None:
    family = household(app)
    refund_id = requested(app, family)

    for _ in range(2):
        do(app, parent(family), lambda s: withdraw_refund(s, refund_id, RULES, NOON))

    assert refund(app, refund_id).state is RefundState.WITHDRAWN
    assert balance(app, family.account_id) == 5000
    assert facts(app, family.account_id)[1:] == [FactKind.REFUND_WITHDRAWN]


def test_money_that_comes_back_pays_for_todays_meal(app: Flask) -> None:
    family = household(app, NORMAL)
    with acting(app) as session:
        book(session, family.pupil_id, MONDAY)
    refund_id = requested(app, family, now=on(MONDAY, "07:00"))
    with acting(app) as session:
        close_day(session)
        assert state_of(session, family.pupil_id, MONDAY) is BookingState.UNFUNDED

    do(app, parent(family), lambda s: withdraw_refund(s, refund_id, RULES, NOON))

    with reading(app) as session:
        assert state_of(session, family.pupil_id, MONDAY) is BookingState.CHARGED
    assert balance(app, family.account_id) == 0


def test_a_verified_refund_is_not_withdrawn(app: Flask) -> None:
    family = household(app)
    refund_id = verified(app, family, accountant(app))

    with pytest.raises(RefundMoved):
        do(app, parent(family), lambda s: withdraw_refund(s, refund_id, RULES, NOON))

    assert balance(app, family.account_id) == 0


def test_nobody_withdraws_the_refund_of_others(app: Flask) -> None:
    refund_id, other = requested(app, household(app)), household(app)

    with pytest.raises(NotFound):
        do(app, parent(other), lambda s: withdraw_refund(s, refund_id, RULES, NOON))


# -- the office ------------------------------------------------------------------------------------


def test_one_verifies_and_another_pays(app: Flask) -> None:
    family, first, second = household(app), accountant(app), accountant(app)
    refund_id = verified(app, family, first)

    with pytest.raises(SamePerson):
        do(app, first, lambda s: pay_refunds(s, [refund_id], DEBTOR, NOON))
    with pytest.raises(SamePerson):
        do(app, first, lambda s: mark_paid(s, refund_id, NOON))
    do(app, second, lambda s: pay_refunds(s, [refund_id], DEBTOR, NOON))

    found = refund(app, refund_id)
    assert found.state is RefundState.SENT
    assert (found.verified_by_id, found.paid_by_id) == (first.user_id, second.user_id)
    assert facts(app, family.account_id)[1:] == [FactKind.REFUND_VERIFIED, FactKind.REFUND_SENT]


@pytest.mark.parametrize(
    "values",
    [
        {"paid_by_id": RefundRequest.verified_by_id},
        {"verified_by_id": RefundRequest.requested_by_id},
        {"paid_by_id": RefundRequest.requested_by_id},
        {"state": RefundState.SENT},
        {"state": RefundState.PAID},
        {"state": RefundState.REFUSED},
        {"amount": 0},
    ],
    ids=[
        "paid by who verified",
        "verified by who asked",
        "paid by who asked",
        "sent by nobody",
        "paid by nobody",
        "refused without a reason",
        "nothing",
    ],
)
def test_the_database_keeps_four_eyes_too(app: Flask, values: dict[str, Any]) -> None:
    refund_id = verified(app, household(app), accountant(app))
    statement = sa.update(RefundRequest).where(RefundRequest.id == refund_id).values(**values)

    with pytest.raises(IntegrityError), acting(app) as session:
        session.execute(statement)


def test_staff_who_are_parents_leave_their_own_refund_to_others(app: Flask) -> None:
    family = household(app)
    own = Actor(family.user_id, is_staff=True, channel=Channel.DESK)
    refund_id = requested(app, family)

    for act in (
        lambda s: verify_refund(s, refund_id, NOON),
        lambda s: refuse_refund(s, refund_id, "non", RULES, NOON),
        lambda s: mark_paid(s, refund_id, NOON),
    ):
        with pytest.raises(OwnRefund):
            do(app, own, act)


def test_a_second_holder_of_the_account_does_not_verify(app: Flask) -> None:
    family, colleague = household(app), accountant(app)
    with acting(app) as session:
        session.add(
            AccountHolder(
                user_id=colleague.user_id,
                account_id=family.account_id,
                valid_from=date(2020, 1, 1),
            )
        )
    refund_id = requested(app, family)

    with pytest.raises(OwnRefund):
        do(app, colleague, lambda s: verify_refund(s, refund_id, NOON))


def test_parents_decide_nothing(app: Flask) -> None:
    family, other = household(app), household(app)
    refund_id = requested(app, family)

    for act in (
        lambda s: verify_refund(s, refund_id, NOON),
        lambda s: refuse_refund(s, refund_id, "non", RULES, NOON),
        lambda s: pay_refunds(s, [refund_id], DEBTOR, NOON),
        lambda s: mark_paid(s, refund_id, NOON),
    ):
        with pytest.raises(NotAllowed):
            do(app, parent(other), act)


@pytest.mark.parametrize("make", [requested, sent])
def test_refusing_gives_the_money_back_with_a_reason(app: Flask, make: Any) -> None:
    family, clerk = household(app), accountant(app)
    refund_id = make(app, family)

    for _ in range(2):
        do(app, clerk, lambda s: refuse_refund(s, refund_id, " compte clos ", RULES, NOON))

    found = refund(app, refund_id)
    assert (found.state, found.reason) == (RefundState.REFUSED, "compte clos")
    assert balance(app, family.account_id) == 5000
    assert facts(app, family.account_id)[-1] is FactKind.REFUND_REFUSED


def test_a_refusal_needs_a_reason(app: Flask) -> None:
    refund_id = requested(app, household(app))

    with pytest.raises(ReasonMissing):
        do(app, accountant(app), lambda s: refuse_refund(s, refund_id, "  ", RULES, NOON))


def test_what_is_closed_stays_closed(app: Flask) -> None:
    family, clerk = household(app), accountant(app)
    refund_id = requested(app, family)
    do(app, parent(family), lambda s: withdraw_refund(s, refund_id, RULES, NOON))

    for act in (
        lambda s: verify_refund(s, refund_id, NOON),
        lambda s: refuse_refund(s, refund_id, "non", RULES, NOON),
        lambda s: pay_refunds(s, [refund_id], DEBTOR, NOON),
        lambda s: mark_paid(s, refund_id, NOON),
    ):
        with pytest.raises(RefundMoved):
            do(app, clerk, act)


def test_after_a_refund_there_may_be_another(app: Flask) -> None:
    family = household(app, 5000)
    refund_id = sent(app, family)
    do(app, accountant(app), lambda s: mark_paid(s, refund_id, NOON))
    with acting(app) as session:
        family_two = make_family(session, balance=100)
    assert balance(app, family.account_id) == 0

    with pytest.raises(NothingToRefund):
        requested(app, family)
    assert refund(app, requested(app, family_two)).amount == 100


# -- the bank --------------------------------------------------------------------------------------


def settle(app: Flask, refund_id: int, booked_on: date = MONDAY) -> int:
    with acting(app) as session:
        request = session.get_one(RefundRequest, refund_id)
        return settle_refund(session, request, booked_on=booked_on, now=NOON())


def test_the_debit_of_the_bank_books_the_refund_once(app: Flask) -> None:
    family, before = household(app), due(app)
    refund_id = sent(app, family)
    booked_on = MONDAY + timedelta(days=2)

    first, second = settle(app, refund_id, booked_on), settle(app, refund_id, MONDAY)

    found = refund(app, refund_id)
    assert first == second
    assert (found.state, found.paid_on, due(app)) == (RefundState.PAID, booked_on, before)
    assert facts(app, family.account_id).count(FactKind.REFUND_PAID) == 1


def test_marked_by_hand_and_then_seen_at_the_bank_is_booked_once(app: Flask) -> None:
    refund_id = sent(app, household(app))
    do(app, accountant(app), lambda s: mark_paid(s, refund_id, NOON))

    transfer_id = settle(app, refund_id)

    with reading(app) as session:
        transfer = session.get_one(Transfer, transfer_id)
        assert (transfer.kind, transfer.amount) == (TransferKind.REFUND_PAID, 5000)
        assert transfer.booked_on == local(NOON()).date()


def test_a_debit_for_a_refund_that_was_refused_waits_for_a_person(app: Flask) -> None:
    family = household(app)
    refund_id = sent(app, family)
    do(app, accountant(app), lambda s: refuse_refund(s, refund_id, "rejeté", RULES, NOON))

    with pytest.raises(RefundMoved):
        settle(app, refund_id)

    assert balance(app, family.account_id) == 5000


def test_another_iban_is_kept_compact_and_the_name_in_allowed_letters(app: Flask) -> None:
    payee = Payee("ch56 0483 5012 3456 7800 9", "Zoë Țepeș–Müller 🙂", "", "9490", "Vaduz")

    found = refund(app, requested(app, household(app), payee=payee))

    assert (found.iban, found.holder_name) == (OTHER_IBAN, "Zoë Țepeș-Müller")
    assert PAYEE.iban != found.iban
