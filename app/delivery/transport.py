"""The last step of a mail: an SMTP server, or a file where there is none."""

import os
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from email.utils import quote
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import flask_mail
from flask import current_app

from app.delivery.compose import Composed, one_line
from app.delivery.trouble import Undelivered, undelivered, unreachable
from app.models import CanteenSettings, OutboxMail

TIMEOUT: Final = 30.0  # seconds for one answer of the server


class Transport(Protocol):
    """Takes one mail for good, or raises Undelivered."""

    def send(self, message: flask_mail.Message) -> None:
        """Send; once this returns the mail is the other side's."""


@contextmanager
def open_transport() -> Iterator[Transport]:
    """SMTP when a server is set, files in MAIL_FOLDER otherwise."""
    if not current_app.config["MAIL_SERVER"]:
        yield FileTransport(Path(current_app.config["MAIL_FOLDER"]))
        return
    smtp = SmtpTransport()
    try:
        yield smtp
    finally:
        smtp.close()


def try_server() -> None:
    """Connect to the mail server, log in, say good-bye. Raises: Undelivered."""
    smtp = SmtpTransport()
    smtp.connect()
    smtp.close()


def message_of(
    mail: OutboxMail, composed: Composed, canteen: CanteenSettings, now: datetime
) -> flask_mail.Message:
    """The message, with a Message-ID that stays the same however often it is sent."""
    config = current_app.config
    message = flask_mail.Message(
        subject=composed.subject,
        recipients=[_named(composed.name, composed.address)],
        body=composed.text,
        html=composed.html,
        sender=_named(one_line(canteen.name), config["MAIL_DEFAULT_SENDER"]),
        reply_to=canteen.email or None,
        date=now.timestamp(),
        extra_headers={"Auto-Submitted": "auto-generated"},
    )
    for each in composed.attachments:
        message.attach(each.name, "application/pdf", each.content)
    # Flask-Mail would write a second header beside its own one if it were given as an extra.
    message.msgId = message_id(mail.id, mail.created_at, config["PUBLIC_URL"])
    return message


def _named(name: str, address: str) -> str:
    """An address with its owner; Flask-Mail encodes the name, and would do so a second time."""
    return f'"{quote(name)}" <{address}>' if name else address


def message_id(mail_id: int, created_at: datetime, public_url: str) -> str:
    """Unique for ever: the instant tells apart the mails of a database that was restored."""
    host = urlsplit(public_url).hostname or "localhost"
    return f"<{created_at:%Y%m%d%H%M%S}.{mail_id}@{host}>"


class Connection(flask_mail.Connection):
    """Flask-Mail's connection, which does not wait for ever and checks the server's certificate."""

    def configure_host(self) -> smtplib.SMTP | smtplib.SMTP_SSL:
        """Connect and log in."""
        mail, trusted = self.mail, ssl.create_default_context()
        host: smtplib.SMTP | smtplib.SMTP_SSL
        if mail.use_ssl:
            host = smtplib.SMTP_SSL(mail.server, mail.port or 465, timeout=TIMEOUT, context=trusted)
        else:
            host = smtplib.SMTP(mail.server, mail.port or 25, timeout=TIMEOUT)
        if mail.use_tls:
            host.starttls(context=trusted)
        if mail.username and mail.password:
            host.login(mail.username, mail.password)
        return host


class SmtpTransport:
    """One connection for many mails, opened at the first; after any trouble the next opens anew."""

    def __init__(self) -> None:
        self._connection: Connection | None = None

    def send(self, message: flask_mail.Message) -> None:
        """Raises: Undelivered."""
        connection = self.connect()
        try:
            connection.send(message)
        except (OSError, smtplib.SMTPException, flask_mail.BadHeaderError) as error:
            self.close()
            raise undelivered(error) from error

    def close(self) -> None:
        """Say good-bye; a server that has hung up already is no trouble any more."""
        connection, self._connection = self._connection, None
        if connection is not None and connection.host is not None:
            with suppress(OSError, smtplib.SMTPException):
                connection.host.quit()

    def connect(self) -> Connection:
        """The connection, opened if there is none. Raises: Undelivered."""
        if self._connection is None:
            try:
                self._connection = Connection(current_app.extensions["mail"]).__enter__()
            except (OSError, smtplib.SMTPException) as error:
                raise unreachable(error) from error
        return self._connection


class FileTransport:
    """A file for each mail, whole or not there; sent again it takes its own place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, message: flask_mail.Message) -> None:
        """Raises: Undelivered."""
        if message.has_bad_headers():
            raise Undelivered("header", is_final=True)
        name = message.msgId.strip("<>").partition("@")[0]
        unfinished = self._folder / f".{name}.{os.getpid()}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(message.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self._folder / f"{name}.eml")
        except OSError as error:
            raise Undelivered("folder", is_server=True) from error
