"""What families are offered to book again in a new school year: their children's usual days."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.booking.habits import usual_weekdays
from app.clock import Now
from app.errors import NotFound
from app.models import Booking, Enrolment, Pupil, PupilAccount, RollOver, SchoolYear, ServiceDay
from app.outbox import tell
from app.vocabulary import HOLDS_A_SEAT, FactKind

OPEN_BEFORE: Final = timedelta(days=120)
"""How long before it begins a new year is offered on the front page."""


@dataclass(frozen=True)
class Offer:
    """A child without a meal in the new year, and the weekdays on which they usually ate."""

    pupil_id: int
    name: str
    school_class: str
    weekdays: tuple[int, ...]
    first: date
    last: date

    @property
    def query(self) -> list[tuple[str, str]]:
        """The fields of the form for repeating meals."""
        days = [("weekday", str(weekday)) for weekday in self.weekdays]
        first, last = self.first.isoformat(), self.last.isoformat()
        return [("pupil", str(self.pupil_id)), ("first", first), ("last", last), *days]


def coming_year(session: Session, today: date) -> SchoolYear | None:
    """The school year that begins soon."""
    query = sa.select(SchoolYear).where(
        SchoolYear.starts_on > today, SchoolYear.starts_on <= today + OPEN_BEFORE
    )
    found: SchoolYear | None = session.scalar(query.order_by(SchoolYear.starts_on).limit(1))
    return found


def offers_of(
    session: Session, account_ids: Collection[int], year: SchoolYear, today: date
) -> list[Offer]:
    """The children of the accounts who are enrolled in the year and have no meal in it yet."""
    enrolled = _enrolled(session, account_ids, year)
    booked = _booked(session, [each.pupil_id for each in enrolled], year)
    waiting = [each for each in enrolled if each.pupil_id not in booked]
    usual = usual_weekdays(session, [each.pupil_id for each in waiting], year.starts_on)
    return [
        Offer(
            each.pupil_id,
            each.pupil.full_name,
            each.school_class.name,
            tuple(sorted(usual.get(each.pupil_id, ()))),
            max(each.valid_from, today + timedelta(days=1)),
            each.valid_until - timedelta(days=1),
        )
        for each in waiting
    ]


def _enrolled(session: Session, account_ids: Collection[int], year: SchoolYear) -> list[Enrolment]:
    query = (
        sa.select(Enrolment)
        .join(Enrolment.pupil)
        .where(
            Pupil.payers.any(PupilAccount.account_id.in_(account_ids)),
            Pupil.archived_at.is_(None),
            Enrolment.valid_from < year.ends_on,
            Enrolment.valid_until > year.starts_on,
        )
        .order_by(Pupil.birth_date, Pupil.id, Enrolment.valid_from)
        .options(joinedload(Enrolment.pupil), joinedload(Enrolment.school_class))
    )
    first_of = {each.pupil_id: each for each in reversed(session.scalars(query).all())}
    return list(reversed(first_of.values()))


def _booked(session: Session, pupil_ids: Collection[int], year: SchoolYear) -> set[int]:
    query = (
        sa.select(Booking.pupil_id)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .where(
            Booking.pupil_id.in_(pupil_ids),
            Booking.state.in_(HOLDS_A_SEAT),
            ServiceDay.date >= year.starts_on,
            ServiceDay.date < year.ends_on,
        )
        .distinct()
    )
    return set(session.scalars(query))


def offer_to_families(session: Session, roll_over_id: int, now: Now) -> int:
    """Write once to every account with a child enrolled in the new year; to how many.

    What was offered is not offered again: 0. Raises: NotFound.
    """
    roll = session.get(RollOver, roll_over_id, with_for_update=True, populate_existing=True)
    if roll is None:
        raise NotFound
    if roll.offered_at is not None:
        return 0
    roll.offered_at = now()
    accounts = session.scalars(_accounts(roll.to_year)).all()
    for account_id in accounts:
        tell(
            session,
            FactKind.NEW_YEAR,
            now=roll.offered_at,
            account_id=account_id,
            record_id=roll.id,
        )
    session.flush()
    return len(accounts)


def _accounts(year: SchoolYear) -> sa.Select[int]:
    return (
        sa.select(PupilAccount.account_id)
        .join(Enrolment, Enrolment.pupil_id == PupilAccount.pupil_id)
        .where(Enrolment.valid_from < year.ends_on, Enrolment.valid_until > year.starts_on)
        .distinct()
        .order_by(PupilAccount.account_id)
    )
