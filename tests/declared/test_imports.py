"""The secretariat uploads a list, says its columns, decides, enters it, takes it back."""

import re
from collections.abc import Sequence
from io import BytesIO

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import Import, Pupil, StoredFile
from app.vocabulary import ImportState
from tests.database import contents
from tests.sheets.tables import LEA, NOE, ZOE, csv_of, xlsx_of
from tests.web import Browser, forms_of, logged_in, text_of

pytestmark = pytest.mark.usefixtures("frozen_clock")


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def upload(browser: Browser, content: bytes, name: str = "eleves.csv") -> TestResponse:
    answer = browser.post("/importupload/", {"file": (BytesIO(content), name)})
    return browser.get(answer.location) if answer.status_code == 302 else answer


def enter(browser: Browser, page: TestResponse) -> TestResponse:
    form = next(form for form in forms_of(page.text) if form.action.endswith("/enter/1"))
    return browser.post(form.action, dict(form.fields), follow_redirects=True)


def decide(browser: Browser, line: int, word: str) -> TestResponse:
    data = {f"line-{line}": word}
    return browser.post("/importview/decide/1", data, follow_redirects=True)


def pupils(session: Session) -> Sequence[str]:
    session.rollback()
    return session.scalars(sa.select(Pupil.first_name).order_by(Pupil.id)).all()


def test_a_list_is_previewed_then_entered(office: Browser, session: Session) -> None:
    preview = upload(office, csv_of(ZOE, NOE, LEA))
    before = pupils(session)
    report = enter(office, preview)

    assert "Rien n’est encore saisi" in text_of(preview.text)
    assert "Zoé Müller" in text_of(preview.text)
    assert "Famille Favre" in text_of(preview.text)
    assert before == []
    assert pupils(session) == ["Zoé", "Noé", "Léa"]
    assert "Saisie faite." in text_of(report.text)
    assert session.scalars(sa.select(StoredFile)).all() == []


def test_every_problem_is_said_by_line(office: Browser, session: Session) -> None:
    page = upload(office, csv_of([*ZOE[:2], "hier", "9Z", *ZOE[4:]], LEA))

    assert "La date de naissance n’est pas une date. hier" in text_of(page.text)
    enter(office, page)
    assert pupils(session) == ["Léa"]


def sent(page: TestResponse, *columns: str) -> tuple[str, dict[str, str]]:
    """The form of the columns, with these said and the rest left out."""
    (form,) = [form for form in forms_of(page.text) if "importcolumns" in form.action]
    count = sum(name.startswith("columns-") for name in form.names)
    said = [*columns, *[""] * (count - len(columns))]
    data = {name: value for name, value in form.fields if not name.startswith(("columns-", "make"))}
    return form.action, data | {f"columns-{at}": word for at, word in enumerate(said)}


def test_unknown_columns_are_said_first_and_remembered(office: Browser) -> None:
    headers = ["A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K"]
    page = upload(office, csv_of(ZOE, headers=headers))

    office.post(*sent(page, "last_name", "first_name", "birth_date"))
    preview = office.get("/importview/show/1")
    second = upload(office, csv_of(NOE, headers=headers))

    assert "Colonnes de la liste" in text_of(page.text)
    assert "31.12.2015" in text_of(page.text)
    assert "La classe manque." in text_of(preview.text)
    assert "Noé Müller" in text_of(second.text)


WRONG = [
    {"columns-0": "first_name"},
    {"columns-2": ""},
    {"starts_on": "2027-08-01"},
    {"columns-3": "nonsense"},
]


def test_columns_that_cannot_be_are_refused_with_the_form(
    office: Browser, session: Session
) -> None:
    upload(office, csv_of(ZOE))
    page = office.get("/importcolumns/?list=1")
    before = session.get_one(Import, 1).columns
    action, right = sent(page, "last_name", "first_name", "birth_date")

    refused = [office.post(action, {**right, **wrong}) for wrong in WRONG]
    session.rollback()
    kept = session.get_one(Import, 1).columns
    taken = office.post(action, right)

    assert [(each.status_code, "error" in each.text) for each in refused] == [(200, True)] * 4
    assert taken.status_code == 302
    assert kept == before


def test_another_number_of_columns_is_no_form_of_ours(office: Browser) -> None:
    upload(office, csv_of(ZOE))

    assert office.post("/importcolumns/?list=1", {"columns-0": "last_name"}).status_code == 400


