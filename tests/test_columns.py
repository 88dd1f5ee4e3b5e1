"""What the column types refuse, before the database is asked."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import IntegrityError

from app.access import SYSTEM
from app.columns import CentsType, UtcDateTime
from app.models import Account, Period
from app.money import MAX_CENTS
from app.transaction import transaction
from app.vocabulary import PeriodState
from tests.factories import make_family

DIALECT = sqlite.dialect()


@pytest.mark.parametrize("value", [True, False, 1.0, Decimal(1), "1", b"1"])
def test_cents_are_whole_numbers_and_nothing_else(value: Any) -> None:
    with pytest.raises(TypeError):
        CentsType().process_bind_param(value, DIALECT)


@pytest.mark.parametrize("value", [MAX_CENTS + 1, -MAX_CENTS - 1, 2**63])
def test_cents_have_a_largest_amount(value: int) -> None:
    with pytest.raises(ValueError, match=str(value)):
        CentsType().process_bind_param(value, DIALECT)


@pytest.mark.parametrize("value", [None, 0, -5, MAX_CENTS, -MAX_CENTS])
def test_cents_are_stored_as_they_are(value: int | None) -> None:
    assert CentsType().process_bind_param(value, DIALECT) == value


def test_a_sum_of_cents_is_a_whole_number_on_both_databases(app_on: Flask) -> None:
    with app_on.app_context(), transaction(SYSTEM) as session:
        make_family(session, balance=1000)
        make_family(session, balance=5)

        total = session.scalar(sa.select(sa.func.sum(Account.balance)))

        assert (total, type(total)) == (1005, int)


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="2026"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), DIALECT)  # noqa: DTZ001


def test_an_instant_is_kept_in_utc() -> None:
    noon_in_zurich = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))

    kept = UtcDateTime().process_bind_param(noon_in_zurich, DIALECT)
    read = UtcDateTime().process_result_value(datetime(2026, 1, 1, 11), DIALECT)  # noqa: DTZ001

    assert kept is not None
    assert (kept.tzinfo, kept.hour) == (UTC, 11)
    assert read == noon_in_zurich


def test_instants_come_back_aware_and_words_as_words(app_on: Flask) -> None:
    closed_at = datetime(2026, 10, 1, 12, 30, tzinfo=UTC)
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            session.add(
                Period(
                    starts_on=date(2026, 9, 1),
                    ends_on=date(2026, 10, 1),
                    state=PeriodState.CLOSED,
                    closed_at=closed_at,
                )
            )
        with transaction(SYSTEM) as session:
            period = session.scalars(sa.select(Period)).one()

            assert period.closed_at == closed_at
            assert period.closed_at is not None
            assert period.closed_at.tzinfo is UTC
            assert period.state is PeriodState.CLOSED


def test_a_word_that_is_not_in_the_list_is_refused_by_the_database(app_on: Flask) -> None:
    statement = sa.text(
        "INSERT INTO period (starts_on, ends_on, state)"
        " VALUES ('2026-01-01', '2026-02-01', 'half open')"
    )

    with (
        app_on.app_context(),
        pytest.raises(IntegrityError, match="periodstate"),
        transaction(SYSTEM) as session,
    ):
        session.execute(statement)
