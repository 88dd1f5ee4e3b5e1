"""The canteen itself: settings, years, classes, days, price list and menus."""

from dataclasses import dataclass
from datetime import date, time, timedelta
from itertools import count, product
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import instant_of
from app.demo.bulk import Row, insert, insert_one
from app.demo.dishes import LIBRARY, NORMAL, VEGETARIAN
from app.demo.dishes import Dish as Served
from app.demo.names import TEACHERS
from app.demo.years import Span
from app.models import (
    CanteenSettings,
    Diet,
    Dish,
    MealType,
    Menu,
    PaymentTerms,
    Price,
    SchoolClass,
    SchoolYear,
    ServiceDay,
    TariffCategory,
)
from app.money import Cents
from app.rules.deadlines import ServiceRules
from app.rules.pricing import PriceLine, PriceList
from app.rules.weeks import week_to_show
from app.vocabulary import Allergen, MealKind

RULES: Final = ServiceRules()
CYCLES: Final = ("3-4P", "5-6P", "7-8P")
PUPILS_IN_THREE_CLASSES: Final = 66
WEEKS_SINCE_NEW_PRICES: Final = 6
_SETTINGS: Final = {
    "name": "Réfectoire scolaire des Aiguilles",
    "street": "Chemin des Aiguilles 3",
    "postal_code": "1854",
    "town": "Leysin",
    "phone": "024 000 00 00",
    "email": "cantine@aiguilles.example",
    "website": "https://aiguilles.example",
    "opening_hours": "Du lundi au vendredi, de 11 h 30 à 14 h 00.",
    "creditor_name": "Association du Réfectoire des Aiguilles",
    "creditor_iban": "CH9300762011623852957",  # the example that the standard's own texts use
    "is_demo": True,
}
_TERMS: Final = (
    "Les repas sont payés d’avance. La carte, le compte postal ou TWINT sont débités par notre "
    "prestataire de paiement ; nous ne voyons jamais leur numéro.\n\n"
    "Le montant est porté au compte client au plus tôt 24 heures après la validation du paiement. "
    "Les repas du jour même se paient en espèces à la caisse.\n\n"
    "Un paiement fait deux fois par erreur est remboursé sur la même carte. Le solde du compte est "
    "remboursé sur demande, dans les 15 jours, par virement bancaire."
).replace(" ;", "\u202f;")
# Meal kind: name, old and new price for residents, in centimes. Others pay the surcharge.
_PRICES: Final = {
    MealKind.NORMAL: ("Normal", 900, 950),
    MealKind.VEGETARIAN: ("Végétarien", 900, 950),
    MealKind.SPECIAL: ("Spécial", 1150, 1200),
}
_CATEGORIES: Final = {"Leysin": 0, "Autres communes": 150}
# Name, usual meal, what the kitchen must keep away.
DIETS: Final = (
    ("Ordinaire", MealKind.NORMAL, ()),
    ("Sans viande", MealKind.VEGETARIAN, ()),
    ("Sans gluten", MealKind.SPECIAL, (Allergen.GLUTEN,)),
    ("Sans lait", MealKind.SPECIAL, (Allergen.MILK,)),
    ("Sans arachide ni fruits à coque", MealKind.SPECIAL, (Allergen.PEANUTS, Allergen.NUTS)),
)


@dataclass(frozen=True)
class School:
    """The ids that the rest of the demo needs."""

    span: Span
    types: dict[MealKind, int]
    diets: list[int]
    categories: list[int]
    prices: PriceList
    classes: dict[tuple[str, int, int], int]
    days: dict[date, int]
    parallels: int

    def price(self, day: date, meal_type_id: int, category_id: int) -> Cents:
        """What a meal costs on the day, in centimes. Raises: LookupError."""
        price = self.prices.on(day, meal_type_id=meal_type_id, category_id=category_id)
        if price is None:
            raise LookupError(day)
        return price


