"""Children who have left, and their health data, which goes some time after."""

from datetime import date, time, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import instant_of
from app.models import Enrolment, FamilyPaper, HealthRecord, Pupil
from app.privacy.imports import forget_values
from app.stored_files import forget_files
from app.vocabulary import PaperKind


def departed_before(day: date) -> sa.Select[int]:
    """The pupils who were put away, or whose last enrolment ended, before the day or on it.

    The last enrolment of everybody ends in July: as long as nobody at all is enrolled for longer,
    the new school year is not entered yet, and nobody has left by that.
    """
    later = sa.select(Enrolment.pupil_id).where(Enrolment.valid_until > day)
    is_school_on = sa.exists().where(Enrolment.valid_until > day)
    ended = sa.and_(is_school_on, Pupil.enrolments.any(), Pupil.id.not_in(later))
    archived = Pupil.archived_at < instant_of(day, time())
    return sa.select(Pupil.id).where(sa.or_(archived, ended))


def expired_records(today: date, days: int) -> sa.Select[HealthRecord]:
    """Records whose day has come, and those of children who left so many days ago."""
    left = departed_before(today - timedelta(days=days))
    return sa.select(HealthRecord).where(
        sa.or_(HealthRecord.expires_on <= today, HealthRecord.pupil_id.in_(left))
    )


def expired_papers(today: date, days: int) -> sa.Select[FamilyPaper]:
    """Medical papers of children who left so many days ago."""
    left = departed_before(today - timedelta(days=days))
    return sa.select(FamilyPaper).where(
        FamilyPaper.kind == PaperKind.MEDICAL, FamilyPaper.pupil_id.in_(left)
    )


def is_any_expired(session: Session, today: date, days: int) -> bool:
    """Whether `expire_health` would find something."""
    return any(
        session.scalar(query.limit(1)) is not None
        for query in (expired_records(today, days), expired_papers(today, days))
    )


def expire_health(session: Session, today: date, days: int, limit: int) -> int:
    """Delete so many of them at most, with their files; how many. The audit keeps no value."""
    old_records = expired_records(today, days).order_by(HealthRecord.id).limit(limit)
    old_papers = expired_papers(today, days).order_by(FamilyPaper.id).limit(limit)
    records, papers = session.scalars(old_records).all(), session.scalars(old_papers).all()
    files = [paper.stored_file_id for paper in papers]
    if records:
        forget_values(session, {HealthRecord.__name__: {record.id for record in records}})
    for each in (*records, *papers):
        session.delete(each)
    session.flush()
    forget_files(session, files)
    return len(records) + len(papers)
