"""Who works at the canteen, who its families are, and what their children may eat."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count, islice
from random import Random
from typing import Any, Final

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole
from flask_appbuilder.security.sqla.models import assoc_user_role
from sqlalchemy.orm import Session

from app import ledger
from app.access import Actor
from app.demo.bulk import Row, insert, insert_quietly
from app.demo.names import CHILDREN, LAST_NAMES, PARENTS, STREETS, plain
from app.demo.school import CYCLES, DIETS, School
from app.models import (
    Account,
    AccountHolder,
    CanteenSettings,
    CanteenUser,
    Enrolment,
    HealthRecord,
    LedgerAccount,
    Pupil,
    PupilAccount,
)
from app.money import Cents
from app.vocabulary import Channel, LedgerKind, MealKind, Role, Severity

STAFF: Final = {
    "secretariat": ("Corinne", "Jolliet", Role.SECRETARIAT),
    "caisse": ("Denise", "Pahud", Role.TILL),
    "cuisine": ("Bruno", "Cherix", Role.KITCHEN),
    "compta": ("Hélène", "Mottier", Role.ACCOUNTING),
    "compta2": ("Philippe", "Amiguet", Role.ACCOUNTING),
    "comite": ("Monique", "Pernet", Role.COMMITTEE),
    "admin": ("Alain", "Durgnat", Role.ADMIN),
}
PARENT, OTHER_HOUSEHOLD, PARENT2 = 0, 1, 2
_INTOLERANT: Final = (PARENT, PARENT2)  # families with a child that eats what all eat
_LOGINS: Final = {PARENT: "parent", PARENT2: "parent2"}
# Children per family: 60 for the first 40 families, about 500 for 300.
_FIRST_SIZES: Final = (3, 1, 2, 1, 1, 2, 1, 2, 1, 1)
_SIZES: Final = (2, 1, 2, 1, 2, 3, 1, 2, 1, 2)
_FIRST_FAMILIES: Final = 40
_LOWEST_GRADE, _HIGHEST_GRADE = 3, 8
_AGE_BEFORE_GRADE_ONE: Final = 3
_TOLERANCE: Cents = 3000
_TOLERATED, _SPECIAL, _ELSEWHERE, _ALONE = 5, 2, 4, 0.4
_BLANK_USER: Final = {"active": True, "login_count": 0, "fail_login_count": 0}


@dataclass(eq=False)
class Child:
    """A pupil; `diet` is a place in DIETS, `grade` that of the demo's current year."""

    first_name: str
    last_name: str
    born: date
    diet: int
    grade: int
    category_id: int
    is_shared: bool = False
    id: int = 0

    @property
    def eats_specially(self) -> bool:
        """Whether the diet is one that the kitchen cooks apart."""
        return DIETS[self.diet][1] is MealKind.SPECIAL


@dataclass(eq=False)
class Family:
    """A household: its account and holders, and the children that it pays for."""

    number: int
    name: str
    own: list[Child]
    children: list[Child]
    account_id: int = 0
    holder_ids: list[int] = field(default_factory=list)

    @property
    def tolerance(self) -> Cents:
        """What was agreed beforehand, with one family in thirteen."""
        return _TOLERANCE if self.number % 13 == _TOLERATED else 0

    def parent(self, turn: int = 0) -> Actor:
        """One of the holders, at the portal."""
        user_id = self.holder_ids[turn % len(self.holder_ids)]
        return Actor(user_id, is_staff=False, channel=Channel.PORTAL)


@dataclass(frozen=True)
class People:
    """Everybody, by what they do."""

    staff: dict[str, int]
    families: list[Family]

    def at_work(self, login: str, channel: Channel = Channel.DESK) -> Actor:
        """A member of staff who does something."""
        return Actor(self.staff[login], is_staff=True, channel=channel)


def sizes(families: int) -> list[int]:
    """How many children each family has."""
    return [
        (_FIRST_SIZES if number < _FIRST_FAMILIES else _SIZES)[number % len(_SIZES)]
        for number in range(families)
    ]


def register(session: Session, school: School, rng: Random, families: int, hashed: str) -> People:
    """Write staff and families; everybody's password is the one that was hashed."""
    drawn = _draw_families(rng, school, families)
    _write_pupils(session, school, drawn)
    _write_accounts(session, drawn)
    staff = _write_staff(session, hashed)
    _write_parents(session, school, rng, drawn, hashed)
    _write_health(session, drawn)
    return People(staff, drawn)


def _draw_families(rng: Random, school: School, families: int) -> list[Family]:
    numbers = count()
    found = []
    for number, size in enumerate(sizes(families)):
        name = rng.choice(LAST_NAMES)
        category_id = school.categories[lives_elsewhere(number)]
        own = [_draw_child(rng, school, name, category_id, n) for n in islice(numbers, size)]
        found.append(Family(number, name, own, list(own)))
    for family, other in zip(found[::_FIRST_FAMILIES], found[1::_FIRST_FAMILIES], strict=False):
        family.own[0].is_shared = True
        other.children.append(family.own[0])
    return found


def lives_elsewhere(number: int) -> bool:
    """One family in five comes from another commune, and pays more."""
    return number % 5 == _ELSEWHERE


def _draw_child(rng: Random, school: School, name: str, category_id: int, number: int) -> Child:
    grade = rng.randint(_LOWEST_GRADE, _HIGHEST_GRADE)
    born_until = date(school.span.years[-1].starts_on.year - grade - _AGE_BEFORE_GRADE_ONE, 7, 31)
    born = born_until - timedelta(days=rng.randrange(365))
    diet = _diet(number)
    return Child(rng.choice(CHILDREN), name, born, diet, grade, category_id)


