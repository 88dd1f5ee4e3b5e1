"""`flask canteen doctor`: each trouble is found, said in French, and ends with 1."""

from collections import namedtuple
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.handlers import Sink
from flask import Flask

from app import clock, triggers
from app.doctor import CHECKS, Finding, Level, examine
from app.doctor.database import check_database, check_tables
from app.doctor.machine import check_backups, check_clock, check_disk
from app.doctor.work import check_mails, check_worker
from app.extensions import db
from app.models import Job, OutboxMail, TopUp
from app.vocabulary import FactKind, MailState, TopUpChannel, TopUpState
from tests.conftest import FrozenClock
from tests.database import create_test_app, running, sqlite_url
from tests.delivery.mailing import serving, use_server
from tests.factories import make_family
from tests.sessions import writing

AN_HOUR = timedelta(hours=1)


def told(app: Flask, check: Any, *arguments: Any) -> list[Finding]:
    """What is not well."""
    with app.app_context():
        return [finding for finding in check(*arguments) if finding.level is not Level.OK]


def levels(app: Flask, check: Any, *arguments: Any) -> list[Level]:
    return [finding.level for finding in told(app, check, *arguments)]


@pytest.fixture
def on_time(app: Flask, frozen_clock: FrozenClock) -> FrozenClock:
    """The days before this morning are closed, the worker has just been seen."""
    with writing(app) as session:
        session.execute(
            sa.text("UPDATE service_day SET closed_at = '2026-11-01' WHERE date < '2026-11-16'")
        )
    beat(app, frozen_clock.now())
    return frozen_clock


def beat(app: Flask, at: datetime, error: str = "") -> None:
    with writing(app) as session:
        session.execute(sa.delete(Job))
        session.add(Job(name="heartbeat", last_run_at=at, last_error=error))


# --- the whole ---------------------------------------------------------------------------------


def test_everything_is_said_in_french_and_errors_end_with_1(
    app: Flask, on_time: FrozenClock
) -> None:
    run = app.test_cli_runner().invoke

    well = run(args=["canteen", "doctor"])
    with writing(app) as session:
        session.execute(sa.delete(Job))
    ill = run(args=["canteen", "doctor"])

    assert (ill.exit_code, well.exit_code) == (1, 0)
    lines = ill.output.splitlines()
    assert {line.split()[0] for line in lines[:-1]} == {"ok", "attention", "erreur"}
    assert "erreur     Processus de travail – Il n’a jamais tourné." in ill.output
    assert lines[-1].startswith("erreurs\u00a0: 1, ")
    assert "Every balance" not in ill.output


