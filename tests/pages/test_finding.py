"""Whom a few letters mean."""

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.access import SYSTEM
from app.models import Account, Pupil
from app.pages.finding import SHOWN, accounts_meant, find
from app.rules.names import is_meant, words_of
from app.transaction import transaction
from tests.factories import Family, make_family

TODAY = date(2026, 11, 16)
LONG_AGO = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("elo", "Élodie Favre"),
        ("ele", "Éléonore Dubois"),
        ("ÉLO", "elodie favre"),
        ("favre elo", "Élodie Favre"),
        ("aub", "Marc Favre-Aubry"),
        ("agos", "Maël d’Agostino"),
        ("mul", "Anna Müller"),
        ("coeur", "Jean Cœur"),
        ("strass", "Max Straße"),
        ("noe", "Noe\u0308 Rey"),
    ],
)
def test_letters_mean_the_beginning_of_any_word_of_a_name(typed: str, name: str) -> None:
    assert is_meant(words_of(typed), words_of(name))


@pytest.mark.parametrize("typed", ["lodie", "elod x", "favree", "ele"])
def test_other_letters_do_not(typed: str) -> None:
    assert not is_meant(words_of(typed), words_of("Élodie Favre"))


def named(session: Session, first: str, last: str, children: int = 1) -> Family:
    """A family of this name, and its children all called by this first name."""
    household = make_family(session, children=children)
    session.get_one(Account, household.account_id).label = f"Famille {last}"
    for pupil_id in household.pupil_ids:
        pupil = session.get_one(Pupil, pupil_id)
        pupil.first_name, pupil.last_name = first, last
    return household


def labels(app: Flask, typed: str) -> list[str]:
    with app.test_request_context(), transaction(SYSTEM) as session:
        return [found.label for found in find(session, typed, TODAY)]


@pytest.fixture
def school(app: Flask) -> Flask:
    with app.app_context(), transaction(SYSTEM) as session:
        named(session, "Élodie", "Favre")
        named(session, "Fabien", "Rey")
    return app


def test_two_letters_find_pupils_and_families_last_names_first(school: Flask) -> None:
    assert labels(school, "fa") == ["Élodie Favre", "Fabien Rey", "Famille Favre", "Famille Rey"]


@pytest.mark.parametrize("typed", ["", " ", "e", "é", "\x00", "😀", "%", "__"])
def test_fewer_than_two_letters_find_nobody(school: Flask, typed: str) -> None:
    assert labels(school, typed) == []


def test_no_more_are_shown_than_fit_on_a_page(school: Flask) -> None:
    with school.app_context(), transaction(SYSTEM) as session:
        named(session, "Élodie", "Nombreuse", children=SHOWN + 2)

    assert len(labels(school, "elo")) == SHOWN


def test_who_was_put_away_is_not_found(school: Flask) -> None:
    with school.app_context(), transaction(SYSTEM) as session:
        household = named(session, "Zoé", "Partie")
        for record in (
            session.get_one(Account, household.account_id),
            session.get_one(Pupil, household.pupil_id),
        ):
            record.archived_at = LONG_AGO

    assert labels(school, "parti") == []


def test_an_account_is_meant_by_its_holders_too(school: Flask) -> None:
    with school.app_context(), transaction(SYSTEM) as session:
        household = named(session, "Lia", "Rey")
        holder = household.username.capitalize()
        assert accounts_meant(session, holder) == [household.account_id]
