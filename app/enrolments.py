"""Enrolments: their ranges, and another class in the middle of a year."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import (
    Enrolment,
    Pupil,
    SchoolClass,
    SchoolYear,
)
from app.refusals import OutsideYear, RangesOverlap


def hold_pupil(session: Session, pupil_id: int) -> Pupil:
    """The pupil, locked: one change of their enrolments at a time."""
    found: Pupil = session.get_one(Pupil, pupil_id, with_for_update={"key_share": True})
    return found


def check_range(session: Session, item: Enrolment, pupil_id: int) -> None:
    """An enrolment lies in the year of its class, beside the pupil's others.

    Raises: OutsideYear, RangesOverlap.
    """
    year: SchoolYear = item.school_class.school_year
    if item.valid_from < year.starts_on or item.valid_until > year.ends_on:
        raise OutsideYear
    others = sa.select(Enrolment.id).where(
        Enrolment.pupil_id == pupil_id,
        Enrolment.valid_from < item.valid_until,
        Enrolment.valid_until > item.valid_from,
    )
    if any(other != item.id for other in session.scalars(others)):
        raise RangesOverlap


def change_class(
    session: Session, pupil_id: int, school_class_id: int, category_id: int, first: date
) -> Enrolment:
    """From the day on the pupil is in that class and category, to the end of its year.

    What was entered for later days of that year gives way; booked meals stay. Changing back from
    the same day leaves what was before. Raises: OutsideYear.
    """
    hold_pupil(session, pupil_id)
    year = session.get_one(SchoolClass, school_class_id).school_year
    if not year.starts_on <= first < year.ends_on:
        raise OutsideYear
    before = _end(session, pupil_id, first, year)
    wanted = (school_class_id, category_id)
    if before is not None and (before.school_class_id, before.category_id) == wanted:
        before.valid_until = year.ends_on
        session.flush()
        return before
    enrolment = Enrolment(
        pupil_id=pupil_id,
        school_class_id=school_class_id,
        category_id=category_id,
        valid_from=first,
        valid_until=year.ends_on,
    )
    session.add(enrolment)
    session.flush()
    return enrolment


def _end(session: Session, pupil_id: int, first: date, year: SchoolYear) -> Enrolment | None:
    """End the pupil's enrolments of a year at the day; the one that reached that far."""
    reached = None
    for enrolment in enrolments_from(session, pupil_id, first):
        if enrolment.valid_from >= year.ends_on:
            continue
        if enrolment.valid_from >= first:
            session.delete(enrolment)
        else:
            enrolment.valid_until, reached = first, enrolment
    session.flush()
    return reached or _neighbour(session, pupil_id, first)


def enrolments_from(session: Session, pupil_id: int, first: date) -> Sequence[Enrolment]:
    """The pupil's enrolments that hold the day or a later one."""
    query = (
        sa.select(Enrolment)
        .where(Enrolment.pupil_id == pupil_id, Enrolment.valid_until > first)
        .order_by(Enrolment.valid_from)
    )
    return session.scalars(query).all()


def _neighbour(session: Session, pupil_id: int, first: date) -> Enrolment | None:
    query = sa.select(Enrolment).where(
        Enrolment.pupil_id == pupil_id, Enrolment.valid_until == first
    )
    return session.scalars(query).one_or_none()
