"""First passwords: who waits for one, and the letters that bring them.

Printing a letter sets a new first password, of which the hash is kept; printing again sets another,
and the paper before is worthless. Who printed and when is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.access import actor_of, is_held_on
from app.clock import Now
from app.models import CanteenUser, PrintedLetter

BATCHES_SHOWN: Final = 10


@dataclass(frozen=True)
class Batch:
    """Letters that were printed in one go; the `unused` still hold and have opened no door yet."""

    printed_at: datetime
    printed_by: str
    count: int
    unused: tuple[int, ...]


def is_waiting(today: date) -> sa.ColumnElement[bool]:
    """Users who hold an account and have never had a letter, nor a password of their own."""
    was_printed = sa.exists().where(PrintedLetter.user_id == CanteenUser.id)
    return sa.and_(
        CanteenUser.must_change_password,
        CanteenUser.active,
        CanteenUser.archived_at.is_(None),
        CanteenUser.holdings.any(is_held_on(today)),
        ~was_printed,
    )


def hand_out(
    session: Session, hashes: Mapping[int, str], now: Now, today: date, *, only_new: bool
) -> list[int]:
    """Give these users their new first password; whom it was given to, every session ends.

    With `only_new` those are left out who had a letter meanwhile: two who print at the same moment
    do not make each other's paper worthless.
    """
    wanted = CanteenUser.id.in_(hashes)
    if only_new:
        wanted = sa.and_(wanted, is_waiting(today))
    locking = (
        sa.select(CanteenUser)
        .where(CanteenUser.id.in_(hashes))
        .order_by(CanteenUser.id)
        .with_for_update(of=CanteenUser, key_share=True)
        .execution_options(populate_existing=True)
    )
    users = {user.id: user for user in session.scalars(locking)}
    given = sorted(session.scalars(sa.select(CanteenUser.id).where(wanted)))
    instant = now()
    for key in given:
        users[key].password = hashes[key]
        users[key].must_change_password = True
        users[key].session_version += 1
        note = PrintedLetter(
            user_id=key, printed_by_id=actor_of(session).user_id, printed_at=instant
        )
        session.add(note)
    session.flush()
    return given


def batches(session: Session) -> Sequence[Batch]:
    """What was printed last, the latest first."""
    instants = (
        sa.select(PrintedLetter.printed_at)
        .distinct()
        .order_by(PrintedLetter.printed_at.desc())
        .limit(BATCHES_SHOWN)
    )
    return [_batch(session, printed_at) for printed_at in session.scalars(instants).all()]


def _batch(session: Session, printed_at: datetime) -> Batch:
    query = (
        sa.select(PrintedLetter)
        .where(PrintedLetter.printed_at == printed_at)
        .order_by(PrintedLetter.id)
        .options(joinedload(PrintedLetter.user), joinedload(PrintedLetter.printed_by))
    )
    letters = session.scalars(query).all()
    printer = letters[0].printed_by
    later = sa.select(PrintedLetter.user_id).where(
        PrintedLetter.user_id.in_([each.user_id for each in letters]),
        PrintedLetter.printed_at > printed_at,
    )
    replaced = set(session.scalars(later))
    unused = [each for each in letters if each.user.must_change_password]
    return Batch(
        printed_at,
        "" if printer is None else str(printer.get_full_name()),
        len(letters),
        tuple(each.user_id for each in unused if each.user_id not in replaced),
    )


def letters_of(session: Session, user_id: int) -> Sequence[PrintedLetter]:
    """When letters were printed for somebody, the latest first."""
    query = (
        sa.select(PrintedLetter)
        .where(PrintedLetter.user_id == user_id)
        .order_by(PrintedLetter.id.desc())
        .options(joinedload(PrintedLetter.printed_by))
    )
    return session.scalars(query).all()