def _diet(number: int) -> int:
    """One pupil in twelve eats special meals, one in nine no meat."""
    if number % 12 == _SPECIAL:
        return 2 + number // 12 % 3
    return int(number % 9 == 1)


def _write_pupils(session: Session, school: School, families: list[Family]) -> None:
    children = [child for family in families for child in family.own]
    rows = [
        {
            "first_name": child.first_name,
            "last_name": child.last_name,
            "birth_date": child.born,
            "diet_id": school.diets[child.diet],
        }
        for child in children
    ]
    for child, pupil_id in zip(children, insert(session, Pupil, rows), strict=True):
        child.id = pupil_id
    insert(session, Enrolment, list(_enrolments(school, children)))


def _enrolments(school: School, children: list[Child]) -> Iterator[Row]:
    """A child goes up one grade a year; the youngest and oldest stay in the canteen's cycles."""
    newest = school.span.years[-1].starts_on.year
    for year in school.span.years:
        for number, child in enumerate(children):
            grade = child.grade - (newest - year.starts_on.year)
            cycle = (max(_LOWEST_GRADE, grade) - _LOWEST_GRADE) * len(CYCLES) // 6
            yield {
                "pupil_id": child.id,
                "school_class_id": school.classes[year.name, cycle, number % school.parallels],
                "category_id": child.category_id,
                "valid_from": year.starts_on,
                "valid_until": year.ends_on,
            }


def _write_accounts(session: Session, families: list[Family]) -> None:
    rows = [
        {
            "label": f"Famille {family.name}",
            "balance": 0,
            "tolerance": family.tolerance,
            "taken_back": 0,
        }
        for family in families
    ]
    for family, account_id in zip(families, insert(session, Account, rows), strict=True):
        family.account_id = account_id
    ledger.give_references(session, session.get_one(CanteenSettings, 1))
    wallets = [
        {"kind": LedgerKind.WALLET, "code": f"W{f.account_id}", "account_id": f.account_id}
        for f in families
    ]
    insert(session, LedgerAccount, wallets)
    links = [
        {"pupil_id": child.id, "account_id": f.account_id} for f in families for child in f.children
    ]
    insert(session, PupilAccount, links)


def _write_staff(session: Session, hashed: str) -> dict[str, int]:
    rows = [
        _user(login, first, last, f"{login}@aiguilles.example", hashed)
        for login, (first, last, _) in STAFF.items()
    ]
    roles = [role for _, _, role in STAFF.values()]
    return dict(zip(STAFF, _write_users(session, rows, roles), strict=True))


def _write_parents(
    session: Session, school: School, rng: Random, families: list[Family], hashed: str
) -> None:
    rows, households = [], []
    for family in families:
        for turn in range(1 if family.number <= PARENT2 or rng.random() < _ALONE else 2):
            login = _LOGINS.get(family.number, f"{plain(family.name)}{family.number:03d}-{turn}")
            row = _user(login, rng.choice(PARENTS), family.name, f"{login}@famille.example", hashed)
            rows.append(row | _home(rng, family.number))
            households.append(family)
    ids = _write_users(session, rows, [Role.PARENT] * len(rows))
    for family, user_id in zip(households, ids, strict=True):
        family.holder_ids.append(user_id)
    holders = [
        {"user_id": i, "account_id": f.account_id, "valid_from": school.span.begins_on}
        for f in families
        for i in f.holder_ids
    ]
    insert(session, AccountHolder, holders)


def _user(login: str, first_name: str, last_name: str, email: str, hashed: str) -> Row:
    names = {"first_name": first_name, "last_name": last_name}
    return _BLANK_USER | names | {"username": login, "email": email, "password": hashed}


def _home(rng: Random, number: int) -> Row:
    return {
        "street": f"{rng.choice(STREETS)} {rng.randint(1, 40)}",
        "postal_code": "1860" if lives_elsewhere(number) else "1854",
        "town": "Aigle" if lives_elsewhere(number) else "Leysin",
        "phone": f"079 000 {number // 100:02d} {number % 100:02d}",
    }


def _write_users(session: Session, rows: list[Row], roles: list[Role]) -> list[int]:
    stored = {role.name: role.id for role in session.scalars(sa.select(StoredRole))}
    ids = insert(session, CanteenUser, rows)
    links = [{"user_id": i, "role_id": stored[r.value]} for i, r in zip(ids, roles, strict=True)]
    insert_quietly(session, assoc_user_role, links)
    return ids


def _write_health(session: Session, families: list[Family]) -> None:
    children = [child for family in families for child in family.own]
    special = [child for child in children if child.eats_specially]
    severities = list(Severity)
    rows = [
        {
            "pupil_id": child.id,
            "allergens": [allergen.value for allergen in DIETS[child.diet][2]],
            "severity": severities[number % len(severities)],
            "note": _NOTES[number % len(severities)],
        }
        for number, child in enumerate(special)
    ]
    mild: dict[str, Any] = {
        "allergens": ["celery", "mustard"],
        "severity": Severity.INTOLERANCE,
        "note": "",
    }
    for number in _INTOLERANT:
        child = next(child for child in families[number].own if not child.eats_specially)
        rows.append({"pupil_id": child.id, **mild})
    insert(session, HealthRecord, rows)


_NOTES: Final = (
    "Certificat médical remis à la rentrée.",
    "Couverts et plateau séparés.",
    "Stylo d’adrénaline dans le sac ; appeler le 144, puis les parents.",
)
