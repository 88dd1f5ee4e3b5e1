"""Debits and reversals: what they pay or undo is found, or they wait."""

from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock, ledger
from app.access import SYSTEM, Actor
from app.models import Account, BankEntry, CanteenUser, OutboxFact, TopUp
from app.reconciliation import deciding
from app.reconciliation.proof import bank_difference
from app.transaction import transaction
from app.vocabulary import Channel, FactKind, LedgerKind, RefundState
from app.worker import Worker
from tests.bank.camt_builder import Ntry, Tx, camt
from tests.bank.camt_builder import balance as held
from tests.booking.acting import RULES
from tests.payments.refunding import household, refund, sent
from tests.reconciliation.importing import (
    balance,
    entries,
    fates,
    import_content,
    ledger_balance,
    reference_of,
    set_up,
)
from tests.sessions import reading

PAYER = "CH5109000000250092291"


def paid(account_id: int, mark: str = "1", amount: str = "50.00") -> Ntry:
    payment = Tx(amount=amount, bank_reference=f"TX-{mark}", references=(reference_of(account_id),))
    return Ntry(amount=amount, bank_reference=f"ENTRY-{mark}", payments=[payment])


def reversal(account_id: int, bank_reference: str = "R-1", amount: str = "50.00") -> Ntry:
    payment = Tx(
        amount=amount,
        direction="DBIT",
        bank_reference=bank_reference,
        references=(reference_of(account_id),),
    )
    return Ntry(
        amount=amount,
        direction="DBIT",
        reversal="true",
        bank_reference="REV",
        booked="<Dt>2026-11-25</Dt>",
        payments=[payment],
    )


def debit(iban: str = "CH9300762011623852957", end_to_end_id: str = "NOTPROVIDED") -> Ntry:
    payment = Tx(
        direction="DBIT",
        bank_reference="D-1",
        references=(),
        iban=iban,
        end_to_end_id=end_to_end_id,
    )
    return Ntry(direction="DBIT", bank_reference="DEBIT", payments=[payment])


def accountant(app: Flask) -> Actor:
    with reading(app) as session:
        query = sa.select(CanteenUser.id).where(CanteenUser.username == "accounting")
        return Actor(session.scalars(query).one(), is_staff=True, channel=Channel.DESK)


def told(app: Flask, account_id: int) -> list[FactKind]:
    with reading(app) as session:
        query = sa.select(OutboxFact.kind).where(OutboxFact.account_id == account_id)
        return list(session.scalars(query.order_by(OutboxFact.id)))


def test_a_reversal_takes_back_what_was_credited_even_when_it_is_spent(
    app_on: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app_on)
    import_content(app_on, camt(paid(account_id)), tmp_path, "1.xml")
    with app_on.app_context(), transaction(SYSTEM) as session:
        spend(session, account_id, 3000)

    import_content(app_on, camt(reversal(account_id), kind="053"), tmp_path, "2.xml")

    with reading(app_on) as session:
        account = session.get_one(Account, account_id)
        assert (account.balance, account.taken_back) == (-3000, 3000)
        assert ledger.discrepancies(session) == []
    assert fates(app_on) == [("settled", "undone"), ("settled", "undone")]
    assert told(app_on, account_id) == [FactKind.CREDITED, FactKind.TAKEN_BACK]
    assert ledger_balance(app_on, LedgerKind.BANK) == 0


def spend(session: object, account_id: int, amount: int) -> None:
    from app.ledger import Entry
    from app.vocabulary import TransferKind

    entry = Entry(
        kind=TransferKind.MEAL,
        operation_id=f"spent:{account_id}",
        debit_id=ledger.wallet_id(session, account_id),  # type: ignore[arg-type]
        credit_id=ledger.chart_id(session, LedgerKind.MEAL_INCOME),  # type: ignore[arg-type]
        amount=amount,
        booked_on=clock.today(),
    )
    ledger.transfer(session, entry, now=clock.now())  # type: ignore[arg-type]


