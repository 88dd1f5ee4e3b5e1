"""The queue of mails: claimed by a committed lease, sent with nothing locked, then settled."""

import random
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

import sqlalchemy as sa
from flask import current_app
from flask_mail import Message
from sqlalchemy.orm import Session

from app import clock
from app.access import EVERYTHING, SYSTEM, scope_of
from app.delivery.compose import compose
from app.delivery.recipients import may_still_read
from app.delivery.transport import Transport, message_of, open_transport
from app.delivery.trouble import Undelivered
from app.extensions import db
from app.models import CanteenSettings, OutboxMail
from app.transaction import transaction
from app.vocabulary import MailState

MAILS_PER_TURN: Final = 20
TURN: Final = 20.0  # seconds; then other work has its turn
LEASE: Final = timedelta(minutes=5)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)
MAX_ATTEMPTS: Final = 14  # about a day


def pause_after(attempts: int, jitter: float) -> timedelta:
    """How long to wait after a failure: twice as long each time, a tenth more or less.

    `attempts` counts from 1; `jitter` is from -1 to 1.
    """
    doubled = FIRST_PAUSE * 2 ** min(attempts - 1, 30)
    return min(doubled, LONGEST_PAUSE) * (1 + jitter / 10)


def _waiting(now: datetime) -> sa.ColumnElement[bool]:
    """Queued, due, and in nobody's hands."""
    return sa.and_(
        OutboxMail.state == MailState.QUEUED,
        OutboxMail.due_at <= now,
        sa.or_(OutboxMail.claimed_until.is_(None), OutboxMail.claimed_until <= now),
    )


def is_anything_waiting(session: Session, now: datetime) -> bool:
    """Whether there is a mail to send."""
    return session.scalar(sa.select(OutboxMail.id).where(_waiting(now)).limit(1)) is not None


def claim(worker: str) -> list[int]:
    """Take the next mails: until the lease ends they are this worker's."""
    with transaction(SYSTEM) as session:
        now = clock.now()
        query = (
            sa.select(OutboxMail)
            .where(_waiting(now))
            .order_by(OutboxMail.due_at, OutboxMail.id)
            .limit(MAILS_PER_TURN)
            .with_for_update(skip_locked=True)
            .execution_options(populate_existing=True)
        )
        mails = session.scalars(query).all()
        for mail in mails:
            mail.claimed_by, mail.claimed_until = worker, now + LEASE
        return [mail.id for mail in mails]


def deliver(worker: str) -> Generator[int]:
    """Send the mails of one turn, one a step; whoever stops in between gives the rest back."""
    left = deque(claim(worker))
    ends = monotonic() + TURN
    try:
        with open_transport() as transport:
            while left and monotonic() < ends:
                mail_id = left.popleft()
                if _settle(mail_id, worker, transport, left):
                    left.clear()
                yield mail_id
    finally:
        _give_back(left, worker)


def _settle(mail_id: int, worker: str, transport: Transport, left: Iterable[int]) -> bool:
    """Send a mail and note what came of it; True when the rest was noted as failed with it."""
    try:
        transport.send(_message(mail_id))
    except Undelivered as trouble:
        _note_failure([mail_id, *(left if trouble.is_server else ())], worker, trouble)
        return trouble.is_server
    _note_success(mail_id)
    return False


def _message(mail_id: int) -> Message:
    """The mail as it reads now; nothing stays locked while the server takes its time.

    Raises: Undelivered.
    """
    session = db.session()
    with scope_of(session, EVERYTHING):
        try:
            return _composed(session, session.get_one(OutboxMail, mail_id))
        finally:
            session.rollback()


def _composed(session: Session, mail: OutboxMail) -> Message:
    canteen = session.get_one(CanteenSettings, 1)
    if not may_still_read(session, mail, canteen):
        raise Undelivered("reader", is_final=True)
    now = clock.now()
    try:
        return message_of(mail, compose(session, mail, now), canteen, now)
    except Exception as error:  # one letter that cannot be written must not hold up the others
        current_app.logger.exception("mail %s cannot be composed", mail.id)
        raise Undelivered("compose") from error


def _locked(session: Session, mail_ids: Iterable[int]) -> Sequence[OutboxMail]:
    query = (
        sa.select(OutboxMail)
        .where(OutboxMail.id.in_(list(mail_ids)))
        .order_by(OutboxMail.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(query).all()


def _note_success(mail_id: int) -> None:
    """Sent is sent, even where the lease ran out meanwhile."""
    with transaction(SYSTEM) as session:
        for mail in _locked(session, [mail_id]):
            mail.state, mail.sent_at, mail.last_error = MailState.SENT, clock.now(), ""
            mail.attempts += 1
            mail.claimed_by = mail.claimed_until = None


def _note_failure(mail_ids: Iterable[int], worker: str, trouble: Undelivered) -> None:
    """Try again later, or give up; a mail that another worker took over is left to it."""
    with transaction(SYSTEM) as session:
        for mail in _locked(session, mail_ids):
            if mail.claimed_by == worker and mail.state is MailState.QUEUED:
                mail.attempts += 1
                mail.last_error = trouble.code
                mail.due_at = clock.now() + pause_after(mail.attempts, random.uniform(-1, 1))  # noqa: S311 - jitter
                if trouble.is_final or mail.attempts >= MAX_ATTEMPTS:
                    mail.state = MailState.FAILED
                mail.claimed_by = mail.claimed_until = None


def _give_back(mail_ids: Iterable[int], worker: str) -> None:
    ids = list(mail_ids)
    if not ids:
        return
    with transaction(SYSTEM) as session:
        for mail in _locked(session, ids):
            if mail.claimed_by == worker:
                mail.claimed_by = mail.claimed_until = None


def send_again(session: Session, mail_ids: Iterable[int], now: datetime) -> int:
    """Queue failed mails once more, as if they were new; how many. Others stay as they are."""
    failed = [m for m in _locked(session, mail_ids) if m.state is MailState.FAILED]
    for mail in failed:
        mail.state, mail.due_at = MailState.QUEUED, now
        mail.attempts, mail.last_error = 0, ""
    session.flush()
    return len(failed)
