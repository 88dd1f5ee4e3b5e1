"""A list is saved as its reader sees it, with real numbers and days, and no formulas."""

import csv
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy.orm import Session

from app import models
from app.sheets.text import write_text
from app.sheets.workbook import write_workbook
from tests.factories import YEAR_ENDS, make_family
from tests.sessions import writing
from tests.web import Browser, logged_in


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def rows_of_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(StringIO(content.decode("utf-8-sig")), delimiter=";"))


def cells_of_xlsx(content: bytes) -> list[list[Any]]:
    sheet = load_workbook(BytesIO(content)).active
    assert sheet is not None
    return [list(row) for row in sheet.iter_rows(values_only=True)]


def family(app: Flask, label: str, *, balance: int = 0) -> int:
    with writing(app) as session:
        made = make_family(session, balance=balance)
        session.get_one(models.Account, made.account_id).label = label
        return made.account_id


def test_a_list_is_saved_with_its_columns_and_labels(app: Flask, office: Browser) -> None:
    family(app, "Famille Blanc", balance=1250)

    answer = office.get("/familyview/export?format=csv")

    header, row = rows_of_csv(answer.data)
    assert header == ["Nom", "Enfants", "Solde"]
    assert (row[0], row[2]) == ("Famille Blanc", "12.50")
    assert answer.mimetype == "text/csv"
    assert "attachment; filename=familles-" in answer.headers["Content-Disposition"]


def test_numbers_and_days_are_real_ones_in_a_workbook(app: Flask, office: Browser) -> None:
    family(app, "Famille Blanc", balance=1250)

    families = cells_of_xlsx(office.get("/familyview/export?format=xlsx").data)
    enrolments = cells_of_xlsx(office.get("/enrolmentview/export?format=xlsx").data)

    assert families[1][2] == 12.5
    assert enrolments[1][3] == datetime(2026, 8, 17)  # noqa: DTZ001 - as openpyxl has it
    # People count the last day in.
    assert enrolments[1][4].date() == YEAR_ENDS.replace(day=YEAR_ENDS.day - 1)


def test_what_is_searched_and_ordered_is_saved_so(app: Flask, office: Browser) -> None:
    for label in ("Blanc A", "Rochat", "Blanc B"):
        family(app, label)

    asked = "_flt_0_person=blanc&_oc_FamilyView=label&_od_FamilyView=desc&page_FamilyView=7"
    answer = office.get(f"/familyview/export?format=csv&{asked}")

    assert [row[0] for row in rows_of_csv(answer.data)[1:]] == ["Blanc B", "Blanc A"]


def test_the_list_links_to_what_it_shows(app: Flask, office: Browser) -> None:
    family(app, "Blanc")

    page = office.get("/familyview/list/?_flt_0_person=blanc").text

    assert "/familyview/export?format=xlsx&amp;_flt_0_person=blanc" in page


def test_archived_ones_are_saved_apart(app: Flask, office: Browser) -> None:
    family(app, "Blanc")

    answer = office.get("/familyview/export?format=csv&aside=1")

    assert len(rows_of_csv(answer.data)) == 1


def test_more_rows_than_are_read_at_once_are_all_there_once(
    app: Flask, office: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.exports.ROWS_AT_ONCE", 2)
    for number in range(5):
        family(app, f"Famille {number % 2}")

    rows = rows_of_csv(office.get("/familyview/export?format=csv").data)

    assert len(rows) == 6
    assert len({row[1] for row in rows}) == 6


def test_a_list_that_is_too_long_is_refused(
    app: Flask, office: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.exports.MOST_ROWS", 1)
    family(app, "Un")
    family(app, "Deux")

    assert office.get("/familyview/export?format=csv").status_code == 409


def test_only_who_may_see_a_list_may_save_it(app: Flask) -> None:
    with writing(app) as session:
        username = make_family(session).username

    for who in (username, "kitchen"):
        assert logged_in(app, who).get("/familyview/export?format=csv").status_code in {302, 403}
    assert logged_in(app, "committee").get("/familyview/export").status_code == 200


def test_another_format_does_not_exist(office: Browser) -> None:
    assert office.get("/familyview/export?format=exe").status_code == 404


def test_saving_health_data_is_noted(app: Flask, office: Browser, session: Session) -> None:
    with writing(app) as writer:
        pupil_id = make_family(writer).pupil_id
        writer.add(models.HealthRecord(pupil_id=pupil_id, allergens=["gluten"], note=""))

    office.get("/healthrecordview/export?format=csv")

    seen = session.scalars(sa.select(models.HealthAccess.pupil_id)).all()
    assert seen == [pupil_id]


# -- the files themselves --------------------------------------------------------------------------

FORMULAS = ["=1+1", "+cmd|' /C calc'!A0", "-2+3+cmd|x", "@SUM(A1)", "\tx", '=HYPERLINK("x")']


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_is_never_a_formula(text: str) -> None:
    plain, book = BytesIO(), BytesIO()
    write_text(plain, ["A"], [[text]])
    write_workbook(book, ["A"], [[text]])

    sheet = load_workbook(book).active
    assert sheet is not None
    assert rows_of_csv(plain.getvalue())[1] == [f"'{text}"]
    assert (sheet["A2"].data_type, sheet["A2"].value) == ("s", text)


@pytest.mark.parametrize("text", ["+41 79 123 45 67", "-12.50", "Müller; «x»", "'quoted'"])
def test_a_telephone_and_an_amount_stay_as_they_are(text: str) -> None:
    plain = BytesIO()
    write_text(plain, ["A"], [[text]])

    assert rows_of_csv(plain.getvalue())[1] == [text]


def test_every_kind_of_value_has_its_cell() -> None:
    target = BytesIO()
    instant = datetime(2026, 11, 16, 7, 30)  # noqa: DTZ001 - a cell has no zone
    write_workbook(
        target, ["A"] * 6, [[Decimal("12.50"), date(2026, 11, 16), instant, 7, None, "a\x01b"]]
    )

    (_, row) = cells_of_xlsx(target.getvalue())
    assert row == [12.5, datetime(2026, 11, 16), instant, 7, None, "ab"]  # noqa: DTZ001
