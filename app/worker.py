"""The jobs and when they run: each whenever there is work for it, in steps that are one commit.

Any number of workers share the work: a lease in the `Job` row spares them waiting for each other,
the locks of the records themselves keep them right. Every job goes on where a crash stopped it.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Final
from uuid import uuid4

import sqlalchemy as sa
from flask import Flask
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import clock
from app.access import SYSTEM
from app.balance_jobs import TELL_BALANCES, go_round, is_round_due
from app.bank_jobs import book_waiting, has_new_files, has_waiting, import_folder
from app.booking.rules import service_rules
from app.day_jobs import close_days, days_to_close, days_to_refuse, refuse_unfunded
from app.delivery.gather import gather, is_anything_due
from app.delivery.queue import deliver, is_anything_waiting
from app.enquiries import ask_providers, is_anything_to_ask
from app.models import Job, LoginAttempt, TopUp
from app.payments.announced import expire_late, has_late
from app.payments.credit import credit_due
from app.privacy_jobs import FORGET_HEALTH, forget_health, is_look_due
from app.tax_archives import has_archives, make_archives
from app.transaction import look, transaction
from app.vocabulary import TopUpState

HEARTBEAT: Final = "heartbeat"
HEARTBEAT_EVERY: Final = timedelta(seconds=15)
LEASE: Final = timedelta(seconds=30)
REST: Final = 1.0  # seconds between two looks at what there is to do
REST_AFTER_FAILURE: Final = 60.0  # seconds
ATTEMPTS_KEPT: Final = timedelta(days=1)


@dataclass(frozen=True)
class Task:
    """One job: `has_work` only reads, `steps` gets the worker's name and yields at each commit.

    `is_shared`: several workers may run it at once.
    """

    name: str
    has_work: Callable[[Session, datetime], bool]
    steps: Callable[[str], Generator[object]]
    is_shared: bool = False


def _is_credit_due(session: Session, now: datetime) -> bool:
    query = sa.select(TopUp.id).where(TopUp.state == TopUpState.VALIDATED, TopUp.credit_at <= now)
    return session.scalar(query.limit(1)) is not None


def _credit_top_ups(_: str) -> Generator[int]:
    with transaction(SYSTEM) as session:
        credited = credit_due(session, service_rules(session), clock.now)
    yield credited


def _expire_announced(_: str) -> Generator[int]:
    with transaction(SYSTEM) as session:
        expired = expire_late(session, clock.now())
    yield expired


def _has_mail(session: Session, now: datetime) -> bool:
    return is_anything_due(session, now) or is_anything_waiting(session, now)


def _send_mails(worker: str) -> Generator[int]:
    while look(is_anything_due):
        with transaction(SYSTEM) as session:
            gathered = gather(session, clock.now())
        yield gathered
    yield from deliver(worker)


def _has_old_attempts(session: Session, now: datetime) -> bool:
    oldest = session.scalar(sa.select(sa.func.min(LoginAttempt.attempted_at)))
    return oldest is not None and oldest < now - ATTEMPTS_KEPT - timedelta(hours=1)


def _forget_attempts(_: str) -> Generator[int]:
    with transaction(SYSTEM) as session:
        old = LoginAttempt.attempted_at < clock.now() - ATTEMPTS_KEPT
        session.execute(sa.delete(LoginAttempt).where(old))
    yield 0


def _is_heartbeat_due(session: Session, now: datetime) -> bool:
    last = last_heartbeat(session)
    return last is None or last <= now - HEARTBEAT_EVERY


def last_heartbeat(session: Session) -> datetime | None:
    """When a worker last said that it is alive."""
    return session.scalar(sa.select(Job.last_run_at).where(Job.name == HEARTBEAT))


def _beat(_: str) -> Generator[int]:
    yield 0  # that it ran is noted, and that is all


TASKS: Final = (
    Task("ask providers", is_anything_to_ask, ask_providers),
    Task("credit top-ups", _is_credit_due, _credit_top_ups),
    Task("expire top-ups", has_late, _expire_announced),
    Task("close days", lambda s, now: bool(days_to_close(s, now)), close_days),
    Task("refuse unfunded", lambda s, now: bool(days_to_refuse(s, now)), refuse_unfunded),
    Task(TELL_BALANCES, is_round_due, go_round),
    Task("import bank files", has_new_files, import_folder),
    Task("book bank files", has_waiting, book_waiting),
    Task("archive statements", has_archives, make_archives),
    Task("send mails", _has_mail, _send_mails, is_shared=True),
    Task("forget attempts", _has_old_attempts, _forget_attempts),
    Task(FORGET_HEALTH, is_look_due, forget_health),
    Task(HEARTBEAT, _is_heartbeat_due, _beat, is_shared=True),
)


class Worker:
    """Runs every task that has work, over and over."""

    def __init__(self, app: Flask, tasks: tuple[Task, ...] = TASKS) -> None:
        self._app, self._tasks = app, tasks
        self.name = f"{socket.gethostname()[:30]}:{os.getpid()}:{uuid4().hex[:8]}"
        self._stopping = threading.Event()
        self._not_before: dict[str, float] = {}

    def run(self) -> None:
        """Work until told to stop, or until the program that started this one is gone."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, lambda *_: self._stopping.set())
        while not self._stopping.is_set() and not _is_orphan():
            if not self.round():
                self._stopping.wait(REST)

    def run_once(self) -> bool:
        """Do what there is to do, then end; whether nothing failed."""
        while self.round():
            pass
        return not self._not_before

    def round(self) -> bool:
        """One look at every task; whether there was something to do."""
        worked = [self._attend(task) for task in self._tasks]
        return any(worked)

    def _attend(self, task: Task) -> bool:
        """A failure is logged, noted, and tried again later; the other tasks go on."""
        if self._stopping.is_set() or monotonic() < self._not_before.get(task.name, 0):
            return False
        with self._app.app_context():
            try:
                return look(task.has_work) and self._perform(task)
            except Exception as error:
                self._app.logger.exception("job %s failed", task.name)
                self._not_before[task.name] = monotonic() + REST_AFTER_FAILURE
                self._note_failure(task, error)
                return False

    def _perform(self, task: Task) -> bool:
        if not task.is_shared and not _claim(task.name, self.name):
            return False
        with closing(task.steps(self.name)) as steps:
            for _ in steps:
                if self._stopping.is_set():
                    break
        self._not_before.pop(task.name, None)
        _finish(task.name, self.name, "")
        return True

    def _note_failure(self, task: Task, error: Exception) -> None:
        try:
            _finish(task.name, self.name, type(error).__name__)
        except Exception:
            self._app.logger.exception("the failure of job %s cannot be noted", task.name)


def _claim(name: str, worker: str) -> bool:
    """Hold a job for a while, unless another worker does."""
    with transaction(SYSTEM) as session:
        now, job = clock.now(), _job(session, name)
        if job.claimed_by != worker and job.claimed_until is not None and now < job.claimed_until:
            return False
        job.claimed_by, job.claimed_until = worker, now + LEASE
        return True


def _finish(name: str, worker: str, error: str) -> None:
    """Note that a job ran, and let go of it."""
    with transaction(SYSTEM) as session:
        job = _job(session, name)
        job.last_run_at, job.last_error = clock.now(), error
        if job.claimed_by == worker:
            job.claimed_by = job.claimed_until = None


def _job(session: Session, name: str) -> Job:
    """The job's row, locked; made the first time."""
    query = (
        sa.select(Job)
        .where(Job.name == name)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    found: Job | None = session.scalar(query)
    if found is None:
        with suppress(IntegrityError), session.begin_nested():  # another worker may be first
            session.add(Job(name=name))
        found = session.scalars(query).one()
    return found


def _is_orphan() -> bool:
    """Whether run.py, which started this process, is gone."""
    parent = os.environ.get("CANTEEN_PARENT_PID")
    return parent is not None and os.getppid() != int(parent)
