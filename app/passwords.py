"""How passwords are kept, and the link that lets somebody choose another."""

import hashlib
import hmac
from datetime import timedelta
from typing import Final

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import Session
from werkzeug.security import generate_password_hash

from app import clock
from app.access import EVERYTHING, scope_of
from app.extensions import db
from app.models import CanteenUser

RESET_TOKEN_LIFE: Final = timedelta(hours=1)


def hash_password(password: str) -> str:
    """As Flask-AppBuilder stores it. Slow on purpose: never inside a transaction."""
    return generate_password_hash(password, method="scrypt")


def hash_first_password(password: str) -> str:
    """For a password of 59 random bits, used once: hundreds of letters are printed in one go."""
    return generate_password_hash(password, method="pbkdf2:sha256:10000")


def digest(text: str) -> str:
    """A keyed hash: what must be compared but not read."""
    key = current_app.config["SECRET_KEY"].encode()
    return hashlib.blake2b(text.encode(), key=key[:64], digest_size=16).hexdigest()


def reset_token(user: CanteenUser) -> str:
    """For a mail: whoever brings it within the hour may choose the user's password.

    Signed for this one purpose, and worthless once the password is another.
    """
    until = (clock.now() + RESET_TOKEN_LIFE).timestamp()
    return str(_reset_signer().dumps([user.id, until, digest(f"{user.id} {user.password}")]))


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
    return user if hmac.compare_digest(mark, digest(f"{user.id} {user.password}")) else None


def _reset_signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="password reset")
