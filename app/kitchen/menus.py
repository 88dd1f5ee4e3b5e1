"""Menus as they are typed: many at once, nobody's change overwritten unseen."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import date
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import Dish, Menu, ServiceDay
from app.refusals import MenusChanged
from app.rules.weeks import days_of
from app.vocabulary import Allergen

COURSES: Final = ("starter", "main", "side", "dessert")
ORIGINS: Final = ("meat_origin", "fish_origin", "bread_origin")

Place: TypeAlias = tuple[date, int]
"""A day and a meal type: where a menu stands."""


@dataclass(frozen=True)
class MenuText:
    """What a menu says; one that says nothing is no menu. `allergens` are stored words in order."""

    starter: str = ""
    main: str = ""
    side: str = ""
    dessert: str = ""
    allergens: tuple[str, ...] = ()
    meat_origin: str = ""
    fish_origin: str = ""
    bread_origin: str = ""

    @classmethod
    def of(cls, menu: Menu | None) -> "MenuText":
        """What is kept; nothing where there is no menu."""
        if menu is None:
            return cls()
        kept = {each.name: getattr(menu, each.name) for each in fields(cls)}
        return cls(**{**kept, "allergens": in_order(menu.allergens)})

    @property
    def is_blank(self) -> bool:
        """Whether it says nothing."""
        return not any(astuple(self))

    @property
    def dishes(self) -> list[str]:
        """The courses that are served, in order."""
        return [dish for dish in map(self.__getattribute__, COURSES) if dish]

    @property
    def seal(self) -> str:
        """The version of a menu: another for every other text, the same for the same."""
        return blake2b(repr(astuple(self)).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Wish:
    """A menu as somebody wants it; `seen` is the seal of what they saw when they began to type."""

    place: Place
    seen: str
    text: MenuText

    @property
    def is_touched(self) -> bool:
        """Whether they typed anything."""
        return self.text.seal != self.seen


def in_order(allergens: Iterable[str]) -> tuple[str, ...]:
    """Allergens as the law lists them, each once."""
    held = set(allergens)
    return tuple(allergen.value for allergen in Allergen if allergen.value in held)


def menus_at(session: Session, days: Collection[date]) -> dict[Place, Menu]:
    """The menus of these days by their place."""
    query = (
        sa.select(ServiceDay.date, Menu)
        .join(ServiceDay, ServiceDay.id == Menu.service_day_id)
        .where(ServiceDay.date.in_(days))
        .execution_options(populate_existing=True)
    )
    return {(day, menu.meal_type_id): menu for day, menu in session.execute(query)}


def dish_library(session: Session) -> dict[str, Dish]:
    """The dishes in use by name."""
    query = sa.select(Dish).where(Dish.archived_at.is_(None)).order_by(Dish.name)
    return {dish.name: dish for dish in session.scalars(query)}


def declared(text: MenuText, library: Mapping[str, Dish]) -> MenuText:
    """The menu with all that the library knows of its dishes.

    Their allergens are always declared; an origin that was typed stands.
    """
    known = [library[dish] for dish in text.dishes if dish in library]
    origins = {
        name: getattr(text, name)
        or ", ".join(dict.fromkeys(filter(None, (getattr(dish, name) for dish in known))))
        for name in ORIGINS
    }
    allergens = in_order((*text.allergens, *(each for dish in known for each in dish.allergens)))
    return replace(text, allergens=allergens, **origins)


def save_menus(session: Session, wishes: Sequence[Wish]) -> int:
    """Write the menus that were typed, all of them or none; how many.

    Raises: MenusChanged naming the places that somebody else has changed meanwhile.
    """
    touched = [wish for wish in wishes if wish.is_touched]
    days = _lock_days(session, {wish.place[0] for wish in touched})
    kept, library = menus_at(session, days), dish_library(session)
    changed = [
        wish.place
        for wish in touched
        if MenuText.of(kept.get(wish.place)).seal not in {wish.seen, wish.text.seal}
    ]
    if changed:
        raise MenusChanged(changed)
    return sum(
        _write(session, days, wish.place, kept.get(wish.place), declared(wish.text, library))
        for wish in touched
        if wish.place[0] in days
    )


def copy_week(session: Session, source: date, target: date) -> int:
    """Fill the places without a menu in the week of `target` as in the one of `source`; how many.

    Both are Mondays. What is there already stays, and days on which the canteen is closed.
    """
    shift = target - source
    copied = menus_at(session, days_of(source))
    days = _lock_days(session, days_of(target))
    kept = menus_at(session, days)
    return sum(
        _write(session, days, (day + shift, meal_type_id), None, MenuText.of(menu))
        for (day, meal_type_id), menu in copied.items()
        if day + shift in days
        and days[day + shift].closure is None
        and (day + shift, meal_type_id) not in kept
    )


def _lock_days(session: Session, days: Collection[date]) -> dict[date, ServiceDay]:
    """The service days among these, locked by date: who writes their menus holds them."""
    query = (
        sa.select(ServiceDay)
        .where(ServiceDay.date.in_(days))
        .order_by(ServiceDay.date)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return {day.date: day for day in session.scalars(query)}


def _write(
    session: Session,
    days: Mapping[date, ServiceDay],
    place: Place,
    menu: Menu | None,
    text: MenuText,
) -> bool:
    """Whether anything changed."""
    if MenuText.of(menu) == text:
        return False
    if text.is_blank:
        session.delete(menu)
    else:
        _put(session, menu or Menu(service_day_id=days[place[0]].id, meal_type_id=place[1]), text)
    session.flush()
    return True


def _put(session: Session, menu: Menu, text: MenuText) -> None:
    values: dict[str, Any] = {each.name: getattr(text, each.name) for each in fields(text)}
    for name, value in {**values, "allergens": list(text.allergens)}.items():
        setattr(menu, name, value)
    session.add(menu)
