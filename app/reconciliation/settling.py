"""Debits and reversals: what they pay or undo is looked for; what is not found waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger, outbox
from app.ledger import Entry
from app.models import BankEntry, RefundBatch, RefundRequest, TopUp
from app.money import Cents
from app.payments.refunds import settle_refund
from app.reconciliation.reading import Line
from app.vocabulary import (
    BankEntryState,
    EntryReason,
    FactKind,
    LedgerKind,
    RefundState,
    TopUpState,
    TransferKind,
)

_CAN_BE_UNDONE = (BankEntryState.QUEUED, BankEntryState.CREDITED, BankEntryState.RETURNED)
_LEFT_THE_BANK = (RefundState.SENT, RefundState.PAID)


@dataclass(frozen=True)
class Match:
    """What a debit or a reversal was found to pay or undo: one of the three."""

    undoes: BankEntry | None = None
    pays_back: BankEntry | None = None
    refunds: tuple[RefundRequest, ...] = ()

    @property
    def is_found(self) -> bool:
        return bool(self.undoes or self.pays_back or self.refunds)

    @property
    def reason(self) -> EntryReason:
        if self.undoes:
            return EntryReason.UNDONE
        return EntryReason.PAID_BACK if self.pays_back else EntryReason.REFUND


def match_of(session: Session, line: Line) -> Match:
    """What a debit or a reversal pays or undoes; nothing is changed."""
    if line.entry.is_reversal:
        return Match(undoes=None if line.payment.is_credit else _undone_by(session, line))
    refunds = _refunds_of(session, line)
    if refunds:
        return Match(refunds=refunds)
    return Match(pays_back=_paid_back_by(session, line))


def _undone_by(session: Session, line: Line) -> BankEntry | None:
    """The credit that a reversal undoes: of the same amount, with the bank's number or ours.

    Several alike, as those of a standing order, are one if they went to the same account: the
    latest.
    """
    payment = line.payment
    names = []
    if payment.bank_reference:
        names.append(BankEntry.bank_reference == payment.bank_reference)
    if payment.references:
        names.append(BankEntry.reference.in_(payment.references))
    if payment.end_to_end_id:
        names.append(BankEntry.end_to_end_id == payment.end_to_end_id)
    if not names or line.is_whole:
        return None
    query = (
        sa.select(BankEntry)
        .where(
            BankEntry.is_counted.is_(True),
            BankEntry.is_credit.is_(True),
            BankEntry.is_reversal.is_(False),
            BankEntry.amount == payment.amount,
            BankEntry.booked_on <= line.entry.booked_on,
            BankEntry.state.in_(_CAN_BE_UNDONE),
            sa.or_(*names),
        )
        .order_by(BankEntry.booked_on.desc(), BankEntry.id.desc())
    )
    found = session.scalars(query).all()
    named = [e for e in found if e.bank_reference and e.bank_reference == payment.bank_reference]
    return _only(named) or _only(found)


def _only(found: Sequence[BankEntry]) -> BankEntry | None:
    targets = {(entry.state, entry.account_id) for entry in found}
    return found[0] if len(targets) == 1 else None


def _refunds_of(session: Session, line: Line) -> tuple[RefundRequest, ...]:
    """The refunds that a debit pays: one by its identification, or a whole batch by its total."""
    payment = line.payment
    if payment.end_to_end_id:
        one = sa.select(RefundRequest).where(RefundRequest.end_to_end_id == payment.end_to_end_id)
    else:
        names = {payment.batch_id, payment.message_id} - {""}
        one = (
            sa.select(RefundRequest)
            .join(RefundBatch, RefundBatch.id == RefundRequest.batch_id)
            .where(RefundBatch.message_id.in_(names))
            .order_by(RefundRequest.id)
        )
    found = tuple(session.scalars(one.where(RefundRequest.state.in_(_LEFT_THE_BANK))))
    adds_up = sum(request.amount for request in found) == payment.amount
    return found if adds_up else ()


def _paid_back_by(session: Session, line: Line) -> BankEntry | None:
    """The payment that we decided to send back to this IBAN; the oldest, if there are several."""
    iban, amount = line.payment.counterparty_iban, line.payment.amount
    query = (
        sa.select(BankEntry)
        .where(
            BankEntry.state == BankEntryState.RETURNED,
            BankEntry.counterparty_iban == iban,
            BankEntry.is_credit.is_(True),
        )
        .order_by(BankEntry.id)
    )
    found = session.scalars(query).all() if iban else []
    return next((entry for entry in found if rest_of(session, entry) == amount), None)


def parts_of(session: Session, entry_id: int) -> Sequence[TopUp]:
    """What families were credited of a payment."""
    query = sa.select(TopUp).where(
        TopUp.bank_entry_id == entry_id, TopUp.state == TopUpState.CREDITED
    )
    return session.scalars(query.order_by(TopUp.id)).all()


def rest_of(session: Session, entry: BankEntry) -> Cents:
    """What waits of a payment that was not credited as a whole."""
    return entry.amount - sum(part.amount for part in parts_of(session, entry.id))


def settle(session: Session, entry: BankEntry, match: Match, now: datetime) -> None:
    """Book a debit or a reversal that is not in the ledger yet as what it was found to be.

    The caller holds the accounts concerned. A chargeback may take an account below zero.
    """
    entry.state, entry.reason = BankEntryState.SETTLED, match.reason
    if match.refunds:
        for request in match.refunds:
            paid = settle_refund(session, request, booked_on=entry.booked_on, now=now)
            entry.transfer_id = paid
            entry.account_id = request.account_id
    elif match.pays_back:
        _take_from_queue(session, entry, rest_of(session, match.pays_back), now)
        _close(entry, match.pays_back, EntryReason.PAID_BACK)
    elif match.undoes:
        _undo(session, entry, match.undoes, now)
        _close(entry, match.undoes, EntryReason.UNDONE)
    session.flush()


def _close(entry: BankEntry, original: BankEntry, reason: EntryReason) -> None:
    entry.settles_id, entry.account_id = original.id, original.account_id
    original.state, original.reason = BankEntryState.SETTLED, reason


def _undo(session: Session, entry: BankEntry, original: BankEntry, now: datetime) -> None:
    """Families give back what they were credited; what nobody was credited leaves the queue."""
    _take_from_queue(session, entry, rest_of(session, original), now)
    for part in parts_of(session, original.id):
        part.state, part.credited_at = TopUpState.CANCELLED, None
        entry.transfer_id = take_back(session, entry, part, now)


def _take_from_queue(session: Session, entry: BankEntry, rest: Cents, now: datetime) -> None:
    if rest > 0:
        move = Move(TransferKind.BANK_QUEUED, LedgerKind.SUSPENSE, LedgerKind.BANK)
        entry.transfer_id = post(session, entry, move, rest, entry.booked_on, now)


def take_back(session: Session, entry: BankEntry, part: TopUp, now: datetime) -> int:
    """The bank took what a family was credited: below zero if need be; the holders are told."""
    transfer = Entry(
        kind=TransferKind.CHARGEBACK,
        operation_id=f"bank:{entry.id}:{part.id}",
        debit_id=ledger.wallet_id(session, part.account_id),
        credit_id=ledger.chart_id(session, LedgerKind.BANK),
        amount=part.amount,
        booked_on=entry.booked_on,
    )
    transfer_id = ledger.transfer(session, transfer, now=now)
    tell_taken_back(session, part.account_id, transfer_id, now)
    return transfer_id


def tell_taken_back(session: Session, account_id: int, transfer_id: int, now: datetime) -> None:
    """Every holder of the account gets a mail."""
    outbox.tell(session, FactKind.TAKEN_BACK, now=now, account_id=account_id, record_id=transfer_id)


@dataclass(frozen=True)
class Move:
    """From which ledger account to which, and what for."""

    kind: TransferKind
    debit: LedgerKind
    credit: LedgerKind


def post(
    session: Session, entry: BankEntry, move: Move, amount: Cents, booked_on: date, now: datetime
) -> int:
    """Move money of a bank entry that is no family's; the transfer's id."""
    transfer = Entry(
        kind=move.kind,
        operation_id=f"bank:{entry.id}:{uuid4().hex}",
        debit_id=ledger.chart_id(session, move.debit),
        credit_id=ledger.chart_id(session, move.credit),
        amount=amount,
        booked_on=booked_on,
    )
    return ledger.transfer(session, transfer, now=now)
