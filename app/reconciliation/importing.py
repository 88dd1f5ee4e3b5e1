"""Books a bank file: at most LINES_PER_COMMIT payments at a time, each once.

How far a file is booked stands on its row and is committed with what was booked: whoever goes on
after a crash goes on there. Files are booked one after the other.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.clock import Now
from app.ledger import Entry
from app.models import BankBalance, BankEntry, BankFile, TopUp, Transfer
from app.money import Cents
from app.payments.credit import Arrival, credit_many, hold_today
from app.reconciliation.fates import UNDECIDED, Fate, decide
from app.reconciliation.files import hold_bank
from app.reconciliation.memory import memory_of, remember, row_of
from app.reconciliation.reading import DayEnd, Line, Reading
from app.reconciliation.settling import Match, match_of, parts_of, settle
from app.rules.deadlines import ServiceRules
from app.vocabulary import (
    BankEntryState,
    BankFileState,
    BankMessage,
    EntryReason,
    LedgerKind,
    TopUpChannel,
    TopUpState,
    TransferKind,
)

LINES_PER_COMMIT: Final = 200


def begin_booking(session: Session, file_id: int) -> BankFile:
    """From here on a file is booked to its end, by whoever comes. Idempotent."""
    hold_bank(session)
    bank_file = _lock_file(session, file_id)
    if bank_file.state is BankFileState.RECEIVED:
        bank_file.state = BankFileState.BOOKING
        session.flush()
    return bank_file


def next_to_book(session: Session) -> BankFile | None:
    """The file to go on with: one that was begun before any other, then the oldest."""
    query = (
        sa.select(BankFile)
        .where(BankFile.state == BankFileState.BOOKING)
        .order_by((BankFile.lines_done > 0).desc(), BankFile.id)
        .limit(1)
    )
    found: BankFile | None = session.scalar(query)
    return found


def book_next(
    session: Session,
    file_id: int,
    reading: Reading,
    channel: BankMessage,
    rules: ServiceRules,
    now: Now,
) -> int:
    """Book the next payments of a file; how many, 0 once there is nothing left or not its turn."""
    hold_today(session, now())
    hold_bank(session)
    bank_file = _lock_file(session, file_id)
    turn = next_to_book(session)
    if turn is None or turn.id != file_id:
        return 0
    begin = bank_file.lines_done
    lines = reading.lines[begin : begin + LINES_PER_COMMIT]
    _Booking(session, bank_file, channel, rules, now).book(lines)
    bank_file.lines_done = begin + len(lines)
    if bank_file.lines_done >= len(reading.lines):
        bank_file.lines, bank_file.state = bank_file.lines_done, BankFileState.BOOKED
        bank_file.booked_at = now()
        _keep_balances(session, bank_file, reading.day_ends)
    session.flush()
    return len(lines)


def _lock_file(session: Session, file_id: int) -> BankFile:
    query = (
        sa.select(BankFile)
        .where(BankFile.id == file_id)
        .with_for_update(of=BankFile)
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).one()


@dataclass(frozen=True)
class _Booked:
    """A payment whose row is there."""

    id: int
    line: Line
    fate: Fate


class _Booking:
    """One commit of a file."""

    def __init__(
        self,
        session: Session,
        bank_file: BankFile,
        channel: BankMessage,
        rules: ServiceRules,
        now: Now,
    ) -> None:
        self._session, self._file, self._channel = session, bank_file, channel
        self._rules, self._clock = rules, now

    def book(self, lines: Sequence[Line]) -> None:
        """Decide on each line, then move the money of all of them."""
        memory = memory_of(self._session, lines, self._file.id, self._channel)
        self._hold_accounts(memory.accounts, lines)
        self._now = self._clock()
        decided = []
        for line in lines:
            fate = decide(line, memory)
            remember(memory, line, fate)
            decided.append((line, fate))
        self._mark_replaced(fate for _, fate in decided)
        booked = self._insert(decided)
        self._credit([b for b in booked if b.fate.state is BankEntryState.CREDITED])
        self._queue([b for b in booked if b.fate.is_counted and not b.fate.is_from_queue])

    def _insert(self, decided: Sequence[tuple[Line, Fate]]) -> list[_Booked]:
        """In one statement: 10,000 objects would take longer than all the rest."""
        rows = [row_of(line, fate, self._file.id) for line, fate in decided]
        statement = sa.insert(BankEntry).returning(BankEntry.id, sort_by_parameter_order=True)
        keys = self._session.scalars(statement, rows) if rows else ()
        return [_Booked(key, *each) for key, each in zip(keys, decided, strict=True)]

    def _hold_accounts(self, accounts: dict[int, bool], lines: Sequence[Line]) -> None:
        """Every account that may be moved, in the order of ids, and whether it is in use."""
        wanted = set(accounts)
        for line in lines:
            undone = match_of(self._session, line).undoes if line.entry.is_reversal else None
            if undone is not None:
                wanted |= {part.account_id for part in parts_of(self._session, undone.id)}
        held = ledger.lock_accounts(self._session, wanted)
        accounts.update({key: account.archived_at is None for key, account in held.items()})

    def _mark_replaced(self, fates: Iterable[Fate]) -> None:
        replaced = {known.entry_id for fate in fates for known in fate.replaces}
        query = sa.select(BankEntry).where(
            BankEntry.id.in_(replaced - {None}), BankEntry.is_counted.is_(True)
        )
        for entry in self._session.scalars(query) if replaced else ():
            entry.state, entry.reason = BankEntryState.IGNORED, EntryReason.REPLACED
            entry.is_counted, entry.replaced_by_id = False, self._file.id
        self._session.flush()

    def _credit(self, booked: Sequence[_Booked]) -> None:
        if not booked:
            return
        arrivals = [
            Arrival(
                top_up,
                each.line.entry.booked_on,
                LedgerKind.SUSPENSE if each.fate.is_from_queue else None,
            )
            for top_up, each in zip(self._top_ups(booked), booked, strict=True)
        ]
        credit_many(self._session, arrivals, self._rules, self._now)

    def _top_ups(self, booked: Sequence[_Booked]) -> list[TopUp]:
        """For each payment the top-up that was announced with its amount, else a new one."""
        announced = _announced(self._session, {b.fate.account_id or 0 for b in booked})
        top_ups = []
        for each in booked:
            account_id, amount = each.fate.account_id or 0, each.line.payment.amount
            known = announced.get((account_id, amount))
            if known:
                top_up = known.pop(0)
                top_up.bank_entry_id = each.id
            else:
                top_up = new_top_up(each.id, account_id, amount, f"bank:{each.id}", self._now)
                self._session.add(top_up)
            top_ups.append(top_up)
        return top_ups

    def _queue(self, booked: Sequence[_Booked]) -> None:
        """Money that is at the bank already, and nobody's yet, waits in the ledger too."""
        lines = {b.id: b.line for b in booked if b.fate.state is BankEntryState.QUEUED}
        query = sa.select(BankEntry).where(BankEntry.id.in_(lines)).order_by(BankEntry.position)
        waiting = list(self._session.scalars(query)) if lines else []
        unclear = [entry for entry in waiting if entry.reason in UNDECIDED]
        put_in_queue(self._session, [e for e in waiting if e not in unclear], self._now)
        for entry in unclear:
            self._settle(lines[entry.id], entry)

    def _settle(self, line: Line, entry: BankEntry) -> None:
        match = match_of(self._session, line)
        if match.is_found and not _is_used(self._session, match):
            settle(self._session, entry, match, self._now)
        else:
            put_in_queue(self._session, [entry], self._now)


