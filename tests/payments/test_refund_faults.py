"""Refunds when things go wrong: ten people at once, a crash between any two steps."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import ledger
from app.access import Actor
from app.errors import Refusal
from app.models import OutboxFact, RefundBatch, RefundRequest, Transfer
from app.payments.refund_office import mark_paid, pay_refunds, refuse_refund, verify_refund
from app.payments.refunds import request_refund, settle_refund, withdraw_refund
from app.vocabulary import LedgerKind, RefundState, TransferKind
from tests.booking.acting import MONDAY, NOON, RULES, balance_of, parent
from tests.booking.checking import check_invariants
from tests.factories import Family
from tests.payments.refunding import (
    DAYS,
    DEBTOR,
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

AT_ONCE = 10
Act = Callable[[Session], Any]


def at_once(app: Flask, *acts: tuple[Actor, Act]) -> Counter[str]:
    """Everybody acts at the same moment; what came of it: the names of refusals, or « done »."""

    def one(each: tuple[Actor, Act]) -> str:
        try:
            do(app, *each)
        except Refusal as refused:
            return type(refused).__name__
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return Counter(pool.map(one, acts))


def posted(app: Flask, kind: TransferKind) -> int:
    with reading(app) as session:
        query = sa.select(sa.func.count()).select_from(Transfer).where(Transfer.kind == kind)
        return session.scalars(query).one()


def balance(app: Flask, family: Family) -> int:
    with reading(app) as session:
        check_invariants()
        return balance_of(session, family.account_id)


# -- at once ---------------------------------------------------------------------------------------


def test_ten_requests_at_once_set_the_balance_aside_once(app_on: Flask) -> None:
    family = household(app_on)
    forms = [ask(family) for _ in range(AT_ONCE)]

    came_of_it = at_once(
        app_on,
        *[
            (parent(family), partial(request_refund, ask=form, days=DAYS, now=NOON))
            for form in forms
        ],
    )

    assert came_of_it == {"done": 1, "RefundOpen": AT_ONCE - 1}
    assert (balance(app_on, family), posted(app_on, TransferKind.REFUND)) == (0, 1)


def test_ten_accountants_at_once_make_one_order(app_on: Flask) -> None:
    refund_id = verified(app_on, household(app_on), accountant(app_on))
    payers = [accountant(app_on) for _ in range(AT_ONCE)]

    came_of_it = at_once(
        app_on, *[(p, lambda s: pay_refunds(s, [refund_id], DEBTOR, NOON)) for p in payers]
    )

    assert came_of_it == {"done": 1, "RefundMoved": AT_ONCE - 1}
    with reading(app_on) as session:
        assert session.scalar(sa.select(sa.func.count(RefundBatch.id))) == 1


def test_orders_that_overlap_wait_for_each_other_and_end(app_on: Flask) -> None:
    verifier = accountant(app_on)
    ids = [verified(app_on, household(app_on), verifier) for _ in range(4)]
    baskets = [ids[:3], ids[1:], ids[::-1], ids[2:], ids[:2]]

    came_of_it = at_once(
        app_on,
        *[
            (
                accountant(app_on),
                partial(pay_refunds, refund_ids=basket, debtor=DEBTOR, now=NOON),
            )
            for basket in baskets
        ],
    )

    assert 1 <= came_of_it["done"] <= 2
    assert came_of_it["done"] + came_of_it["RefundMoved"] == len(baskets)


def test_withdrawn_and_verified_at_once_is_one_of_both(app_on: Flask) -> None:
    family = household(app_on)
    refund_id = requested(app_on, family)

    came_of_it = at_once(
        app_on,
        (parent(family), lambda s: withdraw_refund(s, refund_id, RULES, NOON)),
        (accountant(app_on), lambda s: verify_refund(s, refund_id, NOON)),
    )

    state = refund(app_on, refund_id).state
    assert came_of_it == {"done": 1, "RefundMoved": 1}
    assert (state, balance(app_on, family)) in {
        (RefundState.WITHDRAWN, 5000),
        (RefundState.VERIFIED, 0),
    }


def test_refused_and_paid_at_once_is_one_of_both(app_on: Flask) -> None:
    family = household(app_on)
    refund_id = sent(app_on, family)

    came_of_it = at_once(
        app_on,
        (accountant(app_on), lambda s: refuse_refund(s, refund_id, "rejeté", RULES, NOON)),
        (accountant(app_on), lambda s: mark_paid(s, refund_id, NOON)),
    )

    state, left = refund(app_on, refund_id).state, balance(app_on, family)
    assert came_of_it == {"done": 1, "RefundMoved": 1}
    assert (state, left) in {(RefundState.REFUSED, 5000), (RefundState.PAID, 0)}


def test_the_bank_settles_ten_times_at_once_and_books_once(app_on: Flask) -> None:
    refund_id = sent(app_on, household(app_on))

    def settle(session: Session) -> int:
        request = session.get_one(RefundRequest, refund_id)
        return settle_refund(session, request, booked_on=MONDAY, now=NOON())

    came_of_it = at_once(app_on, *[(accountant(app_on), settle)] * AT_ONCE)

    assert came_of_it == {"done": AT_ONCE}
    assert posted(app_on, TransferKind.REFUND_PAID) == 1


# -- a crash ---------------------------------------------------------------------------------------


class PowerCutError(Exception):
    """The process ends here."""


def snapshot(app: Flask) -> tuple[Any, ...]:
    with reading(app) as session:
        check_invariants()
        refunds = session.execute(
            sa.select(RefundRequest.id, RefundRequest.state).order_by(RefundRequest.id)
        )
        facts = session.scalar(sa.select(sa.func.count(OutboxFact.id)))
        batches = session.scalar(sa.select(sa.func.count(RefundBatch.id)))
        due = ledger.balance(session, ledger.chart_id(session, LedgerKind.REFUNDS_DUE))
        return [tuple(row) for row in refunds], facts, batches, due


@pytest.mark.parametrize("step", ["request", "withdraw", "verify", "refuse", "pay", "paid"])
@pytest.mark.parametrize("cut", ["app.outbox.tell", "sqlalchemy.orm.Session.commit"])
def test_a_crash_in_a_step_leaves_nothing_of_it_and_the_step_can_be_done_again(
    shared_app_on: Flask, monkeypatch: pytest.MonkeyPatch, step: str, cut: str
) -> None:
    family, clerk, other = (
        household(shared_app_on),
        accountant(shared_app_on),
        accountant(shared_app_on),
    )
    form = ask(family)
    begun: dict[str, Callable[[], int]] = {
        "request": lambda: 0,
        "withdraw": lambda: requested(shared_app_on, family),
        "verify": lambda: requested(shared_app_on, family),
        "refuse": lambda: requested(shared_app_on, family),
        "pay": lambda: verified(shared_app_on, family, clerk),
        "paid": lambda: sent(shared_app_on, family),
    }
    refund_id = begun[step]()
    acts: dict[str, tuple[Actor, Act]] = {
        "request": (parent(family), lambda s: request_refund(s, form, DAYS, NOON)),
        "withdraw": (parent(family), lambda s: withdraw_refund(s, refund_id, RULES, NOON)),
        "verify": (clerk, lambda s: verify_refund(s, refund_id, NOON)),
        "refuse": (clerk, lambda s: refuse_refund(s, refund_id, "non", RULES, NOON)),
        "pay": (other, lambda s: pay_refunds(s, [refund_id], DEBTOR, NOON)),
        "paid": (other, lambda s: mark_paid(s, refund_id, NOON)),
    }
    before = snapshot(shared_app_on)

    def end(*_: object, **__: object) -> None:
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(cut, end)
        with pytest.raises(PowerCutError), acting(shared_app_on, acts[step][0]) as session:
            acts[step][1](session)

    assert snapshot(shared_app_on) == before
    do(shared_app_on, *acts[step])
    assert snapshot(shared_app_on) != before
