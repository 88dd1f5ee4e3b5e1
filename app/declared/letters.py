"""First passwords, and the letters that bring them.

A first password is stored as its hash only. The page that answers its making offers the letter
once: the page carries what the letter must say, signed, and gives it back to `LetterView` in the
body of a POST. It is not encrypted: whoever reads that page is about to print the password. It is
worthless after an hour, and as soon as the password is another.
"""

import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import Response, current_app, render_template, request
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale
from flask_babel import gettext as _
from itsdangerous import BadData, URLSafeSerializer

from app import clock
from app.context import canteen_settings, letterhead, pdf_answer
from app.documents.credentials import CredentialsLetter, HolderLetter, render_credentials
from app.extensions import db
from app.models import AccountHolder, CanteenUser, Pupil, PupilAccount
from app.refusals import LetterTooOld
from app.rules.passwords import first_password
from app.security import digest, hash_password

LIFE: Final = timedelta(hours=1)


@dataclass(frozen=True)
class FirstPassword:
    """A password to print, and what is kept of it."""

    plain: str
    hash: str


def new_password() -> FirstPassword:
    """A fresh one. Slow: never inside a transaction."""
    plain = first_password(secrets.choice)
    return FirstPassword(plain, hash_password(plain))


def give_password(user: CanteenUser, password: FirstPassword) -> None:
    """Replace the user's password by one from a letter; every session of theirs ends."""
    user.password = password.hash
    user.must_change_password = True
    user.session_version += 1


def letter_page(users: Sequence[CanteenUser], passwords: Mapping[int, str], url: str) -> str:
    """The page that offers the letters of these users once, and leads on to `url`."""
    return render_template(
        "people/letter.html",
        title=_("The letter is ready"),
        users=users,
        sealed=_seal(users, passwords),
        url=url,
    )


class LetterView(BaseView):
    """Prints first passwords."""

    route_base = "/letter"

    @expose("/", methods=["POST"])
    @has_access
    def pdf(self) -> Response:
        """The letters that the page before has sealed, a page each."""
        content = CredentialsLetter(
            holders=tuple(_letters(_unseal(request.form.get("sealed", "")))),
            site_url=current_app.config["PUBLIC_URL"],
            written_on=clock.today(),
            opening_hours=tuple(filter(None, canteen_settings().opening_hours.splitlines())),
            locale=str(get_locale()),
        )
        return pdf_answer(render_credentials(content, letterhead(), _), "identifiants")


def _signer() -> URLSafeSerializer:
    return URLSafeSerializer(current_app.config["SECRET_KEY"], salt="first passwords")


def _mark(user: CanteenUser) -> str:
    return digest(f"letter {user.id} {user.password}")


def _seal(users: Iterable[CanteenUser], passwords: Mapping[int, str]) -> str:
    until = (clock.now() + LIFE).timestamp()
    content = [[user.id, passwords[user.id], _mark(user)] for user in users]
    return str(_signer().dumps([until, content]))


def _unseal(sealed: str) -> list[tuple[CanteenUser, str]]:
    """The users and their passwords. Raises: LetterTooOld."""
    try:
        until, content = _signer().loads(sealed)
    except BadData:
        raise LetterTooOld from None
    if clock.now().timestamp() >= until:
        raise LetterTooOld
    found = []
    for user_id, password, mark in content:
        user = db.session().get(CanteenUser, user_id)
        if user is None or not hmac.compare_digest(mark, _mark(user)):
            raise LetterTooOld
        found.append((user, password))
    return found


def _letters(passwords: Iterable[tuple[CanteenUser, str]]) -> Iterable[HolderLetter]:
    for user, password in passwords:
        town = f"{user.postal_code} {user.town}".strip()
        yield HolderLetter(
            name=user.get_full_name(),
            address_lines=tuple(filter(None, (user.street, town))),
            identifier=user.username,
            password=password,
            children=_children(user.id),
        )


def _children(user_id: int) -> tuple[str, ...]:
    query: sa.Select[Any] = (
        sa.select(Pupil)
        .join(PupilAccount, PupilAccount.pupil_id == Pupil.id)
        .join(AccountHolder, AccountHolder.account_id == PupilAccount.account_id)
        .where(AccountHolder.user_id == user_id, AccountHolder.valid_until.is_(None))
        .order_by(Pupil.birth_date, Pupil.id)
        .distinct()
    )
    return tuple(pupil.full_name for pupil in db.session().scalars(query))
