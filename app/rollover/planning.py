"""What a roll-over would do: read, never written; doing it follows the same plan."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload, selectinload

from app.models import (
    Account,
    Enrolment,
    MealType,
    Price,
    Pupil,
    PupilAccount,
    SchoolClass,
    SchoolYear,
    ServiceDay,
    TariffCategory,
)
from app.money import Cents
from app.refusals import OutsideYear, PriceInForce, RangesOverlap
from app.rollover.wanted import PriceKey, Wanted, classes_of, next_year, prices_on
from app.rules.school_days import public_holidays, service_days


@dataclass(frozen=True)
class Move:
    """A pupil and the class they go to; none for who leaves. `is_there`: enrolled already."""

    pupil_id: int
    name: str
    from_class_id: int
    from_class: str
    to_class: str
    category_id: int
    is_there: bool


@dataclass(frozen=True)
class Leaver:
    """A pupil whose enrolment ends with the year, and the accounts that paid."""

    pupil_id: int
    name: str
    from_class: str
    accounts: tuple[tuple[int, str, Cents], ...]


@dataclass(frozen=True)
class NewPrice:
    """A price that holds from a day on, and the one before."""

    key: PriceKey
    meal_type: str
    category: str
    before: Cents | None
    amount: Cents
    is_new: bool


@dataclass(frozen=True)
class Plan:
    """What there is to make; what exists already stays as it is."""

    wanted: Wanted
    to_year_id: int | None
    moves: tuple[Move, ...]
    leavers: tuple[Leaver, ...]
    new_classes: tuple[tuple[str, str], ...]
    new_days: Mapping[date, str | None]
    prices: tuple[NewPrice, ...]

    @property
    def new_enrolments(self) -> list[Move]:
        """Those who get a class that they do not have yet."""
        return [move for move in self.moves if move.to_class and not move.is_there]

    @property
    def new_prices(self) -> list[NewPrice]:
        """Those that change."""
        return [price for price in self.prices if price.is_new]

    @property
    def sizes(self) -> Counter[str]:
        """How many pupils each class gets."""
        return Counter(move.to_class for move in self.moves if move.to_class)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to make."""
        made = self.new_classes, self.new_days, self.new_enrolments, self.new_prices
        return self.to_year_id is not None and not any(made)


def plan(session: Session, wanted: Wanted, today: date) -> Plan:
    """The plan, with every pupil who is enrolled to the end of the year.

    Raises: RangesOverlap for a new year that begins before this one ends; OutsideYear for prices
    from a day outside of it; PriceInForce for new prices of days that may be charged.
    """
    year = session.get_one(SchoolYear, wanted.from_year_id)
    following = next_year(session, year)
    _check(wanted, year, following)
    moves = _moves(session, year, following, wanted)
    prices = _prices(session, wanted)
    if any(each.is_new for each in prices) and (wanted.prices_from or today) <= today:
        raise PriceInForce
    return Plan(
        wanted=wanted,
        to_year_id=None if following is None else following.id,
        moves=tuple(moves),
        leavers=_leavers(session, [move for move in moves if not move.to_class]),
        new_classes=_new_classes(session, year, following, wanted, moves),
        new_days=_new_days(session, following, wanted, today),
        prices=tuple(prices),
    )


def _check(wanted: Wanted, year: SchoolYear, following: SchoolYear | None) -> None:
    starts_on, ends_on = wanted.starts_on, wanted.ends_on
    if following is None and (starts_on < year.ends_on or ends_on <= starts_on):
        raise RangesOverlap
    if following is not None:
        starts_on, ends_on = following.starts_on, following.ends_on
    if wanted.prices_from is not None and not starts_on <= wanted.prices_from < ends_on:
        raise OutsideYear


def _moves(
    session: Session, year: SchoolYear, following: SchoolYear | None, wanted: Wanted
) -> list[Move]:
    there = _classes_there(session, following)
    return [
        Move(
            each.pupil_id,
            each.pupil.full_name,
            each.school_class_id,
            each.school_class.name,
            there.get(each.pupil_id) or _target(each, wanted),
            each.category_id,
            is_there=each.pupil_id in there,
        )
        for each in session.scalars(_enrolled_to_the_end(year))
    ]


