"""What the kitchen's papers said, so that what has changed since can be marked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import actor_of
from app.clock import Now
from app.models import KitchenPrint, ServiceDay


class Tray(NamedTuple):
    """A special meal of one pupil."""

    pupil_id: int
    meal_type_id: int


@dataclass(frozen=True)
class Paper:
    """A day's counts by meal type and class, and its special trays; `printed_at` once it was."""

    counts: Mapping[tuple[int, int | None], int] = field(default_factory=dict)
    trays: frozenset[Tray] = frozenset()
    printed_at: datetime | None = None

    def total(self, meal_type_id: int) -> int:
        """Meals of one type, of all classes."""
        return sum(n for (type_id, _class), n in self.counts.items() if type_id == meal_type_id)


def last_papers(session: Session, days: Sequence[date]) -> dict[date, Paper]:
    """The last paper of each day that has one."""
    latest = (
        sa.select(sa.func.max(KitchenPrint.id))
        .join(ServiceDay, ServiceDay.id == KitchenPrint.service_day_id)
        .where(ServiceDay.date.in_(days))
        .group_by(KitchenPrint.service_day_id)
    )
    query = (
        sa.select(ServiceDay.date, KitchenPrint)
        .join(ServiceDay, ServiceDay.id == KitchenPrint.service_day_id)
        .where(KitchenPrint.id.in_(latest))
    )
    return {day: _paper_of(row) for day, row in session.execute(query)}


def _paper_of(row: KitchenPrint) -> Paper:
    counts = {(meal or 0, school_class): count or 0 for meal, school_class, count in row.counts}
    return Paper(counts, frozenset(Tray(*tray) for tray in row.trays), row.printed_at)


def keep_papers(session: Session, papers: Mapping[date, Paper], now: Now) -> None:
    """Keep what a paper says of each service day, as it was read for the paper."""
    query = sa.select(ServiceDay).where(ServiceDay.date.in_(list(papers)))
    ids = {each.date: each.id for each in session.scalars(query)}
    session.add_all(
        KitchenPrint(
            service_day_id=ids[day],
            printed_at=now(),
            printed_by_id=actor_of(session).user_id,
            counts=[[meal, school_class, n] for (meal, school_class), n in paper.counts.items()],
            trays=[list(tray) for tray in sorted(paper.trays)],
        )
        for day, paper in papers.items()
        if day in ids
    )
    session.flush()
