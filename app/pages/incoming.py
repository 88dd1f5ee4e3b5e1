"""Money that is on its way to a family's accounts, and the day on which it is expected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import format_date, format_datetime, gettext
from sqlalchemy.orm import Session

from app import clock
from app.clock import local
from app.models import QrBill, TopUp
from app.money import Cents, format_chf
from app.vocabulary import TopUpChannel, TopUpState

_COMES: Final = sa.or_(
    TopUp.state == TopUpState.VALIDATED,
    # A family said so; an online payment that has only begun is nothing yet.
    sa.and_(TopUp.state == TopUpState.ANNOUNCED, TopUp.channel == TopUpChannel.BANK),
)
_STILL_SAID: Final = timedelta(days=90)


def top_ups_on_their_way(session: Session, account_id: int | None = None) -> Sequence[TopUp]:
    """Those of an account, or of every account within reach; the soonest first."""
    query = sa.select(TopUp).where(_COMES).order_by(TopUp.credit_at, TopUp.id)
    if account_id is not None:
        query = query.where(TopUp.account_id == account_id)
    return session.scalars(query).all()


def not_arrived(session: Session, account_id: int) -> Sequence[TopUp]:
    """Those of the account that were announced of late and never came, the last first."""
    since = clock.now() - _STILL_SAID
    query = sa.select(TopUp).where(
        TopUp.account_id == account_id,
        TopUp.state == TopUpState.EXPIRED,
        TopUp.made_at > since,
    )
    return session.scalars(query.order_by(TopUp.id.desc())).all()


@dataclass(frozen=True)
class StandingOrder:
    """What a family pays every month, None as it chooses, and the day of its last payment."""

    amount: Cents | None
    last_on: date | None

    @property
    def when(self) -> str:
        """In words."""
        if self.last_on is None:
            return gettext("every month, nothing received yet")
        return gettext("every month, the last on %(day)s", day=format_date(self.last_on, "d MMMM"))

    @property
    def how_much(self) -> str:
        """In francs, if it is known beforehand."""
        return "" if self.amount is None else f"CHF {format_chf(self.amount)}"


def standing_order(session: Session, account_id: int) -> StandingOrder | None:
    """The one that the family asked for last: its months are not announced one by one."""
    query = sa.select(QrBill).where(QrBill.account_id == account_id, QrBill.is_standing)
    bill: QrBill | None = session.scalar(query.order_by(QrBill.id.desc()).limit(1))
    if bill is None:
        return None
    paid = sa.select(sa.func.max(TopUp.credited_at)).where(
        TopUp.account_id == account_id,
        TopUp.channel == TopUpChannel.BANK,
        TopUp.credited_at >= bill.made_at,
        sa.true() if bill.amount is None else TopUp.amount == bill.amount,
    )
    last = session.scalar(paid)
    return StandingOrder(bill.amount, None if last is None else local(last).date())


def can_withdraw(top_up: TopUp) -> bool:
    """Whether the family may still say that it will not pay it."""
    return top_up.state is TopUpState.ANNOUNCED


def when_it_counts(top_up: TopUp) -> str:
    """From the minute for money that we hold, by a day for a transfer that the family announced."""
    if top_up.credit_at is None:
        return ""
    at: Any = local(top_up.credit_at)
    if top_up.state is TopUpState.EXPIRED:
        return gettext("not arrived; paid later, it is credited all the same")
    if top_up.state is TopUpState.ANNOUNCED:
        day = format_date(at, "d MMMM")
        if at.date() < clock.today():
            return gettext("was expected by %(day)s", day=day)
        return gettext("expected by %(day)s", day=day)
    return gettext("counts from %(day)s", day=format_datetime(at, "d MMMM, HH:mm", rebase=False))
