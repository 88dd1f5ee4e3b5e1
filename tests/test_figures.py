"""Statistics say what counting the rows one by one says, on each kind of database."""

from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from itertools import count
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session, joinedload

from app import ledger
from app.access import EVERYTHING, ParentScope, Scope, scope_of
from app.clock import now
from app.extensions import db
from app.figures import LateChangeFigure, MealFigure, TopUpFigure
from app.ledger import Entry
from app.models import (
    Booking,
    BookingChange,
    Enrolment,
    MealType,
    Pupil,
    SchoolClass,
    SchoolYear,
    ServiceDay,
    TariffCategory,
)
from app.vocabulary import (
    Attendance,
    BookingState,
    Channel,
    LedgerKind,
    MealKind,
    Reason,
    TransferKind,
)
from tests.conftest import FrozenClock
from tests.factories import Family, make_family
from tests.sessions import reading, writing

BEFORE = SchoolYear(name="2025-2026", starts_on=date(2025, 8, 18), ends_on=date(2026, 7, 4))
SUMMER = date(2026, 7, 20)  # in no school year
DAYS = (
    [date(2025, 9, 1) + timedelta(days=31 * i) for i in range(10)]
    + [SUMMER]
    + [date(2026, 8, 31) + timedelta(days=19 * i) for i in range(8)]
)
OPEN_DAY = DAYS[-1]
_numbers = count(1)


@pytest.fixture(scope="module")
def app(shared_app_on: Flask) -> Flask:
    with writing(shared_app_on) as session:
        fill(session)
    return shared_app_on


@pytest.fixture(autouse=True)
def _in_november(frozen_clock: FrozenClock) -> None:
    """Which school year is under way depends on the day."""


def fill(session: Session) -> None:
    """Meals of two years in every state, by a seed, with changes of every kind and top-ups."""
    rng = Random(11)
    second = another_class(session)
    days = [the_day(session, day) for day in DAYS]
    families = [make_family(session, balance=50_000) for _ in range(4)]
    for family in families[:2]:
        enrol(session, family.pupil_id, second)
    types = session.scalars(sa.select(MealType).order_by(MealType.id)).all()
    for family in families:
        for day in days:
            book(session, family, day, rng.choice(types), rng)
    move_money(session, families[0].account_id)


def another_class(session: Session) -> SchoolClass:
    year = SchoolYear(name=BEFORE.name, starts_on=BEFORE.starts_on, ends_on=BEFORE.ends_on)
    session.add(year)
    session.flush()
    found = SchoolClass(school_year_id=year.id, name="4P")
    session.add(found)
    session.flush()
    return found


def the_day(session: Session, day: date) -> ServiceDay:
    found = session.scalar(sa.select(ServiceDay).where(ServiceDay.date == day))
    if found is None:
        found = ServiceDay(date=day, capacity=40)
        session.add(found)
    found.closed_at = None if day == OPEN_DAY else now()
    session.flush()
    return found


def enrol(session: Session, pupil_id: int, school_class: SchoolClass) -> None:
    """Last year too; the others were in no class then."""
    session.add(
        Enrolment(
            pupil_id=pupil_id,
            school_class_id=school_class.id,
            category_id=session.scalars(sa.select(TariffCategory.id)).first(),
            valid_from=BEFORE.starts_on,
            valid_until=BEFORE.ends_on,
        )
    )


def book(
    session: Session, family: Family, day: ServiceDay, meal_type: MealType, rng: Random
) -> None:
    state = rng.choice([*BookingState, BookingState.CHARGED, BookingState.CHARGED])
    is_paid = state is BookingState.CHARGED
    booking = Booking(
        pupil_id=family.pupil_id,
        service_day_id=day.id,
        meal_type_id=meal_type.id,
        account_id=family.account_id,
        state=state,
        attendance=rng.choice(list(Attendance)) if is_paid else Attendance.EXPECTED,
        price=rng.choice([900, 1250]) if is_paid or state is BookingState.GIVEN_BACK else None,
    )
    session.add(booking)
    session.flush()
    for _ in range(6):
        session.add(change(booking, rng))


