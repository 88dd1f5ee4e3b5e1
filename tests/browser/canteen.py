"""A running canteen for a browser: its server, its clock, its worker, its mails."""

import email
import email.policy
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.conftest import A_SCHOOL_MORNING, FrozenClock
from tests.database import copy_sqlite, create_test_app, running


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        """Only faults are of interest."""


@dataclass(frozen=True)
class Canteen:
    """The program as a whole, on an address of its own."""

    app: Flask
    address: str
    clock: FrozenClock
    outbox: Path

    def url(self, endpoint: str, **values: Any) -> str:
        """The whole address of a page."""
        with self.app.test_request_context():
            return f"{self.address}{self.app.url_for(endpoint, **values)}"

    def said(self, text: Any) -> str:
        """What a page says for this lazy text."""
        with self.app.test_request_context(), force_locale("fr_CH"):
            return str(text)

    def work(self, at: str) -> list[EmailMessage]:
        """The worker does all it has to do at this Zurich time; the mails that it sent."""
        from app.worker import Worker

        before = set(self.outbox.glob("*.eml"))
        self.clock.set(at)
        assert Worker(self.app).run_once(), "a job failed"
        return [_read(file) for file in sorted(set(self.outbox.glob("*.eml")) - before)]


def _read(file: Path) -> EmailMessage:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@contextmanager
def open_canteen(template: Path, folder: Path) -> Iterator[Canteen]:
    """Serve a copy of the filled database; it is half past seven on a school day."""
    clock = FrozenClock(A_SCHOOL_MORNING)
    outbox = folder / "outbox"
    with (
        pytest.MonkeyPatch.context() as patch,
        running(create_test_app(copy_sqlite(template, folder), outbox)) as app,
    ):
        patch.setattr("app.clock.now", clock.now)
        with _served(app) as address:
            app.config["PUBLIC_URL"] = address  # the way back from the payment page
            yield Canteen(app, address, clock, outbox)


@contextmanager
def _served(app: Flask) -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
