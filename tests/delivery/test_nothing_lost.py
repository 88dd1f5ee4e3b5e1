"""Invariant 9: whatever is killed, no mail is lost, and none tells of what never happened."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask import Flask

from app import clock, outbox
from app.access import SYSTEM
from app.delivery.queue import LONGEST_PAUSE
from app.transaction import transaction
from app.vocabulary import FactKind, MailState
from app.worker import Worker
from tests.delivery.mailing import (
    HANG_UP,
    TAKEN,
    TAKEN_UNSAID,
    Peer,
    looking,
    mails,
    serving,
    use_server,
)
from tests.factories import make_family
from tests.soak import SOAK

pytestmark = pytest.mark.soak

TOLD, KILLS = (600, 50) if SOAK else (60, 5)
ROOT = Path(__file__).parent.parent.parent


class CrashError(Exception):
    """The web process dies before it commits."""


class Unreliable(Peer):
    """Takes most mails; defers some, hangs up on some, and on some after it took them."""

    def __init__(self, seed: int) -> None:
        answers = [TAKEN, "451 4.3.0 later", HANG_UP, TAKEN_UNSAID]
        super().__init__(*random.Random(seed).choices(answers, [6, 2, 1, 1], k=1000))


def tell(user_id: int, *, crash: bool = False) -> None:
    with transaction(SYSTEM) as session:
        outbox.tell(session, FactKind.PASSWORD_RESET, now=clock.now(), user_id=user_id)
        session.flush()
        if crash:
            raise CrashError


@contextmanager
def worker_process(app: Flask, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The worker as in production: its own process, which is killed without notice."""
    environment = os.environ | {
        "DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"],
        "SECRET_KEY": "only-for-the-tests",
        "MAIL_SERVER": "127.0.0.1",
        "MAIL_PORT": str(port),
    }
    command = [sys.executable, "-m", "flask", "--app", "app", "canteen", "worker"]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def taken_until(peer: Peer, count: int) -> None:
    ends = time.monotonic() + 60
    while len(peer.taken) < count and time.monotonic() < ends:
        time.sleep(0.02)


def test_kill_9_in_the_middle_loses_no_mail_and_makes_none_up(
    app_on: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Unreliable(seed=9)
    with app_on.app_context(), serving(peer) as port:
        with transaction(SYSTEM) as session:
            families = [make_family(session) for _ in range(TOLD)]
            phantoms = [make_family(session) for _ in range(KILLS)]
        for kill, phantom in enumerate(phantoms):
            for family in families[kill::KILLS]:
                tell(family.user_id)
            with pytest.raises(CrashError):
                tell(phantom.user_id, crash=True)
            with worker_process(app_on, port):
                taken_until(peer, len(peer.taken) + 5)
        taken_before = len(peer.taken)

        peer.answers.clear()
        use_server(app_on, port)
        later = clock.now() + LONGEST_PAUSE
        monkeypatch.setattr("app.clock.now", lambda: later)
        is_well = Worker(app_on).run_once()

        with looking() as session:
            # The worker closes today as well, if there is school, and tells the kitchen.
            told = [mail for mail in mails(session) if mail.kind is not FactKind.KITCHEN_LIST]
            states = [mail.state for mail in told]
    readers = {str(m["Message-ID"]): str(m["To"].addresses[0].username) for m in peer.taken}
    assert is_well
    assert taken_before >= KILLS
    assert states == [MailState.SENT] * TOLD
    told_families = [name for name in readers.values() if name != "kitchen"]
    assert sorted(told_families) == sorted(family.username for family in families)
