"""What becomes of a payment of a bank file, and why: values in, values out.

By itself only that is credited which is a credit, booked, not a reversal, in CHF, on our account,
with the reference of one account that is in use, and which comes in the message chosen in the
settings. The same money in another file is recognised; what is not certain waits for a person.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from typing import Final, TypeAlias

from app.money import Cents
from app.reconciliation.reading import Line
from app.vocabulary import BankEntryState, BankMessage, EntryReason

LONGEST: Final = 35  # characters of a reference that are kept
UNDECIDED: Final = frozenset({EntryReason.DEBIT, EntryReason.REVERSAL})

# A line of the account: of this file or not, which message, its reference, amount, direction, day.
_Whole: TypeAlias = tuple[bool, BankMessage, str, Cents, bool, date]


@dataclass
class Known:
    """A payment that was met before, in this file or another."""

    entry_id: int | None
    file_id: int
    message_kind: BankMessage
    statement: str
    fingerprint: str
    state: BankEntryState
    reason: EntryReason
    entry_reference: str
    entry_amount: Cents
    is_credit: bool
    booked_on: date
    is_counted: bool = True
    replaced_by_id: int | None = None


@dataclass(frozen=True)
class Fate:
    """What becomes of a payment. `replaces`: the entries whose money it takes from the queue."""

    state: BankEntryState
    reason: EntryReason
    is_counted: bool
    account_id: int | None = None
    replaces: tuple[Known, ...] = ()

    @property
    def is_from_queue(self) -> bool:
        """Whether its money came to the bank in another entry, which it replaces."""
        return bool(self.replaces)


@dataclass
class Memory:
    """What there is to know before a payment is decided; `accounts`: in use or not, by id."""

    file_id: int
    channel: BankMessage
    accounts_by_reference: dict[str, int]
    accounts: dict[int, bool]
    _twins: dict[str, Known] = field(default_factory=dict)
    _lines: dict[_Whole, list[Known]] = field(default_factory=lambda: defaultdict(list))

    def add(self, known: Known) -> None:
        """Remember a payment."""
        if known.is_counted:
            self._twins[known.fingerprint] = known
        if known.entry_reference and (known.is_counted or known.replaced_by_id == self.file_id):
            whole = (known.entry_reference, known.entry_amount, known.is_credit, known.booked_on)
            self._lines[known.file_id == self.file_id, known.message_kind, *whole].append(known)

    def twin(self, fingerprint: str) -> Known | None:
        """The payment that stands for the same money."""
        found = self._twins.get(fingerprint)
        return found if found is not None and found.is_counted else None

    def same_line(self, line: Line) -> list[Known]:
        """Payments of the same line of the account, as another message or file told of it.

        A message names each line once: two that are alike in it are two.
        """
        entry = line.entry
        whole = (entry.bank_reference[:LONGEST], entry.amount, entry.is_credit, entry.booked_on)
        return [
            known
            for kind in BankMessage
            for is_own in (True, False)
            if not (is_own and kind is line.message_kind)
            for known in self._lines.get((is_own, kind, *whole), ())
        ]


def decide(line: Line, memory: Memory) -> Fate:
    """What becomes of a payment; a debit or a reversal waits until `settling` has looked at it."""
    if not line.entry.is_booked:
        return _ignored(EntryReason.NOT_BOOKED)
    if line.payment.amount == 0:
        return _ignored(EntryReason.NO_AMOUNT)
    return _met_before(line, memory) or _fresh(line, memory, ())


def _ignored(reason: EntryReason) -> Fate:
    return Fate(BankEntryState.IGNORED, reason, is_counted=False)


def _met_before(line: Line, memory: Memory) -> Fate | None:
    twin = memory.twin(line.payment.fingerprint)
    if twin is None:
        others, known = memory.same_line(line), EntryReason.KNOWN_BATCH
        if line.entry.has_details and any(o.message_kind is line.message_kind for o in others):
            return Fate(BankEntryState.QUEUED, EntryReason.POSSIBLY_KNOWN, is_counted=False)
    else:
        if _is_doubtful(line, twin, memory):
            return Fate(BankEntryState.QUEUED, EntryReason.POSSIBLY_KNOWN, is_counted=False)
        others, known = [twin], EntryReason.KNOWN
    if not others:
        return None
    if all(_waits_for(line, other, memory) for other in others):
        return _fresh(line, memory, tuple(others))
    return _ignored(known)


def _is_doubtful(line: Line, twin: Known, memory: Memory) -> bool:
    """Alike in two files, and the bank numbers neither: the same money, or not."""
    is_sent_again = twin.statement == line.statement and twin.file_id != memory.file_id
    return (
        twin.message_kind is line.message_kind
        and not line.payment.bank_reference
        and not is_sent_again
    )


def _waits_for(line: Line, other: Known, memory: Memory) -> bool:
    """Whether the other came by account statement and waits for the notification that this is."""
    if other.replaced_by_id == memory.file_id:
        return True
    return (
        line.message_kind is memory.channel is BankMessage.NOTIFICATION
        and line.is_plain_credit
        and other.message_kind is BankMessage.STATEMENT
        and other.state is BankEntryState.QUEUED
        and other.reason is EntryReason.AWAITS_NOTICE
    )


def _fresh(line: Line, memory: Memory, replaces: tuple[Known, ...]) -> Fate:
    is_statement = line.message_kind is BankMessage.STATEMENT
    if not (line.is_plain_credit or is_statement):
        return _ignored(EntryReason.OTHER_CHANNEL)
    if line.entry.is_reversal:
        return _queued(EntryReason.REVERSAL)
    if not line.payment.is_credit:
        return _queued(EntryReason.DEBIT)
    if line.message_kind is not memory.channel:
        if is_statement:
            return _queued(EntryReason.AWAITS_NOTICE)
        return _ignored(EntryReason.OTHER_CHANNEL)
    return _credit(line, memory, replaces)


def _queued(reason: EntryReason, replaces: tuple[Known, ...] = ()) -> Fate:
    return Fate(BankEntryState.QUEUED, reason, is_counted=True, replaces=replaces)


def _credit(line: Line, memory: Memory, replaces: tuple[Known, ...]) -> Fate:
    doubt = _doubt(line)
    if doubt is not None:
        return _queued(doubt, replaces)
    named = {
        memory.accounts_by_reference[reference]
        for reference in line.payment.references
        if reference in memory.accounts_by_reference
    }
    if len(named) > 1:
        return _queued(EntryReason.SEVERAL_ACCOUNTS, replaces)
    if not named:
        has_any = bool(line.payment.references)
        reason = EntryReason.UNKNOWN_REFERENCE if has_any else EntryReason.NO_REFERENCE
        return _queued(reason, replaces)
    (account_id,) = named
    if not memory.accounts.get(account_id, False):
        return _queued(EntryReason.ARCHIVED_ACCOUNT, replaces)
    return Fate(
        BankEntryState.CREDITED,
        EntryReason.REFERENCE,
        is_counted=True,
        account_id=account_id,
        replaces=replaces,
    )


def _doubt(line: Line) -> EntryReason | None:
    if line.is_whole:
        return EntryReason.NOT_ADDING_UP
    if not line.entry.has_details and line.entry.batch_size > 1:
        return EntryReason.BATCH
    if line.payment.return_reason:
        return EntryReason.CAME_BACK
    return None
