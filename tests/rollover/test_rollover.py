"""The next school year: proposed, corrected, made once, undone while nothing uses it."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.booking import Wish, book_meal
from app.errors import NothingToUndo
from app.models import (
    Enrolment,
    OutboxFact,
    Price,
    Pupil,
    RollOver,
    SchoolClass,
    SchoolYear,
    ServiceDay,
)
from app.refusals import OutsideYear, PriceInForce, RangesOverlap, UsedBy
from app.rollover import (
    Plan,
    Wanted,
    offer_to_families,
    offers_of,
    plan,
    propose,
    roll_over,
    undo_roll_over,
)
from app.rules.deadlines import ServiceRules
from app.rules.school_days import Holiday
from app.vocabulary import FactKind
from tests.factories import NORMAL, Family, make_family, make_pupil
from tests.sessions import reading, writing

JUNE = datetime(2027, 6, 1, 9, tzinfo=UTC)
BEGINS, ENDS = date(2027, 8, 16), date(2028, 7, 1)
FIRST_MONDAY = date(2027, 8, 16)


def now() -> datetime:
    return JUNE


def year_of(session: Session) -> SchoolYear:
    return session.scalars(sa.select(SchoolYear).order_by(SchoolYear.starts_on)).first()  # type: ignore[return-value]


def wanted(session: Session, **changes: Any) -> Wanted:
    return replace(propose(session, year_of(session)), **changes)


def household(app: Flask, **more: Any) -> Family:
    with writing(app) as session:
        return make_family(session, **more)


def run(app: Flask, **changes: Any) -> tuple[int, Plan]:
    with writing(app) as session:
        done, planned = roll_over(session, wanted(session, **changes), now)
        return done.id, planned


def counts(app: Flask) -> list[int]:
    models = (SchoolYear, SchoolClass, ServiceDay, Enrolment, Price, RollOver)
    with reading(app) as session:
        return [session.scalar(sa.select(sa.func.count(m.id))) or 0 for m in models]


def classes(app: Flask, pupil_id: int) -> list[str]:
    query = (
        sa.select(SchoolClass.name)
        .join(Enrolment, Enrolment.school_class_id == SchoolClass.id)
        .where(Enrolment.pupil_id == pupil_id)
        .order_by(Enrolment.valid_from)
    )
    with reading(app) as session:
        return list(session.scalars(query))


def test_the_proposal_is_whole_weeks_later_and_a_class_up(app: Flask) -> None:
    with writing(app) as session:
        proposed = propose(session, year_of(session))

        assert (proposed.name, proposed.starts_on, proposed.ends_on) == ("2027-2028", BEGINS, ENDS)
        assert list(proposed.classes.values()) == ["6P"]
        assert proposed.weekdays == frozenset(range(5))
        assert proposed.capacity == 40
        assert len(proposed.prices) == 3


def test_the_next_year_is_made_whole(app_on: Flask) -> None:
    family = household(app_on)
    autumn = Holiday(date(2027, 10, 11), date(2027, 10, 23), "Automne")

    _key, planned = run(app_on, holidays=(autumn,))

    assert classes(app_on, family.pupil_id) == ["5P", "6P"]
    assert [move.to_class for move in planned.moves] == ["6P"]
    assert (planned.leavers, planned.new_prices) == ((), [])
    with reading(app_on) as session:
        made = session.scalars(sa.select(SchoolYear).where(SchoolYear.name == "2027-2028")).one()
        assert (made.starts_on, made.ends_on) == (BEGINS, ENDS)
        closed = dict(
            session.execute(
                sa.select(ServiceDay.date, ServiceDay.closure).where(ServiceDay.date >= BEGINS)
            ).all()
        )
        assert closed[FIRST_MONDAY] is None
        assert closed[date(2027, 10, 12)] == "Automne"
        assert closed[date(2028, 4, 14)]  # Good Friday


def test_a_second_run_changes_nothing(app_on: Flask) -> None:
    household(app_on)
    key, _planned = run(app_on)
    before = counts(app_on)

    again, planned = run(app_on)

    assert again == key
    assert planned.is_empty
    assert counts(app_on) == before


def test_a_pupil_who_comes_later_is_added_by_a_second_run(app: Flask) -> None:
    family = household(app)
    key, _planned = run(app)
    with writing(app) as session:
        late = make_pupil(session, family.account_id).id
        # `make_pupil` enrols in the first class that there is: of the year that ends.

    again, planned = run(app)

    assert again == key
    assert [move.pupil_id for move in planned.new_enrolments] == [late]
    with writing(app) as session:
        undo_roll_over(session, key, now)
    assert classes(app, late) == ["5P"]


def test_pupils_are_left_out_or_put_into_another_class(app: Flask) -> None:
    family = household(app, children=3, balance=4_200)
    leaver, other, usual = family.pupil_ids

    _key, planned = run(app, pupils={leaver: "", other: "6P/2"})

    assert [classes(app, pupil) for pupil in (leaver, other, usual)] == [
        ["5P"],
        ["5P", "6P/2"],
        ["5P", "6P"],
    ]
    (left,) = planned.leavers
    assert left.pupil_id == leaver
    assert [(key, balance) for key, _label, balance in left.accounts] == [
        (family.account_id, 4_200)
    ]


def test_who_is_gone_before_the_end_is_not_enrolled(app: Flask) -> None:
    family = household(app, children=2)
    gone, archived = family.pupil_ids
    with writing(app) as session:
        ended = session.scalars(sa.select(Enrolment).where(Enrolment.pupil_id == gone)).one()
        ended.valid_until = date(2027, 5, 1)
        session.get_one(Pupil, archived).archived_at = JUNE

    _key, planned = run(app)

    assert planned.moves == ()


def test_prices_change_from_a_day_on_and_the_others_stay(app: Flask) -> None:
    household(app)
    with writing(app) as session:
        proposed = wanted(session)
    changed = next(iter(proposed.prices))

    run(app, prices={**proposed.prices, changed: NORMAL + 50})

    with reading(app) as session:
        new = session.execute(
            sa.select(Price.meal_type_id, Price.category_id, Price.amount).where(
                Price.valid_from == BEGINS
            )
        ).all()
        assert [tuple(each) for each in new] == [(*changed, NORMAL + 50)]


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"starts_on": date(2027, 6, 1)}, RangesOverlap),
        ({"ends_on": date(2027, 8, 1)}, RangesOverlap),
        ({"prices_from": date(2027, 6, 1)}, OutsideYear),
    ],
)
def test_a_year_that_overlaps_is_refused(
    app: Flask, changes: dict[str, Any], refusal: type[Exception]
) -> None:
    before = counts(app)

    with pytest.raises(refusal):
        run(app, **changes)

    assert counts(app) == before


def test_new_prices_of_days_that_were_charged_are_refused(app: Flask) -> None:
    with writing(app) as session:
        dear = {key: amount + 100 for key, amount in wanted(session).prices.items()}

        with pytest.raises(PriceInForce):
            plan(session, wanted(session, prices=dear), date(2027, 9, 1))


def test_an_unused_year_is_taken_back_whole(app_on: Flask) -> None:
    family = household(app_on)
    before = counts(app_on)
    key, _planned = run(app_on, pupils={family.pupil_id: "6P/3"})

    with writing(app_on) as session:
        undo_roll_over(session, key, now)

    assert counts(app_on) == before
    with writing(app_on) as session, pytest.raises(NothingToUndo):
        undo_roll_over(session, key, now)


def test_a_year_in_which_meals_are_booked_stays_and_says_why(app_on: Flask) -> None:
    family = household(app_on)
    key, _planned = run(app_on)
    with writing(app_on) as session:
        book_meal(session, Wish(family.pupil_id, FIRST_MONDAY), ServiceRules(), now)
        name = session.get_one(Pupil, family.pupil_id).full_name
    before = counts(app_on)

    with writing(app_on) as session, pytest.raises(UsedBy) as refused:
        undo_roll_over(session, key, now)

    assert name in refused.value.uses
    assert counts(app_on) == before


def test_a_new_pupil_of_the_new_year_keeps_it(app: Flask) -> None:
    household(app)
    key, _planned = run(app)
    with writing(app) as session:
        new = session.scalars(sa.select(SchoolClass).where(SchoolClass.name == "6P")).one()
        pupil = make_pupil(session)
        session.scalars(sa.select(Enrolment).where(Enrolment.pupil_id == pupil.id)).one()
        enrolment = session.scalars(
            sa.select(Enrolment).where(Enrolment.pupil_id == pupil.id)
        ).one()
        enrolment.school_class_id = new.id
        enrolment.valid_from, enrolment.valid_until = BEGINS, ENDS

    with writing(app) as session, pytest.raises(UsedBy):
        undo_roll_over(session, key, now)


def test_a_year_that_was_entered_by_hand_is_used(app: Flask) -> None:
    household(app)
    with writing(app) as session:
        session.add(SchoolYear(name="27/28", starts_on=date(2027, 8, 23), ends_on=ENDS))
        session.flush()

    key, planned = run(app)

    with writing(app) as session:
        assert planned.to_year_id is not None
        assert planned.wanted.starts_on == date(2027, 8, 23)
        undo_roll_over(session, key, now)
        assert session.scalar(sa.select(sa.func.count(SchoolYear.id))) == 2


def test_the_usual_days_are_offered_until_a_meal_is_booked(app: Flask) -> None:
    family = household(app, children=2)
    eater, nobody = family.pupil_ids
    with writing(app) as session:
        mondays = [date(2027, 5, 10), date(2027, 5, 24), date(2027, 5, 31), date(2027, 6, 28)]
        mondays += [date(2027, 5, 3), date(2027, 6, 7), date(2027, 6, 14), date(2027, 6, 21)]
        april = datetime(2027, 4, 1, tzinfo=UTC)
        for day in mondays:
            book_meal(session, Wish(eater, day), ServiceRules(), lambda: april)
    key, _planned = run(app)

    with writing(app) as session:
        year = session.get_one(RollOver, key).to_year
        first = offers_of(session, [family.account_id], year, JUNE.date())
        book_meal(session, Wish(eater, FIRST_MONDAY), ServiceRules(), now)
        later = offers_of(session, [family.account_id], year, JUNE.date())

    assert {offer.pupil_id: offer.weekdays for offer in first} == {eater: (0,), nobody: ()}
    assert {(offer.first, offer.school_class) for offer in first} == {(BEGINS, "6P")}
    assert [offer.pupil_id for offer in later] == [nobody]


def test_families_are_written_to_once(app_on: Flask) -> None:
    family = household(app_on, children=2)
    key, _planned = run(app_on)

    with writing(app_on) as session:
        written = [offer_to_families(session, key, now) for _ in range(2)]

    assert written == [1, 0]
    with reading(app_on) as session:
        told = sa.select(OutboxFact.account_id).where(OutboxFact.kind == FactKind.NEW_YEAR)
        assert session.scalars(told).all() == [family.account_id]