def _target(enrolment: Enrolment, wanted: Wanted) -> str:
    of_class = wanted.classes.get(enrolment.school_class_id, "")
    return wanted.pupils.get(enrolment.pupil_id, of_class)


def _classes_there(session: Session, following: SchoolYear | None) -> dict[int, str]:
    if following is None:
        return {}
    query = (
        sa.select(Enrolment.pupil_id, SchoolClass.name)
        .join(Enrolment.school_class)
        .where(
            Enrolment.valid_from < following.ends_on, Enrolment.valid_until > following.starts_on
        )
        .order_by(Enrolment.valid_from.desc())
    )
    return dict(session.execute(query).all())


def _enrolled_to_the_end(year: SchoolYear) -> sa.Select[Enrolment]:
    return (
        sa.select(Enrolment)
        .join(Enrolment.pupil)
        .join(Enrolment.school_class)
        .where(
            SchoolClass.school_year_id == year.id,
            Enrolment.valid_until >= year.ends_on,
            Pupil.archived_at.is_(None),
        )
        .order_by(SchoolClass.name, Pupil.last_name, Pupil.first_name, Pupil.id)
        .options(joinedload(Enrolment.pupil), joinedload(Enrolment.school_class))
    )


def _leavers(session: Session, moves: Sequence[Move]) -> tuple[Leaver, ...]:
    query = (
        sa.select(Pupil)
        .where(Pupil.id.in_([move.pupil_id for move in moves]))
        .options(selectinload(Pupil.payers).joinedload(PupilAccount.account))
    )
    accounts = {
        pupil.id: tuple(_account(link.account) for link in pupil.payers)
        for pupil in session.scalars(query)
    }
    return tuple(
        Leaver(move.pupil_id, move.name, move.from_class, accounts[move.pupil_id]) for move in moves
    )


def _account(account: Account) -> tuple[int, str, Cents]:
    return account.id, account.label, account.balance


def _new_classes(
    session: Session,
    year: SchoolYear,
    following: SchoolYear | None,
    wanted: Wanted,
    moves: Sequence[Move],
) -> tuple[tuple[str, str], ...]:
    """Name and teacher of the classes to make: a class of that name keeps its teacher."""
    known = {} if following is None else {c.name for c in classes_of(session, following.id)}
    teachers = {each.name: each.teacher for each in classes_of(session, year.id)}
    names = {*wanted.classes.values(), *(move.to_class for move in moves)} - {"", *known}
    return tuple((name, teachers.get(name, "")) for name in sorted(names))


def _new_days(
    session: Session, following: SchoolYear | None, wanted: Wanted, today: date
) -> dict[date, str | None]:
    """Days that are past are not made."""
    first = max(wanted.starts_on if following is None else following.starts_on, today)
    until = wanted.ends_on if following is None else following.ends_on
    until = max(first, until)
    public = public_holidays(first, until)
    days = service_days(first, until, wanted.weekdays, wanted.holidays, public)
    query = sa.select(ServiceDay.date).where(ServiceDay.date >= first, ServiceDay.date < until)
    for present in session.scalars(query):
        days.pop(present, None)
    return days


def _prices(session: Session, wanted: Wanted) -> list[NewPrice]:
    if wanted.prices_from is None:
        return []
    before = prices_on(session, wanted.prices_from)
    types = dict(session.execute(sa.select(MealType.id, MealType.name)).all())
    categories = dict(session.execute(sa.select(TariffCategory.id, TariffCategory.name)).all())
    fixed = set(
        session.execute(
            sa.select(Price.meal_type_id, Price.category_id).where(
                Price.valid_from == wanted.prices_from
            )
        ).all()
    )
    return [
        NewPrice(
            key,
            types[key[0]],
            categories[key[1]],
            before.get(key),
            amount,
            is_new=before.get(key) != amount and key not in fixed,
        )
        for key, amount in sorted(wanted.prices.items())
        if key[0] in types and key[1] in categories
    ]
