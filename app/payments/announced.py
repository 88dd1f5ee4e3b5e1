"""Bank top-ups that a family announced and that never came: they do not stay on their way for ever.

After so many days (setting) they count as not arrived. Money that comes all the same is credited as
a new top-up. Nobody is written to: it is said where the family tops up.
"""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import CanteenSettings, TopUp
from app.vocabulary import TopUpChannel, TopUpState

_WAITS: Final = (TopUp.channel == TopUpChannel.BANK, TopUp.state == TopUpState.ANNOUNCED)


def has_late(session: Session, now: datetime) -> bool:
    """Whether a bank top-up has been announced for too long."""
    query = sa.select(TopUp.id).where(*_WAITS, TopUp.made_at <= _since(session, now))
    return session.scalar(query.limit(1)) is not None


def expire_late(session: Session, now: datetime) -> int:
    """Mark those as not arrived; how many. A bank file that credits one at this moment wins."""
    query = (
        sa.select(TopUp)
        .where(*_WAITS, TopUp.made_at <= _since(session, now))
        .order_by(TopUp.id)
        .with_for_update(of=TopUp, skip_locked=True)
        .execution_options(populate_existing=True)
    )
    late = session.scalars(query).all()
    for top_up in late:
        top_up.state = TopUpState.EXPIRED
    session.flush()
    return len(late)


def _since(session: Session, now: datetime) -> datetime:
    return now - timedelta(days=session.get_one(CanteenSettings, 1).announced_days)
