"""What the database knows of the payments that are about to be decided."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Account, BankEntry
from app.reconciliation.fates import LONGEST, Fate, Known, Memory
from app.reconciliation.reading import Line
from app.vocabulary import BankMessage


def memory_of(
    session: Session, lines: Sequence[Line], file_id: int, channel: BankMessage
) -> Memory:
    """What is known of the lines: the same money in other entries, and the accounts they name."""
    references = {reference for line in lines for reference in line.payment.references}
    query = sa.select(Account.id, Account.reference, Account.archived_at).where(
        Account.reference.in_(references)
    )
    found = session.execute(query).all() if references else []
    memory = Memory(
        file_id,
        channel,
        {reference: key for key, reference, _ in found if reference is not None},
        {key: archived_at is None for key, _, archived_at in found},
    )
    _add(session, memory, BankEntry.fingerprint.in_({line.payment.fingerprint for line in lines}))
    strange = [line for line in lines if memory.twin(line.payment.fingerprint) is None]
    wholes = {line.entry.bank_reference[:LONGEST] for line in strange} - {""}
    if wholes:
        kinds = {kind for line in strange for kind in BankMessage if kind is not line.message_kind}
        is_elsewhere = BankEntry.message_kind.in_(kinds) | (BankEntry.bank_file_id != file_id)
        _add(session, memory, BankEntry.entry_reference.in_(wholes) & is_elsewhere)
    return memory


def _add(session: Session, memory: Memory, condition: sa.ColumnElement[bool]) -> None:
    is_relevant = BankEntry.is_counted.is_(True) | (BankEntry.replaced_by_id == memory.file_id)
    query = sa.select(*_COLUMNS).where(condition, is_relevant).order_by(BankEntry.id)
    for row in session.execute(query):
        memory.add(Known(*row))


_COLUMNS: Any = (
    BankEntry.id,
    BankEntry.bank_file_id,
    BankEntry.message_kind,
    BankEntry.statement,
    BankEntry.fingerprint,
    BankEntry.state,
    BankEntry.reason,
    BankEntry.entry_reference,
    BankEntry.entry_amount,
    BankEntry.is_credit,
    BankEntry.booked_on,
    BankEntry.is_counted,
    BankEntry.replaced_by_id,
)


def remember(memory: Memory, line: Line, fate: Fate) -> None:
    """A payment that was decided: the next ones may be the same money."""
    for known in fate.replaces:
        known.is_counted, known.replaced_by_id = False, memory.file_id
    memory.add(
        Known(
            entry_id=None,
            file_id=memory.file_id,
            message_kind=line.message_kind,
            statement=line.statement,
            fingerprint=line.payment.fingerprint,
            state=fate.state,
            reason=fate.reason,
            entry_reference=line.entry.bank_reference[:LONGEST],
            entry_amount=line.entry.amount,
            is_credit=line.payment.is_credit,
            booked_on=line.entry.booked_on,
            is_counted=fate.is_counted,
        )
    )


def row_of(line: Line, fate: Fate, file_id: int) -> dict[str, Any]:
    """The columns of a payment's `BankEntry`: texts are cut to what fits."""
    entry, payment = line.entry, line.payment
    return {
        "bank_file_id": file_id,
        "position": line.position,
        "message_kind": line.message_kind,
        "statement": line.statement,
        "fingerprint": payment.fingerprint,
        "is_counted": fate.is_counted,
        "state": fate.state,
        "reason": fate.reason,
        "amount": payment.amount,
        "is_credit": payment.is_credit,
        "is_reversal": entry.is_reversal,
        "booked_on": entry.booked_on,
        "bank_reference": payment.bank_reference[:LONGEST],
        "entry_reference": entry.bank_reference[:LONGEST],
        "entry_amount": entry.amount,
        "reference": (payment.references or ("",))[0][:LONGEST],
        "counterparty": payment.counterparty[:140],
        "counterparty_iban": payment.counterparty_iban[:34],
        "message": (payment.message or entry.text)[:500],
        "end_to_end_id": payment.end_to_end_id[:35],
        "account_id": fate.account_id,
    }
