"""A small school, and a maker for each kind of record: tests say only what matters to them.

Everything is written inside the caller's `transaction`.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from app import ledger, models
from app.clock import now
from app.ledger import Entry
from app.rules.weeks import days_between
from app.vocabulary import LedgerKind, MealKind, Role, TransferKind

YEAR_STARTS, YEAR_ENDS = date(2026, 8, 17), date(2027, 7, 3)
PASSWORD = "Demo-Leysin-1"
# Cheap on purpose: hashing is tested where it matters.
HASH = generate_password_hash(PASSWORD, method="pbkdf2:sha256:1")
NORMAL, VEGETARIAN, SPECIAL = 900, 900, 1200
CAPACITY = 40
_numbers = count(1)


@dataclass(frozen=True)
class Family:
    """The ids of a household: its account, its parent, its children."""

    account_id: int
    user_id: int
    username: str
    pupil_ids: tuple[int, ...]

    @property
    def pupil_id(self) -> int:
        """The first child."""
        return self.pupil_ids[0]


def seed(session: Session) -> None:
    """The school: year, class, service days, meal types, prices, diets, one user of each role."""
    session.get_one(models.CanteenSettings, 1).name = "Réfectoire de l’essai"
    session.add(models.PaymentTerms(version=1, text="Payé d’avance.", published_at=now()))
    _school(session)
    _meals(session)
    for role in Role:
        if role is not Role.PARENT:
            make_user(session, role, username=role.name.lower())


def _school(session: Session) -> None:
    year = models.SchoolYear(name="2026-2027", starts_on=YEAR_STARTS, ends_on=YEAR_ENDS)
    session.add(year)
    session.flush()
    session.add(models.SchoolClass(school_year_id=year.id, name="5P"))
    session.add_all(
        models.ServiceDay(date=day, capacity=CAPACITY)
        for day in days_between(YEAR_STARTS, YEAR_ENDS, frozenset(range(5)))
    )


def _meals(session: Session) -> None:
    category = models.TariffCategory(name="Élèves")
    session.add(category)
    for position, (name, kind, amount) in enumerate(
        [
            ("Normal", MealKind.NORMAL, NORMAL),
            ("Végétarien", MealKind.VEGETARIAN, VEGETARIAN),
            ("Spécial", MealKind.SPECIAL, SPECIAL),
        ]
    ):
        meal_type = models.MealType(name=name, kind=kind, position=position)
        session.add(meal_type)
        session.flush()
        session.add(models.Diet(name=name, meal_type_id=meal_type.id, offers_choice=True))
        session.add(
            models.Price(
                meal_type_id=meal_type.id,
                category_id=category.id,
                valid_from=YEAR_STARTS,
                amount=amount,
            )
        )


def make_user(session: Session, role: Role, *, username: str = "") -> models.CanteenUser:
    """A user of one role, with the demo's password."""
    name = username or f"user{next(_numbers)}"
    stored = session.scalars(sa.select(StoredRole).where(StoredRole.name == role.value)).one()
    user = models.CanteenUser(
        username=name,
        first_name="Prénom",
        last_name=name.capitalize(),
        email=f"{name}@example.ch",
        password=HASH,
        active=True,
        roles=[stored],
    )
    session.add(user)
    session.flush()
    return user


def make_pupil(
    session: Session, *account_ids: int, diet: str = "Normal", born: date = date(2017, 3, 1)
) -> models.Pupil:
    """An enrolled child that the accounts may pay for."""
    diet_id = session.scalars(sa.select(models.Diet.id).where(models.Diet.name == diet)).one()
    pupil = models.Pupil(
        first_name=f"Enfant{next(_numbers)}", last_name="Essai", birth_date=born, diet_id=diet_id
    )
    session.add(pupil)
    session.flush()
    session.add(
        models.Enrolment(
            pupil_id=pupil.id,
            school_class_id=session.scalars(sa.select(models.SchoolClass.id)).first(),
            category_id=session.scalars(sa.select(models.TariffCategory.id)).first(),
            valid_from=YEAR_STARTS,
            valid_until=YEAR_ENDS,
        )
    )
    session.add_all(models.PupilAccount(pupil_id=pupil.id, account_id=i) for i in account_ids)
    session.flush()
    return pupil


def make_family(
    session: Session, *, balance: int = 0, children: int = 1, diet: str = "Normal"
) -> Family:
    """A parent with an account and enrolled children."""
    user = make_user(session, Role.PARENT)
    account = ledger.open_account(session, f"Famille {user.last_name}")
    session.add(
        models.AccountHolder(user_id=user.id, account_id=account.id, valid_from=date(2020, 1, 1))
    )
    pupils = [
        make_pupil(session, account.id, diet=diet, born=date(2017, 3, 1) + timedelta(days=i))
        for i in range(children)
    ]
    if balance:
        top_up(session, account.id, balance)
    return Family(account.id, user.id, user.username, tuple(p.id for p in pupils))


def top_up(session: Session, account_id: int, amount: int) -> None:
    """Money from nowhere in particular: the bank."""
    entry = Entry(
        kind=TransferKind.TOP_UP,
        operation_id=f"test:{next(_numbers)}",
        debit_id=ledger.chart_id(session, LedgerKind.BANK),
        credit_id=ledger.wallet_id(session, account_id),
        amount=amount,
        booked_on=YEAR_STARTS,
    )
    ledger.transfer(session, entry, now=now())
