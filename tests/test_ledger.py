"""Double entry, append-only, never below the floor."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count, pairwise

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DatabaseError, IntegrityError
from sqlalchemy.orm import Session

from app import ledger
from app.access import SYSTEM
from app.errors import AlreadyReversed, AmountOutOfRange, InsufficientFunds, PeriodClosed
from app.extensions import db
from app.ledger import Entry
from app.models import (
    Account,
    CanteenUser,
    CashCount,
    HealthAccess,
    KitchenPrint,
    LedgerAccount,
    Period,
    ServiceDay,
    Transfer,
)
from app.money import MAX_CENTS
from app.transaction import transaction
from app.triggers import APPEND_ONLY
from app.vocabulary import LedgerKind, PeriodState, TransferKind
from tests.booking.acting import STAFF, balance_of, book, close_day
from tests.booking.checking import check_invariants
from tests.factories import Family, make_family, top_up
from tests.money import take_back

NOW = datetime(2026, 11, 16, 8, 0, tzinfo=UTC)
_days = count(NOW.toordinal())
TODAY = date(2026, 11, 16)
K = TransferKind
_numbers = count(1)


@pytest.fixture
def canteen(shared_app_on: Flask) -> Iterator[Flask]:
    with shared_app_on.app_context():
        yield shared_app_on
        check_invariants()


@pytest.fixture
def family(canteen: Flask) -> Family:
    with transaction(SYSTEM) as session:
        return make_family(session, balance=1000)


def entry(session: Session, family: Family, kind: TransferKind, amount: int) -> Entry:
    """A credit of the wallet for a top-up, a debit for anything else."""
    wallet = ledger.wallet_id(session, family.account_id)
    other = ledger.chart_id(session, LedgerKind.BANK)
    is_credit = kind is K.TOP_UP
    return Entry(
        kind=kind,
        operation_id=f"ledger:{next(_numbers)}",
        debit_id=other if is_credit else wallet,
        credit_id=wallet if is_credit else other,
        amount=amount,
        booked_on=TODAY,
    )


def post(family: Family, kind: TransferKind, amount: int) -> int:
    with transaction(SYSTEM) as session:
        return ledger.transfer(session, entry(session, family, kind, amount), now=NOW)


# --- the chart ---------------------------------------------------------------------------------


def test_the_chart_has_one_account_of_each_kind_and_a_wallet_for_each_family(
    family: Family,
) -> None:
    with transaction(SYSTEM) as session:
        ledger.open_chart(session)
        ledger.open_chart(session)
        kinds = list(session.scalars(sa.select(LedgerAccount.kind)))
        wallet = session.get_one(LedgerAccount, ledger.wallet_id(session, family.account_id))

        singles = [kind for kind in kinds if kind is not LedgerKind.WALLET]
        assert sorted(singles) == sorted(set(LedgerKind) - {LedgerKind.WALLET})
        assert wallet.kind is LedgerKind.WALLET


def test_a_new_account_is_empty(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        account = ledger.open_account(session, "Famille neuve")

        assert (account.balance, account.tolerance, account.taken_back) == (0, 0, 0)


# --- moving money ------------------------------------------------------------------------------


def test_a_transfer_moves_the_amount_from_the_one_to_the_other(family: Family) -> None:
    with transaction(SYSTEM) as session:
        bank = ledger.chart_id(session, LedgerKind.BANK)
        wallet = ledger.wallet_id(session, family.account_id)
        before = ledger.balance(session, bank)

        ledger.transfer(session, entry(session, family, K.TOP_UP, 250), now=NOW)

        assert balance_of(session, family.account_id) == 1250
        assert ledger.balance(session, wallet) == 1250
        assert ledger.balance(session, bank) == before - 250
        assert type(ledger.balance(session, bank)) is int


def test_everything_in_the_ledger_sums_up_to_zero(family: Family) -> None:
    with transaction(SYSTEM) as session:
        lines = session.scalars(sa.select(LedgerAccount.id)).all()

        assert sum(ledger.balance(session, line) for line in lines) == 0


def test_a_transfer_records_when_by_whom_and_for_which_day(family: Family) -> None:
    transfer_id = post(family, K.MEAL, 900)

    with transaction(SYSTEM) as session:
        found = session.get_one(Transfer, transfer_id)
        assert (found.recorded_at, found.booked_on, found.actor_id) == (NOW, TODAY, None)


@pytest.mark.parametrize("amount", [0, -1, MAX_CENTS + 1, True, 1.0, "1"])
def test_an_amount_is_a_whole_number_of_centimes_above_zero(family: Family, amount: object) -> None:
    with pytest.raises(ValueError, match=str(amount)):
        post(family, K.TOP_UP, amount)  # type: ignore[arg-type]


def test_the_database_refuses_an_amount_of_zero_and_one_sided_transfers(family: Family) -> None:
    with transaction(SYSTEM) as session:
        row = vars(entry(session, family, K.TOP_UP, 1)) | {"recorded_at": NOW}

    for wrong in ({"amount": 0}, {"credit_id": row["debit_id"]}, {"kind": K.REVERSAL}):
        with pytest.raises(IntegrityError), transaction(SYSTEM) as session:
            session.execute(sa.insert(Transfer), [row | wrong])


def test_posting_nothing_is_nothing(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        assert ledger.post_many(session, [], now=NOW) == []


def test_many_are_posted_together_and_their_ids_come_in_order(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        families = [make_family(session) for _ in range(5)]
        entries = [
            entry(session, family, K.TOP_UP, 100 + n)
            for n, family in enumerate([*reversed(families), *families])
        ]

        ids = ledger.post_many(session, entries, now=NOW)

        amounts = [session.get_one(Transfer, i).amount for i in ids]
        assert amounts == [100 + n for n in range(10)]
        assert [balance_of(session, f.account_id) for f in families] == [
            2 * 100 + (4 - n) + (5 + n) for n in range(5)
        ]


def test_many_are_posted_all_or_none(family: Family) -> None:
    with transaction(SYSTEM) as session:
        entries = [entry(session, family, K.MEAL, amount) for amount in (600, 600)]

    with pytest.raises(InsufficientFunds), transaction(SYSTEM) as session:
        ledger.post_many(session, entries, now=NOW)

    with transaction(SYSTEM) as session:
        assert balance_of(session, family.account_id) == 1000


# --- once only ---------------------------------------------------------------------------------


def test_the_same_operation_is_posted_once(family: Family) -> None:
    with transaction(SYSTEM) as session:
        once = entry(session, family, K.TOP_UP, 500)
        ledger.transfer(session, once, now=NOW)

    with pytest.raises(IntegrityError), transaction(SYSTEM) as session:
        ledger.transfer(session, once, now=NOW)

    with transaction(SYSTEM) as session:
        assert balance_of(session, family.account_id) == 1500


def test_two_kinds_may_share_an_operation(family: Family) -> None:
    with transaction(SYSTEM) as session:
        credit = entry(session, family, K.TOP_UP, 500)
        debit = replace(entry(session, family, K.FEE, 100), operation_id=credit.operation_id)

        assert len(ledger.post_many(session, [credit, debit], now=NOW)) == 2


# --- the floor ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(set(K) - {K.TOP_UP, K.REVERSAL, K.CHARGEBACK}))
def test_nothing_but_a_chargeback_takes_an_account_below_zero(
    family: Family, kind: TransferKind
) -> None:
    with pytest.raises(InsufficientFunds) as refused:
        post(family, kind, 1001)
    post(family, kind, 1000)

    assert (refused.value.balance, refused.value.amount) == (1000, 1001)
    with transaction(SYSTEM) as session:
        assert balance_of(session, family.account_id) == 0


def test_the_tolerance_is_the_floor_of_a_meal(family: Family) -> None:
    with transaction(SYSTEM) as session:
        ledger.set_tolerance(session, family.account_id, 300)

    with pytest.raises(InsufficientFunds):
        post(family, K.MEAL, 1301)
    post(family, K.MEAL, 1300)

    with transaction(SYSTEM) as session:
        assert balance_of(session, family.account_id) == -300


@pytest.mark.parametrize(
    ("tolerance", "amount", "balance", "taken_back"),
    [(0, 900, 100, 0), (0, 1000, 0, 0), (0, 1500, -500, 500), (300, 1500, -500, 200)],
)
def test_a_chargeback_is_never_refused_and_is_remembered(
    family: Family, tolerance: int, amount: int, balance: int, taken_back: int
) -> None:
    with transaction(SYSTEM) as session:
        ledger.set_tolerance(session, family.account_id, tolerance)
        take_back(session, family.account_id, amount)

        account = session.get_one(Account, family.account_id)
        assert (account.balance, account.taken_back) == (balance, taken_back)


def test_a_credit_makes_good_what_was_taken_back(family: Family) -> None:
    with transaction(SYSTEM) as session:
        take_back(session, family.account_id, 1500)
        account = session.get_one(Account, family.account_id)

        rests = []
        for amount in (200, 300, 100):
            top_up(session, family.account_id, amount)
            rests.append((account.balance, account.taken_back))

        assert rests == [(-300, 300), (0, 0), (100, 0)]


def test_what_was_taken_back_lends_no_meal(family: Family) -> None:
    with transaction(SYSTEM) as session:
        take_back(session, family.account_id, 1500)

    with pytest.raises(InsufficientFunds):
        post(family, K.MEAL, 1)


@pytest.mark.parametrize(("tolerance", "taken_back"), [(0, 500), (200, 300), (500, 0), (9000, 0)])
def test_a_change_of_tolerance_moves_what_counts_as_taken_back(
    family: Family, tolerance: int, taken_back: int
) -> None:
    with transaction(SYSTEM) as session:
        take_back(session, family.account_id, 1500)

        ledger.set_tolerance(session, family.account_id, tolerance)

        assert session.get_one(Account, family.account_id).taken_back == taken_back


def test_a_tolerance_withdrawn_below_the_balance_is_owed(family: Family) -> None:
    with transaction(SYSTEM) as session:
        ledger.set_tolerance(session, family.account_id, 500)
        ledger.transfer(session, entry(session, family, K.MEAL, 1400), now=NOW)

        ledger.set_tolerance(session, family.account_id, 0)

        assert session.get_one(Account, family.account_id).taken_back == 400


@pytest.mark.parametrize("tolerance", [-1, MAX_CENTS + 1])
def test_a_tolerance_is_an_amount(family: Family, tolerance: int) -> None:
    with pytest.raises(AmountOutOfRange), transaction(SYSTEM) as session:
        ledger.set_tolerance(session, family.account_id, tolerance)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"balance": -1}, "floor"),
        ({"tolerance": -1}, "allowances"),
        ({"taken_back": -1}, "allowances"),
    ],
)
def test_the_database_holds_the_floor_by_itself(
    family: Family, values: dict[str, int], name: str
) -> None:
    with pytest.raises(IntegrityError, match=name), transaction(SYSTEM) as session:
        session.execute(sa.update(Account).where(Account.id == family.account_id).values(**values))


# --- reversing ---------------------------------------------------------------------------------


def test_a_mistake_is_reversed_by_its_opposite_and_stays(family: Family) -> None:
    transfer_id = post(family, K.MEAL, 900)

    with transaction(SYSTEM) as session:
        reversal = session.get_one(Transfer, ledger.reverse(session, transfer_id, now=NOW))
        original = session.get_one(Transfer, transfer_id)

        assert balance_of(session, family.account_id) == 1000
        assert reversal.kind is K.REVERSAL
        assert reversal.reverses_id == original.id
        assert (reversal.debit_id, reversal.credit_id) == (original.credit_id, original.debit_id)
        assert reversal.booked_on == TODAY


def test_a_transfer_is_reversed_once(family: Family) -> None:
    transfer_id = post(family, K.MEAL, 900)
    with transaction(SYSTEM) as session:
        ledger.reverse(session, transfer_id, now=NOW)

    with pytest.raises(AlreadyReversed), transaction(SYSTEM) as session:
        ledger.reverse(session, transfer_id, now=NOW)

    with transaction(SYSTEM) as session:
        assert balance_of(session, family.account_id) == 1000


def test_a_credit_that_is_spent_is_not_reversed(family: Family) -> None:
    transfer_id = post(family, K.TOP_UP, 500)
    post(family, K.MEAL, 1200)

    with pytest.raises(InsufficientFunds), transaction(SYSTEM) as session:
        ledger.reverse(session, transfer_id, now=NOW)


def test_a_transfer_between_two_accounts_of_the_canteen_is_reversed_too(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        deposit = Entry(
            kind=K.DEPOSIT,
            operation_id=f"ledger:{next(_numbers)}",
            debit_id=ledger.chart_id(session, LedgerKind.BANK),
            credit_id=ledger.chart_id(session, LedgerKind.CASH),
            amount=5000,
            booked_on=TODAY,
        )
        before = ledger.balance(session, deposit.debit_id)

        ledger.reverse(session, ledger.transfer(session, deposit, now=NOW), now=NOW)

        assert ledger.balance(session, deposit.debit_id) == before


# --- append-only -------------------------------------------------------------------------------


@pytest.fixture
def with_history(family: Family) -> Family:
    """Every append-only table holds a row."""
    with transaction(SYSTEM) as session:
        session.add(
            HealthAccess(
                user_id=session.scalars(sa.select(CanteenUser.id)).first(),
                pupil_id=family.pupil_id,
                seen_at=NOW,
                page="test",
            )
        )
        session.add(
            CashCount(
                day=date.fromordinal(next(_days)),
                number=1,
                expected=0,
                counted=0,
                signed_by_id=session.scalars(sa.select(CanteenUser.id)).first(),
                signed_at=NOW,
            )
        )
        book(session, family.pupil_id, date(2026, 11, 18))
        day_id = session.scalars(sa.select(ServiceDay.id)).first()
        session.add(KitchenPrint(service_day_id=day_id, printed_at=NOW))
    return family


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", ["UPDATE {table} SET id = id", "DELETE FROM {table}", "TRUNCATE {table} CASCADE"]
)
def test_the_database_refuses_to_change_what_is_append_only(
    with_history: Family, table: str, statement: str
) -> None:
    if statement.startswith("TRUNCATE") and db.engine.dialect.name == "sqlite":
        statement = "DELETE FROM {table} WHERE 1"  # what SQLite has for it

    with (
        pytest.raises(DatabaseError, match=f"{table} is append-only"),
        transaction(SYSTEM) as session,
    ):
        session.execute(sa.text(statement.format(table=table)))

    with transaction(SYSTEM) as session:
        assert session.scalar(sa.text(f"SELECT count(*) FROM {table}")) > 0


def test_sqlite_replaces_no_row_behind_the_triggers_back(app: Flask) -> None:
    replace_one = "INSERT OR REPLACE INTO transfer SELECT * FROM transfer LIMIT 1"
    with app.app_context():
        with transaction(SYSTEM) as session:
            make_family(session, balance=1000)

        with (
            pytest.raises(DatabaseError, match="transfer is append-only"),
            transaction(SYSTEM) as session,
        ):
            session.execute(sa.text(replace_one))


def test_the_program_cannot_change_a_transfer_either(family: Family) -> None:
    transfer_id = post(family, K.MEAL, 900)

    with pytest.raises(DatabaseError, match="append-only"), transaction(SYSTEM) as session:
        session.get_one(Transfer, transfer_id).amount = 1
    with pytest.raises(DatabaseError, match="append-only"), transaction(SYSTEM) as session:
        session.delete(session.get_one(Transfer, transfer_id))


# --- accounting months -------------------------------------------------------------------------


@pytest.fixture
def closed_autumn(app_on: Flask) -> Iterator[Flask]:
    """September and October are closed, November is open."""
    months = [date(2026, n, 1) for n in (9, 10, 11, 12)]
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            session.add_all(
                Period(
                    starts_on=first,
                    ends_on=until,
                    state=PeriodState.OPEN if first.month == 11 else PeriodState.CLOSED,
                )
                for first, until in pairwise(months)
            )
        yield app_on


@pytest.mark.parametrize(
    ("given", "booked_on"),
    [
        (date(2026, 8, 31), date(2026, 8, 31)),
        (date(2026, 9, 1), date(2026, 11, 1)),
        (date(2026, 10, 31), date(2026, 11, 1)),
        (date(2026, 11, 1), date(2026, 11, 1)),
        (date(2027, 1, 5), date(2027, 1, 5)),
    ],
)
def test_what_belongs_to_a_closed_month_goes_to_the_first_open_day(
    closed_autumn: Flask, given: date, booked_on: date
) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session)
        late = replace(entry(session, family, K.TOP_UP, 100), booked_on=given)

        found = session.get_one(Transfer, ledger.transfer(session, late, now=NOW))

        assert found.booked_on == booked_on
        assert found.recorded_at == NOW


def test_a_ledger_that_is_closed_for_good_takes_nothing(closed_autumn: Flask) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session)
        session.add(Period(starts_on=date(2026, 12, 1), ends_on=date.max, state=PeriodState.CLOSED))
        late = replace(entry(session, family, K.TOP_UP, 100), booked_on=date(2026, 12, 24))

    with pytest.raises(PeriodClosed), transaction(SYSTEM) as session:
        ledger.transfer(session, late, now=NOW)


# --- proving it --------------------------------------------------------------------------------


def test_a_balance_that_was_tampered_with_is_found(app_on: Flask) -> None:
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            honest, tampered = make_family(session, balance=500), make_family(session, balance=500)
            empty = make_family(session)
            assert ledger.discrepancies(session) == []

            session.execute(
                sa.update(Account)
                .where(Account.id.in_([tampered.account_id, empty.account_id]))
                .values(balance=Account.balance + 5)
            )
            found = ledger.discrepancies(session)

        assert [each.account_id for each in found] == [tampered.account_id, empty.account_id]
        assert [(each.balance, each.transfers) for each in found] == [(505, 500), (5, 0)]
        assert honest.account_id not in {each.account_id for each in found}


def test_a_whole_day_leaves_the_ledger_in_order(family: Family) -> None:
    day = date(2026, 11, 20)
    with transaction(STAFF) as session:
        book(session, family.pupil_id, day)
        close_day(session, day)

        assert ledger.discrepancies(session) == []
        assert balance_of(session, family.account_id) == 100
