"""The one way to write: all of it or none of it, one at a time, nothing beside it."""

import threading

import pytest
import sqlalchemy as sa
from flask import Flask

from app import ledger
from app.access import EVERYTHING, SYSTEM, actor_of, scope_of
from app.audit import WriteOutsideTransactionError
from app.extensions import db
from app.models import Account, TariffCategory
from app.transaction import transaction
from tests.booking.acting import STAFF


def accounts(label: str) -> int:
    """How many accounts of that name there are, for whoever else looks."""
    with db.engine.connect() as connection:
        query = sa.select(sa.func.count()).where(Account.label == label)
        return connection.scalar(query) or 0


def test_everything_is_committed_at_the_end(shared_app_on: Flask) -> None:
    with shared_app_on.app_context():
        with transaction(SYSTEM) as session:
            ledger.open_account(session, "kept")
            during = accounts("kept")

        assert (during, accounts("kept")) == (0, 1)


@pytest.mark.parametrize("fault", [LookupError, KeyboardInterrupt, SystemExit])
def test_nothing_is_left_after_a_fault(shared_app_on: Flask, fault: type[BaseException]) -> None:
    def write_and_fail() -> None:
        with transaction(SYSTEM) as session:
            ledger.open_account(session, "lost")
            raise fault

    with shared_app_on.app_context():
        with pytest.raises(fault):
            write_and_fail()

        assert accounts("lost") == 0
        with transaction(SYSTEM) as session:  # and the next one works
            assert session.info["writing"]


def test_what_was_changed_before_is_forgotten(shared_app_on: Flask) -> None:
    with shared_app_on.app_context():
        session = db.session()
        session.add(TariffCategory(name="stray"))

        with transaction(SYSTEM):
            pass

        with scope_of(session, EVERYTHING):
            query = sa.select(TariffCategory).where(TariffCategory.name == "stray")
            assert session.scalars(query).all() == []


def test_a_flush_outside_is_refused(shared_app_on: Flask) -> None:
    with shared_app_on.app_context():
        session = db.session()
        session.add(TariffCategory(name="stray"))

        with pytest.raises(WriteOutsideTransactionError):
            session.flush()
        session.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        sa.update(Account).values(balance=1),
        sa.delete(Account),
        sa.insert(TariffCategory).values(name="stray"),
    ],
)
def test_a_statement_that_writes_outside_is_refused(
    shared_app_on: Flask, statement: sa.Update | sa.Delete | sa.Insert
) -> None:
    with shared_app_on.app_context(), scope_of(db.session(), EVERYTHING):
        with pytest.raises(WriteOutsideTransactionError):
            db.session().execute(statement)
        db.session().rollback()


def test_one_transaction_does_not_hold_another(shared_app_on: Flask) -> None:
    with (
        shared_app_on.app_context(),
        transaction(SYSTEM),
        pytest.raises(RuntimeError, match="under way"),
        transaction(SYSTEM),
    ):
        pass


def test_the_actor_is_known_inside_only(shared_app_on: Flask) -> None:
    with shared_app_on.app_context():
        with transaction(STAFF) as session:
            inside_actor = actor_of(session)

        assert inside_actor == STAFF
        assert session.info["actor"] is None
        assert session.info["writing"] is False


def test_writers_take_turns(shared_app_on: Flask) -> None:
    """The second waits until the first is done; nothing is lost between reading and writing."""
    with shared_app_on.app_context(), transaction(SYSTEM) as session:
        account_id = ledger.open_account(session, "turns").id

    def add_a_centime_of_tolerance() -> None:
        with shared_app_on.app_context():
            for _ in range(10):
                with transaction(SYSTEM) as session:
                    account = ledger.lock_accounts(session, [account_id])[account_id]
                    account.tolerance += 1

    threads = [threading.Thread(target=add_a_centime_of_tolerance) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with shared_app_on.app_context(), transaction(SYSTEM) as session:
        assert session.get_one(Account, account_id).tolerance == 50


def test_readers_do_not_wait_for_a_writer(shared_app_on: Flask) -> None:
    with shared_app_on.app_context(), transaction(SYSTEM) as session:
        ledger.open_account(session, "unseen")

        assert accounts("unseen") == 0


def test_sqlite_is_made_safe_for_money(app: Flask) -> None:
    with app.app_context(), db.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")
        }

    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,  # FULL
        "foreign_keys": 1,
        "recursive_triggers": 1,
    }
