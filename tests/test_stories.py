"""Whole months of a family's life, in francs."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app import ledger
from app.access import SYSTEM
from app.booking import (
    Pattern,
    Wish,
    book_pattern,
    cancel_meal,
    close_canteen,
    exclude,
    mark_attendance,
    pattern_days,
    refuse_unfunded,
    undo_operation,
)
from app.booking.forecast import coverage
from app.errors import AccountOverdrawn, BookingClosed, CancellingClosed, Excluded, NotAllowed
from app.models import Booking, Exclusion, Price, ServiceDay
from app.money import parse_chf
from app.payments.till import record_cash
from app.transaction import transaction
from app.vocabulary import Attendance, BookingState, MealKind, Reason
from tests.booking.acting import (
    RULES,
    STAFF,
    balance_of,
    book,
    booking_of,
    cashier,
    close_day,
    meal_type_id,
    on,
    parent,
    state_of,
    the_day,
)
from tests.booking.checking import check_invariants
from tests.factories import Family, make_family, make_pupil, top_up
from tests.money import take_back

S = BookingState
MONDAYS_AND_THURSDAYS = frozenset({0, 3})
NOVEMBER, DECEMBER = date(2026, 11, 2), date(2026, 11, 30)


@pytest.fixture
def canteen(app_on: Flask) -> Iterator[Flask]:
    with app_on.app_context():
        yield app_on
        check_invariants()


def francs(text: str) -> int:
    return parse_chf(text)


def balance(family: Family) -> int:
    with transaction(SYSTEM) as session:
        return balance_of(session, family.account_id)


def state(pupil_id: int, day: date) -> BookingState:
    with transaction(SYSTEM) as session:
        return state_of(session, pupil_id, day)


def cash(family: Family, amount: str, day: date, shown: str) -> int:
    """Cash over the counter; the balance on the receipt."""
    with transaction(SYSTEM) as session:
        till = cashier(session)
    with transaction(till) as session:
        request = f"{family.account_id}:{day}:{shown}"
        receipt = record_cash(
            session, family.account_id, francs(amount), request, RULES, on(day, shown)
        )
        return receipt.balance_after


def morning(day: date) -> None:
    """The last call: the worker closes the day."""
    with transaction(SYSTEM) as session:
        close_day(session, day)


def afternoon(day: date) -> None:
    """The service is over."""
    with transaction(SYSTEM) as session:
        refuse_unfunded(session, the_day(session, day), RULES, on(day, "14:00"))


def repeat(family: Family, pupil_id: int, weekdays: frozenset[int]) -> tuple[str, list[date]]:
    """The parent books the weekdays of November in one go; the operation, and the days."""
    pattern = Pattern(pupil_id, NOVEMBER, DECEMBER, weekdays)
    with transaction(parent(family)) as session:
        days = pattern_days(session, pattern)
        book_pattern(session, pattern, days, RULES, on(date(2026, 10, 25)))
    return pattern.operation, days


def test_a_quiet_month(canteen: Flask) -> None:
    """Mondays and Thursdays at 9 francs, 80 francs in October, one illness."""
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("80"))
    _, days = repeat(family, family.pupil_id, MONDAYS_AND_THURSDAYS)
    assert len(days) == 8

    # 80 francs reach for the eight meals of the month.
    with transaction(SYSTEM) as session:
        reach = coverage(session, family.account_id, NOVEMBER)
    assert (reach.last_covered, reach.first_uncovered) == (days[-1], None)

    # The first week is eaten.
    for day in days[:2]:
        morning(day)
        with transaction(STAFF) as session:
            booking = booking_of(session, family.pupil_id, day)
            mark_attendance(session, booking.id, Attendance.SERVED, day, on(day))
        afternoon(day)
    assert balance(family) == francs("62")

    # On Monday the child has a fever at seven: a tap in time costs nothing.
    with transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, days[2]), RULES, on(days[2], "07:10"))
    morning(days[2])
    assert balance(family) == francs("62")

    # On Thursday at half past eight it is too late, but the secretariat excuses the child.
    morning(days[3])
    with pytest.raises(CancellingClosed), transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, days[3]), RULES, on(days[3], "08:30"))
    assert balance(family) == francs("53")
    with transaction(STAFF) as session:
        excused = Wish(family.pupil_id, days[3], reason=Reason.ILLNESS)
        cancel_meal(session, excused, RULES, on(days[3], "08:40"))
    assert balance(family) == francs("62")

    # The rest of the month goes by itself: six meals were paid for.
    for day in days[4:]:
        morning(day)
        afternoon(day)
    assert balance(family) == francs("26")


def test_the_money_runs_out_and_is_brought_at_noon(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("20"))
    _, days = repeat(family, family.pupil_id, MONDAYS_AND_THURSDAYS)

    # The portal says how long it lasts: two meals, 2 francs left, 52 are missing for the month.
    with transaction(SYSTEM) as session:
        reach = coverage(session, family.account_id, NOVEMBER)
    assert (reach.covered_meals, reach.last_covered) == (2, days[1])
    assert reach.missing == francs("52")

    # The third meal finds 2 francs. At 11:45 the child brings a note of 20: 13 are left.
    for day in days[:3]:
        morning(day)
    assert state(family.pupil_id, days[2]) is S.UNFUNDED
    assert cash(family, "20", days[2], "11:45") == francs("13")
    assert state(family.pupil_id, days[2]) is S.CHARGED

    # The fourth is paid, the fifth is not, and nobody brings anything: it is refused, for good.
    morning(days[3])
    morning(days[4])
    afternoon(days[4])
    assert state(family.pupil_id, days[4]) is S.REFUSED
    assert cash(family, "50", days[4], "14:30") == francs("54")
    assert state(family.pupil_id, days[4]) is S.REFUSED
    assert balance(family) == francs("54")


def test_brothers_and_sisters_share_what_there_is(canteen: Flask) -> None:
    """A special meal at 12 francs first, then the youngest; each wholly or not at all."""
    day = date(2026, 11, 16)
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("25"))
        account = family.account_id
        special = make_pupil(session, account, diet="Spécial", born=date(2013, 5, 1)).id
        youngest = make_pupil(session, account, born=date(2020, 5, 1)).id
        for pupil_id in (family.pupil_id, special, youngest):
            book(session, pupil_id, day)

    morning(day)

    assert [state(i, day) for i in (special, youngest, family.pupil_id)] == [
        S.CHARGED,
        S.CHARGED,
        S.UNFUNDED,
    ]
    assert balance(family) == francs("4")
    assert cash(family, "5.00", day, "10:00") == 0
    assert state(family.pupil_id, day) is S.CHARGED


def test_two_households_and_one_child(canteen: Flask) -> None:
    """Mother pays on Mondays, father on Thursdays; neither touches what the other booked."""
    with transaction(SYSTEM) as session:
        mother, father = make_family(session, balance=francs("40")), make_family(session)
        child = make_pupil(session, mother.account_id, father.account_id).id
    _, mondays = repeat(mother, child, frozenset({0}))
    _, thursdays = repeat(father, child, frozenset({3}))

    with pytest.raises(NotAllowed), transaction(parent(mother)) as session:
        cancel_meal(session, Wish(child, thursdays[0]), RULES, on(NOVEMBER, "07:00"))
    for day in sorted(mondays + thursdays):
        morning(day)
        afternoon(day)

    assert {state(child, day) for day in mondays} == {S.CHARGED}
    assert {state(child, day) for day in thursdays} == {S.REFUSED}
    assert (balance(mother), balance(father)) == (francs("4"), 0)


def test_a_special_meal_asks_for_three_days(canteen: Flask) -> None:
    thursday = date(2026, 11, 19)
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("50"), diet="Spécial")
        assert meal_type_id(session, MealKind.SPECIAL)

    # On Monday at a quarter past eight it is too late to book for Thursday; the secretariat can.
    with pytest.raises(BookingClosed), transaction(parent(family)) as session:
        book(session, family.pupil_id, thursday, on(date(2026, 11, 16), "08:15"))
    with transaction(STAFF) as session:
        book(session, family.pupil_id, thursday, on(date(2026, 11, 17), "10:00"))

    # Cancelled on the morning itself it is free, but late, and the kitchen is told.
    with transaction(parent(family)) as session:
        booking = cancel_meal(
            session, Wish(family.pupil_id, thursday), RULES, on(thursday, "08:14:59")
        )
        assert booking.is_late
    morning(thursday)
    assert balance(family) == francs("50")


def test_the_bank_takes_a_payment_back(canteen: Flask) -> None:
    """What is booked stays, nothing new is, until the account is made good."""
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("30"))
    _, days = repeat(family, family.pupil_id, MONDAYS_AND_THURSDAYS)
    morning(days[0])
    with transaction(SYSTEM) as session:
        take_back(session, family.account_id, francs("30"))
    assert balance(family) == -francs("9")

    with pytest.raises(AccountOverdrawn), transaction(parent(family)) as session:
        book(session, family.pupil_id, days[0] + timedelta(days=1), on(days[0], "20:00"))
    morning(days[1])
    assert state(family.pupil_id, days[1]) is S.UNFUNDED

    # 20 francs make the debt of 9 good, and 9 of the 11 that are left pay for today.
    assert cash(family, "20", days[1], "11:00") == francs("2")
    with transaction(parent(family)) as session:
        booking = book(session, family.pupil_id, date(2026, 11, 10), on(days[1], "20:00"))
        assert booking.state is S.BOOKED


def test_snow_and_power_cuts(canteen: Flask) -> None:
    """A day closed in advance is cancelled; one closed at nine is given back."""
    with transaction(SYSTEM) as session:
        families = [make_family(session, balance=francs("20")) for _ in range(3)]
    ahead, sudden = date(2026, 11, 23), date(2026, 11, 24)
    with transaction(STAFF) as session:
        for family in families:
            for day in (ahead, sudden):
                book(session, family.pupil_id, day)
        close_canteen(session, ahead, "Neige", on(date(2026, 11, 20)))
    morning(sudden)
    assert [balance(f) for f in families] == [francs("11")] * 3

    with transaction(STAFF) as session:
        close_canteen(session, sudden, "Panne de courant", on(sudden, "09:00"))

    assert [balance(f) for f in families] == [francs("20")] * 3
    assert {state(f.pupil_id, ahead) for f in families} == {S.CANCELLED}
    assert {state(f.pupil_id, sudden) for f in families} == {S.GIVEN_BACK}


def test_an_exclusion_of_two_weeks(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("80"))
    _, days = repeat(family, family.pupil_id, MONDAYS_AND_THURSDAYS)
    first, until = date(2026, 11, 9), date(2026, 11, 23)
    with transaction(STAFF) as session:
        decision = Exclusion(
            pupil_id=family.pupil_id,
            valid_from=first,
            valid_until=until,
            decided_on=date(2026, 11, 6),
            reason="Décision du comité",
        )
        session.add(decision)
        session.flush()
        assert exclude(session, decision, on(date(2026, 11, 6))) == 4

    with pytest.raises(Excluded), transaction(parent(family)) as session:
        book(session, family.pupil_id, date(2026, 11, 11), on(date(2026, 11, 7)))
    for day in days:
        morning(day)

    assert balance(family) == francs("44")


def test_an_agreed_tolerance(canteen: Flask) -> None:
    """The committee agrees on 18 francs: two meals on credit, not a third."""
    with transaction(SYSTEM) as session:
        family = make_family(session)
        ledger.set_tolerance(session, family.account_id, francs("18"))
    _, days = repeat(family, family.pupil_id, MONDAYS_AND_THURSDAYS)

    for day in days[:3]:
        morning(day)
    assert balance(family) == -francs("18")
    assert state(family.pupil_id, days[2]) is S.UNFUNDED

    with transaction(SYSTEM) as session:
        top_up(session, family.account_id, francs("100"))
    assert balance(family) == francs("82")


def test_the_price_goes_up_in_december(canteen: Flask) -> None:
    """Booked in October for 9 francs, charged in December at 9.50."""
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("20"))
        old = session.scalars(
            sa.select(Price).where(Price.meal_type_id == meal_type_id(session, MealKind.NORMAL))
        ).one()
        session.add(
            Price(
                meal_type_id=old.meal_type_id,
                category_id=old.category_id,
                valid_from=date(2026, 12, 1),
                amount=francs("9.50"),
            )
        )
    november, december = date(2026, 11, 30), date(2026, 12, 1)
    with transaction(parent(family)) as session:
        for day in (november, december):
            book(session, family.pupil_id, day, on(date(2026, 10, 25)))

    morning(november)
    morning(december)

    assert balance(family) == francs("1.50")


def test_a_month_booked_by_mistake_is_undone(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session, balance=francs("80"))
    operation, days = repeat(family, family.pupil_id, frozenset(range(5)))
    with transaction(parent(family)) as session:
        undone = undo_operation(session, operation, RULES, on(date(2026, 10, 25)))

    assert [each.day for each in undone] == days
    with transaction(SYSTEM) as session:
        seats = session.scalar(sa.select(sa.func.sum(ServiceDay.seats_taken)))
        kept = session.scalars(sa.select(Booking).where(Booking.state != S.CANCELLED)).all()
    assert (seats, kept, balance(family)) == (0, [], francs("80"))
