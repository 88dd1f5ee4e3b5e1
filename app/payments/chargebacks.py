"""Payments that a card's owner has taken back: off the account, below zero if need be.

The network takes the money from the provider, which keeps it back from a payout. Source: DESIGN.md
§3, Money (`taken_back`).
"""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking, ledger, outbox
from app.access import staff_id
from app.clock import Now, local
from app.errors import CannotDecide
from app.ledger import Entry
from app.models import OnlinePayment, Transfer
from app.payments.credit import hold_today
from app.payments.settling import lock_payment
from app.rules.deadlines import ServiceRules
from app.vocabulary import FactKind, LedgerKind, PaymentState, TopUpState, TransferKind


def can_be_charged_back(payment: OnlinePayment) -> bool:
    """Only what was credited: before that the account has nothing to give back."""
    is_credited = payment.top_up.state is TopUpState.CREDITED
    return payment.state is PaymentState.VALIDATED and is_credited


def charge_back(session: Session, payment_id: int, now: Now) -> None:
    """Take a credited payment off its account and tell the holders; booked today.

    Raises: NotAllowed for who is not staff; CannotDecide for what was charged back already, or is
    not credited.
    """
    payment = _held(session, payment_id, now)
    if not can_be_charged_back(payment):
        raise CannotDecide
    at, account_id = now(), payment.top_up.account_id
    entry = Entry(
        kind=TransferKind.CHARGEBACK,
        operation_id=f"online:{payment.id}:{len(_chargebacks(session, payment))}",
        debit_id=ledger.wallet_id(session, account_id),
        credit_id=ledger.chart_id(session, LedgerKind.CLEARING),
        amount=payment.amount,
        booked_on=local(at).date(),
    )
    transfer_id = ledger.transfer(session, entry, now=at)
    payment.state = PaymentState.CHARGED_BACK
    _mark(payment, TopUpState.CANCELLED, None)
    session.flush()
    kind = FactKind.TAKEN_BACK
    outbox.tell(session, kind, now=at, account_id=account_id, record_id=transfer_id)


def lift_chargeback(session: Session, payment_id: int, rules: ServiceRules, now: Now) -> None:
    """The canteen was right after all, or a person wrong: the account has the money again.

    Raises: NotAllowed for who is not staff; CannotDecide for what is not charged back.
    """
    payment = _held(session, payment_id, now)
    if payment.state is not PaymentState.CHARGED_BACK:
        raise CannotDecide
    at, top_up = now(), payment.top_up
    ledger.reverse(session, _chargebacks(session, payment)[-1], now=at)
    payment.state = PaymentState.VALIDATED
    _mark(payment, TopUpState.CREDITED, at)
    session.flush()
    booking.fund_today(session, top_up.account_id, rules, at)
    kind = FactKind.CREDITED
    outbox.tell(session, kind, now=at, account_id=top_up.account_id, record_id=top_up.id)


def _held(session: Session, payment_id: int, now: Now) -> OnlinePayment:
    staff_id(session)
    hold_today(session, now())
    return lock_payment(session, payment_id)


def _mark(payment: OnlinePayment, state: TopUpState, credited_at: datetime | None) -> None:
    payment.top_up.state, payment.top_up.credited_at = state, credited_at


def _chargebacks(session: Session, payment: OnlinePayment) -> list[int]:
    """The transfers by which it was charged back, the latest last."""
    query = sa.select(Transfer.id).where(
        Transfer.kind == TransferKind.CHARGEBACK,
        Transfer.operation_id.startswith(f"online:{payment.id}:", autoescape=True),
    )
    return list(session.scalars(query.order_by(Transfer.id)))
