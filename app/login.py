"""Logging in and out: sessions that can be ended, guesses that are slowed down."""

from typing import Any, Final

import sqlalchemy as sa
from flask import Flask, current_app, flash, redirect, request, session, url_for
from flask_appbuilder import expose
from flask_appbuilder.security.api import SecurityApi
from flask_appbuilder.security.forms import LoginForm_db
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.views import AuthDBView
from flask_babel import gettext
from flask_login import current_user, login_user, logout_user, user_logged_in
from sqlalchemy.orm import Session, joinedload
from werkzeug.security import check_password_hash
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.access import EVERYTHING, SYSTEM, ParentScope, scope_of
from app.extensions import db
from app.models import CanteenUser, LoginAttempt
from app.passwords import digest
from app.registration import NO_PASSWORD
from app.security import current_actor, is_staff
from app.transaction import transaction


class NoSecurityApi(SecurityApi):
    """Flask-AppBuilder's login API is always there and never limited: leave its routes out."""

    include_route_methods: set[str] = set()


class LoginView(AuthDBView):
    """Logging out is a POST; a GET asks."""

    @expose("/login/", methods=["GET", "POST"])
    def login(self) -> Any:
        """The form, and the way in; a wrong password and an unknown name look the same."""
        if current_user.is_authenticated:
            return redirect(self.appbuilder.get_url_for_index)
        form = LoginForm_db()
        if form.validate_on_submit():
            user = self.appbuilder.sm.auth_user_db(form.username.data, form.password.data)
            if user is not None:
                login_user(user)
                return redirect(_next_page())
            flash(
                gettext("Identifier or password is wrong. Try again, or wait a few minutes."),
                "warning",
            )
        return self.render_template(self.login_template, title=self.title, form=form)

    @expose("/logout/", methods=["GET"])
    def confirm_logout(self) -> Any:
        """The page with the button."""
        return self.render_template("home/logout.html", title="")

    @expose("/logout/", methods=["POST"])
    def logout(self) -> AnyResponse:
        """End this user's sessions everywhere: the old cookie is worth nothing."""
        if current_user.is_authenticated:
            end_sessions(current_user.id)
        logout_user()
        session.clear()
        return redirect(url_for("LoginView.login"))


def _next_page() -> str:
    """Where the visitor wanted to go, if that is a page of ours.

    Browsers drop tabs and line ends from an address and read a backslash as a slash.
    """
    wanted = request.args.get("next", "")
    path = wanted.removeprefix(request.host_url.rstrip("/"))
    is_ours = path.startswith("/") and path[1:2] not in {"/", "\\"} and path.isprintable()
    return path if is_ours else "/"


def end_sessions(user_id: int) -> None:
    """Make every session of the user worthless."""
    with transaction(current_actor()) as writing:
        user = writing.get_one(CanteenUser, user_id)
        user.session_version += 1


_USER_WITH_ROLES: Final = (
    sa.select(CanteenUser)
    .where(CanteenUser.id == sa.bindparam("user"))
    .options(joinedload(CanteenUser.roles))
)


