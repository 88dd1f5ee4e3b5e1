"""The worker's daily round over the balances: what is due at 18:00 is told."""

from collections.abc import Generator
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.access import SYSTEM
from app.models import Job
from app.payments.notices import last_round, tell_balances
from app.transaction import transaction

TELL_BALANCES: Final = "tell balances"


def is_round_due(session: Session, now: datetime) -> bool:
    """Once a day after 18:00; again after a round that failed."""
    job = session.scalar(sa.select(Job).where(Job.name == TELL_BALANCES))
    if job is None or job.last_run_at is None or job.last_error:
        return True
    return bool(job.last_run_at < last_round(now))


def go_round(_: str) -> Generator[int]:
    """One commit: told and noted together, so that a crash tells nothing twice."""
    with transaction(SYSTEM) as session:
        told = tell_balances(session, clock.now())
    yield told
