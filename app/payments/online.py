"""Online payments: begun, carried to the provider, validated once, credited a day later.

Every step is one short transaction, may be repeated, and follows from what the database holds and
the provider says, so that a crash between any two of them loses and doubles nothing:

1. `begin` writes the attempt; 2. the provider is asked for a page; 3. `mark_started` keeps its
address, and only then is the browser sent there; 4. `note` keeps that a notification came;
5. the provider is asked; 6. `settle` writes what it says; 7. `credit_due` credits.

Source: PAYMENTS.md, Online payment; DESIGN.md §3, Top-ups.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.clock import Now
from app.errors import AccountArchived, NotFound, SentBefore
from app.models import (
    Account,
    OnlinePayment,
    PaymentNotification,
    PaymentTerms,
    TopUp,
)
from app.money import Cents
from app.payments.gateway import Notice, Started
from app.payments.settling import DECIDED, GIVEN_UP_AFTER, OPEN, lock_payment, was_paid
from app.refusals import AlreadyPaid, TermsChanged
from app.rules.top_ups import TopUpLimits
from app.vocabulary import (
    PaymentState,
    TopUpChannel,
    TopUpState,
)

PAGE_LIVES: Final = timedelta(minutes=25)  # a provider's page, less what it takes to pay
FIRST_CHECK: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Wish:
    """What a parent's form asks for; the request id is the same however often it is sent."""

    account_id: int
    amount: Cents
    terms_version: int
    request_id: str


def current_terms(session: Session) -> PaymentTerms | None:
    """The terms in force: those with the highest version."""
    query = sa.select(PaymentTerms).order_by(PaymentTerms.version.desc()).limit(1)
    found: PaymentTerms | None = session.scalar(query)
    return found


def begin(
    session: Session, wish: Wish, provider: str, limits: TopUpLimits, now: Now
) -> OnlinePayment:
    """An attempt to pay a top-up; a form sent twice gives the same one while it can be paid.

    Raises: AmountOutOfRange, AmountNotInSteps, TermsChanged, NotFound, AccountArchived,
    SentBefore for a request that was for another account or amount, AlreadyPaid.
    """
    limits.check(wish.amount)
    terms = current_terms(session)
    if terms is None or terms.version != wish.terms_version:
        raise TermsChanged
    top_up = _top_up_of(session, wish, now())
    return _open_attempt(session, top_up, provider, now()) or _add_attempt(
        session, top_up, wish, provider, now()
    )


def _top_up_of(session: Session, wish: Wish, now: datetime) -> TopUp:
    """The request's top-up, locked, so that attempts follow each other."""
    query = (
        sa.select(TopUp)
        .where(TopUp.request_id == wish.request_id)
        .with_for_update(of=TopUp)
        .execution_options(populate_existing=True)
    )
    known: TopUp | None = session.scalar(query)
    if known is None:
        _announce(session, wish, now)
        known = session.scalars(query).one()
    same = known.account_id, known.amount, known.channel
    if same != (wish.account_id, wish.amount, TopUpChannel.ONLINE):
        raise SentBefore
    if was_paid(session, known):
        raise AlreadyPaid
    known.state = TopUpState.ANNOUNCED
    return known


def _announce(session: Session, wish: Wish, now: datetime) -> None:
    """The top-up of a new request, whoever comes first with it."""
    account = session.get(Account, wish.account_id)
    if account is None:
        raise NotFound
    if account.archived_at is not None:
        raise AccountArchived
    top_up = TopUp(
        account_id=wish.account_id,
        channel=TopUpChannel.ONLINE,
        state=TopUpState.ANNOUNCED,
        amount=wish.amount,
        made_at=now,
        request_id=wish.request_id,
    )
    with suppress(IntegrityError), session.begin_nested():
        session.add(top_up)


def _open_attempt(
    session: Session, top_up: TopUp, provider: str, now: datetime
) -> OnlinePayment | None:
    query = (
        sa.select(OnlinePayment)
        .where(
            OnlinePayment.top_up_id == top_up.id,
            OnlinePayment.provider == provider,
            OnlinePayment.state.in_(OPEN),
            OnlinePayment.terms_accepted_at > now - PAGE_LIVES,
        )
        .order_by(OnlinePayment.id.desc())
    )
    found: OnlinePayment | None = session.scalar(query.limit(1))
    return found


def _add_attempt(
    session: Session, top_up: TopUp, wish: Wish, provider: str, now: datetime
) -> OnlinePayment:
    attempts = session.scalar(
        sa.select(sa.func.count()).where(OnlinePayment.top_up_id == top_up.id)
    )
    payment = OnlinePayment(
        top_up_id=top_up.id,
        provider=provider,
        order_number=_order_number(f"{wish.request_id}:{attempts}"),
        state=PaymentState.CREATED,
        terms_version=wish.terms_version,
        terms_accepted_at=now,
        check_at=now + GIVEN_UP_AFTER,
    )
    session.add(payment)
    session.flush()
    return payment


def _order_number(attempt: str) -> str:
    """20 characters, as long as Datatrans takes; from the form's own random request id."""
    return hashlib.sha256(attempt.encode()).hexdigest()[:20]


def mark_started(session: Session, payment_id: int, started: Started, now: Now) -> str:
    """Keep the provider's page; whoever comes second is sent to the first one's. The address."""
    payment = lock_payment(session, payment_id)
    if payment.state is PaymentState.CREATED:
        payment.state = PaymentState.STARTED
        payment.provider_reference, payment.address = started.reference, started.address
        payment.check_at = now() + FIRST_CHECK
        session.flush()
    return payment.address


def note(session: Session, provider: str, notice: Notice, now: Now) -> bool:
    """Keep that a notification came, and ask the provider soon; False for one that is known.

    Of a payment that we never started there is nothing to keep: its page was shown to nobody.
    """
    query = sa.select(OnlinePayment.id).where(
        OnlinePayment.provider == provider, OnlinePayment.provider_reference == notice.reference
    )
    payment_id = session.scalar(query)
    if payment_id is None:
        return False
    payment = lock_payment(session, payment_id)
    known = PaymentNotification.payment_id == payment_id, PaymentNotification.event == notice.event
    if session.scalar(sa.select(PaymentNotification.id).where(*known)) is not None:
        return False
    session.add(PaymentNotification(payment_id=payment_id, event=notice.event, received_at=now()))
    if payment.state not in DECIDED:
        payment.check_at = now()
    session.flush()
    return True