class CanteenSecurityManager(SecurityManager):
    """Flask-AppBuilder's manager, with our users, roles in code, and guesses slowed down."""

    user_model = CanteenUser
    security_api = NoSecurityApi
    authdbview = LoginView
    userstatschartview = None

    def register_views(self) -> None:
        """Only the login: users and roles are kept by our own views."""
        self.auth_view = self.authdbview()
        self.appbuilder.add_view_no_menu(self.auth_view)

    def is_item_public(self, permission_name: str, view_name: str) -> bool:  # noqa: ARG002
        """Nothing that needs a permission is public."""
        return False

    def get_user_roles(self, user: Any) -> list[Any]:
        """Roles only; groups are not used."""
        return list(user.roles) if user.is_authenticated else []

    def _get_safe_user(self, user: Any) -> Any:
        """As loaded: ours are out of the session on purpose, and need no second reading."""
        return user

    def get_user_by_id(self, pk: Any) -> CanteenUser | None:
        """The user with their roles, in one query."""
        reading: Session = db.session()
        with scope_of(reading, EVERYTHING):
            return reading.scalars(_USER_WITH_ROLES, {"user": pk}).unique().one_or_none()

    def load_user(self, pk: str) -> CanteenUser | None:
        """The session's user, if it is still valid; from here on the request has its scope."""
        user = self.get_user_by_id(int(pk))
        if user is None or not user.is_active:
            return None
        if session.get("version") != user.session_version:
            return None
        reading = db.session()
        reading.info["scope"] = EVERYTHING if is_staff(user) else ParentScope(user.id)
        # Out of the session: the end of a transaction would have them read again.
        for record in (user, *user.roles):
            reading.expunge(record)
        return user

    def auth_user_db(self, username: str, password: str) -> CanteenUser | None:
        """The user, if the password is theirs; nothing tells the reasons for None apart."""
        identifier = (username or "").strip().lower()
        is_readable = bool(identifier) and identifier.isprintable()
        if not is_readable or not password or is_slowed_down(identifier):
            return None
        user = _find_user(identifier)
        # Who has no password yet waits as long as anybody, and does not come in.
        kept = str(user.password or "") if user is not None and user.is_active else ""
        has_one = kept not in {"", NO_PASSWORD}
        fake = current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"]
        is_right = check_password_hash(kept if has_one else fake, password) and has_one
        _record_attempt(identifier, user if is_right else None)
        return user if is_right else None


def _find_user(identifier: str) -> CanteenUser | None:
    reading: Session = db.session()
    query = sa.select(CanteenUser).where(
        sa.or_(CanteenUser.username == identifier, CanteenUser.email == identifier)
    )
    with scope_of(reading, EVERYTHING):
        return reading.scalars(query).first()


def is_slowed_down(identifier: str) -> bool:
    """Too many failures from this address: others, from elsewhere, are not locked out."""
    config = current_app.config
    attempt, since = LoginAttempt, clock.now() - config["LOGIN_WINDOW"]
    address = digest(request.remote_addr or "")
    query = sa.select(
        sa.func.count(),
        sa.func.coalesce(
            sa.func.sum(sa.case((attempt.identifier == digest(identifier), 1), else_=0)), 0
        ),
    ).where(attempt.address == address, attempt.attempted_at > since)
    reading: Session = db.session()
    with scope_of(reading, EVERYTHING):
        total, own = reading.execute(query).one()
    return bool(
        total >= config["LOGIN_FAILURES_PER_ADDRESS"]
        or own >= config["LOGIN_FAILURES_PER_IDENTIFIER"]
    )


def _record_attempt(identifier: str, user: CanteenUser | None) -> None:
    now = clock.now()
    user_id = None if user is None else user.id
    key, address = digest(identifier), digest(request.remote_addr or "")
    with transaction(SYSTEM) as writing:
        if user_id is None:
            attempt = LoginAttempt(identifier=key, address=address, attempted_at=now)
            writing.add(attempt)
            return
        writing.execute(
            sa.delete(LoginAttempt).where(
                LoginAttempt.identifier == key, LoginAttempt.address == address
            )
        )
        writing.execute(
            sa.update(CanteenUser)
            .where(CanteenUser.id == user_id)
            .values(last_login=now.replace(tzinfo=None))
        )


def _begin_session(_: Flask, user: CanteenUser, **__: object) -> None:
    token = session.get("csrf_token")
    session.pop("page_history", None)
    session.permanent = True
    session["version"] = user.session_version
    if token:
        session["csrf_token"] = token


def _ask_for_new_password() -> AnyResponse | None:
    """Who logs in with a password from a letter chooses their own first."""
    open_to_them = {"static", "appbuilder.static", "LoginView.logout", "LoginView.confirm_logout"}
    if request.endpoint is None or request.endpoint in open_to_them:
        return None
    if not current_user.is_authenticated or not current_user.must_change_password:
        return None
    if request.blueprint == "PasswordView":
        return None
    return redirect(url_for("PasswordView.this_form_get"))


def install(app: Flask) -> None:
    """What happens at login, and before each request of somebody with a password from a letter."""
    user_logged_in.connect(_begin_session, app)
    app.before_request(_ask_for_new_password)
