"""Statements as the pages and the command give them."""

import zipfile
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app import tax_archives
from app.access import EVERYTHING, SYSTEM, scope_of
from app.extensions import db
from app.models import StoredFile, TaxArchive, Transfer
from app.statements import Print, tax_statement
from app.transaction import transaction
from app.vocabulary import TransferKind
from tests.conftest import FrozenClock
from tests.declared.acting import count
from tests.documents.reading import text_of
from tests.factories import Family, make_family
from tests.web import logged_in
from tests.web import text_of as page_text
from tests.working import work_at

YEAR = 2026
PRINTED = Print(date(2026, 11, 20), "fr")
TOPPED_UP = 5000


@pytest.fixture
def household(app: Flask, frozen_clock: FrozenClock) -> Family:
    with app.app_context(), transaction(SYSTEM) as session:
        return make_family(session, balance=TOPPED_UP)


@pytest.mark.parametrize("path", ["pdf?first=2026-08-01&last=2026-12-31", "tax?year=2026"])
def test_a_parent_opens_a_paper_of_their_own_account(
    app: Flask, household: Family, path: str
) -> None:
    browser = logged_in(app, household.username)

    page = browser.get("/my/statements/")
    paper = browser.get(f"/my/statements/{path}&account={household.account_id}")

    assert 'action="/my/statements/pdf"' in page.text
    assert paper.mimetype == "application/pdf"
    assert "50.00" in text_of(paper.data)


@pytest.mark.parametrize("path", ["pdf?first=2026-08-01&last=2026-12-31", "tax?year=2026"])
def test_another_familys_paper_is_not_there(app: Flask, household: Family, path: str) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        other = make_family(session)

    browser = logged_in(app, other.username)

    assert browser.get(f"/my/statements/{path}&account={household.account_id}").status_code == 404
    assert browser.get(f"/statements/{path}&account={household.account_id}").status_code == 403


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("pdf?first=2026-11-16&last=2026-08-01", "Le dernier jour précède le premier."),
        ("tax?year=2031", "Il n’y a pas de décompte fiscal pour cette année."),
        ("tax?year=9223372036854775807", "Il n’y a pas de décompte fiscal pour cette année."),
        ("tax?year=quand", "Cette demande n’a pas pu être lue."),
        ("pdf?first=hier&last=🙈", "Cette demande n’a pas pu être lue."),
    ],
)
def test_what_cannot_be_printed_is_said(
    app: Flask, household: Family, path: str, sentence: str
) -> None:
    browser = logged_in(app, household.username)

    answer = browser.get(
        f"/my/statements/{path}&account={household.account_id}", follow_redirects=True
    )

    assert answer.status_code in {200, 400}
    assert sentence in page_text(answer.text)


@pytest.mark.parametrize("account", ["", "0", "99999999999999999999", "🙈"])
def test_no_account_no_paper(app: Flask, household: Family, account: str) -> None:
    browser = logged_in(app, household.username)

    assert browser.get(f"/my/statements/tax?year=2026&account={account}").status_code == 404


def test_the_office_opens_a_familys_papers_and_a_whole_year(app: Flask, household: Family) -> None:
    browser = logged_in(app, "accounting")

    family = browser.get(f"/familyview/show/{household.account_id}")
    paper = browser.get(f"/statements/tax?year=2026&account={household.account_id}")

    assert f"/statements/?account={household.account_id}" in family.text
    assert paper.mimetype == "application/pdf"


def work(app: Flask) -> None:
    work_at(app, "archive statements")


def test_the_worker_makes_a_whole_year_a_few_papers_at_a_time(
    app: Flask, household: Family, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tax_archives, "PAPERS_A_STEP", 2)
    with app.app_context(), transaction(SYSTEM) as session:
        others = [make_family(session, balance=1000).account_id for _ in range(4)]
    browser = logged_in(app, "accounting")
    page = browser.get("/statements/").text

    asked = browser.post("/statements/year", {"year": "2026"})
    again = browser.post("/statements/year", {"year": "2026"})
    waiting = page_text(browser.get("/statements/").text)
    early = browser.get("/statements/archive?year=2026")
    work(app)
    ready = browser.get("/statements/").text
    file = browser.get("/statements/archive?year=2026")

    assert "/statements/archive" not in page
    assert (asked.status_code, again.status_code, early.status_code) == (303, 303, 302)
    assert "En préparation" in waiting
    assert "La tâche de fond ne tourne pas" in waiting
    assert "5 décomptes" in page_text(ready)
    names = [f"decompte-fiscal-2026-{i:05d}.pdf" for i in (household.account_id, *others)]
    with zipfile.ZipFile(BytesIO(file.data)) as archive:
        assert archive.namelist() == names
        assert "50.00" in text_of(archive.read(names[0]))
    assert count(app, TaxArchive) == count(app, StoredFile) == 3
    frozen_clock.advance(timedelta(days=7))
    work(app)
    assert count(app, TaxArchive) == count(app, StoredFile) == 0


def test_a_year_asked_for_again_is_made_anew_and_an_empty_one_not_at_all(
    app: Flask, household: Family
) -> None:
    browser = logged_in(app, "accounting")
    browser.get("/statements/")
    browser.post("/statements/year", {"year": "2026"})
    work(app)
    with app.app_context(), transaction(SYSTEM) as session:
        make_family(session, balance=1000)

    browser.post("/statements/year", {"year": "2026"})
    work(app)
    file = browser.get("/statements/archive?year=2026")
    empty = browser.post("/statements/year", {"year": "2025"})

    with zipfile.ZipFile(BytesIO(file.data)) as archive:
        assert len(archive.namelist()) == 2
    assert empty.status_code == 302
    assert count(app, TaxArchive) == 1
    secretariat = logged_in(app, "secretariat")
    secretariat.get("/statements/")
    assert secretariat.post("/statements/year", {"year": "2026"}).status_code == 403
    assert secretariat.get("/statements/archive?year=2026").status_code == 403


def test_the_command_writes_a_paper_for_each_account(
    app: Flask, household: Family, tmp_path: Path
) -> None:
    run = app.test_cli_runner()
    command = ["canteen", "statements", "--year", "2026", "--out"]

    single = run.invoke(args=[*command, str(tmp_path / "each")])
    archived = run.invoke(args=[*command, str(tmp_path / "zip"), "--zip"])
    whole = run.invoke(args=[*command, str(tmp_path / "pdf"), "--pdf"])
    refused = run.invoke(args=["canteen", "statements", "--year", "1998", "--out", str(tmp_path)])

    codes = [each.exit_code for each in (single, archived, whole, refused)]
    assert codes == [0, 0, 0, 1]
    assert "50.00" in text_of((tmp_path / "pdf" / "decomptes-2026.pdf").read_bytes())
    [paper] = (tmp_path / "each").iterdir()
    assert "50.00" in text_of(paper.read_bytes())
    assert [each.name for each in (tmp_path / "zip").iterdir()] == ["decomptes-2026.zip"]


def test_top_ups_stand_apart(app: Flask, household: Family) -> None:
    with app.test_request_context(), scope_of(db.session(), EVERYTHING):
        kinds = set(db.session().scalars(sa.select(Transfer.kind)))
        content = tax_statement(db.session(), household.account_id, YEAR, PRINTED)

    assert kinds == {TransferKind.TOP_UP}
    assert (content.top_ups, content.total) == (TOPPED_UP, 0)
