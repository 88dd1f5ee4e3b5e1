"""Accounting months: into which days may still be booked, and who may close one meanwhile."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.errors import PeriodClosed
from app.models import CanteenSettings, Period
from app.vocabulary import PeriodState

_JOURNAL: Final = sa.select(CanteenSettings.id).where(CanteenSettings.id == 1)


def require_open(session: Session, day: date) -> None:
    """Raises: PeriodClosed for a day of a closed accounting month."""
    if open_days(session, {day})[day] != day:
        raise PeriodClosed


def open_days(session: Session, days: set[date]) -> dict[date, date]:
    """Each day, moved to the first open one where its accounting month is closed."""
    session.execute(_JOURNAL.with_for_update(read=True, key_share=True))
    closed = sa.select(Period.starts_on, Period.ends_on).where(Period.state == PeriodState.CLOSED)
    ranges = [(first, until) for first, until in session.execute(closed.order_by(Period.starts_on))]
    return {day: _open_day(day, ranges) for day in days}


def lock_journal(session: Session) -> None:
    """Wait until whoever posts has committed, and let nobody post before the end: to close a month.

    The settings row stands for the journal. Whoever posts shares it; who closes locks nothing
    else, so that none waits in a circle; editing the settings waits only for who closes.
    """
    session.execute(_JOURNAL.with_for_update())


def _open_day(day: date, closed: Sequence[tuple[date, date]]) -> date:
    for first, until in closed:
        if first <= day < until:
            day = until
    if day > date.max - timedelta(days=366):
        raise PeriodClosed
    return day
