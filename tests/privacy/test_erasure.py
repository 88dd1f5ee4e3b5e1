"""A family is forgotten: nothing of it is found any more, and the ledger is whole."""

from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import clock, ledger, models
from app import vocabulary as words
from app.access import SYSTEM
from app.errors import NotFound
from app.ledger import Entry
from app.models import Account, AuditEntry, Booking, CanteenUser, Pupil, PupilAccount, StoredFile
from app.privacy.erasure import erase_family, outlook
from app.privacy.family import family_of, rows_of
from app.privacy.refusals import AlreadyErased, MoneyOnItsWay
from app.refusals import AccountNotEmpty, MealsBooked, RefundOpen
from app.transaction import transaction
from tests.conftest import FrozenClock
from tests.database import contents, copy_sqlite, create_test_app, running
from tests.delivery.mailing import looking
from tests.factories import YEAR_STARTS, make_user
from tests.households import TOP_UP, Household, make_household

GONE, STAYS = "Zorglubqux", "Albertinex"
_numbers = count(1)
# Codes and numbers by which the books are read: no names, whatever the tests write into them.
OF_THE_BOOKS = {
    ("account", "reference"),
    ("bank_entry", "bank_reference"),
    ("bank_entry", "end_to_end_id"),
    ("bank_entry", "entry_reference"),
    ("bank_entry", "fingerprint"),
    ("bank_entry", "reference"),
    ("bank_entry", "statement"),
    ("booking_change", "operation_id"),
    ("health_access", "page"),
    ("online_payment", "provider_reference"),
    ("payment_notification", "event"),
    ("refund_request", "end_to_end_id"),
    ("refund_request", "request_id"),
    ("top_up", "request_id"),
    ("transfer", "operation_id"),
}
# Of many families at once, or the canteen's own: not a family's to erase.
OF_THE_CANTEEN = {
    "bank_file",
    "document",
    "document_version",
    "import",
    "login_attempt",
    "message",
}


