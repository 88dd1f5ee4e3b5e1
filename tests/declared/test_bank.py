"""The accountant uploads a file, sees what would become of it, books it, and decides the rest."""

from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.vocabulary import LedgerKind
from app.worker import Worker
from tests.bank.camt_builder import Ntry, Tx, camt
from tests.reconciliation.importing import (
    balance,
    entries,
    fates,
    import_content,
    ledger_balance,
    reference_of,
    set_up,
)
from tests.web import Browser, logged_in, text_of


@pytest.fixture
def accountant(app: Flask) -> Browser:
    return logged_in(app, "accounting")


def upload(browser: Browser, content: bytes, name: str = "bank.xml") -> TestResponse:
    data = {"file": (BytesIO(content), name)}
    answer = browser.post("/bankupload/", data)
    return browser.get(answer.location) if answer.status_code == 302 else answer


def unknown(amount: str = "50.00", mark: str = "1", iban: str = "CH5109000000250092291") -> Ntry:
    payment = Tx(amount=amount, bank_reference=f"TX-{mark}", references=(), iban=iban)
    return Ntry(amount=amount, bank_reference=f"ENTRY-{mark}", payments=[payment])


def known(account_id: int, number: int = 0) -> Ntry:
    payment = Tx(bank_reference=f"K-{number}", references=(reference_of(account_id),))
    return Ntry(bank_reference=f"E-{number}", payments=[payment])


def test_a_file_is_previewed_then_booked(app: Flask, accountant: Browser) -> None:
    account_id, _ = set_up(app)

    preview = upload(accountant, camt(known(account_id), unknown()))
    before = balance(app, account_id)
    report = accountant.post("/bankfileview/action/book/1", follow_redirects=True)

    assert "Rien n’est encore comptabilisé" in text_of(preview.text)
    assert "La référence est celle d’un compte." in text_of(preview.text)
    assert before == 0
    assert "Il n’y a pas de référence." in text_of(report.text)
    assert balance(app, account_id) == 5000
    assert fates(app) == [("credited", "reference"), ("queued", "no_reference")]


def test_a_large_file_is_booked_by_the_worker(app: Flask, accountant: Browser) -> None:
    account_id, _ = set_up(app)
    upload(accountant, camt(*(known(account_id, number) for number in range(201))))

    waiting = accountant.post("/bankfileview/action/book/1", follow_redirects=True)
    before = balance(app, account_id)
    Worker(app).run_once()

    assert 'http-equiv="refresh"' in waiting.text
    assert "0 paiements sur 201" in text_of(waiting.text)
    assert (before, balance(app, account_id)) == (0, 201 * 5000)


BOMB = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
REFUSED = [
    (b"not a file of the bank", "n’est pas"),
    (camt(Ntry())[:-40], "coupé ou endommagé"),
    (camt(Ntry(), iban="CH9300762011623852957"), "qui n’est pas dans les réglages"),
    (camt(Ntry(amount="1,50")), "est illisible"),
    (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + camt(Ntry())[38:],
        "aucune banque",
    ),
    (camt(Ntry()).replace(b"<Ccy>CHF</Ccy>", b"<Ccy>EUR</Ccy>"), "compte en EUR"),
]


@pytest.mark.parametrize(("content", "sentence"), REFUSED)
def test_a_bad_file_is_refused_in_one_sentence_and_leaves_nothing(
    app: Flask, accountant: Browser, content: bytes, sentence: str
) -> None:
    set_up(app)

    answer = upload(accountant, content)

    assert answer.status_code == 200
    assert sentence in text_of(answer.text)
    assert entries(app) == []
    assert "bank.xml" not in accountant.get("/bankfileview/list/").text


def test_an_upload_of_100_mb_is_refused_before_it_is_read(accountant: Browser) -> None:
    answer = accountant.client.post(
        "/bankupload/", data=b"x", environ_overrides={"CONTENT_LENGTH": str(100 * 2**20)}
    )

    assert answer.status_code == 413
    assert "trop" in text_of(answer.text)


