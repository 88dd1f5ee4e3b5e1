"""What is in use is neither deleted nor archived, and the refusal names what uses it."""

import pytest
import sqlalchemy as sa
from flask import Flask

from app.models import Diet, Pupil, SchoolClass, SchoolYear
from app.refusals import UsedBy
from app.uses import refuse_if_used
from tests.declared.acting import count, family, one
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def class_id(app: Flask) -> int:
    found: int = one(app, sa.select(SchoolClass.id).order_by(SchoolClass.id).limit(1))
    return found


def names_of(app: Flask) -> list[str]:
    with reading(app) as session:
        return [pupil.full_name for pupil in session.scalars(sa.select(Pupil).order_by(Pupil.id))]


def test_a_class_with_pupils_is_not_deleted_and_some_of_them_are_named(
    app: Flask, office: Browser
) -> None:
    family(app, children=4)
    first, *_others, last = names_of(app)
    office.get("/schoolclassview/list/")

    answer = office.post(f"/schoolclassview/delete/{class_id(app)}", follow_redirects=True)

    said = text_of(answer.text)
    assert f": 4 ({first}, " in said
    assert last not in said
    assert count(app, SchoolClass) == 1


def test_a_class_that_nothing_uses_is_deleted(app: Flask, office: Browser) -> None:
    with writing(app) as session:
        year_id = session.scalars(sa.select(SchoolYear.id)).one()
        added = SchoolClass(school_year_id=year_id, name="6P")
        session.add(added)
        session.flush()
        key = added.id
    office.get("/schoolclassview/list/")

    office.post(f"/schoolclassview/delete/{key}")

    assert count(app, SchoolClass) == 1


def test_a_diet_of_pupils_is_not_archived_and_they_are_named(app: Flask, office: Browser) -> None:
    family(app)
    (name,) = names_of(app)
    key = one(app, sa.select(Diet.id).where(Diet.name == "Normal"))
    office.get("/dietview/list/")

    answer = office.post(f"/dietview/action/archive/{key}", follow_redirects=True)

    assert f": 1 ({name})" in text_of(answer.text)
    assert one(app, sa.select(Diet.archived_at).where(Diet.id == key)) is None


def test_what_goes_at_the_same_time_is_no_use(app_on: Flask) -> None:
    household = family(app_on)

    with writing(app_on) as session:
        pupil = session.get_one(Pupil, household.pupil_id)
        enrolments = {type(each): [each.id] for each in pupil.enrolments}
        keys = {type(each): [each.id] for each in pupil.payers}
        with pytest.raises(UsedBy) as refused:
            refuse_if_used(session, Pupil, [pupil.id], keys)
        refuse_if_used(session, Pupil, [pupil.id], {**keys, **enrolments})

        assert refused.value.uses.count(";") == 0
        with pytest.raises(UsedBy):
            refuse_if_used(session, Pupil, [pupil.id])
        refuse_if_used(session, Pupil, [pupil.id + 1])
