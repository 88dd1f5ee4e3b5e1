"""Passwords: changed by who knows them, reset by who reads the mail, guessed by nobody."""

import pytest
import sqlalchemy as sa
from flask import Flask
from werkzeug.test import TestResponse

from app.models import CanteenUser, OutboxFact
from app.passwords import reset_token
from app.registration import NO_MAIL
from app.vocabulary import FactKind
from tests.conftest import FrozenClock
from tests.declared.acting import (
    count,
    family,
    in_french,
)
from tests.factories import PASSWORD
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

NEW = "le chat boit du thé"
CHANGE, FORGOTTEN = "/mot-de-passe/", "/mot-de-passe/oubli/"


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


def change(
    browser: Browser, current: str = PASSWORD, new: str = NEW, again: str = ""
) -> TestResponse:
    browser.get(CHANGE)
    return browser.post(CHANGE, {"current": current, "password": new, "again": again or new})


def can_log_in(app: Flask, username: str, password: str) -> bool:
    return Browser(app).log_in(username, password).status_code == 302


def token_of(app: Flask, username: str) -> str:
    with reading(app) as session:
        query = sa.select(CanteenUser).where(CanteenUser.username == username)
        return reset_token(session.scalars(query).one())


def resets(app: Flask) -> int:
    return count(app, OutboxFact, OutboxFact.kind == FactKind.PASSWORD_RESET)


def ask(app: Flask, identifier: str, *, address: str = "127.0.0.1") -> TestResponse:
    visitor = Browser(app, address=address)
    visitor.get(FORGOTTEN)
    return visitor.post(FORGOTTEN, {"identifier": identifier}, follow_redirects=True)


def test_a_change_keeps_this_session_and_ends_the_others(app: Flask) -> None:
    username = family(app).username
    here, elsewhere = logged_in(app, username), logged_in(app, username)

    answer = change(here)

    assert answer.status_code == 302
    assert here.is_logged_in
    assert not elsewhere.is_logged_in
    assert can_log_in(app, username, NEW)
    assert not can_log_in(app, username, PASSWORD)


def test_who_came_with_a_letter_chooses_first_and_goes_everywhere_then(app: Flask) -> None:
    household = family(app)
    with writing(app) as session:
        session.get_one(CanteenUser, household.user_id).must_change_password = True
    parent = logged_in(app, household.username)

    before = parent.get("/my/menus/")
    change(parent)
    after = parent.get("/my/menus/")

    assert (before.status_code, before.location) == (302, CHANGE)
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("new", "again"),
    [
        ("short", "short"),
        ("motdepasse123", "motdepasse123"),
        ("aaaaaaaaaaaa", "aaaaaaaaaaaa"),
        (NEW, "le chat boit du lait"),
        ("x" * 201, "x" * 201),
        ("", ""),
    ],
)
def test_a_password_that_is_weak_or_mistyped_is_refused(app: Flask, new: str, again: str) -> None:
    username = family(app).username

    answer = change(logged_in(app, username), new=new, again=again)

    assert 'class="error"' in answer.text
    assert can_log_in(app, username, PASSWORD)


def test_a_password_does_not_hold_the_identifier(app: Flask) -> None:
    username = family(app).username

    answer = change(logged_in(app, username), new=f"{username.upper()}-2026-!")

    sentence = in_french(app, "The password must not contain the identifier.")
    assert sentence in text_of(answer.text)


def test_the_current_password_is_asked_for_and_not_guessed(app: Flask) -> None:
    username = family(app).username
    thief = logged_in(app, username)

    for _guess in range(6):
        answer = change(thief, current="Wrong-Password-1")
    too_late = change(thief)

    sentence = in_french(app, "The current password is wrong. Try again, or wait a few minutes.")
    assert sentence in text_of(answer.text)
    assert sentence in text_of(too_late.text)
    assert can_log_in(app, username, NEW) is False


def test_a_visitor_does_not_reach_the_change(app: Flask) -> None:
    assert Browser(app).get(CHANGE).status_code == 302


def test_the_answer_is_the_same_whether_somebody_is_meant_or_not(app: Flask) -> None:
    username = family(app).username

    known, unknown = ask(app, username.upper()), ask(app, "nobody@example.ch")

    assert text_of(known.text) == text_of(unknown.text)
    assert resets(app) == 1


def test_the_button_says_that_a_link_is_sent(app: Flask) -> None:
    page = text_of(Browser(app).get(FORGOTTEN).text)

    assert in_french(app, "Send the link") in page
    assert in_french(app, "Save") not in page


def test_a_mail_address_is_as_good_as_an_identifier(app: Flask) -> None:
    ask(app, f"{family(app).username}@Example.ch")

    assert resets(app) == 1


@pytest.mark.parametrize("field", ["active", "email"])
def test_who_cannot_log_in_or_has_no_mail_is_sent_none(app: Flask, field: str) -> None:
    household = family(app)
    with writing(app) as session:
        user = session.get_one(CanteenUser, household.user_id)
        setattr(user, field, False if field == "active" else f"x{NO_MAIL}")

    ask(app, household.username)

    assert resets(app) == 0


def test_one_mail_in_five_minutes_however_many_ask(app: Flask, morning: FrozenClock) -> None:
    username = family(app).username

    for number in range(8):
        ask(app, username, address=f"10.0.0.{number}")
    soon = resets(app)
    morning.set("2026-11-16 07:36")
    ask(app, username, address="10.0.0.99")

    assert (soon, resets(app)) == (1, 2)


def test_one_address_asks_five_times_and_others_are_not_kept_out(app: Flask) -> None:
    statuses = [ask(app, f"guess{number}").status_code for number in range(6)]

    assert statuses == [200] * 5 + [429]
    assert ask(app, "somebody", address="10.0.0.1").status_code == 200


def reset(app: Flask, token: str, new: str = NEW) -> TestResponse:
    visitor = Browser(app)
    path = f"/mot-de-passe/nouveau/{token}"
    page = visitor.get(path)
    return visitor.post(path, {"password": new, "again": new}) if page.status_code == 200 else page


def test_the_link_of_a_mail_is_used_once(app: Flask) -> None:
    username = family(app).username
    elsewhere, token = logged_in(app, username), token_of(app, username)

    first, second = reset(app, token), reset(app, token, "encore un autre mot")

    assert (first.status_code, first.location) == (302, "/login/")
    assert second.status_code == 410
    assert can_log_in(app, username, NEW)
    assert not elsewhere.is_logged_in


def test_the_link_of_a_mail_is_used_within_the_hour(app: Flask, morning: FrozenClock) -> None:
    token = token_of(app, family(app).username)

    morning.set("2026-11-16 08:31")

    assert reset(app, token).status_code == 410


@pytest.mark.parametrize("token", ["x", "WzEsMl0.abc", "%00", "a" * 4000])
def test_a_forged_link_is_refused(app: Flask, token: str) -> None:
    assert reset(app, token).status_code == 410


def test_a_weak_password_does_not_use_the_link_up(app: Flask) -> None:
    username = family(app).username
    token = token_of(app, username)

    refused, kept = reset(app, token, "short"), reset(app, token)

    assert 'class="error"' in refused.text
    assert kept.status_code == 302
