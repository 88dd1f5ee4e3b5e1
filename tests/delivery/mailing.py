"""A mail server to talk to, and the words of the tests of mails."""

import asyncio
import email
import email.policy
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from flask import Flask
from sqlalchemy.orm import Session as Reading

from app import outbox
from app.access import EVERYTHING, SYSTEM, scope_of
from app.delivery.gather import gather
from app.delivery.queue import deliver
from app.extensions import db
from app.models import CanteenUser, OutboxMail, TopUp
from app.transaction import transaction
from app.vocabulary import FactKind, Language, TopUpChannel, TopUpState
from tests.factories import Family, make_family

TAKEN, HANG_UP, SILENCE, TAKEN_UNSAID = "250 OK", "hang up", "silence", "taken, then hang up"


class Peer:
    """An SMTP server that answers to DATA as it is told, and takes the rest."""

    def __init__(self, *answers: str) -> None:
        self.answers = deque(answers)
        self.taken: list[EmailMessage] = []

    async def handle_DATA(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _: Session, envelope: Envelope
    ) -> str:
        answer = self.answers.popleft() if self.answers else TAKEN
        if answer == SILENCE:
            await asyncio.sleep(1)
        if answer in {TAKEN, TAKEN_UNSAID}:
            assert isinstance(envelope.content, bytes)
            self.taken.append(parsed(envelope.content))
        if answer in {HANG_UP, SILENCE, TAKEN_UNSAID}:
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return answer if answer[0].isdigit() else "421 gone"


@contextmanager
def serving(peer: Any) -> Iterator[int]:
    """Run the server; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    controller = Controller(peer, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


def use_server(app: Flask, port: int) -> None:
    """Have the application send by SMTP."""
    app.config["MAIL_SERVER"] = "127.0.0.1"
    mail = app.extensions["mail"]
    mail.server, mail.port, mail.suppress = "127.0.0.1", port, False


def parsed(content: bytes) -> EmailMessage:
    return email.message_from_bytes(content, policy=email.policy.default)


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def files_of(app: Flask) -> list[EmailMessage]:
    """The mails in the folder."""
    folder = Path(app.config["MAIL_FOLDER"])
    return [parsed(path.read_bytes()) for path in sorted(folder.glob("*"))]


def english_family(session: Reading, **options: Any) -> Family:
    """Message ids are English: a family that reads them needs no catalogue."""
    family = make_family(session, **options)
    session.get_one(CanteenUser, family.user_id).language = Language.ENGLISH
    return family


def make_mails(count: int, now: datetime) -> list[int]:
    """As many queued mails, each to another family about a credit; their ids."""
    with transaction(SYSTEM) as session:
        for _ in range(count):
            family = english_family(session)
            top_up = TopUp(
                account_id=family.account_id,
                channel=TopUpChannel.BANK,
                state=TopUpState.CREDITED,
                amount=5000,
                made_at=now,
                credited_at=now,
                request_id=f"mail:{family.account_id}",
            )
            session.add(top_up)
            session.flush()
            outbox.tell(
                session,
                FactKind.CREDITED,
                now=now,
                account_id=family.account_id,
                record_id=top_up.id,
            )
        session.flush()
        gather(session, now)
        return [mail.id for mail in mails(session)]


def mails(session: Reading) -> Sequence[OutboxMail]:
    return session.scalars(
        sa.select(OutboxMail).order_by(OutboxMail.id).execution_options(populate_existing=True)
    ).all()


@contextmanager
def looking() -> Iterator[Reading]:
    """Read every row as it is now, outside any transaction."""
    session = db.session()
    session.rollback()
    with scope_of(session, EVERYTHING):
        yield session
    session.rollback()


def deliver_all(worker: str = "worker") -> list[int]:
    """One turn of a worker; the mails that it settled."""
    return list(deliver(worker))
