"""Who may do what: roles in one table, logging in, sessions, headers.

Permissions live here, in code; the database only knows which user has which role.
"""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import Flask, Response, current_app, redirect, request, session, url_for
from flask_appbuilder import expose
from flask_appbuilder.security.api import SecurityApi
from flask_appbuilder.security.sqla.manager import SecurityManager
from flask_appbuilder.security.views import AuthDBView
from flask_login import current_user, logout_user, user_logged_in
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import Session, joinedload
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.access import EVERYTHING, SYSTEM, Actor, ParentScope, scope_of
from app.extensions import db
from app.models import CanteenUser, LoginAttempt
from app.transaction import transaction
from app.vocabulary import Channel, Role

_READ: Final = "can_(list|show)"
_KEEP: Final = "can_(list|show|add|edit)"

# View name: what the role may do there. Views are matched whole, permissions too.
PERMISSIONS: Final[Mapping[Role, Mapping[str, str]]] = {
    Role.PARENT: {
        "AgendaView": "can_(week|change|pattern|undo)",
    },
    Role.SECRETARIAT: {
        "AgendaView": "can_(week|change|pattern|undo)",
    },
    Role.TILL: {
        "AgendaView": "can_(week|change)",
    },
    Role.KITCHEN: {},
    Role.ACCOUNTING: {},
    Role.COMMITTEE: {},
    Role.ADMIN: {".*": ".*"},
}
FAB_ROLES: Final = {
    role.value: [
        [f"{view}$", f"({permissions}|menu_access)$"] for view, permissions in views.items()
    ]
    for role, views in PERMISSIONS.items()
}
STAFF: Final = frozenset(Role) - {Role.PARENT}
RESET_TOKEN_LIFE: Final = timedelta(hours=1)

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class MissingSecretError(RuntimeError):
    """The program would sign sessions with a secret that everybody knows."""


def require_secret(app: Flask) -> None:
    """Take SECRET_KEY from the settings; on one machine make one and keep it in instance/.

    Raises: MissingSecretError in production without one.
    """
    if app.config["SECRET_KEY"]:
        return
    if app.config["PRODUCTION"]:
        raise MissingSecretError
    path = app.config["INSTANCE"] / "secret_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    app.config["SECRET_KEY"] = path.read_text()


def hash_password(password: str) -> str:
    """As Flask-AppBuilder stores it. Slow on purpose: never inside a transaction."""
    return generate_password_hash(password, method="scrypt")


def reset_token(user: CanteenUser) -> str:
    """For a mail: whoever brings it within the hour may choose the user's password.

    Signed for this one purpose, and worthless once the password is another.
    """
    until = (clock.now() + RESET_TOKEN_LIFE).timestamp()
    return str(_reset_signer().dumps([user.id, until, _digest(f"{user.id} {user.password}")]))


def user_of_reset_token(token: str) -> CanteenUser | None:
    """The user that the token was made for; None if it is forged, too old, or used."""
    try:
        user_id, until, mark = _reset_signer().loads(token)
    except BadData:
        return None
    reading: Session = db.session()
    with scope_of(reading, EVERYTHING):
        user = reading.get(CanteenUser, user_id)
    if user is None or not user.is_active or clock.now().timestamp() >= until:
        return None
    return user if hmac.compare_digest(mark, _digest(f"{user.id} {user.password}")) else None


def _reset_signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="password reset")


def roles_of(user: Any) -> frozenset[str]:
    """The names of the user's roles; none for a visitor."""
    if not user.is_authenticated:
        return frozenset()
    return frozenset(role.name for role in user.roles)


def is_staff(user: Any) -> bool:
    """Whether the user works for the canteen."""
    return not roles_of(user).isdisjoint(STAFF)


def current_actor(channel: Channel | None = None) -> Actor:
    """Who sends this request; staff act at the desk unless they say how they were asked."""
    if not current_user.is_authenticated:
        return Actor(None, is_staff=False, channel=Channel.PORTAL)
    if is_staff(current_user):
        return Actor(current_user.id, is_staff=True, channel=channel or Channel.DESK)
    return Actor(current_user.id, is_staff=False, channel=Channel.PORTAL)


class NoSecurityApi(SecurityApi):
    """Flask-AppBuilder's login API is always there and never limited: leave its routes out."""

    include_route_methods: set[str] = set()


class LoginView(AuthDBView):
    """Logging out is a POST; a GET asks."""

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


def end_sessions(user_id: int) -> None:
    """Make every session of the user worthless."""
    with transaction(current_actor()) as writing:
        user = writing.get_one(CanteenUser, user_id)
        user.session_version += 1


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

    def get_user_by_id(self, pk: Any) -> CanteenUser | None:
        """The user with their roles, in one query."""
        query = (
            sa.select(CanteenUser)
            .where(CanteenUser.id == pk)
            .options(joinedload(CanteenUser.roles))
        )
        reading: Session = db.session()
        with scope_of(reading, EVERYTHING):
            return reading.scalars(query).unique().one_or_none()

    def load_user(self, pk: str) -> CanteenUser | None:
        """The session's user, if it is still valid; from here on the request has its scope."""
        user = self.get_user_by_id(int(pk))
        if user is None or not user.is_active:
            return None
        if session.get("version") != user.session_version:
            return None
        db.session().info["scope"] = EVERYTHING if is_staff(user) else ParentScope(user.id)
        return user

    def auth_user_db(self, username: str, password: str) -> CanteenUser | None:
        """The user, if the password is theirs; nothing tells the reasons for None apart."""
        identifier = (username or "").strip().lower()
        if not identifier or not password or is_slowed_down(identifier):
            return None
        user = _find_user(identifier)
        kept = current_app.config["AUTH_DB_FAKE_PASSWORD_HASH_CHECK"]
        if user is not None and user.is_active and user.password:
            kept = user.password
        is_right = check_password_hash(kept, password) and user is not None and user.is_active
        _record_attempt(identifier, user if is_right else None)
        return user if is_right else None


def _find_user(identifier: str) -> CanteenUser | None:
    reading: Session = db.session()
    query = sa.select(CanteenUser).where(
        sa.or_(CanteenUser.username == identifier, CanteenUser.email == identifier)
    )
    with scope_of(reading, EVERYTHING):
        return reading.scalars(query).first()


def _digest(text: str) -> str:
    key = current_app.config["SECRET_KEY"].encode()
    return hashlib.blake2b(text.encode(), key=key[:64], digest_size=16).hexdigest()


def is_slowed_down(identifier: str) -> bool:
    """Too many failures from this address: others, from elsewhere, are not locked out."""
    config = current_app.config
    attempt, since = LoginAttempt, clock.now() - config["LOGIN_WINDOW"]
    address = _digest(request.remote_addr or "")
    query = sa.select(
        sa.func.count(),
        sa.func.coalesce(
            sa.func.sum(sa.case((attempt.identifier == _digest(identifier), 1), else_=0)), 0
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
    key, address = _digest(identifier), _digest(request.remote_addr or "")
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


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["PRODUCTION"]:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if request.endpoint not in {"static", "appbuilder.static"}:
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def install(app: Flask) -> None:
    """Sessions, forced password change and headers on every response."""
    user_logged_in.connect(_begin_session, app)
    app.before_request(_ask_for_new_password)
    app.after_request(_add_headers)


def sync_roles() -> None:
    """Make every role of the table exist. Idempotent."""
    manager = current_app.appbuilder.sm  # type: ignore[attr-defined]
    with transaction(SYSTEM):
        for role in Role:
            manager.add_role(role.value, commit=False)
