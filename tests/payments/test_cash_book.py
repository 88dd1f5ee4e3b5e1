"""The daily cash book, on both databases."""

from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DBAPIError

from app.access import EVERYTHING, SYSTEM, Actor, scope_of
from app.errors import (
    AmountOutOfRange,
    BadAmount,
    ChangedMeanwhile,
    NotAllowed,
    PeriodClosed,
    ReasonMissing,
    Refusal,
)
from app.extensions import db
from app.models import Period
from app.payments.cash_book import cash_at_end, count_cash, uncounted_days
from app.refusals import CountAhead
from app.transaction import transaction
from app.vocabulary import PeriodState, Reason
from tests.payments.test_till import MONDAY, NOON, cashier, family, in_threads, pay, till

__all__ = ["till"]
TUESDAY = date(2026, 11, 17)


def count(
    counted: int, replaces: int = 0, reason: Reason | None = None, day: date = MONDAY
) -> tuple[int, int]:
    """What was expected, and what the ledger says afterwards."""
    with transaction(cashier()) as session:
        made = count_cash(session, day, counted, replaces=replaces, reason=reason, now=NOON)
        return made.expected, cash_at_end(session, day)


def open_days() -> list[date]:
    with scope_of(db.session(), EVERYTHING):
        found = uncounted_days(db.session(), MONDAY, TUESDAY)
    db.session.rollback()
    return found


@pytest.mark.parametrize("counted", [2000, 1995, 2005, 0])
def test_the_ledger_holds_what_was_counted(till: Flask, counted: int) -> None:
    pay(cashier(), family().account_id)

    assert count(counted) == (2000, counted)


def test_a_correction_starts_from_what_was_expected_at_first(till: Flask) -> None:
    pay(cashier(), family().account_id)
    count(1500)

    assert count(1995, replaces=1, reason=Reason.MISTAKE) == (2000, 1995)
    assert count(2000, replaces=2, reason=Reason.OTHER) == (2000, 2000)


def test_who_counts_without_having_seen_the_other_count_is_told(till: Flask) -> None:
    count(0)

    with pytest.raises(ChangedMeanwhile):
        count(5)


def test_days_with_cash_and_no_count_are_named(till: Flask) -> None:
    pay(cashier(), family().account_id)

    assert open_days() == [MONDAY]
    count(2000)
    assert open_days() == []


@pytest.mark.parametrize(
    ("counted", "replaces", "reason", "day", "refusal"),
    [
        (-5, 0, None, MONDAY, BadAmount),
        (3, 0, None, MONDAY, BadAmount),
        (5 * 2**64, 0, None, MONDAY, AmountOutOfRange),
        (0, 0, None, TUESDAY, CountAhead),
        (0, 7, Reason.MISTAKE, MONDAY, ChangedMeanwhile),
    ],
)
def test_what_cannot_be_signed_for(
    till: Flask,
    counted: int,
    replaces: int,
    reason: Reason | None,
    day: date,
    refusal: type[Refusal],
) -> None:
    with pytest.raises(refusal):
        count(counted, replaces, reason, day)


def test_a_correction_names_its_reason(till: Flask) -> None:
    count(0)

    with pytest.raises(ReasonMissing):
        count(5, replaces=1)


def test_cash_that_comes_after_the_count_asks_for_a_new_one(till: Flask) -> None:
    count(0)
    pay(cashier(), family().account_id)

    assert open_days() == [MONDAY]
    count(2000, replaces=1, reason=Reason.OTHER)
    assert open_days() == []


def test_of_those_who_count_at_once_one_signs(till: Flask) -> None:
    actor = cashier()

    signed = in_threads(till, 8, lambda number: _try_to_count(actor, 5 * number))

    assert sorted(signed) == [False] * 7 + [True]


def _try_to_count(actor: Actor, counted: int) -> bool:
    try:
        with transaction(actor) as session:
            count_cash(session, MONDAY, counted, replaces=0, reason=None, now=NOON)
    except ChangedMeanwhile:
        return False
    return True


def test_only_a_person_of_the_staff_signs(till: Flask) -> None:
    with pytest.raises(NotAllowed), transaction(SYSTEM) as session:
        count_cash(session, MONDAY, 0, replaces=0, reason=None, now=NOON)


def test_a_closed_month_is_not_counted_again(till: Flask) -> None:
    with transaction(SYSTEM) as session:
        session.add(
            Period(starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 1), state=PeriodState.CLOSED)
        )

    with pytest.raises(PeriodClosed):
        count(0)


def test_a_count_cannot_be_changed(till: Flask) -> None:
    count(0)

    with pytest.raises(DBAPIError), transaction(SYSTEM) as session:
        session.execute(sa.text("UPDATE cash_count SET counted = 5"))
