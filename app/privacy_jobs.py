"""Erasing what is no longer needed: health data by itself, the rest when somebody says so."""

from collections.abc import Generator
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import clock
from app.access import SYSTEM, Actor
from app.models import Job
from app.privacy.departed import expire_health, is_any_expired
from app.privacy.retention import BATCH, RULES, Terms, plan, terms_of
from app.transaction import look, transaction

FORGET_HEALTH: Final = "forget health"
_EVERY: Final = timedelta(hours=1)


def is_look_due(session: Session, now: datetime) -> bool:
    """Once an hour; again after a look that failed."""
    query = sa.select(Job.last_run_at).where(Job.name == FORGET_HEALTH, Job.last_error == "")
    last = session.scalar(query)
    return last is None or last <= now - _EVERY


def is_health_expired(session: Session, now: datetime) -> bool:
    """Whether there is health data whose time is over."""
    terms = terms_of(session, now)
    return is_any_expired(session, terms.today, terms.health_days)


def forget_health(_: str) -> Generator[int]:
    """A batch is a commit."""
    while look(is_health_expired):
        with transaction(SYSTEM) as session:
            terms = terms_of(session, clock.now())
            erased = expire_health(session, terms.today, terms.health_days, BATCH)
        yield erased


def look_at_retention() -> dict[str, int]:
    """What a run would erase now, by rule."""
    return look(lambda session, now: plan(session, terms_of(session, now)))


def retain(actor: Actor) -> Generator[tuple[str, int]]:
    """Erase what is due, rule by rule; each step is a commit and yields its rule and how much.

    Stopped in between and begun again it goes on: a step asks what is due then.
    """
    for rule in RULES:
        while True:
            with transaction(actor) as session:
                terms: Terms = terms_of(session, clock.now())
                erased = rule.step(session, terms, clock.now)
            if not erased:
                break
            yield rule.name, erased