def test_money_that_waits_is_split_over_two_families(
    app: Flask, accountant: Browser, tmp_path: Path
) -> None:
    first, second = set_up(app)
    import_content(app, camt(unknown()), tmp_path)
    entry_id = entries(app)[0].id
    path = f"/bankentryview/assign/{entry_id}"

    accountant.post(path, {"account": first, "amount": "20", "rest": "50.00"})
    accountant.post(path, {"account": first, "amount": "20", "rest": "50.00"})
    accountant.post(path, {"account": second, "amount": "30", "rest": "30.00"})

    assert (balance(app, first), balance(app, second)) == (2000, 3000)
    assert fates(app) == [("credited", "assigned")]
    assert ledger_balance(app, LedgerKind.SUSPENSE) == 0
    assert ledger_balance(app, LedgerKind.BANK) == 5000


def test_the_payers_iban_suggests_the_account_of_last_time_and_credits_nothing(
    app: Flask, accountant: Browser, tmp_path: Path
) -> None:
    account_id, _ = set_up(app)
    import_content(app, camt(unknown()), tmp_path, "1.xml")
    path = f"/bankentryview/assign/{entries(app)[0].id}"
    accountant.post(path, {"account": account_id, "amount": "50", "rest": "50.00"})
    import_content(app, camt(unknown("70.00", "2")), tmp_path, "2.xml")

    page = accountant.get(f"/bankentryview/show/{entries(app)[1].id}")

    assert "cet IBAN y a été crédité la dernière fois" in text_of(page.text)
    assert balance(app, account_id) == 5000


def test_a_family_is_found_by_its_name(app: Flask, accountant: Browser, tmp_path: Path) -> None:
    set_up(app)
    import_content(app, camt(unknown()), tmp_path)

    page = accountant.get(f"/bankentryview/show/{entries(app)[0].id}?q=famille")

    assert page.text.count("/bankentryview/assign/") >= 2


USES = [
    ("deposit", LedgerKind.CASH, ("settled", "deposit")),
    ("fee", LedgerKind.FEES, ("settled", "fee")),
]


@pytest.mark.parametrize(("name", "line", "fate"), USES)
def test_what_is_no_familys_goes_to_its_own_line(
    app: Flask,
    accountant: Browser,
    tmp_path: Path,
    name: str,
    line: LedgerKind,
    fate: tuple[str, str],
) -> None:
    set_up(app)
    import_content(app, camt(unknown()), tmp_path)
    entry_id = entries(app)[0].id

    accountant.post(f"/bankentryview/action/{name}/{entry_id}")

    assert fates(app) == [fate]
    assert ledger_balance(app, line) == 5000
    assert ledger_balance(app, LedgerKind.SUSPENSE) == 0

    accountant.post(f"/bankentryview/action/reconsider/{entry_id}")

    assert fates(app) == [("queued", "by_hand")]
    assert ledger_balance(app, line) == 0


def test_a_decision_is_taken_back(app: Flask, accountant: Browser, tmp_path: Path) -> None:
    account_id, other = set_up(app)
    import_content(app, camt(known(account_id)), tmp_path)
    entry_id = entries(app)[0].id

    accountant.post(f"/bankentryview/action/reconsider/{entry_id}")
    between = balance(app, account_id), ledger_balance(app, LedgerKind.SUSPENSE)
    path = f"/bankentryview/assign/{entry_id}"
    accountant.post(path, {"account": other, "amount": "50", "rest": "50"})

    assert between == (0, 5000)
    assert balance(app, other) == 5000
    assert ledger_balance(app, LedgerKind.BANK) == 5000


def test_the_same_money_is_dropped_and_other_money_accepted(
    app: Flask, accountant: Browser, tmp_path: Path
) -> None:
    account_id, _ = set_up(app)
    plain = Ntry(
        bank_reference="", payments=[Tx(bank_reference="", references=(reference_of(account_id),))]
    )
    for number in (1, 2, 3):
        content = camt(plain).replace(b"STMT-1", f"STMT-{number}".encode())
        import_content(app, content, tmp_path, f"{number}.xml")
    _, second, third = entries(app)

    accountant.post(f"/bankentryview/action/drop/{second.id}")
    accountant.post(f"/bankentryview/action/accept/{third.id}")

    assert fates(app) == [("credited", "reference"), ("ignored", "by_hand"), ("queued", "by_hand")]
    assert ledger_balance(app, LedgerKind.BANK) == 10000
    assert ledger_balance(app, LedgerKind.SUSPENSE) == 5000


def test_only_the_accountant_sees_the_bank(app: Flask) -> None:
    till = logged_in(app, "till")

    assert till.get("/bankfileview/list/").status_code != 200
    assert till.get("/bankentryview/list/").status_code != 200
