"""Data protection as people meet it: data is handed out, erased, looked through, and by whom."""

import json
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskCliRunner

from app import clock
from app.clock import now
from app.models import (
    Account,
    AuditEntry,
    CanteenUser,
    HealthAccess,
    HealthRecord,
    LoginAttempt,
    RefundRequest,
)
from app.vocabulary import RefundState, Role
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, in_french, one
from tests.documents.reading import text_of as pdf_text
from tests.factories import make_user
from tests.households import make_household
from tests.sessions import writing
from tests.web import Browser, logged_in, text_of

THEIRS = "Zorglubqux"


@pytest.fixture
def office(app: Flask, frozen_clock: FrozenClock) -> Browser:
    return logged_in(app, "secretariat")


def to_the_present(frozen_clock: FrozenClock) -> None:
    """The households’ money moved at the instant at which the test runs."""
    frozen_clock.advance(now() - frozen_clock.now())


def opened(content: bytes) -> dict[str, bytes]:
    with ZipFile(BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def records(files: dict[str, bytes], table: str) -> Any:
    return json.loads(files[f"data/{table}.json"])


def test_all_that_is_held_on_a_family_is_handed_out_and_nothing_of_others(
    app: Flask, office: Browser, frozen_clock: FrozenClock
) -> None:
    with writing(app) as session:
        mine = make_household(session, "Albertinex")
        make_household(session, THEIRS)
    to_the_present(frozen_clock)
    account_id = mine.ids[Account]
    office.get(f"/privacy/family/{account_id}")

    answer = office.post(f"/privacy/export/{account_id}")

    assert answer.mimetype == "application/zip", text_of(answer.text)
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    files = opened(answer.data)
    assert THEIRS.encode().lower() not in b"".join(files.values()).lower()
    assert records(files, "pupil")[0]["first_name"] == "Albertinexf"
    assert records(files, "health_record")[0]["note"] == "Albertinexi"
    assert records(files, "refund_request")[0]["iban"] == "CHAlbertinex"
    assert "password" not in records(files, "ab_user")[0]
    assert any(name.startswith("files/") for name in files)
    statement = next(name for name in files if name.startswith("pdf/d"))
    assert "Albertinex" in pdf_text(files[statement])
    receipts = [name for name in files if name.startswith("pdf/2026-")]
    assert len(receipts) == 1
    last = sa.select(AuditEntry.action).order_by(AuditEntry.id.desc()).limit(1)
    assert one(app, last) == "export"
    assert one(app, sa.select(HealthAccess.page).order_by(HealthAccess.id.desc())) == "export"


def test_a_parent_gets_their_own_data_without_the_other_holders(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    from app.models import AccountHolder

    with writing(app) as session:
        mine, theirs = make_household(session, "Albertinex"), make_household(session, THEIRS)
        other = make_user(session, Role.PARENT, username="coholder")
        other.street = "Rue secrète 1"
        session.add(
            AccountHolder(user_id=other.id, account_id=mine.ids[Account], valid_from=clock.today())
        )
    to_the_present(frozen_clock)
    parent = logged_in(app, mine.username)

    page = parent.get("/my/data/")
    answer = parent.post("/my/data/export", {"account": mine.ids[Account]})
    stolen = parent.post("/my/data/export", {"account": theirs.ids[Account]})
    staff_page = parent.get(f"/privacy/family/{mine.ids[Account]}")

    assert page.status_code == 200
    files = opened(answer.data)
    assert len(records(files, "ab_user")) == 1
    assert "secrète".encode() not in b"".join(files.values())
    assert stolen.status_code == 404
    assert staff_page.status_code in {302, 403, 404}


def test_a_family_is_erased_once_its_name_was_typed(app: Flask, office: Browser) -> None:
    known = family(app)
    with writing(app) as session:
        session.add(
            RefundRequest(
                account_id=known.account_id,
                amount=500,
                iban="CH9300762011623852957",
                holder_name="Zorglub",
                state=RefundState.REFUSED,
                reason="Zorglub",
                request_id="r",
                requested_at=clock.now(),
                requested_by_id=known.user_id,
                due_on=clock.today(),
            )
        )
    label = one(app, sa.select(Account.label).where(Account.id == known.account_id))
    path = f"/privacy/erase/{known.account_id}"
    shown = office.get(f"/privacy/family/{known.account_id}")

    office.post(path, {"typed": "Famille Autre"})
    untouched = one(app, sa.select(Account.erased_at).where(Account.id == known.account_id))
    office.post(path, {"typed": label})
    after = office.get(f"/privacy/family/{known.account_id}")
    relatives = office.get(f"/familyview/show/{known.account_id}")
    refund = logged_in(app, "accounting").get("/refunds/show/1")
    office.post(path, {"typed": f"#{known.account_id}"})
    office.get(f"/familyview/edit/{known.account_id}")
    office.post(f"/familyview/edit/{known.account_id}", {"label": label, "tolerance": "0"})
    office.post(f"/familyview/action/restore/{known.account_id}")

    assert in_french(app, "This cannot be undone, by anybody.") in text_of(shown.text)
    assert untouched is None
    account = one(app, sa.select(Account).where(Account.id == known.account_id))
    assert (account.label, account.archived_at is None) == (f"#{known.account_id}", False)
    user = one(app, sa.select(CanteenUser).where(CanteenUser.id == known.user_id))
    assert user.username == f"erased-{known.user_id}"
    assert label not in after.text
    assert (after.status_code, relatives.status_code, refund.status_code) == (200, 200, 200)
    assert "Zorglub" not in refund.text
    assert count(app, AuditEntry, AuditEntry.action == "erase") == 1
    assert Browser(app).log_in(known.username).status_code == 200


def test_what_stands_against_an_erasure_is_said_before(app: Flask, office: Browser) -> None:
    known = family(app, balance=500)
    label = one(app, sa.select(Account.label).where(Account.id == known.account_id))

    shown = office.get(f"/privacy/family/{known.account_id}")
    office.post(f"/privacy/erase/{known.account_id}", {"typed": label})

    assert "CHF 5.00" in text_of(shown.text)
    assert 'name="typed"' not in shown.text
    assert one(app, sa.select(Account.label).where(Account.id == known.account_id)) == label


def test_the_retention_run_is_looked_at_and_then_erases(app: Flask, office: Browser) -> None:
    known = family(app)
    with writing(app) as session:
        session.add(HealthRecord(pupil_id=known.pupil_id, expires_on=clock.today()))

    before = office.get("/privacy/")
    office.post("/privacy/run")
    after = office.get("/privacy/")

    assert in_french(app, "Erase for ever") in text_of(before.text)
    assert in_french(app, "Nothing is held for too long.") in text_of(after.text)
    assert count(app, HealthRecord) == 0


def test_who_saw_health_data_is_listed(app: Flask, office: Browser) -> None:
    known = family(app)
    with writing(app) as session:
        session.add(HealthRecord(pupil_id=known.pupil_id, allergens=["nuts"]))
    logged_in(app, "kitchen").get("/healthrecordview/show/1")

    listed = office.get("/healthaccessview/list/")

    assert "Kitchen" in listed.text
    assert "Enfant" in listed.text


def test_the_command_says_first_and_erases_then(app: Flask, frozen_clock: FrozenClock) -> None:
    with writing(app) as session:
        session.add(LoginAttempt(identifier="x", address="y", attempted_at=clock.now()))
    frozen_clock.set("2026-11-30 12:00")
    runner: FlaskCliRunner = app.test_cli_runner()

    foreseen = runner.invoke(args=["canteen", "retention", "--dry-run"])
    still = count(app, LoginAttempt)
    erased = runner.invoke(args=["canteen", "retention"])
    again = runner.invoke(args=["canteen", "retention"])
    proof = runner.invoke(args=["canteen", "check-ledger"])

    assert f"1  {in_french(app, 'Failed logins')}\n" in foreseen.output
    assert still == 1
    assert erased.output == f"      1  {in_french(app, 'Failed logins')}\nOK\n"
    assert again.output == "OK\n"
    assert proof.exit_code == 0
    assert count(app, LoginAttempt) == 0
