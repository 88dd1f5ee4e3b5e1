"""What a person decides on a payment that waits, or that went the wrong way."""

from datetime import datetime
from hashlib import sha256
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.access import staff_id
from app.clock import Now, local
from app.errors import (
    AccountArchived,
    AmountOutOfRange,
    CannotDecide,
    ChangedMeanwhile,
    NotFound,
)
from app.ledger import Entry
from app.models import Account, BankEntry, TopUp, Transfer
from app.money import Cents
from app.payments.credit import credit, hold_today
from app.reconciliation.clearing import cover, covered, lines_of, own_lines
from app.reconciliation.files import hold_bank
from app.reconciliation.importing import new_top_up, put_in_queue
from app.reconciliation.settling import Move, parts_of, post, rest_of, tell_taken_back
from app.rules.deadlines import ServiceRules
from app.vocabulary import (
    BankEntryState,
    EntryReason,
    LedgerKind,
    TopUpState,
    TransferKind,
)

USES: Final = {
    EntryReason.DEPOSIT: (TransferKind.DEPOSIT, LedgerKind.CASH),
    EntryReason.FEE: (TransferKind.FEE, LedgerKind.FEES),
}
"""What money that is no family's may be, and the ledger account that it belongs to."""

BY_HAND: Final = frozenset({*USES, EntryReason.PAYOUT})


def suggested_account(session: Session, entry: BankEntry) -> Account | None:
    """The account that this payer's IBAN was last credited to: for a person to confirm."""
    if not entry.counterparty_iban or not entry.is_credit:
        return None
    query = (
        sa.select(Account)
        .join(BankEntry, BankEntry.account_id == Account.id)
        .where(
            BankEntry.counterparty_iban == entry.counterparty_iban,
            BankEntry.state == BankEntryState.CREDITED,
            Account.archived_at.is_(None),
        )
        .order_by(BankEntry.id.desc())
        .limit(1)
    )
    found: Account | None = session.scalar(query)
    return found


def assign(
    session: Session,
    entry_id: int,
    account_id: int,
    amount: Cents,
    rest: Cents,
    rules: ServiceRules,
    now: Now,
) -> TopUp | None:
    """Credit an account with what waits, or a part of it; of a debit, take all of it.

    `rest` is what waited when the form was shown, so that a form sent twice counts once.
    Raises: NotAllowed, NotFound, CannotDecide, ChangedMeanwhile, AmountOutOfRange, AccountArchived.
    """
    entry = waiting(session, entry_id, now)
    account = ledger.lock_accounts(session, [account_id]).get(account_id)
    if account is None:
        raise NotFound
    left = rest_of(session, entry)
    if left != rest:
        raise ChangedMeanwhile
    if not 0 < amount <= left or (not entry.is_credit and amount != left):
        raise AmountOutOfRange(1 if entry.is_credit else left, left)
    entry.account_id, instant = account_id, now()
    if not entry.is_credit:
        _charge(session, entry, instant)
        return None
    if account.archived_at is not None:
        raise AccountArchived
    return _credit_part(session, entry, amount, left, rules, instant)


def _credit_part(
    session: Session,
    entry: BankEntry,
    amount: Cents,
    left: Cents,
    rules: ServiceRules,
    now: datetime,
) -> TopUp:
    count = sa.select(sa.func.count(TopUp.id)).where(TopUp.bank_entry_id == entry.id)
    request_id = f"bank:{entry.id}:{session.scalar(count)}"
    top_up = new_top_up(entry.id, entry.account_id or 0, amount, request_id, now)
    session.add(top_up)
    entry.reason = EntryReason.ASSIGNED
    if amount == left:
        entry.state = BankEntryState.CREDITED
    session.flush()
    credit(session, top_up, rules, now, source=LedgerKind.SUSPENSE)
    return top_up


def _charge(session: Session, entry: BankEntry, now: datetime) -> None:
    """A debit that a family owes: a chargeback that the bank did not explain."""
    if entry.account_id is None:
        raise NotFound
    transfer = Entry(
        kind=TransferKind.CHARGEBACK,
        operation_id=f"bank:{entry.id}",
        debit_id=ledger.wallet_id(session, entry.account_id),
        credit_id=ledger.chart_id(session, LedgerKind.SUSPENSE),
        amount=entry.amount,
        booked_on=local(now).date(),
    )
    entry.transfer_id = ledger.transfer(session, transfer, now=now)
    entry.state, entry.reason = BankEntryState.SETTLED, EntryReason.ASSIGNED
    tell_taken_back(session, entry.account_id, entry.transfer_id, now)
    session.flush()


def send_back(session: Session, entry_id: int, now: Now) -> BankEntry:
    """Mark what waits to be sent back to its payer; the bank's debit will settle it.

    Raises: NotAllowed, NotFound, CannotDecide.
    """
    entry = waiting(session, entry_id, now)
    if not entry.is_credit:
        raise CannotDecide
    entry.state, entry.reason = BankEntryState.RETURNED, EntryReason.BY_HAND
    session.flush()
    return entry


