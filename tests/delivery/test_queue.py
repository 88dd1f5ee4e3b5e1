"""Sending: at least once, later when it fails, never for ever, and by one worker at a time."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app.access import SYSTEM
from app.delivery import queue, transport
from app.delivery.compose import compose
from app.delivery.queue import (
    FIRST_PAUSE,
    LEASE,
    LONGEST_PAUSE,
    MAX_ATTEMPTS,
    claim,
    deliver,
    is_anything_waiting,
    pause_after,
    send_again,
)
from app.delivery.trouble import Undelivered
from app.models import AccountHolder, OutboxMail
from app.transaction import transaction
from app.vocabulary import MailState
from tests.conftest import FrozenClock
from tests.delivery.mailing import (
    HANG_UP,
    SILENCE,
    TAKEN,
    Peer,
    deliver_all,
    files_of,
    looking,
    mails,
    make_mails,
    serving,
    use_server,
)

pytestmark = pytest.mark.usefixtures("frozen_clock")


@pytest.fixture
def post(app_on: Flask) -> Iterator[Flask]:
    """The application with its context, on each database; mails become files."""
    with app_on.app_context():
        yield app_on


def states() -> list[MailState]:
    with looking() as session:
        return [mail.state for mail in mails(session)]


def errors() -> list[str]:
    with looking() as session:
        return [mail.last_error for mail in mails(session)]


@given(st.integers(1, 200), st.floats(-1, 1))
def test_pauses_double_up_to_the_longest(attempts: int, jitter: float) -> None:
    pause, following = pause_after(attempts, jitter), pause_after(attempts + 1, jitter)

    assert FIRST_PAUSE * 0.9 <= pause <= LONGEST_PAUSE * 1.1
    assert pause <= following <= 2 * pause + timedelta(microseconds=2)


def test_all_attempts_together_take_about_a_day() -> None:
    total = sum((pause_after(n, 0) for n in range(1, MAX_ATTEMPTS)), timedelta())

    assert timedelta(hours=24) < total < timedelta(hours=30)


def test_without_a_server_mails_become_files(post: Flask, frozen_clock: FrozenClock) -> None:
    make_mails(3, frozen_clock.now())

    settled = deliver_all()

    assert len(settled) == 3
    assert states() == [MailState.SENT] * 3
    assert len({message["To"] for message in files_of(post)}) == 3


def test_a_mail_that_was_taken_before_a_crash_comes_again_as_the_same_one(
    post: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = Peer()
    make_mails(1, frozen_clock.now())

    def crash(_: int) -> None:
        raise KeyboardInterrupt

    with serving(peer) as port:
        use_server(post, port)
        with monkeypatch.context() as patch:
            patch.setattr(queue, "_note_success", crash)
            with pytest.raises(KeyboardInterrupt):
                deliver_all("crashing")
        at_once = deliver_all()
        frozen_clock.advance(LEASE)
        deliver_all()

    assert at_once == []
    assert states() == [MailState.SENT]
    assert [message["Message-ID"] for message in peer.taken] == [peer.taken[0]["Message-ID"]] * 2


def test_a_claimed_mail_is_left_alone_until_its_lease_ends(
    post: Flask, frozen_clock: FrozenClock
) -> None:
    (mail_id,) = make_mails(1, frozen_clock.now())

    first = claim("one")
    frozen_clock.advance(LEASE - timedelta(seconds=1))
    too_early = claim("two")
    frozen_clock.advance(timedelta(seconds=1))
    in_time = claim("two")

    assert (first, too_early, in_time) == ([mail_id], [], [mail_id])


def test_who_lost_the_lease_spoils_nothing(post: Flask, frozen_clock: FrozenClock) -> None:
    with serving(Peer("451 later")) as port:
        use_server(post, port)
        make_mails(1, frozen_clock.now())
        slow = deliver("slow")

        def overtake(mail_id: int) -> None:
            frozen_clock.advance(LEASE)
            assert claim("fast") == [mail_id]
            queue._note_success(mail_id)
            raise Undelivered("later")

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(queue, "_message", overtake)
            list(slow)

    assert states() == [MailState.SENT]
    assert errors() == [""]


def test_451_is_tried_again_later_and_550_is_final_without_naming_anybody(
    post: Flask, frozen_clock: FrozenClock
) -> None:
    peer = Peer("451 4.7.1 greylisted", "550 5.1.1 <user1@example.ch> unknown", TAKEN)
    make_mails(3, frozen_clock.now())
    with serving(peer) as port:
        use_server(post, port)

        deliver_all()
        early = deliver_all()
        frozen_clock.advance(FIRST_PAUSE * 2)
        later = deliver_all()

    assert early == []
    assert len(later) == 1
    assert states() == [MailState.SENT, MailState.FAILED, MailState.SENT]
    assert errors() == ["", "refused 550 5.1.1", ""]


def test_a_server_that_hangs_up_or_stays_silent_costs_one_mail_one_pause(
    post: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "TIMEOUT", 0.3)
    make_mails(3, frozen_clock.now())
    with serving(Peer(HANG_UP, SILENCE, TAKEN)) as port:
        use_server(post, port)

        deliver_all()

    assert states() == [MailState.QUEUED, MailState.QUEUED, MailState.SENT]
    assert errors() == ["hung-up", "hung-up", ""]


def test_a_server_that_is_down_is_asked_once_a_turn(post: Flask, frozen_clock: FrozenClock) -> None:
    make_mails(3, frozen_clock.now())
    with serving(Peer()) as port:
        use_server(post, port)

    settled = deliver_all()

    assert len(settled) == 1
    assert states() == [MailState.QUEUED] * 3
    assert errors() == ["server"] * 3
    with looking() as session:
        assert {mail.attempts for mail in mails(session)} == {1}
        assert all(mail.claimed_by is None for mail in mails(session))


def test_after_the_last_attempt_a_mail_has_failed_until_staff_send_it_again(
    post: Flask, frozen_clock: FrozenClock
) -> None:
    peer = Peer(*["451 later"] * MAX_ATTEMPTS)
    ids = make_mails(1, frozen_clock.now())
    with serving(peer) as port:
        use_server(post, port)
        for _ in range(MAX_ATTEMPTS):
            deliver_all()
            frozen_clock.advance(LONGEST_PAUSE * 2)
        before = states()

        with transaction(SYSTEM) as session:
            again = send_again(session, ids, frozen_clock.now())
        deliver_all()

    assert before == [MailState.FAILED]
    assert again == 1
    assert states() == [MailState.SENT]
    assert len(peer.taken) == 1


def test_only_what_failed_is_sent_again(post: Flask, frozen_clock: FrozenClock) -> None:
    ids = make_mails(1, frozen_clock.now())
    deliver_all()

    with transaction(SYSTEM) as session:
        again = send_again(session, ids, frozen_clock.now())

    assert again == 0
    assert states() == [MailState.SENT]


def test_who_has_left_the_account_meanwhile_gets_nothing(
    post: Flask, frozen_clock: FrozenClock
) -> None:
    make_mails(1, frozen_clock.now())
    with transaction(SYSTEM) as session:
        session.execute(sa.update(AccountHolder).values(valid_until=date(2026, 11, 16)))

    deliver_all()

    assert states() == [MailState.FAILED]
    assert errors() == ["reader"]
    assert files_of(post) == []


def test_a_mail_that_cannot_be_written_does_not_hold_up_the_next(
    post: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, _ = make_mails(2, frozen_clock.now())

    def fail(session: object, mail: OutboxMail, *rest: object) -> object:
        return 1 / 0 if mail.id == broken else compose(session, mail, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "compose", fail)

    deliver_all()

    assert states() == [MailState.QUEUED, MailState.SENT]
    assert errors() == ["compose", ""]


def test_whoever_stops_early_gives_the_rest_back(post: Flask, frozen_clock: FrozenClock) -> None:
    make_mails(3, frozen_clock.now())
    turn = deliver("stopping")
    next(turn)

    turn.close()

    with looking() as session:
        assert is_anything_waiting(session, frozen_clock.now())
    assert len(deliver_all("next")) == 2


def test_a_folder_that_cannot_be_written_loses_nothing(
    post: Flask, frozen_clock: FrozenClock, tmp_path: Path
) -> None:
    blocked = tmp_path / "a file"
    blocked.touch()
    post.config["MAIL_FOLDER"] = str(blocked)
    make_mails(1, frozen_clock.now())

    deliver_all()

    assert states() == [MailState.QUEUED]
    assert errors() == ["folder"]


def test_two_workers_share_the_queue_and_send_nothing_twice(
    app_on: Flask, frozen_clock: FrozenClock
) -> None:
    peer = Peer()
    with app_on.app_context():
        ids = make_mails(50, frozen_clock.now())

    def work(name: str) -> list[int]:
        with app_on.app_context():
            return [mail_id for _ in range(3) for mail_id in deliver_all(name)]

    with serving(peer) as port:
        use_server(app_on, port)
        with ThreadPoolExecutor(2) as pool:
            one, two = pool.map(work, ["one", "two"])

    assert sorted(one + two) == ids
    assert one
    assert two
    assert set(Counter(message["Message-ID"] for message in peer.taken).values()) == {1}
    assert len(peer.taken) == 50
