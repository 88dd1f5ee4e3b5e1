"""The commands for lists say what they do, and what they refuse, in sentences."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from flask import Flask
from sqlalchemy.orm import Session

from app.models import Account, Enrolment, Import, Pupil
from tests.database import contents
from tests.factories import YEAR_STARTS, make_family
from tests.sessions import writing
from tests.sheets.tables import LEA, NOE, ZOE, csv_of

pytestmark = pytest.mark.usefixtures("frozen_clock")


def run(app: Flask, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["canteen", *words])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "eleves.csv"
    path.write_bytes(csv_of(ZOE, NOE, [*LEA[:2], "hier", *LEA[3:]]))
    return path


def test_a_list_is_imported_and_what_was_left_out_is_named(
    app: Flask, session: Session, file: Path
) -> None:
    done = run(app, "import-pupils", str(file))

    assert done.exit_code == 0, done.output
    assert "4: Léa Favre: À corriger La date de naissance n’est pas une date. hier" in done.output
    assert "Nouvel élève: 2" in done.output
    assert session.scalars(sa.select(Pupil.first_name).order_by(Pupil.id)).all() == ["Zoé", "Noé"]
    assert session.scalars(sa.select(Import.file_name)).all() == ["eleves.csv"]


def test_a_dry_run_says_the_same_and_writes_nothing(app: Flask, file: Path) -> None:
    before = contents(app)

    said = run(app, "import-pupils", "--dry-run", str(file)).output
    after = contents(app)

    assert said == run(app, "import-pupils", str(file)).output.removesuffix("OK\n")
    assert after == before


def test_the_day_and_the_classes_may_be_chosen(
    app: Flask, session: Session, tmp_path: Path
) -> None:
    path = tmp_path / "eleves.csv"
    path.write_bytes(csv_of([*ZOE[:3], "9Z", *ZOE[4:]]))
    words = ["--year", "2026-2027", "--from", YEAR_STARTS.isoformat(), "--make-classes"]

    run(app, "import-pupils", *words, str(path))

    enrolment = session.scalars(sa.select(Enrolment)).one()
    assert (enrolment.school_class.name, enrolment.valid_from) == ("9Z", YEAR_STARTS)


@pytest.mark.parametrize(
    ("content", "words", "sentence"),
    [
        (b"", [], "Il n’y a pas d’élèves"),
        (b"a;b\n1;2\n", [], "Les colonnes de cette liste sont inconnues"),
        (csv_of(ZOE), ["--year", "1999"], "introuvable"),
        (csv_of(ZOE), ["--from", "2027-12-24"], "sortent de l’année scolaire"),
        (b"x;y\n" * 2_700_000, [], "trop grand"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_one_sentence(
    app: Flask, tmp_path: Path, content: bytes, words: list[str], sentence: str
) -> None:
    path = tmp_path / "eleves.csv"
    path.write_bytes(content)
    before = contents(app)

    refused = run(app, "import-pupils", *words, str(path))

    assert refused.exit_code == 1
    assert sentence in refused.output
    assert contents(app) == before


def test_a_list_is_written_as_its_page_shows_it(app: Flask, tmp_path: Path) -> None:
    with writing(app) as session:
        for label in ("Blanc", "Rochat"):
            account_id = make_family(session).account_id
            session.get_one(Account, account_id).label = label
    out = tmp_path / "familles.csv"

    done = run(app, "export", "family", "--query", "_flt_0_person=blanc", "--out", str(out))

    assert done.exit_code == 0, done.output
    assert [row.split(";")[0] for row in out.read_text("utf-8-sig").splitlines()] == [
        *("Nom", "Blanc")
    ]


def test_the_lists_are_named_and_health_data_is_none_of_them(app: Flask) -> None:
    names = run(app, "export").output.split()
    refused = run(app, "export", "healthrecord")

    assert {"family", "pupil", "enrolment", "transfer"} <= set(names)
    assert refused.exit_code == 2
    assert "healthrecord" not in names