def _is_used(session: Session, match: Match) -> bool:
    """Whether another debit paid the same refund: then this one is a surprise."""
    refunds = [request.id for request in match.refunds]
    operations = [f"refund-paid:{key}" for key in refunds]
    query = (
        sa.select(BankEntry.id)
        .join(Transfer, Transfer.id == BankEntry.transfer_id)
        .where(Transfer.operation_id.in_(operations))
    )
    return bool(refunds) and session.scalar(query.limit(1)) is not None


def new_top_up(
    entry_id: int, account_id: int, amount: Cents, request_id: str, now: datetime
) -> TopUp:
    """A top-up that nobody had announced."""
    return TopUp(
        account_id=account_id,
        channel=TopUpChannel.BANK,
        state=TopUpState.VALIDATED,
        amount=amount,
        made_at=now,
        credit_at=now,
        request_id=request_id,
        bank_entry_id=entry_id,
    )


def _announced(session: Session, account_ids: set[int]) -> dict[tuple[int, Cents], list[TopUp]]:
    """The bank top-ups that families announced, by account and amount, the oldest first."""
    query = (
        sa.select(TopUp)
        .where(
            TopUp.account_id.in_(account_ids),
            TopUp.channel == TopUpChannel.BANK,
            TopUp.state == TopUpState.ANNOUNCED,
        )
        .order_by(TopUp.id)
        .with_for_update(of=TopUp)
        .execution_options(populate_existing=True)
    )
    found: dict[tuple[int, Cents], list[TopUp]] = defaultdict(list)
    for top_up in session.scalars(query) if account_ids else ():
        found[top_up.account_id, top_up.amount].append(top_up)
    return found


def put_in_queue(session: Session, entries: Sequence[BankEntry], now: datetime) -> None:
    """Book entries between the bank and the queue: credits lie there, debits are missing there."""
    bank = ledger.chart_id(session, LedgerKind.BANK)
    queue = ledger.chart_id(session, LedgerKind.SUSPENSE)
    transfers = [
        Entry(
            kind=TransferKind.BANK_QUEUED,
            operation_id=f"bank:{entry.id}",
            debit_id=bank if entry.is_credit else queue,
            credit_id=queue if entry.is_credit else bank,
            amount=entry.amount,
            booked_on=entry.booked_on,
        )
        for entry in entries
    ]
    transfer_ids = ledger.post_many(session, transfers, now=now)
    for transfer_id, entry in zip(transfer_ids, entries, strict=True):
        entry.transfer_id = transfer_id
    session.flush()


def _keep_balances(session: Session, bank_file: BankFile, day_ends: Sequence[DayEnd]) -> None:
    """The account at the end of each day; of two statements of a day the later file counts."""
    for end in day_ends:
        known = session.scalar(sa.select(BankBalance).where(BankBalance.on == end.closing.on))
        if known is None:
            known = BankBalance(on=end.closing.on)
            session.add(known)
        known.amount, known.opening = end.closing.amount, end.opening.amount
        known.opened_on, known.bank_file_id = end.opening.on, bank_file.id
        session.flush()
