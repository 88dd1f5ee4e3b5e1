"""A month is closed once, when nothing is missing, and takes nothing after."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from hashlib import sha256
from itertools import count
from time import sleep

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import DatabaseError
from sqlalchemy.orm import Session

from app import ledger
from app.access import SYSTEM
from app.errors import PeriodClosed
from app.ledger import Entry
from app.models import (
    BankBalance,
    BankEntry,
    BankFile,
    CanteenUser,
    CashCount,
    Period,
    RefundRequest,
    StoredFile,
    Transfer,
)
from app.money import Cents
from app.month_end import MonthEnd, close_month, look_at, month_to_close
from app.refusals import MonthIncomplete
from app.transaction import look, transaction
from app.vocabulary import (
    BankEntryState,
    BankFileState,
    BankMessage,
    EntryReason,
    LedgerKind,
    PeriodState,
    RefundState,
    TransferKind,
)
from tests.conftest import FrozenClock
from tests.factories import Family, make_family
from tests.web import logged_in, text_of

OCTOBER, NOVEMBER = date(2026, 10, 1), date(2026, 11, 1)
DAY = date(2026, 10, 15)
TODAY = date(2026, 11, 16)
_numbers = count(1)


def now() -> datetime:
    return datetime(2026, 11, 16, 8, 0, tzinfo=UTC)


def pay(session: Session, family: Family, kind: LedgerKind, day: date = DAY) -> int:
    entry = Entry(
        kind=TransferKind.TOP_UP,
        operation_id=f"month:{next(_numbers)}",
        debit_id=ledger.chart_id(session, kind),
        credit_id=ledger.wallet_id(session, family.account_id),
        amount=5000,
        booked_on=day,
    )
    return ledger.transfer(session, entry, now=now())


@pytest.fixture
def family(app_on: Flask, frozen_clock: FrozenClock) -> Family:
    """One who paid in cash in October, and the till was counted: nothing stands against closing."""
    with app_on.app_context(), transaction(SYSTEM) as session:
        made = make_family(session)
        pay(session, made, LedgerKind.CASH)
        session.add(
            CashCount(
                day=DAY,
                number=1,
                expected=5000,
                counted=5000,
                signed_by_id=made.user_id,
                signed_at=now(),
            )
        )
    return made


def add(app: Flask, family: Family, kind: LedgerKind, day: date = DAY) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        pay(session, family, kind, day)


def october(app: Flask) -> MonthEnd:
    with app.app_context():
        return look(lambda session, _: look_at(session, OCTOBER, TODAY))


def test_a_day_of_the_till_that_nobody_signs_for_is_missing(app_on: Flask, family: Family) -> None:
    assert october(app_on).is_complete

    add(app_on, family, LedgerKind.CASH)

    assert october(app_on).uncounted == [DAY]
    assert outcome(lambda: close(app_on)) == "MonthIncomplete"


def close(app: Flask, first: date = OCTOBER, *, slowly: float = 0) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        close_month(session, first, now)
        sleep(slowly)


def outcome(act: Callable[[], None]) -> str:
    try:
        act()
    except (PeriodClosed, MonthIncomplete) as refused:
        return type(refused).__name__
    return "done"


def test_the_first_month_is_that_of_the_first_transfer_then_each_follows(
    app_on: Flask, family: Family
) -> None:
    def next_month() -> date:
        with app_on.app_context():
            return look(lambda session, _: month_to_close(session, TODAY))

    before = next_month()
    close(app_on)

    assert (before, next_month()) == (OCTOBER, NOVEMBER)
    assert outcome(lambda: close(app_on)) == "PeriodClosed"
    assert outcome(lambda: close(app_on, NOVEMBER)) == "MonthIncomplete"


def test_the_database_itself_takes_nothing_into_a_closed_month(
    app_on: Flask, family: Family
) -> None:
    close(app_on)

    def copy(day: date) -> None:
        """Past the ledger, which would move it to the first open day."""
        with app_on.app_context(), transaction(SYSTEM) as session:
            row = session.execute(sa.select(sa.inspect(Transfer).local_table)).mappings().first()
            copied = {**(row or {}), "operation_id": f"past:{day}", "booked_on": day}
            session.execute(sa.insert(Transfer), [{**copied, "id": next(_numbers) + 1000}])

    for closed in (OCTOBER, DAY, date(2026, 10, 31)):
        with pytest.raises(DatabaseError, match="the period is closed"):
            copy(closed)
    copy(NOVEMBER)

    with app_on.app_context():
        assert look(lambda session, _: len(session.scalars(sa.select(Transfer)).all())) == 2


@pytest.mark.parametrize(
    ("last_heard", "is_complete"),
    [(date(2026, 10, 29), False), (date(2026, 10, 30), True), (date(2026, 11, 3), True)],
)
def test_a_statement_reaches_the_last_weekday_and_agrees(
    app_on: Flask,
    family: Family,
    last_heard: date,
    is_complete: bool,  # noqa: FBT001 - from the table
) -> None:
    add(app_on, family, LedgerKind.BANK)
    for day in (DAY, last_heard):
        hear_of(app_on, day, 5000)

    assert october(app_on).bank_off == 0
    assert october(app_on).is_complete is is_complete
    assert outcome(lambda: close(app_on)) == ("done" if is_complete else "MonthIncomplete")


def hear_of(app: Flask, day: date, amount: Cents) -> None:
    """The bank says what the account held at the end of a day; it was empty before October."""
    content = f"statement of {day}".encode()
    with app.app_context(), transaction(SYSTEM) as session:
        kept = StoredFile(
            sha256=sha256(content).hexdigest(),
            content_type="application/xml",
            size=len(content),
            content=content,
        )
        session.add(kept)
        session.flush()
        statement = BankFile(
            stored_file_id=kept.id,
            file_name=f"{day}.xml",
            state=BankFileState.BOOKED,
            received_at=now(),
            booked_at=now(),
        )
        session.add(statement)
        session.flush()
        session.add(
            BankBalance(
                on=day, amount=amount, opening=0, opened_on=OCTOBER, bank_file_id=statement.id
            )
        )


def test_bank_money_without_a_statement_stands_against_it(app_on: Flask, family: Family) -> None:
    add(app_on, family, LedgerKind.BANK)

    assert october(app_on).bank_off == 5000
    assert outcome(lambda: close(app_on)) == "MonthIncomplete"


def test_online_money_of_an_earlier_month_stands_against_it(app_on: Flask, family: Family) -> None:
    add(app_on, family, LedgerKind.CLEARING)
    own = october(app_on)
    add(app_on, family, LedgerKind.CLEARING, date(2026, 9, 30))
    late = october(app_on)

    assert (own.lying, own.left_over) == (5000, [])
    assert (late.lying, [each.booked_on for each in late.left_over]) == (
        10000,
        [date(2026, 9, 30)],
    )
    assert not late.is_complete


def test_a_payment_that_waits_and_a_refund_that_is_late_stand_against_it(
    app_on: Flask, family: Family
) -> None:
    with app_on.app_context(), transaction(SYSTEM) as session:
        session.add(waiting_refund(session, family))
        session.add(waiting_payment(session))
    found = october(app_on)

    assert (found.queued, found.overdue_refunds) == (1, 1)
    assert outcome(lambda: close(app_on)) == "MonthIncomplete"


def waiting_refund(session: Session, family: Family) -> RefundRequest:
    owner = session.scalars(
        sa.select(CanteenUser.id).where(CanteenUser.username == family.username)
    ).one()
    return RefundRequest(
        account_id=family.account_id,
        amount=100,
        iban="CH9300762011623852957",
        holder_name="A",
        state=RefundState.REQUESTED,
        request_id="month",
        requested_at=now(),
        requested_by_id=owner,
        due_on=date(2026, 10, 20),
    )


def waiting_payment(session: Session) -> BankEntry:
    stored = StoredFile(sha256="0" * 64, content_type="application/xml", size=0, content=b"")
    session.add(stored)
    session.flush()
    file = BankFile(
        stored_file_id=stored.id,
        file_name="a.xml",
        state=BankFileState.BOOKED,
        received_at=now(),
        booked_at=now(),
    )
    session.add(file)
    session.flush()
    return BankEntry(
        bank_file_id=file.id,
        position=1,
        message_kind=BankMessage.STATEMENT,
        statement="S1",
        fingerprint="f",
        is_counted=True,
        state=BankEntryState.QUEUED,
        reason=EntryReason.NO_REFERENCE,
        amount=100,
        is_credit=True,
        is_reversal=False,
        booked_on=DAY,
        entry_amount=100,
    )


def test_what_comes_late_goes_to_the_first_open_day(app_on: Flask, family: Family) -> None:
    close(app_on)

    with app_on.app_context(), transaction(SYSTEM) as session:
        late = session.get_one(Transfer, pay(session, family, LedgerKind.CASH))

        assert late.booked_on == NOVEMBER


def test_of_two_who_close_at_once_one_does(app_on: Flask, family: Family) -> None:
    outcomes = []
    start = threading.Barrier(2)

    def act() -> None:
        start.wait()
        outcomes.append(outcome(lambda: close(app_on, slowly=0.1)))

    threads = [threading.Thread(target=act) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["PeriodClosed", "done"]
    with app_on.app_context(), transaction(SYSTEM) as session:
        assert session.scalars(sa.select(Period.state)).all() == [PeriodState.CLOSED]


def test_a_transfer_recorded_while_the_month_closes_goes_to_the_next(
    app_on: Flask, family: Family
) -> None:
    closing = threading.Thread(target=close, args=(app_on,), kwargs={"slowly": 0.5})

    closing.start()
    sleep(0.2)
    add(app_on, family, LedgerKind.BANK)
    closing.join()

    with app_on.app_context(), transaction(SYSTEM) as session:
        days = session.scalars(sa.select(Transfer.booked_on).order_by(Transfer.id)).all()
        assert days == [DAY, NOVEMBER]


def test_who_closes_waits_for_a_transfer_that_is_not_committed_and_sees_it(
    app_on: Flask, family: Family
) -> None:
    is_posted = threading.Event()

    def post() -> None:
        with app_on.app_context(), transaction(SYSTEM) as session:
            pay(session, family, LedgerKind.BANK)
            is_posted.set()
            sleep(0.4)

    posting = threading.Thread(target=post)
    posting.start()
    is_posted.wait()
    closed = outcome(lambda: close(app_on))
    posting.join()

    assert closed == "MonthIncomplete"


def test_accounting_reads_what_is_missing_and_closes_the_month(
    app_on: Flask, family: Family
) -> None:
    browser = logged_in(app_on, "accounting")

    page = browser.get("/months/close/")
    done = browser.post("/months/close/", {"month": "2026-10-01"}, follow_redirects=True)
    following = browser.get("/months/close/")
    refused = browser.post("/months/close/", {"month": "2026-11-01"})
    unreadable = browser.post("/months/close/", {"month": "🙈"})

    assert "octobre 2026" in page.text
    assert "Clôturer le mois" in page.text
    assert "Le mois est clôturé." in text_of(done.text)
    assert "Il pourra être clôturé dès le 1 décembre 2026." in text_of(following.text)
    assert "Ce mois ne peut pas encore être clôturé." in text_of(refused.text)
    assert unreadable.status_code in {200, 400}
    assert logged_in(app_on, "secretariat").get("/months/close/").status_code == 403


def test_a_queue_and_bank_page_are_linked_when_something_is_missing(
    app_on: Flask, family: Family
) -> None:
    add(app_on, family, LedgerKind.BANK)

    page = logged_in(app_on, "accounting").get("/months/close/")

    assert "Le journal diffère de la banque de CHF 50.00." in text_of(page.text)
    assert 'href="/bankfileview/list/"' in page.text
    assert "Clôturer le mois" not in page.text