def change(booking: Booking, rng: Random) -> BookingChange:
    return BookingChange(
        booking_id=booking.id,
        operation_id=f"figures:{next(_numbers)}",
        changed_at=now(),
        channel=rng.choice(list(Channel)),
        reason=rng.choice([None, *Reason]),
        old_state=rng.choice([None, *BookingState]),
        new_state=rng.choice(list(BookingState)),
        new_meal_type_id=booking.meal_type_id,
        attendance=Attendance.EXPECTED,
        version=next(_numbers),
        is_late=rng.random() < 0.5,
    )


# Ledger account, francs, day; whether it is undone, and when.
MOVED: list[tuple[LedgerKind, int, date, date | None]] = [
    (LedgerKind.CASH, 2000, date(2026, 9, 30), None),
    (LedgerKind.CASH, 4500, date(2026, 10, 1), date(2026, 10, 1)),
    (LedgerKind.BANK, 10_000, date(2026, 10, 31), None),
    (LedgerKind.SUSPENSE, 700, date(2026, 11, 1), None),
    (LedgerKind.CLEARING, 5000, date(2026, 11, 30), date(2026, 12, 1)),
]


def move_money(session: Session, account_id: int) -> None:
    for kind, amount, day, undone_on in MOVED:
        entry = Entry(
            kind=TransferKind.TOP_UP,
            operation_id=f"figures:{next(_numbers)}",
            debit_id=ledger.chart_id(session, kind),
            credit_id=ledger.wallet_id(session, account_id),
            amount=amount,
            booked_on=day,
        )
        transfer_id = ledger.transfer(session, entry, now=now())
        if undone_on is not None:
            ledger.reverse(session, transfer_id, now=now(), booked_on=undone_on)


# -- counted one by one ----------------------------------------------------------------------------


def year_of(day: date, years: list[SchoolYear]) -> int | None:
    return next((y.id for y in years if y.starts_on <= day < y.ends_on), None)


def class_of(booking: Booking) -> int | None:
    day = booking.service_day.date
    enrolments = booking.pupil.enrolments
    return next(
        (e.school_class_id for e in enrolments if e.valid_from <= day < e.valid_until), None
    )


GROUPS: dict[str, Callable[[Booking, list[SchoolYear]], Any]] = {
    "day": lambda b, _: b.service_day.date,
    "month": lambda b, _: b.service_day.date.replace(day=1),
    "weekday": lambda b, _: b.service_day.date.isoweekday() % 7,
    "school_month": lambda b, _: (b.service_day.date.month - 8) % 12,
    "school_year": lambda b, years: year_of(b.service_day.date, years),
    "school_class": lambda b, _: class_of(b),
    "meal_type": lambda b, _: b.meal_type_id,
}


def measures_of(b: Booking, *, is_now: bool, is_before: bool) -> dict[str, int]:
    """What one meal adds to each figure."""
    paid = b.state is BookingState.CHARGED
    missed = paid and b.attendance is Attendance.ABSENT
    price = (b.price or 0) if paid else 0
    kinds = {f"{kind}_meals": int(paid and b.meal_type.kind is kind) for kind in MealKind}
    return {
        **kinds,
        "meals": int(paid),
        "no_shows": int(missed),
        "given_back": int(b.state is BookingState.GIVEN_BACK),
        "refused": int(b.state is BookingState.REFUSED),
        "income": price,
        "meals_now": paid * is_now,
        "meals_before": paid * is_before,
        "no_shows_now": missed * is_now,
        "no_shows_before": missed * is_before,
        "income_now": price * is_now,
        "income_before": price * is_before,
    }


def bookings(session: Session) -> list[Booking]:
    query = sa.select(Booking).options(
        joinedload(Booking.pupil).selectinload(Pupil.enrolments),
        joinedload(Booking.service_day),
        joinedload(Booking.meal_type),
    )
    return [b for b in session.scalars(query) if b.service_day.closed_at is not None]


def added_up(session: Session, figure: Any, group: str, names: list[str]) -> dict[Any, list[int]]:
    by = getattr(figure, group)
    sums = [sa.func.sum(getattr(figure, name)) for name in names]
    return {key: list(rest) for key, *rest in session.execute(sa.select(by, *sums).group_by(by))}


