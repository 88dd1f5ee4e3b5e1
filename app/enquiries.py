"""Asking a provider what has become of a payment: outside any transaction, written inside one.

The worker asks, and the page that the browser comes back to: both believe the provider alone.
"""

from collections.abc import Generator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from flask import current_app
from sqlalchemy.orm import Session

from app import clock
from app.access import SYSTEM
from app.booking.rules import service_rules
from app.models import OnlinePayment
from app.payments import settling
from app.payments.credit import credit_due
from app.payments.gateway import Gateway, ProviderNotSet, ProviderSilent, Standing
from app.payments.providers import gateway_of
from app.transaction import look, transaction
from app.vocabulary import PaymentState

_SETTLED: Final = frozenset(
    {
        PaymentState.VALIDATED,
        PaymentState.REFUNDED,
        PaymentState.MISMATCHED,
        PaymentState.CHARGED_BACK,
    }
)


def enquire(payment_id: int) -> PaymentState:
    """Ask the provider, write what it says, refund what is to be given back; the state after it.

    Raises: ProviderSilent, ProviderNotSet.
    """
    provider, number, reference, state = look(lambda session, _: _known(session, payment_id))
    gateway = gateway_of(provider, current_app.config)
    if state in _SETTLED:
        return state
    if reference is None:
        return _give_up(payment_id)
    standing = gateway.fetch(reference)
    state = _settle(payment_id, standing)
    if state in settling.TO_GIVE_BACK:
        state = _give_back(payment_id, gateway, standing, number)
    return state


def standing_of(payment_id: int) -> Standing:
    """What the provider says of a payment now; nothing is written.

    Raises: ProviderSilent, ProviderNotSet.
    """
    provider, _, reference, _ = look(lambda session, _: _known(session, payment_id))
    if reference is None:
        raise ProviderSilent
    return gateway_of(provider, current_app.config).fetch(reference)


def _known(session: Session, payment_id: int) -> tuple[str, str, str | None, PaymentState]:
    """The provider, our number and the provider's, and what is known of the payment."""
    payment = session.get_one(OnlinePayment, payment_id)
    return payment.provider, payment.order_number, payment.provider_reference, payment.state


def _give_up(payment_id: int) -> PaymentState:
    with transaction(SYSTEM) as session:
        return settling.give_up(session, payment_id, clock.now)


def _settle(payment_id: int, standing: Standing) -> PaymentState:
    delay = timedelta(hours=current_app.config["ONLINE_CREDIT_DELAY_HOURS"])
    with transaction(SYSTEM) as session:
        state = settling.settle(session, payment_id, standing, delay, clock.now)
    if state is PaymentState.VALIDATED and not delay:
        with transaction(SYSTEM) as session:
            credit_due(session, service_rules(session), clock.now)
    return state


def _give_back(payment_id: int, gateway: Gateway, standing: Standing, number: str) -> PaymentState:
    """A crash after the refund finds it done: the provider says so, or knows our number."""
    gateway.refund(standing, f"R{number}"[:20])
    return _settle(payment_id, replace(standing, is_refunded=True))


def is_anything_to_ask(session: Session, now: datetime) -> bool:
    """Whether there is a payment of which its provider must be asked."""
    return bool(settling.due_checks(session, now, limit=1))


def ask_providers(_: str) -> Generator[bool]:
    """Ask of each payment that is due; yields whether there was an answer.

    A provider that does not answer is not waited for again in this round: a day that must be closed
    has its time. It is asked again later.
    """
    for payment_id in look(settling.due_checks):
        is_answered = _enquire_patiently(payment_id)
        yield is_answered
        if not is_answered:
            break


def _enquire_patiently(payment_id: int) -> bool:
    try:
        enquire(payment_id)
    except (ProviderSilent, ProviderNotSet):
        with transaction(SYSTEM) as session:
            settling.postpone(session, payment_id, clock.now)
        return False
    return True
