"""Movements of money that the tests need and no service makes yet."""

from itertools import count

from sqlalchemy.orm import Session

from app import ledger
from app.clock import now
from app.ledger import Entry
from app.money import Cents
from app.vocabulary import LedgerKind, TransferKind
from tests.factories import YEAR_STARTS

_numbers = count(1)


def take_back(session: Session, account_id: int, amount: Cents) -> int:
    """The bank or the card network takes money back from an account; the transfer's id."""
    entry = Entry(
        kind=TransferKind.CHARGEBACK,
        operation_id=f"test:{next(_numbers)}",
        debit_id=ledger.wallet_id(session, account_id),
        credit_id=ledger.chart_id(session, LedgerKind.CLEARING),
        amount=amount,
        booked_on=YEAR_STARTS,
    )
    return ledger.transfer(session, entry, now=now())
