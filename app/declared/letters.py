"""The letters that bring first passwords: to print for one person, or for all who are new.

A first password is stored as its hash only and shown on the paper alone. Looking at the page
changes nothing; printing sets the passwords.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from flask import Response, current_app, request, url_for
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale
from flask_babel import gettext as _

from app import clock
from app.access import is_held_on
from app.context import canteen_settings, letterhead, pdf_answer
from app.credentials import Batch, batches, hand_out, is_waiting
from app.declared.roles import is_only_parent
from app.documents.credentials import CredentialsLetter, HolderLetter, render_credentials
from app.documents.letterhead import address_lines
from app.errors import BadInput
from app.extensions import db
from app.filters import Condition, record_id
from app.models import Account, AccountHolder, CanteenUser, Pupil, PupilAccount
from app.passwords import hash_first_password
from app.refusals import NoLetters
from app.rules.passwords import first_password
from app.security import current_actor
from app.transaction import transaction

MOST_AT_ONCE: Final = 1000


def letter_url(users: Iterable[CanteenUser]) -> str:
    """Where the letters of these users are printed."""
    return url_for("LetterView.index", user=[user.id for user in users])


class LetterView(BaseView):
    """Prints first passwords."""

    route_base = "/letter"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    def index(self) -> str:
        """Whose letter is to be printed: those who were named, or all who are new."""
        chosen = _chosen(request.args.getlist("user"))
        people = chosen or _users(is_waiting(clock.today()))
        html: str = self.render_template(
            "people/letter.html",
            title=_("First passwords"),
            chosen=bool(chosen),
            accounts=_accounts([user.id for user in chosen]),
            people=people,
            is_again=any(user.last_login is not None for user in chosen),
            batches=[] if chosen else batches(db.session()),
        )
        return html

    @expose("/pdf", methods=["POST"])
    @has_access
    def pdf(self) -> Response:
        """The letters, a page each: from here on their passwords hold, and no others."""
        only_new = "user" not in request.form and "batch" not in request.form
        users = _asked() if not only_new else _users(is_waiting(clock.today()))
        passwords = {user.id: first_password(secrets.choice) for user in users}
        hashes = {key: hash_first_password(password) for key, password in passwords.items()}
        with transaction(current_actor()) as session:
            given = hand_out(session, hashes, clock.now, clock.today(), only_new=only_new)
        if not given:
            raise NoLetters
        content = CredentialsLetter(
            holders=tuple(_letters(_users(CanteenUser.id.in_(given)), passwords)),
            site_url=current_app.config["PUBLIC_URL"],
            written_on=clock.today(),
            opening_hours=tuple(filter(None, canteen_settings().opening_hours.splitlines())),
            locale=str(get_locale()),
            is_window_left=request.form.get("window") == "left",
        )
        return pdf_answer(render_credentials(content, letterhead(), _), "identifiants")


def _within_reach() -> Condition:
    """Whose password may be reset: parents; staff only by who looks after them."""
    manager = current_app.appbuilder.sm  # type: ignore[attr-defined]
    return sa.true() if manager.has_access("can_list", "StaffUserView") else is_only_parent()


def _users(*conditions: Condition) -> Sequence[CanteenUser]:
    query = (
        sa.select(CanteenUser)
        .where(_within_reach(), *conditions)
        .order_by(CanteenUser.last_name, CanteenUser.first_name, CanteenUser.id)
        .limit(MOST_AT_ONCE)
    )
    return db.session().scalars(query).all()


def _chosen(keys: Iterable[str]) -> Sequence[CanteenUser]:
    ids = {record_id(key) for key in keys} - {None}
    if not ids:
        return []
    is_here = CanteenUser.archived_at.is_(None), CanteenUser.active
    return _users(CanteenUser.id.in_(ids), *is_here)


def _accounts(user_ids: Sequence[int]) -> Sequence[Account]:
    """Where to go on: the families of those who were named."""
    held = AccountHolder.user_id.in_(user_ids), is_held_on(clock.today())
    query = sa.select(Account).where(Account.holders.any(sa.and_(*held))).order_by(Account.id)
    return db.session().scalars(query).all()


def _asked() -> Sequence[CanteenUser]:
    """Those who were named, or of a batch those who have not used their letter yet."""
    named = _chosen(request.form.getlist("user"))
    if named or "batch" not in request.form:
        return named
    return _chosen(map(str, _batch(request.form["batch"]).unused))


def _batch(text: str) -> Batch:
    """Raises: BadInput."""
    try:
        printed_at = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput from None
    for batch in batches(db.session()):
        if batch.printed_at == printed_at:
            return batch
    raise BadInput


def _letters(users: Iterable[CanteenUser], passwords: Mapping[int, str]) -> Iterable[HolderLetter]:
    known = list(users)
    children = _children([user.id for user in known])
    for user in known:
        yield HolderLetter(
            name=user.get_full_name(),
            address_lines=address_lines(user),
            identifier=user.username,
            password=passwords[user.id],
            children=tuple(dict.fromkeys(children.get(user.id, ()))),
        )


def _children(user_ids: Sequence[int]) -> dict[int, list[str]]:
    query = (
        sa.select(AccountHolder.user_id, Pupil)
        .join(PupilAccount, PupilAccount.account_id == AccountHolder.account_id)
        .join(Pupil, Pupil.id == PupilAccount.pupil_id)
        .where(
            AccountHolder.user_id.in_(user_ids),
            AccountHolder.valid_until.is_(None),
            Pupil.archived_at.is_(None),
        )
        .order_by(Pupil.birth_date, Pupil.id)
    )
    names: dict[int, list[str]] = {}
    for user_id, pupil in db.session().execute(query):
        names.setdefault(user_id, []).append(pupil.full_name)
    return names