def test_a_reversal_undoes_one_payment_of_a_standing_order_and_no_other(
    app_on: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app_on)
    import_content(app_on, camt(paid(account_id, "1"), paid(account_id, "2")), tmp_path, "1.xml")

    import_content(app_on, camt(reversal(account_id, "TX-1"), kind="053"), tmp_path, "2.xml")

    assert fates(app_on) == [
        ("settled", "undone"),
        ("credited", "reference"),
        ("settled", "undone"),
    ]
    assert balance(app_on, account_id) == 5000


def test_a_reversal_of_what_waits_takes_it_out_of_the_queue(app_on: Flask, tmp_path: Path) -> None:
    account_id, _ = set_up(app_on)
    lost = Ntry(payments=[Tx(references=("RF58CANT00000042",), bank_reference="TX-9")])
    import_content(app_on, camt(lost), tmp_path, "1.xml")

    import_content(app_on, camt(reversal(account_id, "TX-9"), kind="053"), tmp_path, "2.xml")

    assert fates(app_on) == [("settled", "undone"), ("settled", "undone")]
    assert ledger_balance(app_on, LedgerKind.SUSPENSE) == 0
    assert ledger_balance(app_on, LedgerKind.BANK) == 0


def test_a_reversal_of_nothing_known_waits_and_a_person_charges_the_family(
    app_on: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app_on)
    import_content(app_on, camt(reversal(account_id), kind="053"), tmp_path)
    before = fates(app_on), ledger_balance(app_on, LedgerKind.SUSPENSE)

    with app_on.app_context(), transaction(accountant(app_on)) as session:
        entry_id = session.scalars(sa.select(BankEntry.id)).one()
        deciding.assign(session, entry_id, account_id, 5000, 5000, RULES, clock.now)

    assert before == ([("queued", "reversal")], -5000)
    assert fates(app_on) == [("settled", "assigned")]
    assert balance(app_on, account_id) == -5000
    assert ledger_balance(app_on, LedgerKind.SUSPENSE) == 0
    assert told(app_on, account_id) == [FactKind.TAKEN_BACK]


def test_a_debit_that_nobody_knows_waits(app_on: Flask, tmp_path: Path) -> None:
    set_up(app_on)

    import_content(app_on, camt(debit(), kind="053"), tmp_path)

    assert fates(app_on) == [("queued", "debit")]
    assert ledger_balance(app_on, LedgerKind.BANK) == -5000


def test_what_is_sent_back_leaves_the_queue_with_the_banks_debit(
    app_on: Flask, tmp_path: Path
) -> None:
    set_up(app_on)
    import_content(app_on, camt(Ntry(payments=[Tx(references=(), iban=PAYER)])), tmp_path, "1.xml")
    with app_on.app_context(), transaction(accountant(app_on)) as session:
        deciding.send_back(session, session.scalars(sa.select(BankEntry.id)).one(), clock.now)
    marked = fates(app_on)

    import_content(app_on, camt(debit(PAYER), kind="053"), tmp_path, "2.xml")

    assert marked == [("returned", "by_hand")]
    assert fates(app_on) == [("settled", "paid_back"), ("settled", "paid_back")]
    assert ledger_balance(app_on, LedgerKind.SUSPENSE) == 0
    assert ledger_balance(app_on, LedgerKind.BANK) == 0


@pytest.mark.parametrize("gone", ["5.00", "0.00"])
def test_the_ledger_is_compared_with_the_banks_closing_balance(
    app_on: Flask, tmp_path: Path, gone: str
) -> None:
    from app.vocabulary import BankMessage

    account_id, _ = set_up(app_on, BankMessage.STATEMENT)
    closing = "250.00" if gone == "0.00" else "245.00"
    ends = held("OPBD", "200.00") + held("CLBD", closing)

    import_content(app_on, camt(paid(account_id), kind="053", balances=ends), tmp_path)

    with reading(app_on) as session:
        found = bank_difference(session, entries(app_on)[0].booked_on)
    assert found is not None
    assert found.amount == (0 if gone == "0.00" else 500)


