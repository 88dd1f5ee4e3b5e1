"""The letter of who forgot a password."""

from flask_babel import gettext as _

from app.delivery.letter import Letter, Link
from app.delivery.telling import Telling
from app.passwords import reset_token


def password_reset(told: Telling) -> Letter:
    """A link that lets the reader choose a new password; the token is made as the mail is sent."""
    user = told.mail.user
    token = "…" if told.is_preview or user is None else reset_token(user)
    return Letter(
        subject=_("Choose a new password"),
        opening=_(
            "Somebody, probably you, asked for a new password. The button below is good for one "
            "hour. If it was not you, do nothing: your password stays as it is."
        ),
        link=Link(_("Choose a new password"), told.url(f"/mot-de-passe/nouveau/{token}")),
    )
