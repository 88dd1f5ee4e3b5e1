"""What a provider says of a payment, written down once; what is to be asked next.

Money wins over any earlier word that there was none. Source: PAYMENTS.md, Online payment.
"""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger, outbox
from app.clock import Now, local
from app.ledger import Entry
from app.models import OnlinePayment, TopUp
from app.payments.gateway import CURRENCY, Outcome, Standing
from app.vocabulary import FactKind, LedgerKind, PaymentState, TopUpState, TransferKind

GIVEN_UP_AFTER: Final = timedelta(minutes=45)
SHORTEST_WAIT: Final = timedelta(minutes=1)
STILL_ASKED: Final = timedelta(days=2)

OPEN: Final = (PaymentState.CREATED, PaymentState.STARTED)
TO_GIVE_BACK: Final = frozenset({PaymentState.PAID_TWICE, PaymentState.REFUNDING})
# Whatever the provider says later, this was decided.
DECIDED: Final = frozenset(
    {
        PaymentState.VALIDATED,
        PaymentState.REFUNDED,
        PaymentState.MISMATCHED,
        PaymentState.CHARGED_BACK,
        *TO_GIVE_BACK,
    }
)
_UNPAID: Final = {
    Outcome.FAILED: PaymentState.FAILED,
    Outcome.ABANDONED: PaymentState.ABANDONED,
    Outcome.EXPIRED: PaymentState.EXPIRED,
}


def settle(
    session: Session, payment_id: int, standing: Standing, delay: timedelta, now: Now
) -> PaymentState:
    """Write what the provider says of a payment; saying it again changes nothing.

    Paid as ordered: validated, to be credited after `delay`. Paid although its top-up was paid
    already: paid twice, to be refunded to the card. Paid otherwise than ordered: mismatched, and
    nothing is credited. Money wins over any earlier word that there was none.
    """
    payment = lock_payment(session, payment_id)
    if payment.state in TO_GIVE_BACK and standing.is_refunded:
        _refunded(session, payment, now())
    elif payment.state not in DECIDED:
        _decide(session, payment, standing, delay, now())
    session.flush()
    return payment.state


def _decide(
    session: Session, payment: OnlinePayment, standing: Standing, delay: timedelta, now: datetime
) -> None:
    if not _is_ours(payment, standing):
        close(payment, PaymentState.MISMATCHED, now)
    elif standing.outcome is not Outcome.PAID:
        _leave_unpaid(session, payment, standing.outcome, now)
    elif was_paid(session, payment.top_up):
        hold(session, payment, PaymentState.PAID_TWICE, now)
    else:
        close(payment, PaymentState.VALIDATED, now)
        payment.top_up.state, payment.top_up.credit_at = TopUpState.VALIDATED, now + delay
        session.flush()
        _tell(session, FactKind.PAYMENT_VALIDATED, payment, now)


def _is_ours(payment: OnlinePayment, standing: Standing) -> bool:
    """Order, merchant and provider's number always; amount and currency once it is paid."""
    is_known = (
        standing.merchant_is_ours
        and standing.order_number == payment.order_number
        and standing.reference == payment.provider_reference
    )
    if standing.outcome is not Outcome.PAID:
        return is_known
    paid = standing.amount, standing.currency
    return is_known and paid == (payment.top_up.amount, CURRENCY)


def was_paid(session: Session, top_up: TopUp) -> bool:
    """Whether one of its attempts was paid, be it charged back since."""
    query = sa.select(OnlinePayment.id).where(
        OnlinePayment.top_up_id == top_up.id, OnlinePayment.state == PaymentState.CHARGED_BACK
    )
    is_paid = top_up.state in {TopUpState.VALIDATED, TopUpState.CREDITED}
    return is_paid or session.scalar(query.limit(1)) is not None


def close(payment: OnlinePayment, state: PaymentState, now: datetime) -> None:
    """There is nothing more to ask of it."""
    payment.state, payment.settled_at, payment.check_at = state, now, None