def open_school(session: Session, span: Span, today: date, pupils: int) -> School:
    """Write what a canteen needs before its first family comes."""
    capacity = -(-pupils // 10) * 10
    parallels = max(1, round(pupils / PUPILS_IN_THREE_CLASSES))
    _settle(session, capacity)
    opening = instant_of(span.served[0], time(7))
    insert(session, PaymentTerms, [{"version": 1, "text": _TERMS, "published_at": opening}])
    types = _meal_types(session)
    categories = insert(session, TariffCategory, [{"name": name} for name in _CATEGORIES])
    prices = _price_list(session, span, today, types, categories)
    school = School(
        span,
        types,
        _diets(session, types),
        categories,
        prices,
        _classes(session, span, parallels),
        _days(session, span, capacity),
        parallels,
    )
    _menus(session, school, today)
    _dishes(session)
    return school


def _settle(session: Session, capacity: int) -> None:
    values = {**_SETTINGS, "default_capacity": capacity}
    session.execute(sa.update(CanteenSettings).values(values))


def _meal_types(session: Session) -> dict[MealKind, int]:
    rows = [
        {"name": name, "kind": kind, "position": position}
        for position, (kind, (name, *_)) in enumerate(_PRICES.items())
    ]
    return dict(zip(_PRICES, insert(session, MealType, rows), strict=True))


def _price_list(
    session: Session, span: Span, today: date, types: dict[MealKind, int], categories: list[int]
) -> PriceList:
    changed_on = (today - timedelta(weeks=WEEKS_SINCE_NEW_PRICES)).replace(day=1)
    lines = [
        PriceLine(types[kind], category_id, valid_from, amount + surcharge)
        for kind, (_, old, new) in _PRICES.items()
        for category_id, surcharge in zip(categories, _CATEGORIES.values(), strict=True)
        for valid_from, amount in ((span.years[0].starts_on, old), (changed_on, new))
    ]
    insert(session, Price, [vars(line) for line in lines])
    return PriceList.of(lines)


def _diets(session: Session, types: dict[MealKind, int]) -> list[int]:
    rows = [
        {"name": name, "meal_type_id": types[kind], "offers_choice": kind is not MealKind.SPECIAL}
        for name, kind, _ in DIETS
    ]
    return insert(session, Diet, rows)


def _classes(session: Session, span: Span, parallels: int) -> dict[tuple[str, int, int], int]:
    found = {}
    for year in span.years:
        year_id = insert_one(
            session, SchoolYear, name=year.name, starts_on=year.starts_on, ends_on=year.ends_on
        )
        places = list(product(range(len(CYCLES)), range(parallels)))
        rows = [
            {"school_year_id": year_id, "name": _class_name(*place, parallels), "teacher": teacher}
            for place, teacher in zip(places, _teachers(len(places)), strict=True)
        ]
        ids = insert(session, SchoolClass, rows)
        found.update({(year.name, *place): i for place, i in zip(places, ids, strict=True)})
    return found


def _class_name(cycle: int, parallel: int, parallels: int) -> str:
    return CYCLES[cycle] if parallels == 1 else f"{CYCLES[cycle]}/{parallel + 1}"


def _teachers(number: int) -> list[str]:
    return [TEACHERS[i % len(TEACHERS)] for i in range(number)]


def _days(session: Session, span: Span, capacity: int) -> dict[date, int]:
    rows: list[Row] = [
        {"date": day, "capacity": capacity, "closure": year.closures.get(day)}
        for year in span.years
        for day in year.weekdays()
    ]
    ids = insert(session, ServiceDay, rows)
    return {row["date"]: i for row, i in zip(rows, ids, strict=True)}


def _menus(session: Session, school: School, today: date) -> None:
    """Four weeks: the last one, this one and two to come."""
    first = week_to_show(today) - timedelta(weeks=1)
    days = [d for d in school.span.served if first <= d < first + timedelta(weeks=4)]
    rows = [
        _menu(school.days[day], school.types[kind], dishes[turn % len(dishes)])
        for day, turn in zip(days, count())
        for kind, dishes in ((MealKind.NORMAL, NORMAL), (MealKind.VEGETARIAN, VEGETARIAN))
    ]
    insert(session, Menu, rows)


def _dishes(session: Session) -> None:
    rows = [
        {
            "name": name,
            "allergens": [allergen.value for allergen in Allergen if allergen in held],
            "meat_origin": meat,
            "fish_origin": fish,
            "bread_origin": "",
        }
        for name, held, meat, fish in LIBRARY
    ]
    insert(session, Dish, rows)


def _menu(service_day_id: int, meal_type_id: int, dish: Served) -> Row:
    return {
        **dish._asdict(),
        "service_day_id": service_day_id,
        "meal_type_id": meal_type_id,
        "allergens": [allergen.value for allergen in Allergen if allergen in dish.allergens],
        "bread_origin": "Suisse",
    }
