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

from app import ledger, outbox
from app.clock import Now, local
from app.errors import AccountArchived, NotFound, SentBefore
from app.ledger import Entry
from app.models import (
    Account,
    OnlinePayment,
    PaymentNotification,
    PaymentTerms,
    TopUp,
    Transfer,
)
from app.money import Cents
from app.payments.gateway import CURRENCY, Notice, Outcome, Standing, Started
from app.refusals import AlreadyPaid, TermsChanged
from app.rules.top_ups import TopUpLimits
from app.vocabulary import (
    FactKind,
    LedgerKind,
    PaymentState,
    TopUpChannel,
    TopUpState,
    TransferKind,
)

PAGE_LIVES: Final = timedelta(minutes=25)  # a provider's page, less what it takes to pay
GIVEN_UP_AFTER: Final = timedelta(minutes=45)
FIRST_CHECK: Final = timedelta(minutes=2)
SHORTEST_WAIT: Final = timedelta(minutes=1)
STILL_ASKED: Final = timedelta(days=2)

_OPEN: Final = (PaymentState.CREATED, PaymentState.STARTED)
# Whatever the provider says later, this was decided.
_DECIDED: Final = frozenset(
    {
        PaymentState.VALIDATED,
        PaymentState.PAID_TWICE,
        PaymentState.REFUNDED,
        PaymentState.MISMATCHED,
    }
)
_UNPAID: Final = {
    Outcome.FAILED: PaymentState.FAILED,
    Outcome.ABANDONED: PaymentState.ABANDONED,
    Outcome.EXPIRED: PaymentState.EXPIRED,
}


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
    if known.state in {TopUpState.VALIDATED, TopUpState.CREDITED}:
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
            OnlinePayment.state.in_(_OPEN),
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
    payment = _lock(session, payment_id)
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
    payment = _lock(session, payment_id)
    known = PaymentNotification.payment_id == payment_id, PaymentNotification.event == notice.event
    if session.scalar(sa.select(PaymentNotification.id).where(*known)) is not None:
        return False
    session.add(PaymentNotification(payment_id=payment_id, event=notice.event, received_at=now()))
    if payment.state not in _DECIDED:
        payment.check_at = now()
    session.flush()
    return True


def settle(
    session: Session, payment_id: int, standing: Standing, delay: timedelta, now: Now
) -> PaymentState:
    """Write what the provider says of a payment; saying it again changes nothing.

    Paid as ordered: validated, to be credited after `delay`. Paid although its top-up was paid
    already: paid twice, to be refunded to the card. Paid otherwise than ordered: mismatched, and
    nothing is credited. Money wins over any earlier word that there was none.
    """
    payment = _lock(session, payment_id)
    if payment.state is PaymentState.PAID_TWICE and standing.is_refunded:
        _refunded(session, payment, now())
    elif payment.state not in _DECIDED:
        _decide(session, payment, standing, delay, now())
    session.flush()
    return payment.state


def _decide(
    session: Session, payment: OnlinePayment, standing: Standing, delay: timedelta, now: datetime
) -> None:
    top_up = payment.top_up
    if not _is_ours(payment, standing):
        _close(payment, PaymentState.MISMATCHED, now)
    elif standing.outcome is not Outcome.PAID:
        _leave_unpaid(session, payment, standing.outcome, now)
    elif top_up.state in {TopUpState.VALIDATED, TopUpState.CREDITED}:
        _hold_second(session, payment, now)
    else:
        _close(payment, PaymentState.VALIDATED, now)
        top_up.state, top_up.credit_at = TopUpState.VALIDATED, now + delay
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


def _close(payment: OnlinePayment, state: PaymentState, now: datetime) -> None:
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
    _drop_if_hopeless(session, payment.top_up)


def next_check(payment: OnlinePayment, now: datetime) -> datetime:
    """Ask rarer and rarer: again after half the payment's age, a minute at least."""
    return now + max(SHORTEST_WAIT, (now - payment.terms_accepted_at) / 2)


def _drop_if_hopeless(session: Session, top_up: TopUp) -> None:
    """A top-up of which no attempt is open will not come; if one is paid after all, it does."""
    query = sa.select(OnlinePayment.id).where(
        OnlinePayment.top_up_id == top_up.id, OnlinePayment.state.in_(_OPEN)
    )
    if top_up.state is TopUpState.ANNOUNCED and session.scalar(query.limit(1)) is None:
        top_up.state = TopUpState.CANCELLED


def _hold_second(session: Session, payment: OnlinePayment, now: datetime) -> None:
    """The money lies at the provider and is nobody's: in the books until the card has it back."""
    _close(payment, PaymentState.PAID_TWICE, now)
    payment.check_at = now
    entry = Entry(
        kind=TransferKind.PAID_TWICE,
        operation_id=_operation(payment),
        debit_id=ledger.chart_id(session, LedgerKind.CLEARING),
        credit_id=ledger.chart_id(session, LedgerKind.SUSPENSE),
        amount=payment.top_up.amount,
        booked_on=local(now).date(),
    )
    ledger.transfer(session, entry, now=now)


def _refunded(session: Session, payment: OnlinePayment, now: datetime) -> None:
    """Take it out of the clearing account again, and tell the holders."""
    held = sa.select(Transfer.id).where(
        Transfer.kind == TransferKind.PAID_TWICE, Transfer.operation_id == _operation(payment)
    )
    ledger.reverse(session, session.scalars(held).one(), now=now)
    _close(payment, PaymentState.REFUNDED, now)
    _tell(session, FactKind.PAYMENT_REFUNDED, payment, now)


def _operation(payment: OnlinePayment) -> str:
    return f"online:{payment.id}"


def _tell(session: Session, kind: FactKind, payment: OnlinePayment, now: datetime) -> None:
    account_id = payment.top_up.account_id
    outbox.tell(session, kind, now=now, account_id=account_id, record_id=payment.id)


def give_up(session: Session, payment_id: int, now: Now) -> PaymentState:
    """An attempt for which the provider never gave a page: nobody can have paid it."""
    payment = _lock(session, payment_id)
    if payment.state is PaymentState.CREATED:
        _close(payment, PaymentState.EXPIRED, now())
        session.flush()
        _drop_if_hopeless(session, payment.top_up)
    return payment.state


def postpone(session: Session, payment_id: int, now: Now) -> None:
    """The provider did not answer: ask again later, for ever."""
    payment = _lock(session, payment_id)
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


def _lock(session: Session, payment_id: int) -> OnlinePayment:
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