def test_a_near_spelling_is_asked_about(app: Flask, office: Browser, session: Session) -> None:
    enter(office, upload(office, csv_of(ZOE)))
    pupil_id = session.scalars(sa.select(Pupil.id)).one()

    page = upload(office, csv_of(["Mueller", *ZOE[1:]]))
    said = office.post(
        "/importview/decide/2", {"line-2": f"same:{pupil_id}"}, follow_redirects=True
    )
    form = next(form for form in forms_of(said.text) if form.action.endswith("/enter/2"))
    office.post(form.action, dict(form.fields))

    assert "Qui est-ce" in text_of(page.text)
    assert "C’est Zoé Müller, 31.12.2015" in text_of(page.text)
    session.rollback()
    assert session.scalars(sa.select(Pupil.last_name)).all() == ["Mueller"]


def test_a_line_is_left_out(office: Browser, session: Session) -> None:
    upload(office, csv_of(ZOE, LEA))

    page = decide(office, 2, "leave_out")
    enter(office, page)

    assert pupils(session) == ["Léa"]


def test_a_decision_that_no_page_offers_is_refused(office: Browser) -> None:
    upload(office, csv_of(ZOE))

    assert decide(office, 2, "same:x").status_code == 400
    assert decide(office, 2, "drop table").status_code == 400


def test_what_was_not_shown_is_not_entered(office: Browser, session: Session) -> None:
    page = upload(office, csv_of(ZOE, LEA))
    decide(office, 2, "leave_out")

    answer = enter(office, page)

    assert "Quelqu’un vient" in text_of(answer.text)
    assert pupils(session) == []


def test_an_import_is_undone_after_a_look(office: Browser, session: Session) -> None:
    enter(office, upload(office, csv_of(ZOE, LEA)))

    look = office.get("/importview/show/1?undo=1")
    answer = office.post("/importview/action/undo/1", follow_redirects=True)

    assert "2 lignes peuvent être annulées" in text_of(look.text)
    assert "2 lignes ont été annulées" in text_of(answer.text)
    assert pupils(session) == []


def test_an_undo_says_what_it_leaves_and_why(office: Browser, session: Session) -> None:
    enter(office, upload(office, csv_of(ZOE, LEA)))
    pupil_id = session.scalars(sa.select(Pupil.id).where(Pupil.first_name == "Zoé")).one()
    office.get("/exclusionview/add")
    enter_record(office, pupil_id)

    look = office.get("/importview/show/1?undo=1")
    office.post("/importview/action/undo/1")

    assert re.search(r"Ligne 2 · Zoé Müller.*Utilisé : ", text_of(look.text).replace("\u00a0", " "))
    assert pupils(session) == ["Zoé"]


def enter_record(office: Browser, pupil_id: int) -> None:
    data = {"pupil": str(pupil_id), "allergens": "gluten", "severity": "allergy", "note": "x"}
    office.post("/healthrecordview/add", data)


def test_a_list_that_was_the_wrong_one_is_forgotten(
    app: Flask, office: Browser, session: Session
) -> None:
    upload(office, csv_of(ZOE))
    office.post("/importview/action/drop/1")

    left = contents(app)
    assert left["import"] == left["stored_file"] == []


def test_an_entered_list_is_not_forgotten(office: Browser, session: Session) -> None:
    enter(office, upload(office, csv_of(ZOE)))

    office.post("/importview/action/drop/1")

    session.rollback()
    assert session.get_one(Import, 1).state is ImportState.ENTERED


REFUSED = [
    (b"", "Il n’y a pas d’élèves"),
    (b"%PDF-1.7", "n’est pas un tableau"),
    (xlsx_of(ZOE)[:-300], "n’est pas un tableau"),
]


def test_a_bad_file_is_refused_in_one_sentence_and_leaves_nothing(
    app: Flask, office: Browser
) -> None:
    answers = [(upload(office, content), sentence) for content, sentence in REFUSED]

    assert [answer.status_code for answer, _ in answers] == [200] * len(REFUSED)
    assert all(sentence in text_of(answer.text) for answer, sentence in answers)
    assert contents(app)["import"] == []


def test_an_upload_of_50_mb_is_refused_before_it_is_read(office: Browser) -> None:
    answer = office.client.post(
        "/importupload/", data=b"x", environ_overrides={"CONTENT_LENGTH": str(50 * 2**20)}
    )

    assert answer.status_code == 413
    assert "10 Mo" in text_of(answer.text)


def test_a_long_list_has_pages_and_is_seen_by_fate(office: Browser) -> None:
    rows = [[ZOE[0], f"Zoé{number}", *ZOE[2:]] for number in range(120)]
    upload(office, csv_of(*rows, [*ZOE[:2], "", *ZOE[3:]]))

    first = text_of(office.get("/importview/show/1").text)
    second = text_of(office.get("/importview/show/1?page=1").text)
    faulty = text_of(office.get("/importview/show/1?fate=faulty").text)

    assert "Zoé99 Müller" in first
    assert "Zoé100 Müller" not in first
    assert "Zoé100 Müller" in second
    assert "La date de naissance manque." in faulty
    assert "Zoé1 Müller" not in faulty
