"""A bank file credits each franc once; what is not certain waits for a person."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock, ledger
from app.access import SYSTEM
from app.bank.refusals import BankAccountMissing, WrongBankAccount, WrongBankCurrency
from app.models import Account, CanteenSettings, OutboxFact, TopUp
from app.transaction import transaction
from app.vocabulary import BankMessage, FactKind, LedgerKind, TopUpChannel, TopUpState
from tests.bank.camt_builder import Ntry, Tx, camt
from tests.bank.camt_builder import balance as camt_balance
from tests.reconciliation.importing import (
    balance,
    entries,
    fates,
    import_content,
    ledger_balance,
    receive_content,
    reference_of,
    set_up,
)
from tests.sessions import reading


def credit_of(account_id: int, amount: str = "50.00", mark: str = "1", **more: object) -> Ntry:
    payment = Tx(amount=amount, bank_reference=f"TX-{mark}", references=(reference_of(account_id),))
    return Ntry(amount=amount, bank_reference=f"ENTRY-{mark}", payments=[payment], **more)  # type: ignore[arg-type]


def test_credits_the_account_of_the_reference_and_tells_its_holders(
    app_on: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app_on)

    import_content(app_on, camt(credit_of(account_id)), tmp_path)

    with reading(app_on) as session:
        told = session.scalars(sa.select(OutboxFact.kind)).all()
        top_up = session.scalars(sa.select(TopUp)).one()
        assert ledger.discrepancies(session) == []
    assert balance(app_on, account_id) == 5000
    assert fates(app_on) == [("credited", "reference")]
    assert told == [FactKind.CREDITED]
    assert (top_up.channel, top_up.state) == (TopUpChannel.BANK, TopUpState.CREDITED)
    assert ledger_balance(app_on, LedgerKind.BANK) == 5000


def test_the_announced_top_up_of_that_amount_is_the_one_that_is_credited(
    app_on: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app_on)
    with app_on.app_context(), transaction(SYSTEM) as session:
        for amount in (3000, 5000):
            session.add(
                TopUp(
                    account_id=account_id,
                    channel=TopUpChannel.BANK,
                    state=TopUpState.ANNOUNCED,
                    amount=amount,
                    made_at=clock.now(),
                    request_id=f"announced:{amount}",
                )
            )

    import_content(app_on, camt(credit_of(account_id), credit_of(account_id, mark="2")), tmp_path)

    with reading(app_on) as session:
        top_ups = session.scalars(sa.select(TopUp).order_by(TopUp.id)).all()
        found = [(t.request_id.partition(":")[0], t.amount, t.state.value) for t in top_ups]
    assert found == [
        ("announced", 3000, "announced"),
        ("announced", 5000, "credited"),
        ("bank", 5000, "credited"),
    ]
    assert balance(app_on, account_id) == 10000


DOUBTS = [
    (Ntry(payments=[Tx(references=())]), "queued", "no_reference"),
    (Ntry(payments=[Tx(references=("RF58CANT00000042",))]), "queued", "unknown_reference"),
    (Ntry(status="PDNG"), "ignored", "not_booked"),
    (Ntry(amount="80.00", payments=[Tx(amount="50.00")]), "queued", "not_adding_up"),
    (Ntry(payments=[Tx(currency="EUR")]), "queued", "not_adding_up"),
    (Ntry(payments=[], batch="<NbOfTxs>3</NbOfTxs>"), "queued", "batch"),
    (Ntry(amount="0.00", payments=[Tx(amount="0.00")]), "ignored", "no_amount"),
    (Ntry(direction="DBIT", payments=[Tx(direction="DBIT")]), "ignored", "other_channel"),
]


@pytest.mark.parametrize(("entry", "state", "reason"), DOUBTS)
def test_what_is_not_certain_is_not_credited(
    app_on: Flask, tmp_path: Path, entry: Ntry, state: str, reason: str
) -> None:
    set_up(app_on)

    import_content(app_on, camt(entry), tmp_path)

    with reading(app_on) as session:
        credited = session.scalar(sa.select(sa.func.count(TopUp.id)))
        assert ledger.discrepancies(session) == []
    assert fates(app_on) == [(state, reason)]
    assert credited == 0
    waiting = sum(e.amount for e in entries(app_on) if e.state == "queued")
    assert ledger_balance(app_on, LedgerKind.SUSPENSE) == waiting
    assert ledger_balance(app_on, LedgerKind.BANK) == waiting


def test_the_same_file_twice_is_one_file(app_on: Flask, tmp_path: Path) -> None:
    account_id, _ = set_up(app_on)
    content = camt(credit_of(account_id))

    first = import_content(app_on, content, tmp_path)
    second = import_content(app_on, content, tmp_path, "again.xml")

    assert first == second
    assert balance(app_on, account_id) == 5000


def test_an_account_that_is_archived_is_not_credited(app_on: Flask, tmp_path: Path) -> None:
    account_id, _ = set_up(app_on)
    with app_on.app_context(), transaction(SYSTEM) as session:
        session.get_one(Account, account_id).archived_at = clock.now()

    import_content(app_on, camt(credit_of(account_id)), tmp_path)

    assert fates(app_on) == [("queued", "archived_account")]
    assert balance(app_on, account_id) == 0


def test_two_references_are_nobodys(app_on: Flask, tmp_path: Path) -> None:
    both = tuple(reference_of(i) for i in set_up(app_on))

    import_content(app_on, camt(Ntry(payments=[Tx(references=both)])), tmp_path)

    assert fates(app_on) == [("queued", "several_accounts")]


ORDERS = [("053", "054"), ("054", "053"), ("054", "053", "054"), ("053", "054", "053")]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("statement", ["in detail", "in total"])
def test_the_same_money_in_statement_and_notification_is_credited_once(
    app_on: Flask, tmp_path: Path, order: tuple[str, ...], statement: str
) -> None:
    first, second = set_up(app_on)
    payments = [
        Tx(amount="20.00", bank_reference="A", references=(reference_of(first),)),
        Tx(amount="30.00", bank_reference="B", references=(reference_of(second),)),
    ]
    detailed = Ntry(payments=payments)
    total = Ntry(payments=[], batch="<NbOfTxs>2</NbOfTxs>") if statement == "in total" else detailed
    ends = camt_balance("OPBD", "0.00") + camt_balance("CLBD", "50.00")
    versions = iter(("08", "04", "02"))

    for number, kind in enumerate(order):
        entry = detailed if kind == "054" else total
        content = camt(
            entry, kind=kind, version=next(versions), balances=ends if kind == "053" else ""
        )
        import_content(app_on, content, tmp_path, f"{number}.xml")

    assert balance(app_on, first) == 2000
    assert balance(app_on, second) == 3000
    assert ledger_balance(app_on, LedgerKind.BANK) == 5000
    assert ledger_balance(app_on, LedgerKind.SUSPENSE) == 0
    assert [f for f in fates(app_on) if f[0] == "queued"] == []


def test_with_statements_chosen_notifications_are_ignored(app_on: Flask, tmp_path: Path) -> None:
    account_id, _ = set_up(app_on, BankMessage.STATEMENT)

    import_content(app_on, camt(credit_of(account_id)), tmp_path, "54.xml")
    import_content(app_on, camt(credit_of(account_id), kind="053"), tmp_path, "53.xml")

    assert fates(app_on) == [("ignored", "other_channel"), ("credited", "reference")]
    assert balance(app_on, account_id) == 5000


def test_alike_payments_without_the_banks_number_in_two_files_wait(
    app_on: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app_on)
    plain = Ntry(
        bank_reference="", payments=[Tx(bank_reference="", references=(reference_of(account_id),))]
    )
    first = camt(plain)
    second = first.replace(b"STMT-1", b"STMT-2")

    import_content(app_on, first, tmp_path, "1.xml")
    import_content(app_on, second, tmp_path, "2.xml")
    import_content(app_on, camt(plain, version="04"), tmp_path, "again.xml")

    assert fates(app_on) == [
        ("credited", "reference"),
        ("queued", "possibly_known"),
        ("ignored", "known"),
    ]
    assert balance(app_on, account_id) == 5000
    assert ledger_balance(app_on, LedgerKind.BANK) == 5000


def test_a_file_of_another_account_is_refused(app_on: Flask, tmp_path: Path) -> None:
    set_up(app_on)

    with pytest.raises(WrongBankAccount):
        receive_content(app_on, camt(Ntry(), iban="CH9300762011623852957"), tmp_path)

    assert entries(app_on) == []


def test_a_file_in_another_currency_is_refused(app_on: Flask, tmp_path: Path) -> None:
    set_up(app_on)
    content = camt(Ntry()).replace(b"<Ccy>CHF</Ccy>", b"<Ccy>EUR</Ccy>")

    with pytest.raises(WrongBankCurrency):
        receive_content(app_on, content, tmp_path)

    assert entries(app_on) == []


def test_without_an_iban_in_the_settings_nothing_is_read(app_on: Flask, tmp_path: Path) -> None:
    set_up(app_on)
    with app_on.app_context(), transaction(SYSTEM) as session:
        session.get_one(CanteenSettings, 1).creditor_iban = ""

    with pytest.raises(BankAccountMissing):
        receive_content(app_on, camt(Ntry()), tmp_path)
