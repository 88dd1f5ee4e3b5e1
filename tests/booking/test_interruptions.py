"""Closures, outings and exclusions as services: seats, money, mails, and two at the same moment."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.access import SYSTEM
from app.booking import mark_attendance
from app.booking.exclusions import (
    foresee_exclusion,
    mark_of_exclusion,
    plan_shortening,
    pronounce,
    shorten,
)
from app.booking.interruptions import (
    cancel_meals,
    days_of,
    foresee,
    lift,
    mark_of_interruption,
    put_in_force,
)
from app.booking.restoring import Restored, days_to_restore, restore_meals
from app.clock import Now
from app.errors import (
    CanteenClosed,
    ChangedMeanwhile,
    DayFull,
    Excluded,
    InsufficientFunds,
    NoServiceDay,
)
from app.models import Enrolment, Exclusion, Interruption, SchoolClass, SchoolYear
from app.refusals import DayPast, ExclusionOver, OnOuting
from app.transaction import transaction
from app.vocabulary import (
    Attendance,
    BookingState,
    DecisionState,
    FactKind,
    InterruptionKind,
    Reason,
)
from tests.booking.acting import (
    RULES,
    STAFF,
    balance_of,
    book,
    booking_of,
    close_day,
    history_of,
    on,
    parent,
    state_of,
    the_day,
    told,
    weeks_before,
)
from tests.factories import NORMAL, Family, make_family, make_pupil

S = BookingState
DAY = timedelta(days=1)


def booked(*days: date, balance: int = 0, school_class: int | None = None) -> Family:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=balance)
        if school_class is not None:
            own = Enrolment.pupil_id == family.pupil_id
            session.scalars(sa.select(Enrolment).where(own)).one().school_class_id = school_class
            session.flush()
        for day in days:
            book(session, family.pupil_id, day)
        return family


def a_class(name: str) -> int:
    with transaction(SYSTEM) as session:
        year_id = session.scalars(sa.select(SchoolYear.id).limit(1)).one()
        found = SchoolClass(school_year_id=year_id, name=name)
        session.add(found)
        session.flush()
        return found.id


def prepared(
    session: Session, first: date, last: date | None = None, classes: Sequence[int] = ()
) -> Interruption:
    kind = InterruptionKind.OUTING if classes else InterruptionKind.CLOSURE
    made = Interruption(
        kind=kind,
        valid_from=first,
        valid_until=(last or first) + DAY,
        reason="Zoo" if classes else "Neige",
        classes=[session.get_one(SchoolClass, each) for each in classes],
    )
    session.add(made)
    session.flush()
    return made


def carry_out(session: Session, made: Interruption, now: Now) -> int:
    put_in_force(session, made.id, mark_of_interruption(made, foresee(session, made)), now)
    return sum(cancel_meals(session, made, day, now) for day in days_of(session, made))


def take_back(session: Session, made: Interruption, now: Now, first: date) -> list[Restored]:
    lift(session, made.id, RULES, now)
    days = days_to_restore(session, made.operation_id, first)
    return [
        each for day in days for each in restore_meals(session, made.operation_id, day, RULES, now)
    ]


def test_an_outing_takes_the_meals_of_its_class_gives_back_and_tells(
    canteen: Flask, day: date
) -> None:
    away, stays = a_class(f"A{day}"), a_class(f"B{day}")
    paid = booked(day, balance=5000, school_class=away)
    unpaid, other = booked(day, school_class=away), booked(day, school_class=stays)
    with transaction(STAFF) as session:
        close_day(session, day)
        outing = prepared(session, day, classes=[away])
        foreseen = foresee(session, outing)

        cancelled = carry_out(session, outing, on(day, "09:00"))

        assert cancelled == 2
        assert sum(meal.charged for meal in foreseen) == NORMAL
        assert {meal.account_id for meal in foreseen} == {paid.account_id, unpaid.account_id}
        assert state_of(session, paid.pupil_id, day) is S.GIVEN_BACK
        assert balance_of(session, paid.account_id) == 5000
        assert state_of(session, unpaid.pupil_id, day) is S.CANCELLED
        assert state_of(session, other.pupil_id, day) is S.UNFUNDED
        assert the_day(session, day).seats_taken == 1
        last = history_of(session, booking_of(session, paid.pupil_id, day).id)[-1]
        assert (last.reason, last.operation_id) == (Reason.OUTING, outing.operation_id)
        assert told(session, unpaid.account_id)[-1] is FactKind.BOOKING_CHANGED


def test_nobody_books_a_meal_on_an_outing_until_it_is_lifted(
    canteen: Flask, days: Iterator[date]
) -> None:
    first, second = next(days), next(days)
    away, stays = a_class(f"C{first}"), a_class(f"D{first}")
    family, other = booked(school_class=away), booked(school_class=stays)
    with transaction(STAFF) as session:
        outing = prepared(session, first, classes=[away])
        book(session, other.pupil_id, first)
        carry_out(session, outing, weeks_before(first))
        outing_id = outing.id

    for actor in (STAFF, parent(family)):
        with pytest.raises(OnOuting) as refused, transaction(actor) as session:
            book(session, family.pupil_id, first)
        assert (refused.value.day, refused.value.reason) == (first, "Zoo")
    with transaction(STAFF) as session:
        assert book(session, family.pupil_id, second).state is S.BOOKED
        lift(session, outing_id, RULES, weeks_before(first))
        assert book(session, family.pupil_id, first).state is S.BOOKED


def test_what_an_outing_gives_back_makes_a_meal_of_today_good(
    canteen: Flask, days: Iterator[date]
) -> None:
    yesterday, today = next(days), next(days)
    away = a_class(f"E{today}")
    family = booked(yesterday, today, balance=NORMAL, school_class=away)
    with transaction(STAFF) as session:
        close_day(session, yesterday)
        close_day(session, today)
        assert state_of(session, family.pupil_id, today) is S.UNFUNDED
        outing = prepared(session, yesterday, classes=[away])

        carry_out(session, outing, on(today, "09:00"))

        assert state_of(session, family.pupil_id, yesterday) is S.GIVEN_BACK
        assert state_of(session, family.pupil_id, today) is S.CHARGED
        assert balance_of(session, family.account_id) == 0


def test_a_closed_range_is_lifted_where_rules_seats_and_money_allow(
    canteen: Flask, days: Iterator[date]
) -> None:
    today, full = next(days), next(days)
    paid, poor = booked(today, balance=NORMAL), booked(today, balance=NORMAL)
    again, late = booked(full), booked(full)
    with transaction(STAFF) as session:
        close_day(session, today)
        closure = prepared(session, today, full)
        carry_out(session, closure, on(today, "09:00"))
        assert the_day(session, full).closure == "Neige"
        the_day(session, full).capacity = 1
        make_it_poor(session, poor)

        outcome = take_back(session, closure, on(today, "09:30"), today)

        refusals = [type(each.refusal) for each in outcome]
        assert refusals == [type(None), InsufficientFunds, type(None), DayFull]
        assert state_of(session, paid.pupil_id, today) is S.CHARGED
        assert balance_of(session, paid.account_id) == 0
        assert state_of(session, poor.pupil_id, today) is S.GIVEN_BACK
        assert state_of(session, again.pupil_id, full) is S.BOOKED
        assert state_of(session, late.pupil_id, full) is S.CANCELLED
        assert the_day(session, full).closure is None
        change = history_of(session, booking_of(session, again.pupil_id, full).id)[-1]
        assert change.reason is Reason.RESTORED


def make_it_poor(session: Session, family: Family) -> None:
    from app import ledger
    from app.ledger import Entry
    from app.vocabulary import LedgerKind, TransferKind

    entry = Entry(
        kind=TransferKind.FEE,
        operation_id=f"poor:{family.account_id}",
        debit_id=ledger.wallet_id(session, family.account_id),
        credit_id=ledger.chart_id(session, LedgerKind.FEES),
        amount=100,
        booked_on=date(2026, 11, 2),
    )
    ledger.transfer(session, entry, now=on(date(2026, 11, 2))())


def test_days_that_are_over_stay_as_they_were(canteen: Flask, days: Iterator[date]) -> None:
    past, coming = next(days), next(days)
    family = booked(past, coming)
    with transaction(STAFF) as session:
        closure = prepared(session, past, coming)
        carry_out(session, closure, weeks_before(past))

        outcome = take_back(session, closure, on(past, "14:00"), past)

        assert [type(each.refusal) for each in outcome] == [DayPast, type(None)]
        assert state_of(session, family.pupil_id, past) is S.CANCELLED
        assert state_of(session, family.pupil_id, coming) is S.BOOKED
        assert [the_day(session, each).closure for each in (past, coming)] == ["Neige", None]


def test_a_day_that_another_closure_holds_stays_closed(canteen: Flask, day: date) -> None:
    with transaction(STAFF) as session:
        first, second = prepared(session, day), prepared(session, day)
        for closure in (first, second):
            carry_out(session, closure, weeks_before(day))

        lift(session, first.id, RULES, weeks_before(day))
        assert the_day(session, day).closure == "Neige"
        lift(session, second.id, RULES, weeks_before(day))
        assert the_day(session, day).closure is None


def test_what_was_eaten_stays_and_what_a_family_changed_since_too(
    canteen: Flask, days: Iterator[date]
) -> None:
    day = next(days)
    eaten, other = booked(day, balance=5000), booked(day, balance=5000)
    with transaction(STAFF) as session:
        close_day(session, day)
        served = booking_of(session, eaten.pupil_id, day)
        mark_attendance(session, served.id, Attendance.SERVED, day, on(day, "11:30"))
        closure = prepared(session, day)
        cancelled = carry_out(session, closure, on(day, "11:40"))
        the_day(session, day).closure = None
        session.flush()

        assert cancelled == 1
        assert state_of(session, eaten.pupil_id, day) is S.CHARGED
        assert take_back(session, closure, on(day, "11:50"), day)[0].refusal is None
        assert state_of(session, other.pupil_id, day) is S.CHARGED
        assert take_back(session, closure, on(day, "11:55"), day) == []


def test_a_preview_that_is_out_of_date_changes_nothing(canteen: Flask, day: date) -> None:
    family = booked()
    with transaction(STAFF) as session:
        closure = prepared(session, day)
        closure_id, mark = closure.id, mark_of_interruption(closure, foresee(session, closure))
        book(session, family.pupil_id, day)

    with pytest.raises(ChangedMeanwhile), transaction(STAFF) as session:
        put_in_force(session, closure_id, mark, weeks_before(day))

    with transaction(STAFF) as session:
        assert state_of(session, family.pupil_id, day) is S.BOOKED
        assert the_day(session, day).closure is None


def test_sent_again_it_goes_on_where_it_stopped(canteen: Flask, days: Iterator[date]) -> None:
    first, second = next(days), next(days)
    family = booked(first, second)
    with transaction(STAFF) as session:
        closure = prepared(session, first, second)
        now = weeks_before(first)
        put_in_force(
            session, closure.id, mark_of_interruption(closure, foresee(session, closure)), now
        )
        cancel_meals(session, closure, first, now)
        closure_id = closure.id

    with pytest.raises(CanteenClosed), transaction(STAFF) as session:
        book(session, family.pupil_id, first)
    with transaction(STAFF) as session:
        closure = session.get_one(Interruption, closure_id)
        put_in_force(session, closure.id, "whatever", now)
        counts = [cancel_meals(session, closure, day, now) for day in (first, second)]

        assert counts == [0, 1]


def test_days_without_service_are_not_closed(canteen: Flask) -> None:
    sunday = date(2026, 11, 15)
    with transaction(STAFF) as session:
        closure_id = prepared(session, sunday).id

    with pytest.raises(NoServiceDay), transaction(STAFF) as session:
        put_in_force(session, closure_id, "", on(sunday))


# -- exclusions ------------------------------------------------------------------------------------


def decided(session: Session, family: Family, first: date, last: date) -> Exclusion:
    made = Exclusion(
        pupil_id=family.pupil_id,
        valid_from=first,
        valid_until=last + DAY,
        decided_on=first,
        reason="…",
        state=DecisionState.PREPARED,
    )
    session.add(made)
    session.flush()
    return made


def put(session: Session, made: Exclusion, now: Now) -> int:
    mark = mark_of_exclusion(made, foresee_exclusion(session, made))
    return pronounce(session, made.id, mark, now)


def test_an_exclusion_is_told_to_every_household_and_holds_until_its_end(
    canteen: Flask, days: Iterator[date]
) -> None:
    first, last, after = next(days), next(days), next(days)
    family, other = booked(first, last, after), booked()
    with transaction(STAFF) as session:
        second = make_pupil(session, other.account_id, family.account_id)
        both = Family(family.account_id, family.user_id, family.username, (second.id,))
        made = decided(session, both, first, last)
        book(session, second.id, first, account_id=family.account_id)

        cancelled = put(session, made, weeks_before(first))

        assert cancelled == 1
        assert put(session, made, weeks_before(first)) == 0
        assert told(session, other.account_id) == [FactKind.EXCLUDED]
        assert told(session, family.account_id).count(FactKind.EXCLUDED) == 1
        assert state_of(session, family.pupil_id, first) is S.BOOKED
        assert book(session, second.id, after, account_id=other.account_id).state is S.BOOKED
    with pytest.raises(Excluded) as refused, transaction(STAFF) as session:
        book(session, second.id, last, account_id=other.account_id)
    assert refused.value.last == last


def test_a_prepared_exclusion_keeps_nobody_away(canteen: Flask, day: date) -> None:
    family = booked()
    with transaction(STAFF) as session:
        decided(session, family, day, day)

        assert book(session, family.pupil_id, day).state is S.BOOKED


def test_shortening_books_again_the_meals_after_it_and_a_plan_changes_nothing(
    canteen: Flask, days: Iterator[date]
) -> None:
    first, middle, last = next(days), next(days), next(days)
    family = booked(first, middle, last)
    now = on(first, "07:00")
    with transaction(STAFF) as session:
        made = decided(session, family, first, last)
        put(session, made, weeks_before(first))

        planned = plan_shortening(session, made.id, middle, RULES, now)
        untouched = [state_of(session, family.pupil_id, each) for each in (first, middle, last)]
        restored = shorten(session, made.id, middle, RULES, now)

        assert [each.day for each in planned] == [each.day for each in restored] == [middle, last]
        assert untouched == [S.CANCELLED] * 3
        assert [state_of(session, family.pupil_id, each) for each in (first, middle, last)] == [
            S.CANCELLED,
            S.BOOKED,
            S.BOOKED,
        ]
        assert (made.valid_until, made.decided_until) == (middle, last + DAY)
        assert made.state is DecisionState.IN_FORCE
        assert FactKind.EXCLUSION_LIFTED in told(session, family.account_id)


def test_an_exclusion_is_lifted_today_or_later_and_only_within_its_range(
    canteen: Flask, days: Iterator[date]
) -> None:
    first, last = next(days), next(days)
    family = booked(first)
    with transaction(STAFF) as session:
        made = decided(session, family, first, last)
        put(session, made, weeks_before(first))
        made_id = made.id

    for opens_on, now in ((first, on(last)), (last + DAY, on(first)), (first - DAY, on(first))):
        with pytest.raises(ExclusionOver), transaction(STAFF) as session:
            shorten(session, made_id, opens_on, RULES, now)
    with transaction(STAFF) as session:
        shorten(session, made_id, first, RULES, weeks_before(first))
        assert session.get_one(Exclusion, made_id).state is DecisionState.LIFTED
        assert state_of(session, family.pupil_id, first) is S.BOOKED
    with pytest.raises(ChangedMeanwhile), transaction(STAFF) as session:
        shorten(session, made_id, first, RULES, weeks_before(first))
