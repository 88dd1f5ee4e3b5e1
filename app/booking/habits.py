"""On which weekdays a pupil usually eats: what a family is offered to book again in a new year."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Booking, ServiceDay
from app.vocabulary import HOLDS_A_SEAT

LOOKED_AT: Final = timedelta(weeks=10)


def usual_weekdays(
    session: Session, pupil_ids: Collection[int], until: date
) -> Mapping[int, frozenset[int]]:
    """The weekdays (0 is Monday) on which each pupil had a meal at least every second time.

    Of the last weeks in which the canteen served before the day `until`.
    """
    last = session.scalar(
        sa.select(sa.func.max(ServiceDay.date)).where(
            ServiceDay.date < until, ServiceDay.closure.is_(None)
        )
    )
    if last is None or not pupil_ids:
        return {}
    looked_at = ServiceDay.date > last - LOOKED_AT, ServiceDay.date <= last
    served = Counter(day.weekday() for day in session.scalars(_served().where(*looked_at)))
    eaten: dict[int, Counter[int]] = {}
    query = (
        sa.select(Booking.pupil_id, ServiceDay.date)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .where(Booking.pupil_id.in_(pupil_ids), Booking.state.in_(HOLDS_A_SEAT), *looked_at)
    )
    for pupil_id, day in session.execute(query):
        eaten.setdefault(pupil_id, Counter())[day.weekday()] += 1
    found = {
        pupil_id: frozenset(day for day, times in counts.items() if 2 * times >= served[day])
        for pupil_id, counts in eaten.items()
    }
    return {pupil_id: days for pupil_id, days in found.items() if days}


def _served() -> sa.Select[date]:
    return sa.select(ServiceDay.date).where(ServiceDay.closure.is_(None))
