"""Statements against the ledger, to the centime: as read, as printed, as asked for."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_babel import gettext
from flask_migrate import upgrade
from sqlalchemy.orm import Session

from app import clock, ledger
from app.access import EVERYTHING, SYSTEM, scope_of
from app.booking import Wish, begin_closing, book_meal, cancel_meal, charge_next
from app.booking.record import lock_day
from app.cli import init_canteen
from app.context import letterhead
from app.demo import load_demo
from app.documents.statement import AccountStatement, render_statement
from app.documents.tax_statement import TaxStatement, render_tax_statement
from app.documents.text import format_signed
from app.extensions import db
from app.models import Account, LedgerAccount, Transfer
from app.money import Cents, format_chf
from app.refusals import DatesReversed, YearWithoutStatement
from app.statements import Print, account_statement, accounts_of_year, tax_statement
from app.transaction import transaction
from app.vocabulary import LedgerKind, Reason
from tests.booking.acting import LAST_CALL, LONG_BEFORE, MONDAY, NOON, RULES, STAFF, TUESDAY
from tests.conftest import FrozenClock
from tests.database import MIGRATIONS, create_test_app, running, sqlite_url
from tests.documents.reading import text_of
from tests.factories import NORMAL, Family, make_family

YEAR = MONDAY.year
PRINTED = Print(date(2026, 11, 20), "fr")
TOPPED_UP = 5000


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    folder = tmp_path_factory.mktemp("statements")
    app = create_test_app(sqlite_url(folder / "demo.sqlite"), folder / "outbox")
    with pytest.MonkeyPatch.context() as patch, running(app), app.test_request_context():
        patch.setattr("app.clock.now", FrozenClock("2026-11-16 09:30").now)
        upgrade(directory=str(MIGRATIONS))
        init_canteen()
        load_demo(families=12, weeks=8)
        with scope_of(db.session(), EVERYTHING):
            yield db.session()


def accounts_of(session: Session) -> list[Account]:
    return list(session.scalars(sa.select(Account).order_by(Account.id)))


def meals_by_ledger(session: Session, account_id: int) -> Cents:
    """What meals took from the account less what was given back, by the transfers alone."""
    line = session.scalars(
        sa.select(LedgerAccount.id).where(LedgerAccount.account_id == account_id)
    ).one()
    of_meals = Transfer.booking_id.is_not(None)
    taken = sa.select(sa.func.coalesce(sa.func.sum(Transfer.amount), 0)).where(of_meals)
    debited = session.scalars(taken.where(Transfer.debit_id == line)).one()
    credited = session.scalars(taken.where(Transfer.credit_id == line)).one()
    return int(debited - credited)


def test_every_statement_of_the_demo_ends_with_the_balance(demo: Session) -> None:
    for account in accounts_of(demo):
        content = account_statement(demo, account.id, date(2026, 1, 1), clock.today(), PRINTED)

        assert content.opening == 0
        assert content.closing == account.balance
    assert ledger.discrepancies(demo) == []


def test_a_statement_begins_where_the_one_before_ended(demo: Session) -> None:
    middle = date(2026, 10, 20)
    for account in accounts_of(demo):
        before = account_statement(demo, account.id, date(2026, 1, 1), middle, PRINTED)
        after = account_statement(demo, account.id, date(2026, 10, 21), clock.today(), PRINTED)

        assert after.opening == before.closing
        assert after.closing == account.balance


def test_what_is_printed_is_what_the_ledger_holds(demo: Session) -> None:
    lines = 0
    for account in accounts_of(demo):
        content = account_statement(demo, account.id, date(2026, 1, 1), clock.today(), PRINTED)
        lines += len(content.lines)

        text = text_of(render_statement(content, letterhead(), gettext))

        check_print(content, account.balance, text)
    assert lines > 100


def check_print(content: AccountStatement, balance_kept: Cents, text: str) -> None:
    """Every line with its amount and the balance after it, and the ledger's balance at the end."""
    for line, balance in zip(content.lines, content.balances, strict=True):
        assert f"{line.child} {format_signed(line.amount)} {format_chf(balance)}".strip() in text
    assert f"Solde final {format_chf(balance_kept)}" in text


def test_tax_statements_add_up_to_the_meals_of_the_ledger(demo: Session) -> None:
    total = 0
    for account in accounts_of(demo):
        content = tax_statement(demo, account.id, YEAR, PRINTED)
        total += content.total

        assert content.total == meals_by_ledger(demo, account.id)
        assert content.top_ups + content.refunds + content.others == (
            account.balance + content.total
        )
    income = ledger.balance(demo, ledger.chart_id(demo, LedgerKind.MEAL_INCOME))
    assert total == income


def test_a_printed_tax_statement_shows_each_child_and_total(demo: Session) -> None:
    for account_id in accounts_of_year(demo, YEAR, clock.today()):
        content = tax_statement(demo, account_id, YEAR, PRINTED)

        check_tax_print(content, text_of(render_tax_statement(content, letterhead(), gettext)))


def check_tax_print(content: TaxStatement, text: str) -> None:
    """Whose it is, and each total."""
    assert content.account in text
    assert f"Décompte fiscal {YEAR}" in text
    assert f"Tous les repas {format_chf(content.total)}" in text
    for child in content.children:
        assert f"{child.name} {format_chf(child.total)}" in text


@pytest.fixture
def family(app_on: Flask) -> Iterator[tuple[Session, Family]]:
    """Two meals charged, one of them given back; a top-up cancelled and another that stays."""
    with app_on.test_request_context():
        with transaction(SYSTEM) as session:
            made = make_family(session, balance=TOPPED_UP, children=2)
            for pupil_id in made.pupil_ids:
                wish = Wish(pupil_id, MONDAY, 0, account_id=made.account_id)
                book_meal(session, wish, RULES, LONG_BEFORE)
        with transaction(SYSTEM) as session:
            begin_closing(session, lock_day(session, MONDAY), RULES, LAST_CALL)
            charge_next(session, lock_day(session, MONDAY), LAST_CALL)
        with transaction(STAFF) as session:
            wish = Wish(made.pupil_id, MONDAY, reason=Reason.ILLNESS)
            cancel_meal(session, wish, RULES, NOON)
        with scope_of(db.session(), EVERYTHING):
            yield db.session(), made


def test_what_is_given_back_stands_in_both_statements(
    family: tuple[Session, Family],
) -> None:
    session, made = family
    by_dates = account_statement(session, made.account_id, MONDAY, MONDAY, PRINTED)
    by_year = tax_statement(session, made.account_id, YEAR, PRINTED)

    assert [line.amount for line in by_dates.lines] == [-NORMAL, -NORMAL, NORMAL]
    assert by_dates.closing - by_dates.opening == -NORMAL
    assert [child.total for child in by_year.children] == [NORMAL]
    assert by_year.children[0].meals[0].day == MONDAY
    assert (by_year.refunds, by_year.others) == (0, 0)


def test_a_meal_counts_in_the_year_in_which_it_was_served(
    family: tuple[Session, Family],
) -> None:
    session, made = family

    assert tax_statement(session, made.account_id, YEAR - 1, PRINTED).children == ()
    assert accounts_of_year(session, YEAR - 1, PRINTED.today) == []


def test_no_statement_without_days_or_a_year(family: tuple[Session, Family]) -> None:
    session, made = family

    with pytest.raises(DatesReversed):
        account_statement(session, made.account_id, TUESDAY, MONDAY, PRINTED)
    for year in (YEAR + 1, 0, 1999, 2**63 - 1):
        with pytest.raises(YearWithoutStatement):
            tax_statement(session, made.account_id, year, PRINTED)
