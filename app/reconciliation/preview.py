"""What would become of each payment of a file, if it were booked now: nothing is written."""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Account
from app.money import Cents
from app.reconciliation.fates import UNDECIDED, decide
from app.reconciliation.memory import memory_of, remember
from app.reconciliation.reading import Line, Reading
from app.reconciliation.settling import match_of
from app.vocabulary import BankEntryState, BankMessage, EntryReason

_LINES_AT_ONCE = 1000


@dataclass(frozen=True)
class Foreseen:
    """One payment, what would become of it and why. Named as the columns of `BankEntry`."""

    booked_on: date
    counterparty: str
    message: str
    amount: Cents
    is_credit: bool
    account: str
    state: BankEntryState
    reason: EntryReason

    @property
    def signed(self) -> Cents:
        """What it adds to the account."""
        return self.amount if self.is_credit else -self.amount


def foresee(
    session: Session, reading: Reading, file_id: int, channel: BankMessage
) -> list[Foreseen]:
    """Every payment of a file, in its order."""
    foreseen = []
    for begin in range(0, len(reading.lines), _LINES_AT_ONCE):
        lines = reading.lines[begin : begin + _LINES_AT_ONCE]
        memory = memory_of(session, lines, file_id, channel)
        labels = _labels(session, set(memory.accounts))
        for line in lines:
            fate = decide(line, memory)
            remember(memory, line, fate)
            state, reason = fate.state, fate.reason
            if reason in UNDECIDED:
                match = match_of(session, line)
                if match.is_found:
                    state, reason = BankEntryState.SETTLED, match.reason
            foreseen.append(_foreseen(line, labels.get(fate.account_id or 0, ""), state, reason))
    return foreseen


def _foreseen(line: Line, account: str, state: BankEntryState, reason: EntryReason) -> Foreseen:
    payment = line.payment
    return Foreseen(
        booked_on=line.entry.booked_on,
        counterparty=payment.counterparty,
        message=payment.message or line.entry.text,
        amount=payment.amount,
        is_credit=payment.is_credit,
        account=account,
        state=state,
        reason=reason,
    )


def _labels(session: Session, account_ids: set[int]) -> dict[int, str]:
    query = sa.select(Account.id, Account.label).where(Account.id.in_(account_ids))
    return dict(session.execute(query).all()) if account_ids else {}