def test_a_split_payment_is_taken_back_from_each_family(app_on: Flask, tmp_path: Path) -> None:
    first, second = set_up(app_on)
    lost = Ntry(payments=[Tx(references=(), bank_reference="TX-9")])
    import_content(app_on, camt(lost), tmp_path, "1.xml")
    with app_on.app_context(), transaction(accountant(app_on)) as session:
        entry_id = session.scalars(sa.select(BankEntry.id)).one()
        deciding.assign(session, entry_id, first, 2000, 5000, RULES, clock.now)
        deciding.assign(session, entry_id, second, 3000, 3000, RULES, clock.now)

    import_content(app_on, camt(reversal(first, "TX-9"), kind="053"), tmp_path, "2.xml")

    assert (balance(app_on, first), balance(app_on, second)) == (0, 0)
    assert ledger_balance(app_on, LedgerKind.BANK) == 0
    with reading(app_on) as session:
        assert {t.state.value for t in session.scalars(sa.select(TopUp))} == {"cancelled"}


def test_a_refund_is_booked_when_the_bank_shows_its_debit(app_on: Flask, tmp_path: Path) -> None:
    set_up(app_on)
    refund_id = sent(app_on, household(app_on))
    named = refund(app_on, refund_id).end_to_end_id or ""
    bank = ledger_balance(app_on, LedgerKind.BANK)

    import_content(app_on, camt(debit(end_to_end_id=named), kind="053"), tmp_path, "1.xml")
    import_content(
        app_on, camt(debit(end_to_end_id=named), kind="053", version="04"), tmp_path, "2.xml"
    )

    assert refund(app_on, refund_id).state is RefundState.PAID
    assert fates(app_on) == [("settled", "refund"), ("ignored", "known")]
    assert ledger_balance(app_on, LedgerKind.BANK) == bank - 5000
    assert ledger_balance(app_on, LedgerKind.REFUNDS_DUE) == 0


def test_a_refund_that_leaves_twice_waits_the_second_time(app_on: Flask, tmp_path: Path) -> None:
    set_up(app_on)
    refund_id = sent(app_on, household(app_on))
    once = debit(end_to_end_id=refund(app_on, refund_id).end_to_end_id or "")
    again = replace(once, booked="<Dt>2026-11-25</Dt>")

    import_content(app_on, camt(once, again, kind="053"), tmp_path)

    assert fates(app_on) == [("settled", "refund"), ("queued", "debit")]
    assert ledger_balance(app_on, LedgerKind.REFUNDS_DUE) == 0


def test_a_debit_of_another_amount_is_no_refund(app_on: Flask, tmp_path: Path) -> None:
    set_up(app_on)
    refund_id = sent(app_on, household(app_on, balance=6000))

    named = refund(app_on, refund_id).end_to_end_id or ""
    import_content(app_on, camt(debit(end_to_end_id=named), kind="053"), tmp_path)

    assert refund(app_on, refund_id).state is RefundState.SENT
    assert fates(app_on) == [("queued", "debit")]


def test_a_family_is_written_what_the_bank_took_back_and_what_follows(
    app: Flask, tmp_path: Path
) -> None:
    account_id, _ = set_up(app)
    import_content(app, camt(paid(account_id)), tmp_path, "1.xml")
    with app.app_context(), transaction(SYSTEM) as session:
        spend(session, account_id, 3000)
    import_content(app, camt(reversal(account_id), kind="053"), tmp_path, "2.xml")

    Worker(app).run_once()

    mails = [
        message_from_bytes(path.read_bytes(), policy=default)
        for path in sorted((tmp_path / "outbox").glob("*.eml"))
    ]
    told = [mail for mail in mails if mail["Subject"] == "CHF 50.00 retirés de votre compte"]
    assert len(told) == 1
    text = told[0].get_body(("plain",)).get_content()  # type: ignore[union-attr]
    assert "CHF 50.00, par la banque, le mercredi 25 novembre 2026" in " ".join(text.split())
    assert "Il manque CHF 30.00." in " ".join(text.split())
