"""Bank files of one canteen, and what they leave behind."""

from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import ledger
from app.access import SYSTEM
from app.bank.references import account_reference
from app.bank_jobs import book_bank_file, receive_bank_file
from app.models import Account, BankEntry, CanteenSettings, LedgerAccount
from app.transaction import transaction
from app.vocabulary import BankMessage, LedgerKind
from tests.bank.camt_builder import OUR_IBAN
from tests.factories import make_family
from tests.sessions import reading


def set_up(
    app: Flask, channel: BankMessage = BankMessage.NOTIFICATION, families: int = 2
) -> list[int]:
    """The canteen's bank account, and accounts with references; their ids."""
    with app.app_context(), transaction(SYSTEM) as session:
        settings = session.get_one(CanteenSettings, 1)
        settings.creditor_iban, settings.bank_channel = OUR_IBAN, channel
        return [account_with_reference(session) for _ in range(2)]


def account_with_reference(session: Session) -> int:
    account_id = make_family(session).account_id
    session.get_one(Account, account_id).reference = account_reference(account_id, OUR_IBAN)
    session.flush()
    return account_id


def reference_of(account_id: int) -> str:
    return account_reference(account_id, OUR_IBAN)


def receive_content(app: Flask, content: bytes, folder: Path, name: str = "bank.xml") -> int:
    path = folder / name
    path.write_bytes(content)
    with app.app_context():
        return receive_bank_file(path, name, SYSTEM).id


def import_content(app: Flask, content: bytes, folder: Path, name: str = "bank.xml") -> int:
    """Receive and book a file; the id of its record."""
    file_id = receive_content(app, content, folder, name)
    with app.app_context():
        for _ in book_bank_file(file_id):
            pass
    return file_id


def balance(app: Flask, account_id: int) -> int:
    with reading(app) as session:
        return session.get_one(Account, account_id, populate_existing=True).balance


def ledger_balance(app: Flask, kind: LedgerKind) -> int:
    """What a line of the chart holds: the bank's is a debit, so it is shown as the bank does."""
    with reading(app) as session:
        key = session.scalars(sa.select(LedgerAccount.id).where(LedgerAccount.kind == kind)).one()
        held = ledger.balance(session, key)
        return -held if kind is LedgerKind.BANK else held


def entries(app: Flask) -> list[BankEntry]:
    with reading(app) as session:
        query = sa.select(BankEntry).order_by(BankEntry.bank_file_id, BankEntry.position)
        return list(session.scalars(query))


def fates(app: Flask) -> list[tuple[str, str]]:
    """State and reason of every payment that was read."""
    return [(entry.state.value, entry.reason.value) for entry in entries(app)]
