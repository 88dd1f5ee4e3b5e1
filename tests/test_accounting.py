"""The journal as other programs read it, and balances that agree with the ledger."""

from dataclasses import replace
from datetime import date

import pytest
from flask import Flask

from app import ledger
from app.access import EVERYTHING, SYSTEM, scope_of
from app.accounting import (
    WALLETS,
    JournalLine,
    as_banana,
    as_cresus,
    as_csv,
    journal,
    text_cell,
    trial_balance,
)
from app.extensions import db
from app.money import decimal_chf
from app.refusals import DatesReversed
from app.transaction import transaction
from app.vocabulary import LedgerKind
from tests.factories import YEAR_STARTS, Family, make_family
from tests.money import take_back
from tests.web import logged_in, text_of

DAY = date(2026, 11, 16)
LINE = JournalLine(DAY, "1020", WALLETS, "7 W3", "Recharge", 123405)
HOSTILE = JournalLine(DAY, "1020", WALLETS, "7 W3", "=HYPERLINK(1)\tA\r\nB", 5)


@pytest.fixture
def family(app_on: Flask) -> Family:
    with app_on.test_request_context(), transaction(SYSTEM) as session:
        made = make_family(session, balance=4005)
        take_back(session, made.account_id, 1000)
    return made


def test_the_csv_has_a_heading_semicolons_and_excels_mark(app: Flask) -> None:
    with app.test_request_context():
        written = as_csv([LINE]).decode("utf-8-sig")

    assert written.splitlines() == [
        "Date;Pièce;Libellé;Débit;Crédit;Montant",
        "2026-11-16;7 W3;Recharge;1020;2100;1234.05",
    ]


def test_banana_knows_its_columns_by_name() -> None:
    assert as_banana([LINE]) == (
        b"Date\tDoc\tDescription\tAccountDebit\tAccountCredit\tAmount\n"
        b"2026-11-16\t7 W3\tRecharge\t1020\t2100\t1234.05\n"
    )


def test_cresus_has_no_heading_and_its_own_order() -> None:
    assert as_cresus([LINE]) == b"16.11.2026\t1020\t2100\t7 W3\tRecharge\t1234.05\r\n"


def test_cresus_reads_the_characters_of_windows() -> None:
    line = replace(LINE, description="Reçu à l’œil ≠")

    assert as_cresus([line]).split(b"\t")[4] == b"Re\xe7u \xe0 l\x92\x9cil ?"


def test_no_text_is_a_formula_or_breaks_a_line() -> None:
    assert as_cresus([HOSTILE]) == b"16.11.2026\t1020\t2100\t7 W3\t'=HYPERLINK(1) A B\t0.05\r\n"
    assert [text_cell(each) for each in ("+1", " -1", "@a", "a=b")] == ["'+1", "'-1", "'@a", "a=b"]


@pytest.mark.parametrize(
    ("cents", "written"),
    [(1, "0.01"), (100, "1.00"), (10**12, "10000000000.00"), (-5, "-0.05"), (0, "0.00")],
)
def test_amounts_are_exact(cents: int, written: str) -> None:
    assert decimal_chf(cents) == written


def test_wallets_are_one_account_and_no_name_leaves(app_on: Flask, family: Family) -> None:
    with app_on.test_request_context(), scope_of(db.session(), EVERYTHING):
        lines = journal(db.session(), YEAR_STARTS, YEAR_STARTS)
        written = as_csv(lines).decode()

    assert [(each.debit, each.credit, each.amount) for each in lines] == [
        ("1020", WALLETS, 4005),
        (WALLETS, "1090", 1000),
    ]
    assert all(each.document.endswith(f" W{family.account_id}") for each in lines)
    assert "Famille" not in written


def test_debits_equal_credits_and_each_closing_is_the_ledgers(
    app_on: Flask, family: Family
) -> None:
    day_after = date.fromordinal(YEAR_STARTS.toordinal() + 1)

    with app_on.test_request_context(), scope_of(db.session(), EVERYTHING):
        on_the_day = {each.kind: each for each in trial_balance(db.session(), YEAR_STARTS, DAY)}
        later = {each.kind: each for each in trial_balance(db.session(), day_after, DAY)}
        bank = ledger.balance(db.session(), ledger.chart_id(db.session(), LedgerKind.BANK))

    lines = on_the_day.values()
    assert sum(each.debits for each in lines) == sum(each.credits for each in lines) == 5005
    assert sum(each.closing for each in lines) == 0
    wallets = on_the_day[LedgerKind.WALLET]
    assert (wallets.opening, wallets.debits, wallets.credits) == (0, 1000, 4005)
    assert on_the_day[LedgerKind.BANK].closing == -bank == 4005
    assert later[LedgerKind.WALLET].opening == later[LedgerKind.WALLET].closing == -3005


def test_days_in_the_wrong_order_are_refused(app: Flask) -> None:
    with app.app_context(), pytest.raises(DatesReversed):
        journal(db.session(), DAY, YEAR_STARTS)


def test_accounting_sees_the_balances_and_downloads_the_journal(
    app_on: Flask, family: Family
) -> None:
    browser = logged_in(app_on, "accounting")
    days = {"first": YEAR_STARTS.isoformat(), "last": DAY.isoformat()}

    page = browser.get("/journal/?first={first}&last={last}".format(**days))
    paper = browser.post("/journal/", {**days, "format": "cresus"})
    shown = browser.post("/journal/", {**days, "format": ""})
    wrong = browser.post(
        "/journal/", {"first": "2026-11-16", "last": "2026-11-01", "format": "csv"}
    )

    assert "2100 Soldes des familles" in text_of(page.text)
    assert f"W{family.account_id}" in paper.data.decode("cp1252")
    assert paper.headers["Content-Disposition"].endswith('cresus.txt"')
    assert "40.05" in shown.text
    assert "Le dernier jour précède le premier." in text_of(wrong.text)
    assert logged_in(app_on, "secretariat").get("/journal/").status_code == 403


def test_the_command_writes_the_same_file(app: Flask) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        make_family(session, balance=4005)
    days = ["--from", YEAR_STARTS.isoformat(), "--to", DAY.isoformat()]

    run = app.test_cli_runner().invoke
    written = run(args=["canteen", "export-journal", *days, "--format", "banana"])
    reversed_days = ["--from", DAY.isoformat(), "--to", YEAR_STARTS.isoformat()]
    refused = run(args=["canteen", "export-journal", *reversed_days, "--format", "csv"])

    assert written.exit_code == 0
    assert written.output.startswith("Date\tDoc\t")
    assert "\t40.05\n" in written.output
    assert refused.exit_code == 1
