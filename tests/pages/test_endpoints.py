"""What machines ask."""

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from app.worker import Worker
from tests.conftest import FrozenClock
from tests.database import create_test_app, running


def test_health_tells_of_database_and_worker_without_login_or_cookie(
    app_on: Flask, frozen_clock: FrozenClock
) -> None:
    Worker(app_on).run_once()
    frozen_clock.advance(timedelta(seconds=20))

    answer = app_on.test_client().get("/healthz")

    assert answer.status_code == 200
    assert answer.json == {
        "status": "ok",
        "database": "ok",
        "worker": "ok",
        "worker_seen_seconds_ago": 20,
    }
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("ran", [False, True])
def test_a_worker_that_was_not_seen_for_a_minute_is_late_and_the_site_still_up(
    app: Flask,
    frozen_clock: FrozenClock,
    ran: bool,  # noqa: FBT001 - from the table
) -> None:
    if ran:
        Worker(app).run_once()
    frozen_clock.advance(timedelta(seconds=60))

    answer = app.test_client().get("/healthz")

    assert answer.status_code == 200
    assert answer.json == {
        "status": "degraded",
        "database": "ok",
        "worker": "late",
        "worker_seen_seconds_ago": 60 if ran else None,
    }


def test_without_a_database_the_answer_is_503(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite'}"  # no schema: every query fails
    with running(create_test_app(url, tmp_path)) as app:
        answer = app.test_client().get("/healthz")

    assert answer.status_code == 503
    assert answer.json == {"status": "down", "database": "down", "worker": "unknown"}


def test_browsers_find_the_icon_where_they_look_on_their_own(app: Flask) -> None:
    visitor = app.test_client()

    answer = visitor.get("/favicon.ico", buffered=True)
    drawn = visitor.get("/static/favicon.svg", buffered=True)
    page = visitor.get("/login/").text

    assert (answer.status_code, answer.mimetype) == (200, "image/vnd.microsoft.icon")
    assert answer.data.startswith(b"\x00\x00\x01\x00")
    assert answer.headers["Cache-Control"] != "no-store"
    assert 'rel="icon" href="/favicon.ico"' in page
    assert drawn.mimetype == "image/svg+xml"
