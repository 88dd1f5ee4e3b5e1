"""Payouts of the provider of online payments: which payments each one pays, and its fees.

The payments that the provider's list names, less its fees, come to what the bank received, or
nothing is booked. Source: PAYMENTS.md, Online payment; issue 3, point 4.
"""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.clock import Now
from app.errors import ChangedMeanwhile
from app.models import BankEntry
from app.money import Cents
from app.reconciliation.clearing import Open, cover, open_movements
from app.reconciliation.deciding import waiting
from app.reconciliation.settling import Move, post, rest_of
from app.refusals import PayoutOff
from app.vocabulary import BankEntryState, EntryReason, LedgerKind, TransferKind

_USUAL_FEES: Final = 5
"""In percent: more than that is no fee, and another choice of payments."""


def owed(session: Session, entry: BankEntry) -> Cents:
    """What the payout brought; below zero where the provider took money."""
    rest = rest_of(session, entry)
    return rest if entry.is_credit else -rest


def proposed(movements: Sequence[Open], amount: Cents) -> list[int]:
    """The oldest movements that come to the amount and usual fees; none where that is not clear."""
    total, chosen = 0, []
    for each in movements:
        total += each.amount
        chosen.append(each.id)
        if amount <= total:
            return chosen if (total - amount) * 100 <= total * _USUAL_FEES else []
    return []


def named_in(text: str, movements: Sequence[Open]) -> list[int]:
    """The movements of payments that a list of the provider names, whatever else it says."""
    words = set("".join(each if each.isalnum() or each == "-" else " " for each in text).split())
    return [each.id for each in movements if words & set(each.names)]


def pay_out(
    session: Session, entry_id: int, transfer_ids: Collection[int], fees: Cents, now: Now
) -> BankEntry:
    """Book a bank payment as the provider's payout of these movements, less its fees.

    Raises: NotAllowed, NotFound, CannotDecide; ChangedMeanwhile for a movement that is covered by
    another payout; PayoutOff where it does not come to the centime.
    """
    entry = waiting(session, entry_id, now)
    chosen = [each for each in open_movements(session) if each.id in transfer_ids]
    if len(chosen) != len(set(transfer_ids)):
        raise ChangedMeanwhile
    total, amount = sum(each.amount for each in chosen), owed(session, entry)
    if fees < 0 or total - fees != amount:
        raise PayoutOff(total, fees, amount)
    entry.transfer_id = _post(session, entry, amount, now)
    own = [entry.transfer_id]
    if fees:
        move = Move(TransferKind.FEE, LedgerKind.FEES, LedgerKind.CLEARING)
        own.append(post(session, entry, move, fees, entry.booked_on, now()))
    cover(session, entry.id, [*(each.id for each in chosen), *own])
    entry.state, entry.reason = BankEntryState.SETTLED, EntryReason.PAYOUT
    session.flush()
    return entry


def _post(session: Session, entry: BankEntry, amount: Cents, now: Now) -> int:
    sides = LedgerKind.SUSPENSE, LedgerKind.CLEARING
    debit, credit = sides if amount > 0 else sides[::-1]
    move = Move(TransferKind.PAYOUT, debit, credit)
    return post(session, entry, move, abs(amount), entry.booked_on, now())
