"""Money that arrives: every channel credits through here."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking, ledger, outbox
from app.clock import Now, local
from app.ledger import Entry
from app.models import ServiceDay, TopUp
from app.rules.deadlines import ServiceRules
from app.vocabulary import FactKind, LedgerKind, TopUpChannel, TopUpState, TransferKind

_COMES_FROM = {
    TopUpChannel.CASH: LedgerKind.CASH,
    TopUpChannel.BANK: LedgerKind.BANK,
    TopUpChannel.ONLINE: LedgerKind.CLEARING,
}


def hold_today(session: Session, now: datetime) -> None:
    """Lock today's service day first: locks are taken in one order everywhere."""
    query = sa.select(ServiceDay.id).where(ServiceDay.date == local(now).date())
    session.scalar(query.with_for_update())


def credit(session: Session, top_up: TopUp, rules: ServiceRules, now: datetime) -> int:
    """Credit a top-up once, make today's unfunded meals good, tell the holders.

    Returns the transfer's id. The caller holds today's service day.
    Raises: IntegrityError if the top-up was credited before.
    """
    source = ledger.chart_id(session, _COMES_FROM[top_up.channel])
    entry = Entry(
        kind=TransferKind.TOP_UP,
        operation_id=f"top-up:{top_up.id}",
        debit_id=source,
        credit_id=ledger.wallet_id(session, top_up.account_id),
        amount=top_up.amount,
        booked_on=local(now).date(),
    )
    transfer_id = ledger.transfer(session, entry, now=now)
    top_up.state, top_up.credited_at = TopUpState.CREDITED, now
    session.flush()
    booking.fund_today(session, top_up.account_id, rules, now)
    outbox.tell(
        session, FactKind.CREDITED, now=now, account_id=top_up.account_id, record_id=top_up.id
    )
    return transfer_id


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
