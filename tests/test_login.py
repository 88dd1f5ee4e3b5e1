"""Logging in and out: what guesses are worth, and what a cookie is worth afterwards."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app, login
from app.access import SYSTEM
from app.models import CanteenUser, LoginAttempt
from app.transaction import transaction
from tests.conftest import FrozenClock
from tests.database import create_test_app, running
from tests.factories import HASH, PASSWORD, Family, make_family
from tests.web import Browser, logged_in, text_of

HOME, SCHOOL = "203.0.113.7", "198.51.100.1"
FOREIGN = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example/",
    "/\t/evil.example/",
    "/\n/evil.example/",
    "\t//evil.example/",
    "///evil.example/",
    "http:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "/%09/evil.example\r\nX-Injected: 1",
    "\u2028//evil.example",
    "x" * 5000,
]


@pytest.fixture
def family(app: Flask) -> Family:
    app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"] = HASH  # its cost is not what is tested
    return new_family(app)


def new_family(app: Flask) -> Family:
    with app.app_context(), transaction(SYSTEM) as session:
        return make_family(session)


def change_user(app: Flask, family: Family, **values: object) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        user = session.get_one(CanteenUser, family.user_id)
        for name, value in values.items():
            setattr(user, name, value)


def fail(app: Flask, identifier: str, times: int, *, address: str = HOME) -> None:
    browser = Browser(app, address=address)
    for _ in range(times):
        browser.log_in(identifier, "wrong")


@pytest.mark.parametrize("typed", ["{}", "  {}  ", "{}@example.ch"])
@pytest.mark.parametrize("as_typed", [str, str.upper])
def test_lets_in_by_name_or_mail_however_it_is_written(
    app: Flask, family: Family, typed: str, as_typed: type[str]
) -> None:
    browser = Browser(app)

    answer = browser.log_in(as_typed(typed.format(family.username)))

    assert answer.headers["Location"] == "/"
    assert browser.is_logged_in


def test_a_wrong_password_and_an_unknown_name_look_the_same(app: Flask, family: Family) -> None:
    known, unknown = Browser(app), Browser(app)

    answers = [known.log_in(family.username, "wrong"), unknown.log_in("nobody", "wrong")]

    assert {answer.status_code for answer in answers} == {200}
    assert len({text_of(answer.text) for answer in answers}) == 1


@pytest.mark.parametrize(
    ("name", "password"),
    [("", ""), ("a\x00b", "x"), ("x", "a\x00b"), ("😀" * 500, "x"), ("x" * 5000, "y" * 5000)],
)
def test_nonsense_is_refused_like_any_wrong_password(
    app_on: Flask, name: str, password: str
) -> None:
    answer = Browser(app_on).log_in(name, password)

    assert answer.status_code == 200
    assert "csrf_token" in answer.text


@pytest.mark.parametrize("wanted", FOREIGN)
def test_never_sends_who_logs_in_to_a_foreign_address(
    app: Flask, family: Family, wanted: str
) -> None:
    browser = Browser(app)
    browser.get("/login/")

    answer = browser.post(
        "/login/",
        {"username": family.username, "password": PASSWORD},
        query_string={"next": wanted},
    )

    assert answer.status_code == 302
    assert answer.headers["Location"] == "/"
    assert "X-Injected" not in answer.headers


def test_leads_to_the_page_that_was_asked_for(app: Flask, family: Family) -> None:
    browser = Browser(app)
    asked = "/agenda/?date=2026-12-07"

    to_login = browser.get(asked).headers["Location"]
    answer = browser.log_in(family.username, path=to_login)

    assert answer.headers["Location"] == asked


def test_a_spoofed_host_leads_nowhere_else(app: Flask, family: Family) -> None:
    browser = Browser(app)
    spoofed = {"Host": "evil.example"}

    to_login = browser.get("/agenda/", headers=spoofed).headers["Location"]
    browser.get(to_login, headers=spoofed)
    answer = browser.post(
        to_login, {"username": family.username, "password": PASSWORD}, headers=spoofed
    )

    assert to_login.startswith("/login/")
    assert answer.headers["Location"] == "/agenda/"


def test_a_logged_in_visitor_is_not_asked_again(app: Flask, family: Family) -> None:
    browser = logged_in(app, family.username)

    answer = browser.get("/login/")

    assert answer.headers["Location"] == "/"


def test_logging_out_asks_first_and_ends_every_session(app: Flask, family: Family) -> None:
    telephone, computer = logged_in(app, family.username), logged_in(app, family.username)

    asked = telephone.get("/logout/")
    assert asked.status_code == 200
    assert telephone.is_logged_in

    telephone.log_out()

    assert not telephone.is_logged_in
    assert not computer.is_logged_in


def test_a_cookie_that_was_copied_is_worth_nothing_after_logging_out(
    app: Flask, family: Family
) -> None:
    browser, thief = logged_in(app, family.username), Browser(app)
    kept = browser.client.get_cookie("session")
    assert kept is not None

    browser.log_out()
    thief.client.set_cookie("session", kept.value)

    assert not thief.is_logged_in


def test_a_cookie_is_worth_nothing_once_the_users_sessions_are_ended(
    app: Flask, family: Family
) -> None:
    browser = logged_in(app, family.username)

    with app.test_request_context():
        login.end_sessions(family.user_id)

    assert not browser.is_logged_in


def test_who_is_locked_by_staff_is_out_at_once_and_stays_out(app: Flask, family: Family) -> None:
    browser = logged_in(app, family.username)

    change_user(app, family, active=False)

    assert not browser.is_logged_in
    assert browser.log_in(family.username).status_code == 200


def test_a_forged_cookie_is_no_session(
    app: Flask, family: Family, tmp_path_factory: object
) -> None:
    elsewhere = create_app(
        SECRET_KEY="another secret",
        SQLALCHEMY_DATABASE_URI=app.config["SQLALCHEMY_DATABASE_URI"],
    )
    forger, browser = elsewhere.test_client(), Browser(app)
    with forger.session_transaction() as forged:
        forged.update(_user_id=str(family.user_id), version=1, _fresh=True)
    cookie = forger.get_cookie("session")
    assert cookie is not None

    browser.client.set_cookie("session", cookie.value)

    assert not browser.is_logged_in


def test_guesses_from_one_address_are_slowed_down_and_lock_nobody_else_out(
    app: Flask, family: Family, frozen_clock: FrozenClock
) -> None:
    fail(app, family.username, app.config["LOGIN_FAILURES_PER_IDENTIFIER"])

    from_there, from_elsewhere = Browser(app, address=HOME), Browser(app, address=SCHOOL)
    from_there.log_in(family.username)
    from_elsewhere.log_in(family.username)

    assert not from_there.is_logged_in
    assert from_elsewhere.is_logged_in


def test_guesses_on_one_name_do_not_stop_others_at_the_same_address(
    app: Flask, family: Family, frozen_clock: FrozenClock
) -> None:
    other = new_family(app)
    fail(app, family.username, app.config["LOGIN_FAILURES_PER_IDENTIFIER"])

    browser = Browser(app, address=HOME)
    browser.log_in(other.username)

    assert browser.is_logged_in


def test_the_window_passes(app: Flask, family: Family, frozen_clock: FrozenClock) -> None:
    fail(app, family.username, app.config["LOGIN_FAILURES_PER_IDENTIFIER"])

    frozen_clock.advance(app.config["LOGIN_WINDOW"] + timedelta(seconds=1))
    browser = Browser(app, address=HOME)
    browser.log_in(family.username)

    assert browser.is_logged_in


def test_one_address_that_tries_many_names_is_slowed_down(
    app: Flask, family: Family, frozen_clock: FrozenClock
) -> None:
    app.config["LOGIN_FAILURES_PER_ADDRESS"] = 8
    for name in range(8):
        fail(app, f"name{name}", 1)

    from_there, from_elsewhere = Browser(app, address=HOME), Browser(app, address=SCHOOL)
    from_there.log_in(family.username)
    from_elsewhere.log_in(family.username)

    assert not from_there.is_logged_in
    assert from_elsewhere.is_logged_in


def test_a_header_that_names_another_address_does_not_win_guesses(
    app: Flask, family: Family, session: Session
) -> None:
    limit = app.config["LOGIN_FAILURES_PER_IDENTIFIER"]
    browser = Browser(app, address=HOME)
    browser.get("/login/")

    for number in range(limit + 3):
        browser.post(
            "/login/",
            {"username": family.username, "password": "wrong"},
            headers={"X-Forwarded-For": f"10.0.0.{number}"},
        )

    assert session.scalar(sa.select(sa.func.count(LoginAttempt.id))) == limit


def log_in_through_a_proxy(
    app: Flask, family: Family, forwarded: str, password: str = PASSWORD
) -> Browser:
    """Log in at a program that a proxy of ours calls, with what that has put in its header."""
    browser, headers = Browser(app, address="10.0.0.1"), {"X-Forwarded-For": forwarded}
    browser.get("/login/", headers=headers)
    asked = {"username": family.username, "password": password}
    browser.post("/login/", asked, headers=headers)
    return browser


@pytest.mark.parametrize(("proxies", "is_told_apart"), [(0, False), (1, True)])
def test_clients_behind_a_proxy_are_told_apart_only_when_it_is_declared(
    sqlite_url: str,
    tmp_path: Path,
    frozen_clock: FrozenClock,
    proxies: int,
    is_told_apart: bool,  # noqa: FBT001 - from the table
) -> None:
    declared = create_test_app(sqlite_url, tmp_path / "outbox", TRUSTED_PROXIES=proxies)
    with running(declared) as app:
        family = new_family(app)
        for guess in range(app.config["LOGIN_FAILURES_PER_IDENTIFIER"]):
            log_in_through_a_proxy(app, family, HOME, f"guess {guess}")

        from_there = log_in_through_a_proxy(app, family, HOME)
        from_elsewhere = log_in_through_a_proxy(app, family, SCHOOL)

        assert not from_there.is_logged_in
        assert from_elsewhere.is_logged_in is is_told_apart


def test_an_address_that_a_client_writes_itself_wins_no_guesses_behind_a_proxy(
    sqlite_url: str, tmp_path: Path, frozen_clock: FrozenClock
) -> None:
    with running(create_test_app(sqlite_url, tmp_path / "outbox", TRUSTED_PROXIES=1)) as app:
        family = new_family(app)
        for guess in range(app.config["LOGIN_FAILURES_PER_IDENTIFIER"]):
            log_in_through_a_proxy(app, family, f"203.0.113.{guess}, {HOME}", f"guess {guess}")

        browser = log_in_through_a_proxy(app, family, f"{SCHOOL}, {HOME}")

        assert not browser.is_logged_in


def test_the_right_password_forgives_the_mistakes_before_it(
    app: Flask, family: Family, session: Session
) -> None:
    fail(app, family.username, app.config["LOGIN_FAILURES_PER_IDENTIFIER"] - 1)

    logged_in(app, family.username, address=HOME)

    assert session.scalar(sa.select(sa.func.count(LoginAttempt.id))) == 0


def test_attempts_keep_neither_names_nor_addresses(app: Flask, session: Session) -> None:
    fail(app, "somebody", 1)

    kept = session.scalars(sa.select(LoginAttempt)).one()

    assert "somebody" not in kept.identifier
    assert HOME not in kept.address


@pytest.mark.parametrize("path", ["/", "/agenda/", "/agenda/repeat/"])
def test_who_must_change_the_password_does_that_first(
    app: Flask, family: Family, path: str
) -> None:
    change_user(app, family, must_change_password=True)
    browser = logged_in(app, family.username)

    answer = browser.get(path)

    assert answer.status_code == 302
    page = browser.get(answer.headers["Location"])
    assert page.status_code == 200
    assert 'type="password"' in page.text
    assert browser.get("/static/canteen.css").status_code == 200


def test_who_must_change_the_password_changes_no_meal(app: Flask, family: Family) -> None:
    change_user(app, family, must_change_password=True)
    browser = logged_in(app, family.username)

    answer = browser.post("/agenda/change", {"pupil": family.pupil_id, "action": "book"})

    assert answer.status_code == 302
    assert answer.headers["Location"] != "/agenda/"
    assert browser.log_out().status_code == 302


def test_the_session_cookie_is_kept_from_scripts_and_other_sites(
    app: Flask, family: Family
) -> None:
    browser = Browser(app)

    answer = browser.log_in(family.username)

    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Expires" in cookie


def test_in_production_the_cookie_goes_over_https_only(sqlite_url: str) -> None:
    app = create_app(
        SECRET_KEY="s" * 32,
        SQLALCHEMY_DATABASE_URI=sqlite_url,
        PRODUCTION=True,
        SESSION_COOKIE_SECURE=True,
    )

    answer = app.test_client().get("/login/")

    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