def _leave_unpaid(
    session: Session, payment: OnlinePayment, outcome: Outcome, now: datetime
) -> None:
    age = now - payment.terms_accepted_at
    if outcome in _UNPAID:
        payment.state = _UNPAID[outcome]
    elif age >= GIVEN_UP_AFTER:
        payment.state = PaymentState.EXPIRED
    payment.check_at = next_check(payment, now) if age < STILL_ASKED else None
    session.flush()
    drop_if_hopeless(session, payment.top_up)


def next_check(payment: OnlinePayment, now: datetime) -> datetime:
    """Ask rarer and rarer: again after half the payment's age, a minute at least."""
    return now + max(SHORTEST_WAIT, (now - payment.terms_accepted_at) / 2)


def drop_if_hopeless(session: Session, top_up: TopUp) -> None:
    """A top-up of which no attempt is open will not come; if one is paid after all, it does."""
    query = sa.select(OnlinePayment.id).where(
        OnlinePayment.top_up_id == top_up.id, OnlinePayment.state.in_(OPEN)
    )
    if top_up.state is TopUpState.ANNOUNCED and session.scalar(query.limit(1)) is None:
        top_up.state = TopUpState.CANCELLED


def hold(session: Session, payment: OnlinePayment, state: PaymentState, now: datetime) -> None:
    """The money lies at the provider and is nobody's: in the books until the card has it back."""
    close(payment, state, now)
    payment.check_at = now
    entry = Entry(
        kind=TransferKind.PAID_TWICE,
        operation_id=_operation(payment),
        debit_id=ledger.chart_id(session, LedgerKind.CLEARING),
        credit_id=ledger.chart_id(session, LedgerKind.SUSPENSE),
        amount=payment.amount,
        booked_on=local(now).date(),
    )
    ledger.transfer(session, entry, now=now)


def _refunded(session: Session, payment: OnlinePayment, now: datetime) -> None:
    """Take it out of the clearing account again, and tell the holders."""
    held = ledger.posted(session, TransferKind.PAID_TWICE, _operation(payment))
    ledger.reverse(session, held, now=now)
    close(payment, PaymentState.REFUNDED, now)
    _tell(session, FactKind.PAYMENT_REFUNDED, payment, now)


def _operation(payment: OnlinePayment) -> str:
    return f"online:{payment.id}"


def _tell(session: Session, kind: FactKind, payment: OnlinePayment, now: datetime) -> None:
    account_id = payment.top_up.account_id
    outbox.tell(session, kind, now=now, account_id=account_id, record_id=payment.id)


def give_up(session: Session, payment_id: int, now: Now) -> PaymentState:
    """An attempt for which the provider never gave a page: nobody can have paid it."""
    payment = lock_payment(session, payment_id)
    if payment.state is PaymentState.CREATED:
        close(payment, PaymentState.EXPIRED, now())
        session.flush()
        drop_if_hopeless(session, payment.top_up)
    return payment.state


def postpone(session: Session, payment_id: int, now: Now) -> None:
    """The provider did not answer: ask again later, for ever."""
    payment = lock_payment(session, payment_id)
    if payment.check_at is not None:
        payment.check_at = next_check(payment, now())


def due_checks(session: Session, now: datetime, limit: int = 50) -> list[int]:
    """The payments of which the provider must be asked, the longest waiting first."""
    query = (
        sa.select(OnlinePayment.id)
        .where(OnlinePayment.check_at <= now)
        .order_by(OnlinePayment.check_at, OnlinePayment.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def lock_payment(session: Session, payment_id: int) -> OnlinePayment:
    """The attempt and its top-up, locked, the top-up first: attempts of one follow each other."""
    top_up_id = sa.select(OnlinePayment.top_up_id).where(OnlinePayment.id == payment_id)
    for model, key in ((TopUp, top_up_id.scalar_subquery()), (OnlinePayment, payment_id)):
        query = (
            sa.select(model)
            .where(model.id == key)
            .with_for_update(of=model)
            .execution_options(populate_existing=True)
        )
        session.scalars(query).one()
    return session.get_one(OnlinePayment, payment_id)
