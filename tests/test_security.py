"""What every answer carries, what a token is worth, and who is who."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app import create_app, security
from app.access import SYSTEM
from app.models import CanteenUser
from app.passwords import RESET_TOKEN_LIFE, reset_token, user_of_reset_token
from app.security import FAB_ROLES, PERMISSIONS
from app.transaction import transaction
from app.vocabulary import Role
from tests.conftest import FrozenClock
from tests.factories import HASH, Family, make_family
from tests.web import Browser, logged_in

INLINE = re.compile(
    r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE
)


@pytest.fixture
def family(app: Flask) -> Family:
    with app.app_context(), transaction(SYSTEM) as session:
        return make_family(session)


def fails() -> str:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/", 200, "text/html"),
        ("/agenda/", 200, "text/html"),
        ("/agenda/?date=tomorrow", 400, "text/html"),
        ("/static/canteen.css", 200, "text/css"),
        ("/static/nothing.css", 404, "text/html"),
        ("/nowhere", 404, "text/html"),
        ("/agenda/change", 405, "text/html"),
        ("/login/", 302, "text/html"),
        ("/healthz", 200, "application/json"),
        ("/service/", 403, "text/html"),
        ("/fault", 500, "text/html"),
    ],
)
def test_every_kind_of_answer_carries_the_security_headers(
    app: Flask, family: Family, path: str, status: int, kind: str
) -> None:
    app.add_url_rule("/fault", view_func=fails)
    browser = logged_in(app, family.username)

    answer = browser.get(path)

    assert (answer.status_code, answer.mimetype) == (status, kind)
    assert {name: answer.headers.get(name) for name in security.HEADERS} == security.HEADERS
    assert not INLINE.search(answer.text)


def test_a_post_without_the_token_is_refused_in_words(app: Flask, family: Family) -> None:
    browser = logged_in(app, family.username)

    for token in ("", "x", browser.token[:-1]):
        answer = browser.post("/agenda/change", token=token)

        assert answer.status_code == 400
        assert answer.headers["Content-Security-Policy"]
        assert "500" not in answer.text


def test_a_token_of_somebody_else_is_no_token(app: Flask, family: Family) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        other = make_family(session)
    browser, stranger = logged_in(app, family.username), logged_in(app, other.username)

    answer = browser.post("/agenda/change", token=stranger.token)

    assert answer.status_code == 400


def test_pages_are_not_kept_by_caches_and_static_files_may_be(app: Flask, family: Family) -> None:
    browser = logged_in(app, family.username)

    assert browser.get("/").headers["Cache-Control"] == "no-store"
    assert browser.get("/static/canteen.css").headers["Cache-Control"] != "no-store"


def test_the_policy_allows_no_foreign_host_and_nothing_inline() -> None:
    policy = security.HEADERS["Content-Security-Policy"]

    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("path", ["/", "/agenda/", "/login/", "/nowhere"])
def test_a_spoofed_host_appears_nowhere_on_a_page(app: Flask, family: Family, path: str) -> None:
    visitor, parent = Browser(app), logged_in(app, family.username)

    for browser in (visitor, parent):
        answer = browser.get(path, headers={"Host": "evil.example"})

        assert "evil.example" not in answer.text.split("next=")[0]
        assert not answer.headers.get("Location", "/").startswith(("http", "//"))


# -- forgotten passwords ---------------------------------------------------------------------------


def test_a_reset_token_is_good_for_an_hour_and_for_one_user(
    app: Flask, family: Family, frozen_clock: FrozenClock
) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        token = reset_token(session.get_one(CanteenUser, family.user_id))

    frozen_clock.advance(RESET_TOKEN_LIFE - timedelta(seconds=1))
    in_time = found(app, token)
    frozen_clock.advance(timedelta(seconds=1))

    assert in_time == family.user_id
    assert found(app, token) is None


@pytest.mark.parametrize("change", [{"password": HASH + "0"}, {"active": False}])
def test_a_reset_token_is_worth_nothing_once_the_user_is_another(
    app: Flask, family: Family, change: dict[str, object]
) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        user = session.get_one(CanteenUser, family.user_id)
        token = reset_token(user)
        for name, value in change.items():
            setattr(user, name, value)

    assert found(app, token) is None


def test_a_forged_reset_token_is_nobodys(app: Flask, family: Family) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        token = reset_token(session.get_one(CanteenUser, family.user_id))
    middle = len(token) // 3
    altered = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]

    for forged in (altered, token[:-1], "", ".", "e30.x", "é" * 40, "x" * 5000):
        assert found(app, forged) is None


def found(app: Flask, token: str) -> int | None:
    with app.test_request_context():
        user = user_of_reset_token(token)
        return None if user is None else user.id


# -- roles and secrets -----------------------------------------------------------------------------


def test_permissions_are_matched_whole() -> None:
    for role in FAB_ROLES.values():
        for view, permission in role:
            assert view.endswith("$")
            assert permission.endswith(")$")


def test_a_parent_may_nowhere_edit_or_delete() -> None:
    for permissions in PERMISSIONS[Role.PARENT].values():
        assert not re.search("edit|delete|muldelete", permissions)


def test_roles_are_the_same_however_often_they_are_declared(app: Flask, session: Session) -> None:
    def roles() -> list[str]:
        manager = app.appbuilder.sm  # type: ignore[attr-defined]
        with app.app_context():
            return sorted(role.name for role in manager.get_all_roles())

    before = roles()
    with app.app_context():
        security.sync_roles()

    assert roles() == before == sorted(role.value for role in Role)


def test_in_production_there_is_no_default_secret(tmp_path: Path) -> None:
    with pytest.raises(security.MissingSecretError):
        create_app(SECRET_KEY="", PRODUCTION=True, INSTANCE=tmp_path)


def test_on_one_machine_the_secret_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    made = [
        create_app(SECRET_KEY="", PRODUCTION=False, INSTANCE=tmp_path / "new").config["SECRET_KEY"]
        for _ in range(2)
    ]

    assert made[0] == made[1]
    assert len(made[0]) == 64
    assert (tmp_path / "new" / "secret_key").stat().st_mode & 0o077 == 0
