"""The generated views against what an address, a form or two browsers at once can do."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock
from app.declared.reference import PriceView
from app.models import AuditEntry, AuditValue, Diet, MealType, OutboxFact, Price, TariffCategory
from app.vocabulary import MealKind
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

TOO_LONG = str(2**65)


@pytest.fixture(scope="module")
def app(shared_app_on: Flask) -> Flask:
    """One for all: these tests look, or count before and after."""
    return shared_app_on


@pytest.fixture(scope="module")
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def count(app: Flask, model: type[Any], *conditions: sa.ColumnElement[bool]) -> int:
    with reading(app) as session:
        query = sa.select(sa.func.count()).select_from(model).where(*conditions)
        return session.scalar(query) or 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("page_DietView=abc", 400),
        ("page_DietView=-1", 400),
        ("psize_DietView=x", 400),
        (f"page_DietView={TOO_LONG}", 400),
        ("page_DietView=9223372036854775807", 200),
        ("psize_DietView=1000000", 200),
        ("psize_DietView=0", 200),
        ("_oc_DietView=nothing&_od_DietView=asc", 200),
        ("_oc_DietView=name&_od_DietView=sideways", 200),
        ("_flt_9_name=x", 200),
        ("_flt_0_nothing=x", 200),
        ("_flt_0_password=x", 200),
        ("aside", 200),
    ],
)
def test_no_address_of_a_list_ends_in_a_fault(office: Browser, query: str, status: int) -> None:
    assert office.get(f"/dietview/list/?{query}").status_code == status


SEARCHED = [
    ("enrolmentview", "school_class"),
    ("enrolmentview", "pupil"),
    ("servicedayview", "date"),
    ("bookinghistoryview", "changed_at"),
    ("bookinghistoryview", "new_state"),
    ("familyview", "reference"),
    ("pupilview", "school_class"),
]
TYPED = ["abc", "", "%", "'", TOO_LONG, "2026-99-99", "9999-12-31", "0001-01-01", "\x00", "٣"]


@pytest.mark.parametrize(("view", "column"), SEARCHED)
def test_nothing_that_is_searched_for_ends_in_a_fault(
    office: Browser, view: str, column: str
) -> None:
    answers = {
        (operator, text): office.get(
            f"/{view}/list/", query_string={f"_flt_{operator}_{column}": text}
        ).status_code
        for operator in (0, 1, 2, 9)
        for text in TYPED
    }

    assert set(answers.values()) == {200}, answers


@pytest.mark.parametrize("key", ["0", "-1", "abc", TOO_LONG, "1.5", "٣", "1%00"])
@pytest.mark.parametrize("page", ["show", "edit"])
def test_a_key_that_no_row_has_is_not_found(office: Browser, page: str, key: str) -> None:
    assert office.get(f"/dietview/{page}/{key}").status_code == 404


def test_routes_that_a_view_does_not_name_do_not_exist(office: Browser) -> None:
    for path in ("/dietview/delete/1", "/dietview/download/x", "/priceview/action/archive/1"):
        assert office.get(path).status_code == 404
        assert office.post(path).status_code == 404


def test_a_form_without_its_token_changes_nothing(app: Flask, office: Browser) -> None:
    before = count(app, TariffCategory)

    answer = office.post("/categoryview/add", {"name": "Autres"}, token="")

    assert answer.status_code == 400
    assert count(app, TariffCategory) == before


def test_a_form_that_is_sent_is_kept_and_audited_in_the_sender_s_name(
    app: Flask, office: Browser
) -> None:
    answer = office.post("/categoryview/add", {"name": "  Autres "})

    assert answer.status_code == 302
    with reading(app) as session:
        entry = session.scalars(
            sa.select(AuditEntry)
            .where(AuditEntry.entity == "TariffCategory")
            .order_by(-AuditEntry.id)
        ).first()
        assert entry is not None
        assert entry.actor is not None
        assert (entry.actor.username, entry.action) == ("secretariat", "add")
        values = sa.select(AuditValue.field, AuditValue.new).where(AuditValue.entry_id == entry.id)
        assert session.execute(values).all() == [("name", "Autres")]


def test_what_exists_already_is_refused_beside_its_field(app: Flask, office: Browser) -> None:
    before = count(app, TariffCategory)

    answer = office.post("/categoryview/add", {"name": "Élèves"})

    assert answer.status_code == 200
    assert 'class="error"' in answer.text
    assert count(app, TariffCategory) == before


@pytest.mark.parametrize("choice", ["", "0", "999", "abc", TOO_LONG, "__None", "\x00"])
def test_a_choice_that_was_not_offered_is_refused(app: Flask, office: Browser, choice: str) -> None:
    before = count(app, Diet)

    answer = office.post("/dietview/add", {"name": "Autre", "meal_type": choice})

    assert answer.status_code == 200
    assert 'class="error"' in answer.text
    assert count(app, Diet) == before


def test_an_archived_record_is_no_longer_offered_but_stays_where_it_is_chosen(
    app: Flask, office: Browser
) -> None:
    with writing(app) as session:
        old = MealType(name="Ancien", kind=MealKind.NORMAL, archived_at=clock.now())
        diet = Diet(name="D’avant", meal_type=old)
        session.add_all([old, diet])
        session.flush()
        diet_id = diet.id

    assert ">Ancien<" not in office.get("/dietview/add").text
    assert ">Ancien<" in office.get(f"/dietview/edit/{diet_id}").text


def test_a_save_that_fails_afterwards_leaves_nothing_behind(
    app: Flask, office: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(PriceView, "post_add", fail)
    with reading(app) as session:
        meal = session.scalars(sa.select(MealType.id).order_by(MealType.id)).first()
        category = session.scalars(
            sa.select(TariffCategory.id).where(TariffCategory.name == "Élèves")
        ).one()
    before = count(app, Price), count(app, AuditEntry), count(app, OutboxFact)

    answer = office.post(
        "/priceview/add",
        {"meal_type": meal, "category": category, "valid_from": "2027-01-01", "amount": "9.50"},
    )

    assert answer.status_code == 500
    assert (count(app, Price), count(app, AuditEntry), count(app, OutboxFact)) == before


def test_a_list_shows_at_most_a_hundred_rows(office: Browser) -> None:
    answer = office.get("/servicedayview/list/?psize_ServiceDayView=500")

    assert answer.text.count('class="title"') == 100


def test_an_action_reaches_only_rows_of_its_view(app: Flask, office: Browser) -> None:
    with reading(app) as session:
        before = session.scalars(sa.select(Diet.archived_at)).all()

    unknown = office.post("/dietview/action_post", {"action": "nothing", "rowid": "1"})
    missing = office.post("/dietview/action_post", {"action": "archive", "rowid": ["1", "999"]})
    none = office.post("/dietview/action_post", {"action": "archive"})

    assert [unknown.status_code, missing.status_code, none.status_code] == [404, 404, 404]
    with reading(app) as session:
        assert session.scalars(sa.select(Diet.archived_at)).all() == before


def test_filters_belong_to_a_request_and_not_to_the_process(app: Flask) -> None:
    """Two readers search the same view at the same time, each for something else."""
    together = Barrier(2)
    browsers = {name: logged_in(app, "secretariat") for name in ("Normal", "Végétarien")}

    def search(name: str) -> list[str]:
        seen = []
        for _round in range(15):
            together.wait()
            answer = browsers[name].get(
                "/priceview/list/", query_string={"_flt_0_meal_type": ids[name]}
            )
            seen.append(text_of(answer.text.partition("<tbody>")[2].partition("</tbody>")[0]))
        return seen

    with reading(app) as session:
        rows = session.execute(sa.select(MealType.name, MealType.id))
        ids = {row.name: row.id for row in rows}
    with ThreadPoolExecutor(2) as pool:
        normal, vegetarian = pool.map(search, ("Normal", "Végétarien"))

    assert all("Normal" in each and "Végétarien" not in each for each in normal)
    assert all("Végétarien" in each and "Normal" not in each for each in vegetarian)


def test_a_page_asks_for_each_reader_what_they_may_see(app: Flask) -> None:
    """Jinja computes a filter of constants once for all: permissions must not be computed so."""
    office, kitchen = logged_in(app, "secretariat"), logged_in(app, "kitchen")

    first, second = office.get("/dietview/list/"), kitchen.get("/dietview/list/")

    assert "/dietview/add" in first.text
    assert "/dietview/add" not in second.text


def test_a_page_of_a_view_is_chosen_by_the_address(app: Flask, office: Browser) -> None:
    with reading(app) as session:
        diet = session.scalars(sa.select(MealType.id).where(MealType.name == "Végétarien")).one()

    page = office.get(f"/dietview/add?meal_type={diet}").text

    assert f'<option selected value="{diet}">' in page
    assert office.get(f"/dietview/add?meal_type={TOO_LONG}").status_code == 200
