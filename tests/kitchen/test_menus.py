"""Menus typed many at once: all or none, and nobody's change overwritten unseen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock
from app.kitchen.menus import MenuText, Wish, copy_week, menus_at, save_menus
from app.models import AuditEntry, Dish, ServiceDay
from app.refusals import MenusChanged
from tests.booking.acting import MONDAY
from tests.sessions import reading, writing

NOTHING = MenuText().seal
LASAGNE = MenuText(main="Lasagnes", side="Salade", allergens=("gluten",))
RICE = MenuText(main="Riz")


@pytest.fixture
def kept(app: Flask) -> Flask:
    """Monday's normal menu is lasagne."""
    save(app, wish(LASAGNE))
    return app


@pytest.fixture
def kept_on(app_on: Flask) -> Flask:
    """The same, on each database."""
    save(app_on, wish(LASAGNE))
    return app_on


def wish(text: MenuText, seen: str = NOTHING, day: date = MONDAY, meal: int = 1) -> Wish:
    return Wish((day, meal), seen, text)


def save(app: Flask, *wishes: Wish) -> int:
    with writing(app) as session:
        return save_menus(session, wishes)


def menu(app: Flask, day: date = MONDAY, meal: int = 1) -> MenuText:
    with reading(app) as session:
        return MenuText.of(menus_at(session, [day]).get((day, meal)))


def test_menus_are_made_changed_and_taken_away(kept_on: Flask) -> None:
    following = MONDAY + timedelta(days=1)

    changed = save(kept_on, wish(RICE, LASAGNE.seal), wish(RICE, day=following))
    emptied = save(kept_on, wish(MenuText(), RICE.seal))

    assert (changed, emptied) == (2, 1)
    assert menu(kept_on).is_blank
    assert menu(kept_on, following) == RICE


def test_of_eight_who_save_another_menu_at_once_one_is_kept(kept_on: Flask) -> None:
    def replace(number: int) -> bool:
        try:
            return save(kept_on, wish(MenuText(main=f"Riz {number}"), LASAGNE.seal)) == 1
        except MenusChanged:
            return False

    with ThreadPoolExecutor(8) as pool:
        saved = list(pool.map(replace, range(8)))

    assert sum(saved) == 1
    assert menu(kept_on).main == f"Riz {saved.index(True)}"


def test_what_somebody_else_changed_is_not_overwritten(kept: Flask) -> None:
    later = wish(RICE, NOTHING, MONDAY + timedelta(days=1))

    with pytest.raises(MenusChanged) as refused:
        save(kept, later, wish(RICE, NOTHING))

    assert refused.value.places == {(MONDAY, 1)}
    assert menu(kept) == LASAGNE
    assert menu(kept, MONDAY + timedelta(days=1)).is_blank


def test_rows_that_nobody_touched_do_not_take_the_change_of_another_back(kept: Flask) -> None:
    save(kept, wish(RICE, LASAGNE.seal))

    saved = save(kept, wish(LASAGNE, LASAGNE.seal))

    assert saved == 0
    assert menu(kept) == RICE


def test_two_who_type_the_same_do_not_disturb_each_other(kept: Flask) -> None:
    assert save(kept, wish(LASAGNE)) == 0


def test_saving_again_without_a_change_writes_nothing(kept: Flask) -> None:
    with reading(kept) as session:
        entries = sa.select(sa.func.count(AuditEntry.id)).where(AuditEntry.entity == "Menu")
        before = session.scalar(entries)

    save(kept, wish(LASAGNE, LASAGNE.seal), wish(MenuText(), NOTHING, meal=2))

    with reading(kept) as session:
        assert session.scalar(entries) == before


def library(app: Flask, **more: Any) -> None:
    with writing(app) as session:
        session.add(Dish(name="Lasagnes", **more))
        session.add(Dish(name="Flan", allergens=["eggs"], archived_at=clock.now()))


def test_a_dish_of_the_library_is_always_declared(app: Flask) -> None:
    library(app, allergens=["milk", "gluten"], meat_origin="Suisse", bread_origin="Suisse")

    save(app, wish(MenuText(main="Lasagnes", dessert="Flan", bread_origin="France")))

    kept = menu(app)
    assert kept.allergens == ("gluten", "milk")
    assert (kept.meat_origin, kept.fish_origin, kept.bread_origin) == ("Suisse", "", "France")


def test_a_week_is_copied_where_there_is_nothing_yet(kept: Flask) -> None:
    following = MONDAY + timedelta(days=7)
    save(
        kept,
        wish(RICE, day=MONDAY + timedelta(days=1)),
        wish(RICE, day=MONDAY + timedelta(days=2)),
        wish(RICE, day=following),
    )
    with writing(kept) as session:
        closed = ServiceDay.date == following + timedelta(days=2)
        session.scalars(sa.select(ServiceDay).where(closed)).one().closure = "Fête"

    with writing(kept) as session:
        copied = copy_week(session, MONDAY, following)

    assert copied == 1
    assert menu(kept, following) == RICE
    assert menu(kept, following + timedelta(days=1)) == RICE
    assert menu(kept, following + timedelta(days=2)).is_blank


def test_a_week_without_service_takes_no_menus(kept: Flask) -> None:
    with writing(kept) as session:
        copied = copy_week(session, MONDAY, date(2030, 1, 7))

    assert copied == 0


def test_a_seal_is_another_for_every_other_text() -> None:
    texts = [MenuText(), LASAGNE, RICE, MenuText(side="Riz"), MenuText(main="Riz", side="x")]

    assert len({text.seal for text in texts}) == len(texts)
    assert all(text.seal == MenuText(**vars(text)).seal for text in texts)
