"""What Prometheus reads: how much of everything there is, and how old; no names, no accounts.

Source: the text format of Prometheus, version 0.0.4.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import local
from app.models import (
    Account,
    BankEntry,
    Booking,
    Job,
    OutboxMail,
    RefundRequest,
    ServiceDay,
    TopUp,
)
from app.vocabulary import BankEntryState, BookingState, MailState, RefundState, TopUpState
from app.worker import last_heartbeat

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BY_STATE: Final[tuple[tuple[str, str, Any, type[StrEnum]], ...]] = (
    ("mails", "Mails by state.", OutboxMail, MailState),
    ("top_ups", "Top-ups by state.", TopUp, TopUpState),
    ("refunds", "Refund requests by state.", RefundRequest, RefundState),
    ("bank_entries", "Payments of bank files by state.", BankEntry, BankEntryState),
)


def metrics(session: Session, now: datetime) -> str:
    """Every measure, each a gauge of this moment."""
    lines: list[str] = []
    for name, told, values in _measures(session, now):
        lines += [f"# HELP refectoire_{name} {told}", f"# TYPE refectoire_{name} gauge"]
        lines += [f"refectoire_{name}{label} {value:.15g}" for label, value in values.items()]
    return "\n".join([*lines, ""])


def _measures(session: Session, now: datetime) -> Iterator[tuple[str, str, Mapping[str, float]]]:
    """Name, what it is, and the values by label; what was never seen has no value."""
    last = last_heartbeat(session)
    yield "worker_age_seconds", "Since when no worker was seen.", _age(last, now)
    failed = session.scalar(sa.select(sa.func.count()).where(Job.last_error != "")) or 0
    yield "jobs_failed", "Jobs whose last run failed.", {"": failed}
    for name, told, model, states in _BY_STATE:
        counts = sa.select(model.state, sa.func.count()).group_by(model.state)
        yield name, told, _by_state(session, counts, states)
    queued = OutboxMail.state == MailState.QUEUED
    oldest = session.scalar(sa.select(sa.func.min(OutboxMail.created_at)).where(queued))
    yield "mail_age_seconds", "Age of the oldest mail that waits.", _age(oldest, now)
    today = (
        sa.select(Booking.state, sa.func.count())
        .join(ServiceDay)
        .where(ServiceDay.date == local(now).date())
        .group_by(Booking.state)
    )
    yield "meals_today", "Meals of today by state.", _by_state(session, today, BookingState)
    total = session.scalar(sa.select(sa.func.sum(Account.balance))) or 0
    yield "balances_centimes", "Sum of all balances.", {"": total}


def _age(since: datetime | None, now: datetime) -> Mapping[str, float]:
    return {} if since is None else {"": (now - since).total_seconds()}


def _by_state(session: Session, counts: Any, states: type[StrEnum]) -> Mapping[str, int]:
    """A value for each state, so that an alarm finds it before there is one."""
    rows: Any = session.execute(counts).all()
    found: dict[StrEnum, int] = dict(rows)
    return {f'{{state="{state}"}}': found.get(state, 0) for state in states}
