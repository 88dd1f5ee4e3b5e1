"""What families read of closures, outings and exclusions."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask

from app.access import SYSTEM
from app.booking.exclusions import shorten
from app.booking.interruptions import lift
from app.booking.restoring import restore_meals
from app.models import Exclusion, PupilAccount
from app.transaction import transaction
from tests.booking.acting import MONDAY, RULES, TUESDAY, at
from tests.booking.test_interruptions import carry_out, decided, prepared, put
from tests.delivery.test_letters import book, family_of, letters, secretariat, the_letter

NOW, LATER, LAST = at("2026-11-02 12:00"), at("2026-11-02 12:10"), at("2026-11-02 12:30")


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def lines(text: str) -> str:
    return " ".join(text.split())


def test_a_closed_day_is_told_with_its_reason_and_again_when_it_is_lifted() -> None:
    family = family_of(balance=5000)
    book(family, MONDAY)
    letters(NOW)
    with transaction(secretariat()) as session:
        closure = prepared(session, MONDAY)
        carry_out(session, closure, NOW)
        key, operation = closure.id, closure.operation_id

    closed = the_letter(LATER)
    with transaction(secretariat()) as session:
        lift(session, key, RULES, LATER)
        restore_meals(session, operation, MONDAY, RULES, LATER)
    again = the_letter(LAST)

    assert closed.subject == "Cancelled: Emma Essai, Monday 16 November 2026"
    assert "Reason: Canteen closed – Neige." in lines(closed.text)
    assert again.subject == "Booked: Emma Essai, Monday 16 November 2026"
    assert "Reason: Takes place after all – Neige." in lines(again.text)


def test_an_exclusion_and_its_cancelled_meals_are_one_mail() -> None:
    family = family_of(balance=5000)
    book(family, MONDAY)
    letters(LATER)
    with transaction(secretariat()) as session:
        put(session, decided(session, family, MONDAY, TUESDAY), NOW)

    letter = the_letter(LATER)

    assert letter.subject == "Exclusion from the canteen: Emma Essai"
    said = lines(letter.text)
    assert "from Monday 16 November 2026 to Tuesday 17 November 2026 inclusive" in said
    assert "Cancelled" in said
    assert "Reason: …." in said


def test_the_reason_is_kept_from_the_other_household() -> None:
    family, other = family_of(), family_of()
    with transaction(SYSTEM) as session:
        session.add(PupilAccount(pupil_id=family.pupil_id, account_id=other.account_id))
    with transaction(secretariat()) as session:
        made = decided(session, family, MONDAY, TUESDAY)
        made.reason, made.account_id = "Secret", family.account_id
        put(session, made, NOW)

    first, second = letters(LATER)

    assert ["Secret" in first.text, "Secret" in second.text] == [True, False]
    assert "Secret" not in second.html
    assert "inclusive" in second.text


@pytest.mark.parametrize(("opens_on", "told"), [(MONDAY, "Monday"), (TUESDAY, "Tuesday")])
def test_one_that_ends_earlier_says_from_when_on(opens_on: date, told: str) -> None:
    family = family_of(balance=5000)
    book(family, TUESDAY)
    letters(NOW)
    with transaction(secretariat()) as session:
        put(session, decided(session, family, MONDAY, TUESDAY), NOW)
    letters(LATER)
    with transaction(secretariat()) as session:
        key = session.scalars(sa.select(Exclusion.id)).one()
        shorten(session, key, opens_on, RULES, LATER)

    letter = the_letter(LAST)

    assert letter.subject == "The exclusion ends earlier: Emma Essai"
    assert f"Emma Essai, from {told} 1" in lines(letter.text)
    assert "Booked" in letter.text
