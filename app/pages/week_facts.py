"""What the agenda shows, as read: a handful of queries, whatever the size of the family."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, contains_eager, joinedload

from app.booking.forecast import meals_by_account
from app.booking.outings import is_on
from app.booking.prices import types_and_prices
from app.clock import local
from app.models import (
    Account,
    Booking,
    Enrolment,
    Exclusion,
    Interruption,
    InterruptionClass,
    MealType,
    Pupil,
    PupilAccount,
    SchoolClass,
    ServiceDay,
)
from app.money import Cents
from app.rules.coverage import Coverage, coverage_of
from app.rules.deadlines import ServiceRules
from app.rules.pricing import PriceList
from app.vocabulary import DecisionState, InterruptionKind


def _given(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, expanding=True)


# Built once: a page spends more time on building its statements than on running them.
_CHILDREN: Final = (
    sa.select(PupilAccount, Exclusion)
    .join(PupilAccount.pupil)
    .join(PupilAccount.account)
    .outerjoin(
        Exclusion,
        sa.and_(
            Exclusion.pupil_id == Pupil.id,
            Exclusion.state == DecisionState.IN_FORCE,
            Exclusion.valid_from <= sa.bindparam("last"),
            Exclusion.valid_until > sa.bindparam("first"),
        ),
    )
    .where(
        Pupil.archived_at.is_(None),
        Account.archived_at.is_(None),
        sa.or_(sa.bindparam("everyone"), PupilAccount.pupil_id == sa.bindparam("pupil")),
    )
    .options(
        contains_eager(PupilAccount.pupil).joinedload(Pupil.diet, innerjoin=True),
        contains_eager(PupilAccount.pupil)
        .joinedload(Pupil.enrolments)
        .joinedload(Enrolment.school_class)
        .joinedload(SchoolClass.school_year),
        contains_eager(PupilAccount.account),
    )
    .order_by(Pupil.birth_date, Pupil.id, PupilAccount.account_id)
)
# With the outings of the day, of each class that is away.
_DAYS: Final = (
    sa.select(ServiceDay, InterruptionClass.school_class_id, Interruption.reason)
    .outerjoin(
        Interruption,
        sa.and_(is_on(ServiceDay.date), Interruption.kind == InterruptionKind.OUTING),
    )
    .outerjoin(InterruptionClass, InterruptionClass.interruption_id == Interruption.id)
    .where(ServiceDay.date.in_(_given("days")))
    .options(joinedload(ServiceDay.menus))
)
# Of an account that is out of the reader's reach there is none.
_BOOKINGS: Final = (
    sa.select(Booking, ServiceDay.date, Account)
    .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
    .outerjoin(Booking.account)
    .where(Booking.pupil_id.in_(_given("pupils")), ServiceDay.date.in_(_given("days")))
)


@dataclass(frozen=True)
class Reader:
    """Who looks: a parent at their own children, or staff at one pupil."""

    is_staff: bool
    now: datetime
    rules: ServiceRules

    @property
    def today(self) -> date:
        """The date in Zurich."""
        return local(self.now).date()


@dataclass
class Facts:
    """Everything that a week shows, as read."""

    pupils: dict[int, Pupil] = field(default_factory=dict)
    accounts: dict[int, Account] = field(default_factory=dict)
    payers: dict[int, list[Account]] = field(default_factory=dict)
    exclusions: dict[int, list[Exclusion]] = field(default_factory=dict)
    days: dict[date, ServiceDay] = field(default_factory=dict)
    outings: dict[tuple[int, date], str] = field(default_factory=dict)
    """Why a class is away on a day."""
    bookings: dict[tuple[int, date], Booking] = field(default_factory=dict)
    charged: dict[int, Account] = field(default_factory=dict)
    """Whose money the bookings are: the accounts within reach, archived ones too."""
    types: dict[int, MealType] = field(default_factory=dict)
    prices: PriceList = field(default_factory=PriceList)
    coverage: dict[int, Coverage] = field(default_factory=dict)

    def enrolment(self, pupil_id: int, day: date) -> Enrolment | None:
        """The pupil's enrolment that holds the day."""
        found = self.pupils[pupil_id].enrolments
        return next((e for e in found if e.valid_from <= day < e.valid_until), None)

    def exclusion(self, pupil_id: int, day: date) -> Exclusion | None:
        """The exclusion that keeps the pupil away on the day."""
        found = self.exclusions.get(pupil_id, [])
        return next((e for e in found if e.valid_from <= day < e.valid_until), None)

    def outing(self, pupil_id: int, day: date) -> str | None:
        """Why the pupil's class is away on the day; None where it is not."""
        enrolment = self.enrolment(pupil_id, day)
        return None if enrolment is None else self.outings.get((enrolment.school_class_id, day))

    def year(self) -> tuple[date, date] | None:
        """First and last day of the children's school years; None for nobody enrolled."""
        years = [e.school_class.school_year for p in self.pupils.values() for e in p.enrolments]
        if not years:
            return None
        last = max(year.ends_on for year in years) - timedelta(days=1)
        return min(year.starts_on for year in years), last

    def price(self, pupil_id: int, meal_type_id: int, day: date) -> Cents | None:
        """What the meal costs by the price list."""
        enrolment = self.enrolment(pupil_id, day)
        if enrolment is None:
            return None
        return self.prices.on(day, meal_type_id=meal_type_id, category_id=enrolment.category_id)


def read_facts(
    session: Session, days: Sequence[date], reader: Reader, pupil_id: int | None = None
) -> Facts:
    """Read the week of every child within reach, or of one pupil."""
    facts = Facts()
    _read_children(session, facts, days, pupil_id)
    for day, class_id, outing in session.execute(_DAYS, {"days": days}).unique():
        facts.days[day.date] = day
        if class_id is not None:
            facts.outings[class_id, day.date] = outing
    facts.types, facts.prices = types_and_prices(session)
    _read_bookings(session, facts, days, reader)
    return facts


def _read_children(
    session: Session, facts: Facts, days: Sequence[date], pupil_id: int | None
) -> None:
    """The children with their accounts, each pair once for each exclusion that the days meet."""
    given = {
        "everyone": pupil_id is None,
        "pupil": pupil_id,
        "first": days[0],
        "last": days[-1],
    }
    for link, exclusion in session.execute(_CHILDREN, given).unique():
        facts.pupils[link.pupil_id] = link.pupil
        facts.accounts[link.account_id] = link.account
        payers = facts.payers.setdefault(link.pupil_id, [])
        if link.account not in payers:
            payers.append(link.account)
        if exclusion is not None:
            facts.exclusions.setdefault(link.pupil_id, []).append(exclusion)


def _read_bookings(session: Session, facts: Facts, days: Sequence[date], reader: Reader) -> None:
    """The week's bookings, and what the accounts still have to pay for."""
    given = {"pupils": list(facts.pupils), "days": days}
    for booking, day, account in session.execute(_BOOKINGS, given):
        facts.bookings[booking.pupil_id, day] = booking
        if account is not None:
            facts.charged[account.id] = account
    meals = meals_by_account(session, list(facts.accounts), reader.today, facts.prices)
    facts.coverage = {
        account.id: coverage_of(account.balance + account.tolerance, meals.get(account.id, []))
        for account in facts.accounts.values()
    }