@pytest.mark.parametrize("group", GROUPS)
def test_meals_by_any_group_are_those_counted_one_by_one(app: Flask, group: str) -> None:
    expected: dict[Any, Counter[str]] = {}
    with reading(app) as session:
        years = list(session.scalars(sa.select(SchoolYear).order_by(SchoolYear.starts_on)))
        before, current = years
        for b in bookings(session):
            year = year_of(b.service_day.date, years)
            measures = measures_of(b, is_now=year == current.id, is_before=year == before.id)
            expected.setdefault(GROUPS[group](b, years), Counter()).update(measures)
        names = list(next(iter(expected.values())))
        found = added_up(session, MealFigure, group, names)

    assert found == {key: [counted[n] for n in names] for key, counted in expected.items()}
    assert len(found) > 1


FEW = {Reason.CLOSED_DAY, Reason.OUTING, Reason.RESTORED, Reason.EXCLUSION, Reason.DEPARTURE}


def lateness(c: BookingChange) -> str | None:
    was, becomes = c.old_state, c.new_state
    if c.reason in FEW:
        return None
    if becomes is BookingState.GIVEN_BACK:
        return "given_back"
    if becomes is BookingState.CANCELLED and (c.is_late or was is BookingState.UNFUNDED):
        return "cancelled_late"
    anew = {None, BookingState.CANCELLED, BookingState.GIVEN_BACK}
    return "booked_late" if becomes is BookingState.CHARGED and was in anew else None


@pytest.mark.parametrize("group", ["reason", "channel"])
def test_late_changes_are_those_counted_one_by_one(app: Flask, group: str) -> None:
    names = ["booked_late", "cancelled_late", "given_back"]
    expected: dict[Any, Counter[str]] = {}
    with reading(app) as session:
        query = sa.select(BookingChange).join(BookingChange.booking).join(Booking.service_day)
        for c in session.scalars(query.where(ServiceDay.closed_at.is_not(None))):
            kind = lateness(c)
            if kind is not None:
                expected.setdefault(getattr(c, group), Counter())[kind] += 1
        found = added_up(session, LateChangeFigure, group, names)

    assert found == {key: [counted[n] for n in names] for key, counted in expected.items()}
    assert len(found) > 1


def test_late_changes_have_the_groups_of_the_meals(app: Flask) -> None:
    groups = ["day", "month", "weekday", "school_class", "meal_type"]

    with reading(app) as session:
        found = [added_up(session, LateChangeFigure, each, ["given_back"]) for each in groups]

    totals = [sum(figure for (figure,) in rows.values()) for rows in found]
    assert len(set(totals)) == 1
    assert totals[0] > 0


def test_top_ups_come_by_month_and_channel_and_count_less_once_undone(app: Flask) -> None:
    with reading(app) as session:
        found = added_up(session, TopUpFigure, "month", ["cash", "bank", "online"])

    del found[date(2026, 8, 1)]  # what the families of the tests begin with
    assert found == {
        date(2026, 9, 1): [2000, 0, 0],
        date(2026, 10, 1): [0, 10_000, 0],
        date(2026, 11, 1): [0, 700, 5000],
        date(2026, 12, 1): [0, 0, -5000],
    }


# -- whose they are --------------------------------------------------------------------------------


@pytest.mark.parametrize("figure", [MealFigure, LateChangeFigure, TopUpFigure])
def test_nobody_without_a_scope_counts_anything(app: Flask, figure: Any) -> None:
    assert counted(app, None, figure) == 0
    assert counted(app, EVERYTHING, figure) > 0


def test_a_parents_figures_would_be_their_own(app: Flask) -> None:
    with writing(app) as session:
        stranger = make_family(session).user_id

    assert counted(app, ParentScope(stranger), MealFigure) == 0
    assert counted(app, ParentScope(stranger), TopUpFigure) == 0


def counted(app: Flask, scope: Scope, figure: Any) -> int:
    with app.app_context(), scope_of(db.session(), scope):
        found: int = db.session().scalars(sa.select(sa.func.count(figure.id))).one()
    return found