def test_a_check_that_fails_is_an_error_and_the_others_go_on(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faint() -> Iterator[Finding]:
        raise KeyError

    monkeypatch.setattr("app.doctor.CHECKS", (faint, *CHECKS[1:2]))

    with app.app_context():
        found = list(examine())

    assert [finding.level for finding in found] == [Level.ERROR, Level.OK, Level.OK]
    assert "KeyError" in found[0].text


def test_nothing_is_written_and_no_family_named(app_on: Flask) -> None:
    with writing(app_on) as session:
        family = make_family(session, balance=500)
    with app_on.app_context():
        engine, seen = db.engine, list[str]()
        note = lambda _, __, statement, *___: seen.append(statement)  # noqa: E731
        sa.event.listen(engine, "before_cursor_execute", note)
        text = " ".join(finding.text for finding in examine())
        sa.event.remove(engine, "before_cursor_execute", note)

    assert not [s for s in seen if s.split()[0] in {"INSERT", "UPDATE", "DELETE", "DROP", "CREATE"}]
    assert family.username.capitalize() not in text


# --- the database ------------------------------------------------------------------------------


def test_a_database_in_order_is_in_order(app_on: Flask) -> None:
    assert levels(app_on, check_database) == []
    assert levels(app_on, check_tables) == []


def test_a_database_that_does_not_answer(tmp_path: Path) -> None:
    url = "postgresql+psycopg://nobody@127.0.0.1:1/nothing"
    with running(create_test_app(url, tmp_path)) as app:
        (finding,) = told(app, check_database)

        assert finding.level is Level.ERROR
        assert "DATABASE_URL" in finding.text
        assert levels(app, check_tables) == []

        backup = ["canteen", "backup", "--out", str(tmp_path / "backups")]
        refused = app.test_cli_runner().invoke(args=backup)
        assert refused.exit_code == 1
        assert len(refused.output.splitlines()) == 1
        assert "doctor" in refused.output
        assert list((tmp_path / "backups").iterdir()) == []


def test_tables_that_were_never_made(tmp_path: Path) -> None:
    with running(create_test_app(sqlite_url(tmp_path / "new.sqlite"), tmp_path)) as app:
        (finding,) = told(app, check_database)

        assert "db upgrade" in finding.text
        assert levels(app, check_tables) == levels(app, check_worker) == []


def test_a_trigger_that_is_missing(app_on: Flask) -> None:
    with app_on.app_context(), db.engine.begin() as connection:
        triggers.drop(connection)

    (finding,) = told(app_on, check_tables)

    assert finding.level is Level.ERROR
    assert "transfer_no_update" in finding.text


def test_a_guard_that_lets_rows_through(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access._NONE", ())
    monkeypatch.setattr("app.access._LIMITED", {})

    (finding,) = told(app, check_tables)

    assert finding.level is Level.ERROR
    assert "CanteenUser" in finding.text


def test_a_balance_that_was_tampered_with(app_on: Flask) -> None:
    with writing(app_on) as session:
        family = make_family(session, balance=500)
        session.execute(
            sa.text("UPDATE account SET balance = 501 WHERE id = :id"), {"id": family.account_id}
        )

    (finding,) = told(app_on, check_tables)

    assert finding.level is Level.ERROR
    assert "check-ledger" in finding.text


def test_the_demo_is_an_error_in_production(app: Flask) -> None:
    with writing(app) as session:
        session.execute(sa.text("UPDATE canteen_settings SET is_demo = true"))

    assert levels(app, check_tables) == []
    app.config["PRODUCTION"] = True
    assert levels(app, check_tables) == [Level.ERROR]


# --- the work ----------------------------------------------------------------------------------


def test_the_worker_is_late_then_dead(app: Flask, on_time: FrozenClock) -> None:
    found = []
    for seconds in (30, 90, 301):
        beat(app, on_time.now() - timedelta(seconds=seconds))
        found.append(levels(app, check_worker))

    assert found == [[], [Level.WARNING], [Level.ERROR]]


def test_a_job_that_failed_is_named(app: Flask, on_time: FrozenClock) -> None:
    beat(app, on_time.now(), error="OSError")

    (finding,) = told(app, check_worker)

    assert finding.level is Level.WARNING
    assert "heartbeat" in finding.text


def test_a_day_that_nobody_closed(app: Flask, on_time: FrozenClock) -> None:
    assert levels(app, check_worker) == []
    on_time.set("2026-11-16 08:21")
    beat(app, on_time.now())

    (finding,) = told(app, check_worker)

    assert finding.level is Level.ERROR
    assert "16 novembre" in finding.text


def test_money_that_should_have_been_credited(app: Flask, on_time: FrozenClock) -> None:
    with writing(app) as session:
        family = make_family(session)
        session.add(
            TopUp(
                account_id=family.account_id,
                channel=TopUpChannel.ONLINE,
                state=TopUpState.VALIDATED,
                amount=500,
                made_at=on_time.now() - 30 * AN_HOUR,
                credit_at=on_time.now() - 3 * AN_HOUR,
                request_id="late",
            )
        )

    (finding,) = told(app, check_worker)

    assert finding.level is Level.ERROR
    assert "3\u00a0heures" in finding.text


def test_mails_that_wait_or_failed(app: Flask, frozen_clock: FrozenClock) -> None:
    for state, age, expected in (
        (MailState.QUEUED, timedelta(minutes=5), []),
        (MailState.QUEUED, timedelta(minutes=20), [Level.WARNING]),
        (MailState.QUEUED, timedelta(hours=3), [Level.ERROR]),
        (MailState.FAILED, timedelta(hours=3), [Level.WARNING]),
        (MailState.FAILED, timedelta(days=8), []),
        (MailState.SENT, timedelta(days=1), []),
    ):
        at = frozen_clock.now() - age
        with writing(app) as session:
            session.execute(sa.delete(OutboxMail))
            session.add(OutboxMail(kind=FactKind.CREDITED, state=state, created_at=at, due_at=at))

        assert levels(app, check_mails) == [Level.WARNING, *expected]  # no server, besides


def test_a_mail_server_that_answers_and_one_that_does_not(app: Flask) -> None:
    with serving(Sink()) as port:
        use_server(app, port)
        answered = levels(app, check_mails)
    gone = told(app, check_mails)

    assert answered == []
    assert [finding.level for finding in gone] == [Level.ERROR]
    assert "127.0.0.1:" in gone[0].text


# --- the machine -------------------------------------------------------------------------------

Usage = namedtuple("Usage", "free")  # noqa: PYI024 - as the standard library's


def test_a_disk_fills_up(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, expected in ((10, set()), (1, {Level.WARNING}), (0.1, {Level.ERROR})):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: Usage(free * 10**9))

        assert set(levels(app, check_disk, app.config)) == expected


def test_a_record_of_the_future_means_a_wrong_clock(
    app_on: Flask, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.doctor.machine._is_kept_in_time", lambda: True)
    monkeypatch.setattr("app.doctor.machine._apart", lambda _: timedelta())
    with writing(app_on) as session:
        make_family(session, balance=500)
    frozen_clock.set("2099-01-01 12:00")
    assert levels(app_on, check_clock) == []

    frozen_clock.set("2026-09-01 12:00")

    (finding,) = told(app_on, check_clock)
    assert finding.level is Level.ERROR
    assert "mois" in finding.text


@pytest.mark.postgres
def test_the_clock_of_the_database_is_compared(
    postgres_url: str, tmp_path: Path, frozen_clock: FrozenClock
) -> None:
    frozen_clock.set("2099-01-01 12:00")
    with running(create_test_app(postgres_url, tmp_path)) as app:
        found = told(app, check_clock)

    assert found[-1].level is Level.WARNING


def test_a_clock_that_nothing_keeps_in_time(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.doctor.machine._is_kept_in_time", lambda: False)

    assert Level.WARNING in levels(app, check_clock)


def test_the_last_backup_grows_old(app: Flask, tmp_path: Path) -> None:
    found = []
    for number, age in enumerate((None, timedelta(hours=20), timedelta(hours=30), timedelta(9))):
        folder = tmp_path / str(number)
        folder.mkdir()
        if age is not None:
            taken = (clock.now() - age).astimezone(UTC)
            (folder / f"refectoire-{taken:%Y%m%dT%H%M%SZ}.jsonl.gz").touch()
        for production in (False, True):
            config = {"BACKUP_FOLDER": str(folder), "PRODUCTION": production}
            found.append(levels(app, check_backups, config))

    warned, failed = [Level.WARNING], [Level.ERROR]
    assert found == [warned, failed, [], [], warned, warned, warned, failed]
