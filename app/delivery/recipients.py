"""Who gets a mail: the holders of the account that pays, one user, or the kitchen."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole
from sqlalchemy.orm import Session

from app.access import holds_account
from app.models import AccountHolder, CanteenSettings, CanteenUser, OutboxMail
from app.vocabulary import Role

_ADDRESS: Final = re.compile(r"[^\s@<>,;:()\[\]\"\\]+@[^\s@<>,;:()\[\]\"\\]+")
_NO_ADDRESS: Final = ".invalid"  # families without a mail address are kept under one that is none


def is_address(text: str) -> bool:
    """Whether mail can be sent there: one address, and not one made up for the database."""
    return _ADDRESS.fullmatch(text) is not None and not text.endswith(_NO_ADDRESS)


def can_be_mailed(user: CanteenUser) -> bool:
    """An active user with a real address."""
    return bool(user.is_active) and is_address(user.email)


def holders_of(session: Session, account_ids: Iterable[int]) -> Mapping[int, list[int]]:
    """Of each account the users who hold it now and can be mailed."""
    query = (
        sa.select(AccountHolder.account_id, CanteenUser)
        .join(AccountHolder.user)
        .where(AccountHolder.account_id.in_(set(account_ids)), AccountHolder.valid_until.is_(None))
        .order_by(CanteenUser.id)
    )
    found: dict[int, list[int]] = defaultdict(list)
    for account_id, user in session.execute(query):
        if can_be_mailed(user):
            found[account_id].append(user.id)
    return found


def kitchen_address(canteen: CanteenSettings) -> str:
    """Where the kitchen reads its mail; the canteen's own address where it has none."""
    return canteen.kitchen_email or canteen.email


def kitchen(session: Session) -> list[int | None]:
    """The kitchen's address (None), if it has one of its own; otherwise the cooks."""
    if session.get_one(CanteenSettings, 1).kitchen_email:
        return [None]
    query = sa.select(CanteenUser).where(CanteenUser.roles.any(StoredRole.name == Role.KITCHEN))
    cooks = [user.id for user in session.scalars(query) if can_be_mailed(user)]
    return list(cooks) or [None]


def may_still_read(session: Session, mail: OutboxMail, canteen: CanteenSettings) -> bool:
    """Whether the reader may have the mail now: they may have left since it was gathered."""
    if mail.user is None:
        return is_address(kitchen_address(canteen))
    if not can_be_mailed(mail.user):
        return False
    return mail.account_id is None or holds_account(session, mail.user.id, mail.account_id)
