"""That the ledger's bank account moves as the bank's does."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.models import BankBalance, Transfer
from app.money import Cents
from app.vocabulary import LedgerKind


@dataclass(frozen=True)
class BankDifference:
    """The ledger against the last account statement until a day; 0 when both agree.

    `bank` is what the account has gained since the first statement that was imported: what it held
    before is no money of the families'.
    """

    on: date
    bank: Cents
    ledger: Cents

    @property
    def amount(self) -> Cents:
        """What the ledger has too much."""
        return self.ledger - self.bank


def bank_difference(session: Session, on: date) -> BankDifference | None:
    """Compare at the last closing balance of the day or before; None without any statement."""
    known = sa.select(BankBalance).limit(1)
    last = session.scalar(known.where(BankBalance.on <= on).order_by(BankBalance.on.desc()))
    if last is None:
        return None
    first = session.scalars(known.order_by(BankBalance.on)).one()
    return BankDifference(last.on, last.amount - first.opening, ledger_bank(session, last.on))


def ledger_bank(session: Session, on: date) -> Cents:
    """What the ledger's bank account holds at the end of a day; what it holds is a debit."""
    bank = ledger.chart_id(session, LedgerKind.BANK)
    return -ledger.balance(session, bank, Transfer.booked_on <= on)
