"""The mails of the demo: told already, so that the worker has nothing to send."""

from collections import defaultdict
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import outbox
from app.demo.books import Deposit
from app.demo.bulk import Row, insert, insert_quietly
from app.models import AccountHolder, Booking, BookingChange, OutboxFact, OutboxMail, OutboxMailFact
from app.vocabulary import BookingState, FactKind, MailState

_OF_EACH: Final = 10
_SENT_AFTER: Final = timedelta(seconds=20)
_FAILED: Final = {
    "state": MailState.FAILED,
    "attempts": 1,
    "sent_at": None,
    "last_error": "550 5.1.1 mailbox unavailable",
}


def tell_latest(session: Session, deposits: list[Deposit]) -> None:
    """Facts of the last credits and of the last meals that were not paid for."""
    for deposit in deposits[-_OF_EACH:]:
        outbox.tell(
            session,
            FactKind.CREDITED,
            now=deposit.credited_at or deposit.made_at,
            account_id=deposit.family.account_id,
            record_id=deposit.id,
        )
    for change_id, account_id, at in session.execute(_latest_unfunded()):
        kind = FactKind.MEAL_UNFUNDED
        outbox.tell(session, kind, now=at, account_id=account_id, record_id=change_id)
    session.flush()


def _latest_unfunded() -> sa.Select[int, int, datetime]:
    return (
        sa.select(BookingChange.id, Booking.account_id, BookingChange.changed_at)
        .join(BookingChange.booking)
        .where(BookingChange.new_state == BookingState.UNFUNDED)
        .order_by(BookingChange.id.desc())
        .limit(_OF_EACH)
    )


def send_all(session: Session, now: datetime) -> None:
    """One mail to each holder for the facts of one kind; the first one could not be delivered."""
    holders = defaultdict(list)
    for account_id, user_id in session.execute(
        sa.select(AccountHolder.account_id, AccountHolder.user_id).order_by(AccountHolder.id)
    ):
        holders[account_id].append(user_id)
    told: dict[tuple[int, int, FactKind], list[OutboxFact]] = defaultdict(list)
    for fact in session.scalars(sa.select(OutboxFact).order_by(OutboxFact.id)):
        meant = holders[fact.account_id or 0] if fact.user_id is None else [fact.user_id]
        for user_id in meant:
            told[fact.account_id or 0, user_id, fact.kind].append(fact)
    _write(
        session, [_mail(*key, facts[-1], now) for key, facts in told.items()], list(told.values())
    )
    session.execute(
        sa.update(OutboxFact.__table__).values(gathered_at=OutboxFact.recorded_at.expression)
    )


def _mail(account_id: int, user_id: int, kind: FactKind, last: OutboxFact, now: datetime) -> Row:
    at = min(last.due_at, now)
    return {
        "kind": kind,
        "user_id": user_id,
        "account_id": account_id,
        "state": MailState.SENT,
        "created_at": at,
        "due_at": at,
        "sent_at": min(at + _SENT_AFTER, now),
        "attempts": 1,
        "last_error": "",
    }


def _write(session: Session, mails: list[Row], facts: list[list[OutboxFact]]) -> None:
    if not mails:
        return
    mails[0] |= _FAILED
    links = [
        {"mail_id": mail_id, "fact_id": fact.id}
        for mail_id, told in zip(insert(session, OutboxMail, mails), facts, strict=True)
        for fact in told
    ]
    insert_quietly(session, OutboxMailFact.__table__, links)