@pytest.fixture(scope="module")
def shared_app(filled_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """One application for tests that keep to households of their own."""
    folder = tmp_path_factory.mktemp("shared")
    app = create_test_app(copy_sqlite(filled_sqlite, folder), folder / "outbox")
    with running(app):
        yield app


@pytest.fixture(autouse=True)
def _in_the_app(request: pytest.FixtureRequest, frozen_clock: FrozenClock) -> Any:
    """On SQLite; on both where a test asks for `app_on`."""
    name = "app_on" if "app_on" in request.fixturenames else "shared_app"
    app: Flask = request.getfixturevalue(name)
    with app.app_context():
        yield


def household(mark: str = "") -> Household:
    with transaction(SYSTEM) as session:
        return make_household(session, mark or f"Quixotry{next(_numbers)}")


def settled(mark: str = "") -> Household:
    """A household that nothing stands against: no money, no meal to come, no bank payment open."""
    made = household(mark)
    with transaction(SYSTEM) as session:
        account_id = made.ids[Account]
        spend(session, account_id, TOP_UP)
        session.execute(
            sa.update(Booking.__table__)
            .where(Booking.__table__.c.account_id == account_id)
            .values(state=words.BookingState.CANCELLED)
        )
        session.get_one(models.BankEntry, made.ids[models.BankEntry]).account_id = account_id
    return made


def spend(session: Session, account_id: int, amount: int) -> None:
    entry = Entry(
        kind=words.TransferKind.MEAL,
        operation_id=f"test:{account_id}",
        debit_id=ledger.wallet_id(session, account_id),
        credit_id=ledger.chart_id(session, words.LedgerKind.MEAL_INCOME),
        amount=amount,
        booked_on=YEAR_STARTS,
    )
    ledger.transfer(session, entry, now=clock.now())


def erase(account_id: int) -> None:
    with transaction(SYSTEM) as session:
        erase_family(session, account_id, clock.now)


def where_it_is_named(app: Flask, mark: str) -> set[tuple[str, str]]:
    """Every table and column in which the mark stands, however it is written."""
    columns = {
        table.name: list(table.columns.keys()) for table in CanteenUser.metadata.sorted_tables
    }
    return {
        (table, columns[table][place])
        for table, rows in contents(app).items()
        for row in rows
        for place, value in enumerate(row)
        if mark.lower() in str(value).lower()
    }


def audited(session: Session, mark: str) -> set[str]:
    """The kinds of records in whose audited values the mark stands."""
    query = (
        sa.select(AuditEntry.entity)
        .join(AuditEntry.values)
        .where(models.AuditValue.new.contains(mark) | models.AuditValue.old.contains(mark))
    )
    return set(session.scalars(query))


def test_no_name_of_an_erased_family_is_left_and_the_others_keep_theirs(app_on: Flask) -> None:
    stays, gone = household(STAYS), settled(GONE)
    before = where_it_is_named(app_on, STAYS)

    erase(gone.ids[Account])

    left = {
        (table, column)
        for table, column in where_it_is_named(app_on, GONE)
        if table not in OF_THE_CANTEEN and (table, column) not in OF_THE_BOOKS
    }
    # The file is a published document's too, and the audit of documents says so.
    assert left == {("stored_file", "sha256"), ("stored_file", "content"), ("audit_value", "new")}
    assert where_it_is_named(app_on, STAYS) == before
    with looking() as session:
        assert audited(session, GONE) == {"Document"}
        assert ledger.discrepancies(session) == []
        pupil = session.get_one(Pupil, gone.ids[Pupil])
        assert (pupil.full_name, pupil.birth_date) == (f"– #{pupil.id}", date(1900, 1, 1))
        assert session.get_one(Pupil, stays.ids[Pupil]).last_name == f"{STAYS}g"
        user = session.get_one(CanteenUser, gone.ids[CanteenUser])
        assert (user.active, user.roles, user.username) == (False, [], f"erased-{user.id}")
        last = session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
        assert last is not None
        assert (last.action, last.entity, last.entity_id) == ("erase", "Account", gone.ids[Account])


def test_what_the_books_need_stays(shared_app: Flask) -> None:
    gone = settled()
    kept = ("transfer", "booking", "booking_change", "receipt", "top_up", "enrolment")
    before = {name: len(rows) for name, rows in contents(shared_app).items() if name in kept}

    erase(gone.ids[Account])

    after = {name: len(rows) for name, rows in contents(shared_app).items() if name in kept}
    assert after == before
    with looking() as session:
        refund = session.get_one(models.RefundRequest, gone.ids[models.RefundRequest])
        assert (refund.amount, refund.iban, refund.holder_name) == (500, f"#{refund.id}", "–")
        entry = session.get_one(models.BankEntry, gone.ids[models.BankEntry])
        assert (entry.amount, entry.counterparty) == (100, "")


def test_the_outlook_says_what_will_be_done_and_changes_nothing(shared_app: Flask) -> None:
    gone = settled()
    before = contents(shared_app)

    with looking() as session:
        found = outlook(session, gone.ids[Account])

    assert contents(shared_app) == before
    assert found.obstacle is None
    assert found.deleted["health_record"] == 1
    assert found.deleted["outbox_mail"] == 1
    assert found.replaced["pupil"] == 1
    assert found.kept["transfer"] == 2


def test_a_shared_child_stays_until_the_second_household_is_erased_too(shared_app: Flask) -> None:
    first, second = settled(), settled()
    with transaction(SYSTEM) as session:
        session.add(PupilAccount(pupil_id=first.ids[Pupil], account_id=second.ids[Account]))

    erase(first.ids[Account])
    with looking() as session:
        kept = session.get_one(Pupil, first.ids[Pupil]).last_name
        health = session.get(models.HealthRecord, first.ids[models.HealthRecord])
        user = session.get_one(CanteenUser, first.ids[CanteenUser]).last_name
    erase(second.ids[Account])

    assert (kept, health is None, user) == (f"{first.mark}g", False, f"#{first.ids[CanteenUser]}")
    with looking() as session:
        assert session.get_one(Pupil, first.ids[Pupil]).last_name == f"#{first.ids[Pupil]}"
        assert session.get(models.HealthRecord, first.ids[models.HealthRecord]) is None
        assert session.get(models.Exclusion, first.ids[models.Exclusion]) is None


def test_who_works_for_the_canteen_keeps_their_name(shared_app: Flask) -> None:
    gone = settled()
    with transaction(SYSTEM) as session:
        cook = make_user(session, words.Role.KITCHEN, username="cuisiniere")
        session.add(
            models.AccountHolder(
                user_id=cook.id, account_id=gone.ids[Account], valid_from=YEAR_STARTS
            )
        )

    erase(gone.ids[Account])

    with looking() as session:
        user = session.get_one(CanteenUser, cook.id)
        assert (user.username, user.active) == ("cuisiniere", True)


def test_files_that_no_record_needs_go(shared_app: Flask) -> None:
    gone = settled()
    with transaction(SYSTEM) as session:
        file = StoredFile(sha256="1" * 64, content_type="application/pdf", size=1, content=b"x")
        session.add(file)
        session.flush()
        paper = session.get_one(models.FamilyPaper, gone.ids[models.FamilyPaper])
        file_id = file.id
        shared_id, paper.stored_file_id = paper.stored_file_id, file_id

    erase(gone.ids[Account])

    with looking() as session:
        assert session.get(StoredFile, file_id) is None
        assert session.get(StoredFile, shared_id) is not None


def test_imports_keep_no_values_of_who_is_erased(shared_app: Flask) -> None:
    gone, other = settled(), household()
    with transaction(SYSTEM) as session:
        item = models.Import(
            file_name="x.csv",
            state=words.ImportState.ENTERED,
            headers="",
            received_at=clock.now(),
            entered_at=clock.now(),
        )
        session.add(item)
        session.flush()
        item_id = item.id
        for number, made in enumerate((gone, other)):
            session.add(
                models.ImportLine(
                    import_id=item.id,
                    line=number,
                    fate=next(iter(words.ImportFate)),
                    records=[
                        {"entity": "Pupil", "id": made.ids[Pupil], "old": {"first_name": made.mark}}
                    ],
                )
            )

    erase(gone.ids[Account])

    with looking() as session:
        query = (
            sa.select(models.ImportLine.records)
            .where(models.ImportLine.import_id == item_id)
            .order_by(models.ImportLine.line)
        )
        assert [bool(records) for records in session.scalars(query)] == [False, True]


def test_what_is_not_settled_stands_against_it() -> None:
    made = settled()
    account_id = made.ids[Account]
    booking = Booking.__table__.c

    def state(value: words.BookingState) -> None:
        with transaction(SYSTEM) as session:
            change = sa.update(Booking.__table__).where(booking.account_id == account_id)
            session.execute(change.values(state=value))

    def set_on(model: type[Any], **values: Any) -> None:
        with transaction(SYSTEM) as session:
            for name, value in values.items():
                setattr(session.get_one(model, made.ids[model]), name, value)

    state(words.BookingState.BOOKED)
    with pytest.raises(MealsBooked):
        erase(account_id)
    state(words.BookingState.CANCELLED)
    set_on(models.RefundRequest, state=words.RefundState.REQUESTED, reason="")
    with pytest.raises(RefundOpen):
        erase(account_id)
    set_on(models.RefundRequest, state=words.RefundState.WITHDRAWN)
    set_on(models.OnlinePayment, state=words.PaymentState.STARTED)
    with pytest.raises(MoneyOnItsWay):
        erase(account_id)
    set_on(models.OnlinePayment, state=words.PaymentState.FAILED)
    with transaction(SYSTEM) as session:
        ledger.transfer(
            session,
            Entry(
                kind=words.TransferKind.TOP_UP,
                operation_id="again",
                debit_id=ledger.chart_id(session, words.LedgerKind.CASH),
                credit_id=ledger.wallet_id(session, account_id),
                amount=5,
                booked_on=YEAR_STARTS,
            ),
            now=clock.now(),
        )
    with pytest.raises(AccountNotEmpty):
        erase(account_id)
    with transaction(SYSTEM) as session:
        ledger.reverse(
            session,
            ledger.posted(session, words.TransferKind.TOP_UP, "again"),
            now=clock.now(),
        )
    erase(account_id)
    with pytest.raises(AlreadyErased):
        erase(account_id)
    with pytest.raises(NotFound):
        erase(999_999)


def test_what_only_one_household_may_read_is_not_the_others(shared_app: Flask) -> None:
    first, second = household(), household()
    with transaction(SYSTEM) as session:
        pupil_id = first.ids[Pupil]
        session.add(PupilAccount(pupil_id=pupil_id, account_id=second.ids[Account]))
        exclusion = session.get_one(models.Exclusion, first.ids[models.Exclusion])
        exclusion.account_id = first.ids[Account]
    table = models.Exclusion.metadata.tables["exclusion"]

    with looking() as session:
        seen = [
            exclusion_id in session.scalars(sa.select(table.c.id).where(rows_of(table, family)))
            for exclusion_id in [first.ids[models.Exclusion]]
            for family in (
                family_of(session, first.ids[Account]),
                family_of(session, second.ids[Account]),
            )
        ]

    assert seen == [True, False]
