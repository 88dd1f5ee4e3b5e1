"""Online payments that were not paid as they were ordered: a person looks, then decides.

What is decided must be certain: the provider is asked once more, and only what it says then counts.
Who decided, and why, is kept on the payment.
"""

from datetime import datetime
from enum import Enum
from typing import Final

from sqlalchemy.orm import Session

from app import ledger
from app.access import staff_id
from app.clock import Now
from app.errors import AccountArchived, CannotDecide
from app.models import OnlinePayment, TopUp
from app.money import MAX_CENTS
from app.payments.credit import credit, hold_today
from app.payments.gateway import CURRENCY, Outcome, Standing
from app.payments.settling import close, drop_if_hopeless, hold, lock_payment
from app.rules.deadlines import ServiceRules
from app.vocabulary import PaymentState, TopUpChannel, TopUpState

LONGEST_REASON: Final = 200


class Decision(Enum):
    """Refund it to the card, credit what was received, or note that no money of ours is there."""

    REFUND = "refund"
    CREDIT = "credit"
    CLOSE = "close"


def decisions(payment: OnlinePayment, standing: Standing) -> tuple[Decision, ...]:
    """What may be decided of a mismatched payment, by what its provider says of it now.

    Nothing of what is still under way, nor of another currency: that its provider gives back, which
    closes it here.
    """
    if _is_ours(standing):
        if standing.currency != CURRENCY or not 0 < standing.amount <= MAX_CENTS:
            return ()
        is_named = (standing.order_number, standing.reference) == (
            payment.order_number,
            payment.provider_reference,
        )
        return (Decision.REFUND, Decision.CREDIT) if is_named else (Decision.REFUND,)
    is_pending = standing.merchant_is_ours and standing.outcome is Outcome.PENDING
    return () if is_pending else (Decision.CLOSE,)


def _is_ours(standing: Standing) -> bool:
    """Whether the provider holds money of the canteen for this payment."""
    is_paid = standing.outcome is Outcome.PAID
    return is_paid and standing.merchant_is_ours and not standing.is_refunded


def decide(
    session: Session,
    payment_id: int,
    decision: Decision,
    standing: Standing,
    reason: str,
    rules: ServiceRules,
    now: Now,
) -> PaymentState:
    """Settle a mismatched payment; the card is refunded by whoever asks the provider next.

    Raises: NotAllowed for who is not staff; CannotDecide for a payment that was decided, or when
    the provider says something else by now; AccountArchived.
    """
    decided_by = staff_id(session)
    hold_today(session, now())
    payment = lock_payment(session, payment_id)
    is_open = payment.state is PaymentState.MISMATCHED
    if not is_open or decision not in decisions(payment, standing):
        raise CannotDecide
    ordered = payment.top_up
    payment.decided_by_id, payment.reason = decided_by, reason[:LONGEST_REASON]
    if decision is Decision.CLOSE:
        refunded = standing.is_refunded and standing.merchant_is_ours
        close(payment, PaymentState.REFUNDED if refunded else PaymentState.FAILED, now())
    else:
        payment.received = standing.amount
        if decision is Decision.REFUND:
            hold(session, payment, PaymentState.REFUNDING, now())
        else:
            _credit_received(session, payment, rules, now())
    session.flush()
    drop_if_hopeless(session, ordered)
    session.flush()
    return payment.state


def _credit_received(
    session: Session, payment: OnlinePayment, rules: ServiceRules, now: datetime
) -> None:
    """As a top-up of its own: the one that was ordered may have been paid by another attempt."""
    account_id = payment.top_up.account_id
    account = ledger.lock_accounts(session, [account_id])[account_id]
    if account.archived_at is not None:
        raise AccountArchived
    received = TopUp(
        account_id=account_id,
        channel=TopUpChannel.ONLINE,
        state=TopUpState.VALIDATED,
        amount=payment.amount,
        made_at=payment.terms_accepted_at,
        credit_at=now,
        request_id=f"online:{payment.id}",
    )
    payment.top_up = received
    close(payment, PaymentState.VALIDATED, now)
    session.flush()
    credit(session, received, rules, now)