def use_as(session: Session, entry_id: int, use: EntryReason, now: Now) -> BankEntry:
    """What waits is cash taken to the bank, or the bank's fee.

    Raises: NotAllowed, NotFound, CannotDecide.
    """
    entry = waiting(session, entry_id, now)
    kind, line = USES[use]
    move = Move(kind, LedgerKind.SUSPENSE, line)
    if not entry.is_credit:
        move = Move(kind, line, LedgerKind.SUSPENSE)
    instant = now()
    rest = rest_of(session, entry)
    entry.transfer_id = post(session, entry, move, rest, entry.booked_on, instant)
    entry.state, entry.reason = BankEntryState.SETTLED, use
    session.flush()
    return entry


def drop(session: Session, entry_id: int, now: Now) -> BankEntry:
    """The same money as in another entry: it is taken out of the ledger again.

    Raises: NotAllowed, NotFound, CannotDecide once a part of it was credited.
    """
    entry = _held(session, entry_id, now)
    if entry.state is not BankEntryState.QUEUED or parts_of(session, entry.id):
        raise CannotDecide
    if entry.is_counted:
        if entry.transfer_id is None:  # its money came in the entry that it replaced
            raise CannotDecide
        ledger.reverse(session, entry.transfer_id, now=now())
    entry.is_counted = False
    entry.state, entry.reason = BankEntryState.IGNORED, EntryReason.BY_HAND
    session.flush()
    return entry


def accept(session: Session, entry_id: int, now: Now) -> BankEntry:
    """Other money than that of the entry that it is alike: it waits like any other.

    Raises: NotAllowed, NotFound, CannotDecide.
    """
    entry = _held(session, entry_id, now)
    if entry.is_counted or entry.state is not BankEntryState.QUEUED:
        raise CannotDecide
    own = f"{entry.fingerprint}\n{entry.bank_file_id}\n{entry.position}"
    entry.fingerprint = sha256(own.encode()).hexdigest()
    entry.is_counted, entry.reason = True, EntryReason.BY_HAND
    put_in_queue(session, [entry], now())
    return entry


def reconsider(session: Session, entry_id: int, now: Now) -> BankEntry:
    """Take a decision back: the money waits again.

    Raises: NotAllowed, NotFound, CannotDecide for what the bank itself settled, InsufficientFunds
    when a family has spent it.
    """
    entry = _held(session, entry_id, now)
    instant = now()
    if entry.state is BankEntryState.CREDITED:
        _uncredit(session, entry, instant)
    elif entry.state is BankEntryState.SETTLED and entry.reason in BY_HAND:
        _unbook(session, entry, instant)
    elif entry.state is not BankEntryState.RETURNED:
        raise CannotDecide
    entry.state, entry.reason, entry.account_id = (
        BankEntryState.QUEUED,
        EntryReason.BY_HAND,
        None,
    )
    session.flush()
    return entry


def _unbook(session: Session, entry: BankEntry, now: datetime) -> None:
    """Of a payout its fees too; the payments that it paid are open again."""
    lines = lines_of(session, entry.id)
    own = own_lines(lines) if lines else [entry.transfer_id or 0]
    undone = [ledger.reverse(session, each, now=now) for each in own]
    if lines:
        for line in covered(lines):
            session.delete(line)
        cover(session, entry.id, undone)


def _uncredit(session: Session, entry: BankEntry, now: datetime) -> None:
    """Families give back what they were credited; their holders are told."""
    suspense = ledger.chart_id(session, LedgerKind.SUSPENSE)
    parts = parts_of(session, entry.id)
    ledger.lock_accounts(session, {part.account_id for part in parts})
    for part in parts:
        original_id = ledger.posted(session, TransferKind.TOP_UP, f"top-up:{part.id}")
        undone = ledger.reverse(session, original_id, now=now)
        part.state, part.credited_at = TopUpState.CANCELLED, None
        tell_taken_back(session, part.account_id, undone, now)
        if session.get_one(Transfer, original_id).debit_id != suspense:
            move = Move(TransferKind.BANK_QUEUED, LedgerKind.BANK, LedgerKind.SUSPENSE)
            entry.transfer_id = post(session, entry, move, part.amount, local(now).date(), now)


def waiting(session: Session, entry_id: int, now: Now) -> BankEntry:
    """The entry, locked, that waits for a decision. Raises: NotAllowed, NotFound, CannotDecide."""
    entry = _held(session, entry_id, now)
    if entry.state is not BankEntryState.QUEUED or not entry.is_counted:
        raise CannotDecide
    return entry


def _held(session: Session, entry_id: int, now: Now) -> BankEntry:
    """The entry, locked after today's service day; only staff decide."""
    staff_id(session)
    hold_today(session, now())
    hold_bank(session)
    query = (
        sa.select(BankEntry)
        .where(BankEntry.id == entry_id)
        .with_for_update(of=BankEntry)
        .execution_options(populate_existing=True)
    )
    entry: BankEntry | None = session.scalar(query)
    if entry is None:
        raise NotFound
    return entry
