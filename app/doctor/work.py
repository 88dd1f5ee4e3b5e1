"""The worker and the mails: alive, on time, and nothing that waits for ever."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from flask import current_app
from flask_babel import format_date, gettext
from sqlalchemy.orm import Session

from app.day_jobs import days_to_close
from app.delivery.transport import try_server
from app.delivery.trouble import Undelivered, sentence_of_code
from app.doctor.database import is_ready
from app.doctor.finding import Finding, Level, by_age, for_real, how_long
from app.models import Job, OutboxFact, OutboxMail, TopUp
from app.transaction import look
from app.vocabulary import MailState, TopUpState
from app.worker import last_heartbeat

LATE, DEAD = timedelta(minutes=1), timedelta(minutes=5)
SLOW, STUCK = timedelta(minutes=15), timedelta(hours=2)
REMEMBERED: Final = timedelta(days=7)


def check_worker() -> Iterator[Finding]:
    """Its last sign of life, what it has not done yet, what failed."""
    if is_ready():
        yield look(_beat)
        yield look(_lag)
        yield look(_jobs)


def _beat(session: Session, now: datetime) -> Finding:
    title, last = gettext("Worker"), last_heartbeat(session)
    if last is None:
        told = gettext("It never ran. Start “flask --app app canteen worker”.")
        return Finding(Level.ERROR, title, told)
    told = gettext("Its last sign of life is %(age)s old.", age=how_long(now - last))
    level = by_age(now - last, LATE, DEAD)
    if level is not Level.OK:
        start = gettext("Start “flask --app app canteen worker”.")
        told = f"{told} {start}"
    return Finding(level, title, told)


def _lag(session: Session, now: datetime) -> Finding:
    """Since when the oldest thing waits that should be done."""
    title, late = gettext("Delay of the worker"), days_to_close(session, now - DEAD)
    if late:
        told = gettext("%(day)s is not closed yet.", day=format_date(late[0], "full"))
        return Finding(Level.ERROR, title, told)
    top_up = sa.select(sa.func.min(TopUp.credit_at)).where(TopUp.state == TopUpState.VALIDATED)
    fact = sa.select(sa.func.min(OutboxFact.due_at)).where(OutboxFact.gathered_at.is_(None))
    due = [at for at in (session.scalar(top_up), session.scalar(fact)) if at and at < now]
    delay = now - min(due, default=now)
    level = by_age(delay, SLOW, STUCK)
    if level is Level.OK:
        return Finding(level, title, gettext("Nothing waits."))
    told = gettext("The oldest task has waited for %(age)s.", age=how_long(delay))
    return Finding(level, title, told)


def _jobs(session: Session, _: datetime) -> Finding:
    title = gettext("Jobs")
    failed = session.scalars(sa.select(Job.name).where(Job.last_error != "").order_by(Job.name))
    if names := ", ".join(failed):
        told = gettext("The last run failed: %(names)s. The log says why.", names=names)
        return Finding(Level.WARNING, title, told)
    return Finding(Level.OK, title, gettext("The last run of each went well."))


def check_mails() -> Iterator[Finding]:
    """Whether the server takes us, and what lies in the queue."""
    yield _server()
    if is_ready():
        yield look(_queue)
        yield look(_failed)


def _server() -> Finding:
    title, config = gettext("Mail server"), current_app.config
    if not config["MAIL_SERVER"]:
        told = gettext(
            "None: mails are kept as files in %(folder)s. Set MAIL_SERVER.",
            folder=config["MAIL_FOLDER"],
        )
        return Finding(for_real(config["PRODUCTION"]), title, told)
    name = f"{config['MAIL_SERVER']}:{config['MAIL_PORT']}"
    try:
        try_server()
    except Undelivered as trouble:
        return Finding(Level.ERROR, title, f"{name} – {sentence_of_code(trouble.code)}")
    return Finding(Level.OK, title, gettext("%(name)s answers.", name=name))


def _queue(session: Session, now: datetime) -> Finding:
    title, is_queued = gettext("Mails to send"), OutboxMail.state == MailState.QUEUED
    query = sa.select(sa.func.count(), sa.func.min(OutboxMail.created_at)).where(is_queued)
    number, oldest = session.execute(query).one()
    if not number:
        return Finding(Level.OK, title, gettext("None waits."))
    told = gettext(
        "%(number)s wait, the oldest for %(age)s.", number=number, age=how_long(now - oldest)
    )
    return Finding(by_age(now - oldest, SLOW, STUCK), title, told)


def _failed(session: Session, now: datetime) -> Finding:
    title = gettext("Mails that failed")
    is_failed = OutboxMail.state == MailState.FAILED, OutboxMail.created_at > now - REMEMBERED
    number = session.scalar(sa.select(sa.func.count()).select_from(OutboxMail).where(*is_failed))
    if not number:
        return Finding(Level.OK, title, gettext("None in seven days."))
    told = gettext(
        "%(number)s in seven days. The secretariat finds them under “Mails”.", number=number
    )
    return Finding(Level.WARNING, title, told)
