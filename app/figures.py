"""What statistics count: selects mapped as models, read only, without a table of their own.

A row is one meal, one late change or one top-up: its groups (a day, a class, …) and its measures,
which a chart adds up in SQL. No row says whose it is. Days are those of the canteen, in Zurich.
"""

from datetime import date
from typing import Any, TypeAlias

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import aliased
from sqlalchemy.sql.functions import FunctionElement

from app import clock
from app.columns import CentsType
from app.models import (
    Booking,
    BookingChange,
    Enrolment,
    LedgerAccount,
    MealType,
    SchoolYear,
    ServiceDay,
    Transfer,
)
from app.vocabulary import Attendance, BookingState, LedgerKind, MealKind, Reason, TransferKind

Expression: TypeAlias = sa.SQLColumnExpression[Any]


class first_of_month(FunctionElement[date]):  # noqa: N801 - a function of SQL
    """The first day of a day's month."""

    type = sa.Date()
    inherit_cache = True


@compiles(first_of_month, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    return f"date({compiler.process(element.clauses, **options)}, 'start of month')"


@compiles(first_of_month, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"CAST(date_trunc('month', {compiler.process(element.clauses, **options)}) AS DATE)"


def _part(name: str, day: Expression) -> Expression:
    return sa.cast(sa.extract(name, day), sa.Integer)


def _count(*conditions: Expression) -> Expression:
    """One where all of them hold."""
    return sa.case((sa.and_(*conditions), 1), else_=0)


def _amount(amount: Expression, *conditions: Expression) -> Expression:
    """The amount where all of them hold."""
    return sa.case((sa.and_(*conditions), amount), else_=sa.literal(0, CentsType))


_TODAY = sa.bindparam("figures_today", callable_=clock.today, type_=sa.Date)
_later = aliased(SchoolYear)
# How many school years began since: none for the one that is under way.
_YEARS_AGO = (
    sa.select(sa.func.count())
    .select_from(_later)
    .where(_later.starts_on > SchoolYear.starts_on, _later.starts_on <= _TODAY)
    .scalar_subquery()
)
# Computed once for each day, not for each of its meals.
_served = (
    sa.select(
        ServiceDay.id,
        ServiceDay.date.label("day"),
        first_of_month(ServiceDay.date).label("month"),
        _part("dow", ServiceDay.date).label("weekday"),
        # A school year's months, from August on.
        ((_part("month", ServiceDay.date) + 4) % 12).label("school_month"),
        SchoolYear.id.label("school_year"),
        sa.case((SchoolYear.id.is_not(None), _YEARS_AGO)).label("years_ago"),
    )
    .outerjoin(
        SchoolYear,
        sa.and_(SchoolYear.starts_on <= ServiceDay.date, SchoolYear.ends_on > ServiceDay.date),
    )
    .where(ServiceDay.closed_at.is_not(None))
    .cte("served_day")
    .prefix_with("MATERIALIZED")
)
_DAY = (_served.c.day, _served.c.month, _served.c.weekday)
# Not joined: who does not ask for it does not pay for it.
_CLASS = (
    sa.select(Enrolment.school_class_id)
    .where(
        Enrolment.pupil_id == Booking.pupil_id,
        Enrolment.valid_from <= _served.c.day,
        Enrolment.valid_until > _served.c.day,
    )
    .correlate(Booking, _served)
    .scalar_subquery()
)
_is_paid = Booking.state == BookingState.CHARGED
_is_absent = Booking.attendance == Attendance.ABSENT
_is_now, _is_before = _served.c.years_ago == 0, _served.c.years_ago == 1


class MealFigure(Model):
    """A booking of a day that is closed: the meal that was paid, missed, given back or refused."""

    __table__ = (
        sa.select(
            Booking.id,
            *_DAY,
            _served.c.school_month,
            _served.c.school_year,
            _CLASS.label("school_class"),
            Booking.meal_type_id.label("meal_type"),
            _count(_is_paid).label("meals"),
            *(
                _count(_is_paid, MealType.kind == kind).label(f"{kind.value}_meals")
                for kind in MealKind
            ),
            _count(_is_paid, _is_absent).label("no_shows"),
            _count(Booking.state == BookingState.GIVEN_BACK).label("given_back"),
            _count(Booking.state == BookingState.REFUSED).label("refused"),
            _amount(Booking.price, _is_paid).label("income"),
            _count(_is_paid, _is_now).label("meals_now"),
            _count(_is_paid, _is_before).label("meals_before"),
            _count(_is_paid, _is_absent, _is_now).label("no_shows_now"),
            _count(_is_paid, _is_absent, _is_before).label("no_shows_before"),
            _amount(Booking.price, _is_paid, _is_now).label("income_now"),
            _amount(Booking.price, _is_paid, _is_before).label("income_before"),
        )
        .join(_served, Booking.service_day_id == _served.c.id)
        .join(MealType, Booking.meal_type_id == MealType.id)
        .subquery("meal_figure")
    )
    __mapper_args__ = {"primary_key": [__table__.c.id]}


_was, _becomes = BookingChange.old_state, BookingChange.new_state
_is_booked_late = sa.and_(
    _becomes == BookingState.CHARGED,
    sa.or_(_was.is_(None), _was.in_([BookingState.CANCELLED, BookingState.GIVEN_BACK])),
)
_is_cancelled_late = sa.and_(
    _becomes == BookingState.CANCELLED,
    sa.or_(BookingChange.is_late, _was == BookingState.UNFUNDED),
)
_is_given_back = _becomes == BookingState.GIVEN_BACK
# What the school decides for many is no late change of a family.
_is_theirs = sa.or_(
    BookingChange.reason.is_(None),
    BookingChange.reason.not_in(
        [
            Reason.CLOSED_DAY,
            Reason.OUTING,
            Reason.RESTORED,
            Reason.EXCLUSION,
            Reason.DEPARTURE,
        ]
    ),
)


class LateChangeFigure(Model):
    """A change of one meal after the kitchen had counted: past its notice or the last call."""

    __table__ = (
        sa.select(
            BookingChange.id,
            *_DAY,
            _CLASS.label("school_class"),
            BookingChange.new_meal_type_id.label("meal_type"),
            BookingChange.channel,
            BookingChange.reason,
            _count(_is_booked_late).label("booked_late"),
            _count(_is_cancelled_late).label("cancelled_late"),
            _count(_is_given_back).label("given_back"),
        )
        .join(Booking, BookingChange.booking_id == Booking.id)
        .join(_served, Booking.service_day_id == _served.c.id)
        .where(_is_theirs, sa.or_(_is_booked_late, _is_cancelled_late, _is_given_back))
        .subquery("late_change_figure")
    )
    __mapper_args__ = {"primary_key": [__table__.c.id]}


_undone = aliased(Transfer)
_credited = sa.union_all(
    sa.select(
        Transfer.id,
        Transfer.booked_on.label("day"),
        Transfer.amount,
        Transfer.debit_id.label("source"),
    ).where(Transfer.kind == TransferKind.TOP_UP),
    sa.select(Transfer.id, Transfer.booked_on, -Transfer.amount, Transfer.credit_id)
    .join(_undone, Transfer.reverses_id == _undone.id)
    .where(_undone.kind == TransferKind.TOP_UP),
).subquery("credited")
_came = LedgerAccount.kind


class TopUpFigure(Model):
    """A top-up as the journal has it, by the way that it came; one that was undone counts less."""

    __table__ = (
        sa.select(
            _credited.c.id,
            _credited.c.day,
            first_of_month(_credited.c.day).label("month"),
            _amount(_credited.c.amount, _came == LedgerKind.CASH).label("cash"),
            # What waited in the queue came from the bank.
            _amount(_credited.c.amount, _came.in_([LedgerKind.BANK, LedgerKind.SUSPENSE])).label(
                "bank"
            ),
            _amount(_credited.c.amount, _came == LedgerKind.CLEARING).label("online"),
        )
        .join(LedgerAccount, _credited.c.source == LedgerAccount.id)
        .subquery("top_up_figure")
    )
    __mapper_args__ = {"primary_key": [__table__.c.id]}
