"""Money that arrives: every channel credits through here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking, ledger, outbox
from app.clock import Now, local
from app.ledger import Entry
from app.models import Booking, ServiceDay, TopUp
from app.rules.deadlines import ServiceRules
from app.vocabulary import (
    BookingState,
    FactKind,
    LedgerKind,
    TopUpChannel,
    TopUpState,
    TransferKind,
)

_COMES_FROM = {
    TopUpChannel.CASH: LedgerKind.CASH,
    TopUpChannel.BANK: LedgerKind.BANK,
    TopUpChannel.ONLINE: LedgerKind.CLEARING,
}


@dataclass(frozen=True)
class Arrival:
    """A top-up whose money is there: on which day, and on which ledger account it lies till now.

    Without them it came today, the way that its channel takes.
    """

    top_up: TopUp
    booked_on: date | None = None
    source: LedgerKind | None = None


def hold_today(session: Session, now: datetime) -> None:
    """Lock today's service day first: locks are taken in one order everywhere."""
    query = sa.select(ServiceDay.id).where(ServiceDay.date == local(now).date())
    session.scalar(query.with_for_update())


def credit(
    session: Session,
    top_up: TopUp,
    rules: ServiceRules,
    now: datetime,
    *,
    booked_on: date | None = None,
    source: LedgerKind | None = None,
) -> int:
    """Credit a top-up once, make today's unfunded meals good, tell the holders.

    Returns the transfer's id. The caller holds today's service day.
    Raises: IntegrityError if the top-up was credited before.
    """
    return credit_many(session, [Arrival(top_up, booked_on, source)], rules, now)[0]


def credit_many(
    session: Session, arrivals: Sequence[Arrival], rules: ServiceRules, now: datetime
) -> list[int]:
    """The same for several top-ups in one posting; the transfers' ids in their order."""
    for arrival in arrivals:
        arrival.top_up.state, arrival.top_up.credited_at = TopUpState.CREDITED, now
    session.flush()
    entries = _entries(session, arrivals, local(now).date())
    transfer_ids = ledger.post_many(session, entries, now=now)
    credited = [arrival.top_up for arrival in arrivals]
    for account_id in _unfunded_today(session, {t.account_id for t in credited}, now):
        booking.fund_today(session, account_id, rules, now)
    for top_up in credited:
        outbox.tell(
            session, FactKind.CREDITED, now=now, account_id=top_up.account_id, record_id=top_up.id
        )
    return transfer_ids


def _entries(session: Session, arrivals: Sequence[Arrival], today: date) -> list[Entry]:
    wallets = ledger.wallet_ids(session, {a.top_up.account_id for a in arrivals})
    sources = [a.source or _COMES_FROM[a.top_up.channel] for a in arrivals]
    lines = {kind: ledger.chart_id(session, kind) for kind in set(sources)}
    return [
        Entry(
            kind=TransferKind.TOP_UP,
            operation_id=f"top-up:{arrival.top_up.id}",
            debit_id=lines[source],
            credit_id=wallets[arrival.top_up.account_id],
            amount=arrival.top_up.amount,
            booked_on=arrival.booked_on or today,
        )
        for arrival, source in zip(arrivals, sources, strict=True)
    ]


def _unfunded_today(session: Session, account_ids: set[int], now: datetime) -> list[int]:
    """Which of the accounts pay for meals of today that are not covered yet."""
    query = (
        sa.select(Booking.account_id)
        .join(Booking.service_day)
        .where(
            ServiceDay.date == local(now).date(),
            Booking.state == BookingState.UNFUNDED,
            Booking.account_id.in_(account_ids),
        )
        .distinct()
        .order_by(Booking.account_id)
    )
    return list(session.scalars(query))


def credit_due(session: Session, rules: ServiceRules, now: Now) -> int:
    """Credit the validated online top-ups whose time has come; how many."""
    hold_today(session, now())
    instant = now()
    query = (
        sa.select(TopUp)
        .where(TopUp.state == TopUpState.VALIDATED, TopUp.credit_at <= instant)
        .order_by(TopUp.id)
        .with_for_update(of=TopUp, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    due = session.scalars(query).all()
    for top_up in due:
        credit(session, top_up, rules, instant)
    return len(due)
