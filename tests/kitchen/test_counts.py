"""What the kitchen counts, what has changed since its last paper, and what it may expect."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.booking import Wish, cancel_meal
from app.clock import Now
from app.day_jobs import close_day
from app.documents.production import AllergyMet, ProductionDay
from app.kitchen.counts import kitchen_of, papers_of
from app.kitchen.forecast import days_ahead
from app.kitchen.prints import keep_papers, last_papers
from app.models import HealthRecord, KitchenPrint, Menu, OutboxFact, Pupil, ServiceDay
from app.vocabulary import FactKind, MealKind
from tests.booking.acting import (
    LONG_BEFORE,
    MONDAY,
    RULES,
    TUESDAY,
    book,
    meal_type_id,
    on,
    the_day,
)
from tests.conftest import FrozenClock
from tests.factories import Family, make_family
from tests.sessions import reading, writing

SEVEN = on(MONDAY, "07:00")


@pytest.fixture
def school(app: Flask, frozen_clock: FrozenClock) -> Flask:
    """Half past seven on a Monday."""
    assert frozen_clock.now() == on(MONDAY, "07:30")()
    return app


@pytest.fixture
def school_on(app_on: Flask, frozen_clock: FrozenClock) -> Flask:
    """The same, on each database."""
    assert frozen_clock.now() == on(MONDAY, "07:30")()
    return app_on


def coming(app: Flask, day: date = MONDAY, now: Now = LONG_BEFORE, diet: str = "Normal") -> Family:
    with writing(app) as session:
        family = make_family(session, diet=diet)
        book(session, family.pupil_id, day, now)
    return family


def looked_at(app: Flask, day: date = MONDAY) -> ProductionDay:
    with app.test_request_context(), reading(app) as session:
        kitchen = kitchen_of(session, [day], SEVEN(), lambda text: text, "fr")
    return kitchen.week.days[0]


def printed(app: Flask, day: date = MONDAY) -> None:
    with writing(app) as session:
        keep_papers(session, papers_of(session, [day]), SEVEN)


def cancel(session: Session, family: Family) -> None:
    cancel_meal(session, Wish(family.pupil_id, MONDAY), RULES, on(MONDAY, "07:30"))


def test_before_any_paper_nothing_is_marked(school: Flask) -> None:
    coming(school)

    day = looked_at(school)

    assert (day.count("Normal"), day.change("Normal"), day.printed_at) == (1, 0, None)


def test_what_came_and_went_since_the_last_paper_is_marked(school_on: Flask) -> None:
    leaving = coming(school_on)
    coming(school_on)
    printed(school_on)

    with writing(school_on) as session:
        cancel(session, leaving)
    coming(school_on, diet="Végétarien")
    day = looked_at(school_on)

    assert (day.count("Normal"), day.change("Normal")) == (1, -1)
    assert (day.count("Végétarien"), day.change("Végétarien")) == (1, 1)
    assert (day.total, day.change()) == (2, 0)
    assert day.change_in_class("Normal", "5P") == -1
    assert day.change_in_class("Végétarien", "5P") == 1
    assert day.printed_at == SEVEN()


def test_the_next_paper_begins_anew(school: Flask) -> None:
    printed(school)
    coming(school)
    printed(school)

    assert looked_at(school).change() == 0
    with reading(school) as session:
        assert session.scalar(sa.select(sa.func.count(KitchenPrint.id))) == 2


def test_trays_that_are_new_or_wanted_no_more_are_marked(school: Flask) -> None:
    leaving, staying = coming(school, diet="Spécial"), coming(school, diet="Spécial")
    printed(school)
    with writing(school) as session:
        cancel(session, leaving)
    new = coming(school, diet="Spécial")
    with reading(school) as session:
        names = {
            family: session.get_one(Pupil, family.pupil_id).full_name
            for family in (leaving, staying, new)
        }

    day = looked_at(school)

    marks = {tray.pupil: tray.is_new for tray in day.trays}
    assert marks == {names[staying]: False, names[new]: True}
    assert [tray.pupil for tray in day.gone] == [names[leaving]]


def allergic(session: Session, family: Family, *allergens: str) -> None:
    session.add(HealthRecord(pupil_id=family.pupil_id, allergens=list(allergens)))


def serve(session: Session, day: date, kind: MealKind, *allergens: str) -> None:
    session.add(
        Menu(
            service_day_id=the_day(session, day).id,
            meal_type_id=meal_type_id(session, kind),
            main="Gratin",
            allergens=list(allergens),
        )
    )


def test_a_pupil_whose_meal_holds_an_allergen_is_named(school_on: Flask) -> None:
    eats_it, eats_another, is_another_day = (
        coming(school_on),
        coming(school_on),
        coming(school_on, TUESDAY),
    )
    vegetarian = coming(school_on, diet="Végétarien")
    with writing(school_on) as session:
        serve(session, MONDAY, MealKind.NORMAL, "milk", "eggs")
        serve(session, MONDAY, MealKind.VEGETARIAN, "soy")
        for family in (eats_it, is_another_day, vegetarian):
            allergic(session, family, "eggs", "fish")
        allergic(session, eats_another, "nuts")
        name = session.get_one(Pupil, eats_it.pupil_id).full_name

    day = looked_at(school_on)

    assert [(each.pupil, each.meal) for each in day.met] == [(name, "Normal")]
    assert len(day.met[0].allergens) == 1
    assert isinstance(day.met[0], AllergyMet)


def test_the_last_call_has_the_list_mailed_once_and_keeps_it(
    school_on: Flask, frozen_clock: FrozenClock
) -> None:
    coming(school_on)
    frozen_clock.set("2026-11-16 08:15")

    with school_on.app_context():
        for _ in range(2):
            list(close_day(MONDAY))

    with reading(school_on) as session:
        told = sa.select(OutboxFact).where(OutboxFact.kind == FactKind.KITCHEN_LIST)
        (fact,) = session.scalars(told)
        assert fact.record_id == the_day(session, MONDAY).id
        assert last_papers(session, [MONDAY])[MONDAY].total(1) == 1


def test_a_list_that_was_printed_stays_what_changes_are_marked_against(
    school: Flask, frozen_clock: FrozenClock
) -> None:
    printed(school)
    coming(school)
    frozen_clock.set("2026-11-16 08:15")

    with school.app_context():
        list(close_day(MONDAY))

    assert looked_at(school).change() == 1


def test_days_that_are_past_or_closed_are_not_told(
    school: Flask, frozen_clock: FrozenClock
) -> None:
    with writing(school) as session:
        the_day(session, TUESDAY).closure = "Fête"
    frozen_clock.set("2026-11-17 09:00")

    with school.app_context():
        for day in (MONDAY, TUESDAY):
            list(close_day(day))

    with reading(school) as session:
        told = sa.select(OutboxFact).where(OutboxFact.kind == FactKind.KITCHEN_LIST)
        assert session.scalars(told).all() == []


def test_the_next_days_expect_as_many_more_as_usually_come(
    school_on: Flask, frozen_clock: FrozenClock
) -> None:
    for weeks in (1, 2):
        past = TUESDAY - timedelta(weeks=weeks)
        coming(school_on, past, on(past - timedelta(days=1), "07:00"))  # as early as now
        for _ in range(weeks):
            coming(school_on, past, on(past, "07:50"))
        with writing(school_on) as session:
            the_day(session, past).closed_at = on(past, "08:15")()
    coming(school_on, TUESDAY)
    with writing(school_on) as session:
        wednesday = ServiceDay.date == TUESDAY + timedelta(days=1)
        session.scalars(sa.select(ServiceDay).where(wednesday)).one().closure = "Fête"

    with reading(school_on) as session:
        ahead = days_ahead(session, frozen_clock.now())

    assert [each.day.isoformat() for each in ahead] == ["2026-11-17", "2026-11-19", "2026-11-20"]
    assert [each.is_usual_known for each in ahead] == [True, False, False]
    normal = ahead[0].meals[0]
    assert (normal.booked, normal.expected) == (1, 3)  # one and a half more, rounded up
    assert (ahead[0].booked, ahead[0].expected) == (1, 3)
