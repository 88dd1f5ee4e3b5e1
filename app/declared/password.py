"""Passwords: changing one's own, asking for a mail, choosing another with what the mail brought."""

from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import abort, current_app, flash, g, request, session, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from app import clock, outbox
from app.access import EVERYTHING, SYSTEM, scope_of
from app.declared.base import FormView, OpenFormView
from app.errors import ChangedMeanwhile
from app.extensions import db
from app.forms import ChangePasswordForm, ForgottenForm, NewPasswordForm
from app.models import CanteenUser, LoginAttempt, OutboxFact
from app.passwords import digest, hash_password, user_of_reset_token
from app.refusals import LinkTooOld, WrongPassword
from app.registration import NO_MAIL
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import FactKind

MOST_REQUESTS: Final = 5
"""From one address in the time in which failed logins count."""

BETWEEN_MAILS: Final = timedelta(minutes=5)


def keep_password(known: CanteenUser, hashed: str) -> int:
    """Make it the user's own; every session of theirs ends. The new session version.

    Raises: ChangedMeanwhile if the password was replaced since `known` was read.
    """
    user_id, before = known.id, known.password
    with transaction(current_actor()) as writing:
        user = writing.get_one(CanteenUser, user_id, with_for_update=True, populate_existing=True)
        if user.password != before:
            raise ChangedMeanwhile
        user.password = hashed
        user.must_change_password = False
        user.session_version += 1
        return user.session_version


class PasswordView(FormView):
    route_base = "/mot-de-passe"
    form = ChangePasswordForm
    form_title = _l("Change the password")
    form_columns = ["current", "password", "again"]

    def prepare(self, form: Any) -> None:
        """Whose password it is."""
        form.username = current_user.username

    def form_get(self, form: Any) -> None:  # noqa: ARG002
        """Who came with a letter is told why they are here."""
        if current_user.must_change_password:
            flash(_("Choose a password of your own. The letter’s is then of no use."), "info")

    def form_post(self, form: Any) -> None:
        """Replace it, if the present one is right; this session goes on, the others end."""
        manager = current_app.appbuilder.sm  # type: ignore[attr-defined]
        user = manager.auth_user_db(current_user.username, form.current.data)
        if user is None:
            raise WrongPassword
        session["version"] = keep_password(user, hash_password(form.password.data))
        flash(_("Your password is changed. Other devices are logged out."), "success")


class PasswordForgottenView(OpenFormView):
    route_base = "/mot-de-passe/oubli"
    form = ForgottenForm
    form_title = _l("Forgotten password")
    submit_label = _l("Send the link")

    def get_redirect(self) -> str:
        """Where the new password will be used."""
        return url_for("LoginView.login")

    def form_post(self, form: Any) -> None:
        """The same answer whether somebody is meant or not."""
        if _asked_too_often():
            abort(429)
        _tell(form.identifier.data.lower())
        flash(
            _(
                "If we know you, a mail is on its way to the address that we have. "
                "Without a mail address, ask the school secretariat for a new letter."
            ),
            "info",
        )


def _place() -> tuple[str, str]:
    return digest("forgotten password"), digest(request.remote_addr or "")


def _asked_too_often() -> bool:
    identifier, address = _place()
    query = sa.select(sa.func.count(LoginAttempt.id)).where(
        LoginAttempt.identifier == identifier,
        LoginAttempt.address == address,
        LoginAttempt.attempted_at > clock.now() - current_app.config["LOGIN_WINDOW"],
    )
    reading = db.session()
    with scope_of(reading, EVERYTHING):
        return (reading.scalar(query) or 0) >= MOST_REQUESTS


def _tell(identifier: str) -> None:
    """Note the request, and the fact that makes the mail; one mail in five minutes."""
    now = clock.now()
    kind, address = _place()
    with transaction(SYSTEM) as writing:
        writing.add(LoginAttempt(identifier=kind, address=address, attempted_at=now))
        user = writing.scalars(
            sa.select(CanteenUser).where(
                sa.or_(CanteenUser.username == identifier, CanteenUser.email == identifier),
                CanteenUser.active.is_(True),
                CanteenUser.email.not_like(f"%{NO_MAIL}"),
            )
        ).first()
        if user is None:
            return
        told = sa.select(OutboxFact.id).where(
            OutboxFact.kind == FactKind.PASSWORD_RESET,
            OutboxFact.user_id == user.id,
            OutboxFact.recorded_at > now - BETWEEN_MAILS,
        )
        if writing.scalar(told.limit(1)) is None:
            outbox.tell(writing, FactKind.PASSWORD_RESET, now=now, user_id=user.id)


class PasswordResetView(OpenFormView):
    route_base = "/mot-de-passe/nouveau"
    form = NewPasswordForm
    form_title = _l("Choose a new password")
    form_columns = ["password", "again"]

    def get_redirect(self) -> str:
        """Where the new password is used."""
        return url_for("LoginView.login")

    @expose("/<token>", methods=["GET"])
    def this_form_get(self, token: str) -> Any:
        """The form, for who has a token that still holds."""
        _user_of(token)
        self._init_vars()
        return self._page(self.form.refresh())

    @expose("/<token>", methods=["POST"])
    def this_form_post(self, token: str) -> Any:
        """The new password, once: it makes the token worthless."""
        g.user_of_token = _user_of(token)
        return self._answer()

    def prepare(self, form: Any) -> None:
        """Whose password it becomes."""
        form.username = g.user_of_token.username

    def form_post(self, form: Any) -> None:
        """Keep it."""
        keep_password(g.user_of_token, hash_password(form.password.data))
        flash(_("Your password is changed. Log in with it."), "success")


def _user_of(token: str) -> CanteenUser:
    user = user_of_reset_token(token)
    if user is None:
        raise LinkTooOld
    return user
