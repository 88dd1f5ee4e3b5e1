"""Money that is on its way to a family's accounts, and the day on which it is expected."""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import format_date, format_datetime, gettext
from sqlalchemy.orm import Session

from app.clock import local
from app.models import TopUp
from app.vocabulary import TopUpChannel, TopUpState

_COMES: Final = sa.or_(
    TopUp.state == TopUpState.VALIDATED,
    # A family said so; an online payment that has only begun is nothing yet.
    sa.and_(TopUp.state == TopUpState.ANNOUNCED, TopUp.channel == TopUpChannel.BANK),
)


def top_ups_on_their_way(session: Session, account_id: int | None = None) -> Sequence[TopUp]:
    """Those of an account, or of every account within reach; the soonest first."""
    query = sa.select(TopUp).where(_COMES).order_by(TopUp.credit_at, TopUp.id)
    if account_id is not None:
        query = query.where(TopUp.account_id == account_id)
    return session.scalars(query).all()


def can_withdraw(top_up: TopUp) -> bool:
    """Whether the family may still say that it will not pay it."""
    return top_up.state is TopUpState.ANNOUNCED


def when_it_counts(top_up: TopUp) -> str:
    """From the minute for money that we hold, by a day for a transfer that the family announced."""
    if top_up.credit_at is None:
        return ""
    at: Any = local(top_up.credit_at)
    if top_up.state is TopUpState.ANNOUNCED:
        return gettext("expected by %(day)s", day=format_date(at, "d MMMM"))
    return gettext("counts from %(day)s", day=format_datetime(at, "d MMMM, HH:mm", rebase=False))
