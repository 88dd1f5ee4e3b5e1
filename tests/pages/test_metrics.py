"""What Prometheus reads, and nobody else."""

import re
from datetime import timedelta

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.models import Job, OutboxMail
from app.vocabulary import FactKind, MailState
from tests.conftest import FrozenClock
from tests.factories import Family, make_family
from tests.sessions import writing

TOKEN = "a token of Prometheus"


@pytest.fixture
def family(app_on: Flask, frozen_clock: FrozenClock) -> Family:
    """A household with money, a mail that waits, a worker that was seen."""
    app_on.config["METRICS_TOKEN"] = TOKEN
    with writing(app_on) as session:
        seen, due = (frozen_clock.now() - timedelta(seconds=age) for age in (20, 90))
        session.add(Job(name="heartbeat", last_run_at=seen, last_error="OSError"))
        session.add(
            OutboxMail(kind=FactKind.CREDITED, state=MailState.QUEUED, created_at=due, due_at=due)
        )
        return make_family(session, balance=123_456_789)


def ask(app: Flask, authorization: str) -> TestResponse:
    return app.test_client().get("/metrics", headers={"Authorization": authorization})


def test_prometheus_reads_what_there_is_and_how_old(app_on: Flask, family: Family) -> None:
    answer = ask(app_on, f"Bearer {TOKEN}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "Set-Cookie" not in answer.headers
    values = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if line[0] != "#")
    assert values["refectoire_worker_age_seconds"] == "20"
    assert values["refectoire_jobs_failed"] == "1"
    assert values['refectoire_mails{state="queued"}'] == "1"
    assert values['refectoire_mails{state="failed"}'] == "0"
    assert values["refectoire_mail_age_seconds"] == "90"
    assert values['refectoire_meals_today{state="booked"}'] == "0"
    assert values["refectoire_balances_centimes"] == "123456789"


def test_every_line_is_of_the_format_and_no_family_in_it(app_on: Flask, family: Family) -> None:
    text = ask(app_on, f"Bearer {TOKEN}").text

    line = r"(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{state=\"[a-z_]+\"\})? -?[\d.e+]+)"
    assert [each for each in text.splitlines() if not re.fullmatch(line, each)] == []
    assert text.endswith("\n")
    assert family.username not in text


def test_without_the_token_there_is_no_such_page(app_on: Flask, family: Family) -> None:
    for authorization in ("", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "é"):
        assert ask(app_on, authorization).status_code == 404
    app_on.config["METRICS_TOKEN"] = ""
    assert ask(app_on, "Bearer ").status_code == 404
