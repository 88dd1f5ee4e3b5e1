"""Making mails of facts: one for each reader and set of changes, in one short transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeAlias

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.delivery.recipients import can_be_mailed, holders_of, kitchen
from app.models import CanteenUser, OutboxFact, OutboxMail
from app.vocabulary import FactKind, MailState

FACTS_PER_COMMIT: Final = 500
_FOR_THE_KITCHEN: Final = frozenset({FactKind.LATE_CANCELLATION, FactKind.KITCHEN_LIST})

_TAKES_ALONG: Final = frozenset({FactKind.CREDITED, FactKind.EXCLUDED, FactKind.EXCLUSION_LIFTED})

# What a mail is about: kind, account, user, and the record where each is told in a mail of its own.
Topic: TypeAlias = tuple[FactKind, int | None, int | None, int | None]


def told_together(
    facts: Iterable[OutboxFact], now: datetime
) -> Mapping[Topic, Sequence[OutboxFact]]:
    """The facts to tell now, those of one mail together.

    A topic is due when its oldest fact is, and then takes along all that came since. A credit takes
    along the meals that it made good, an exclusion those that it cancelled: changes of the same
    account at the same instant.
    """
    known = list(facts)
    causes = {(f.account_id, f.recorded_at): f.kind for f in known if f.kind in _TAKES_ALONG}
    topics: dict[Topic, list[OutboxFact]] = {}
    for fact in known:
        is_change = fact.kind is FactKind.BOOKING_CHANGED
        cause = causes.get((fact.account_id, fact.recorded_at)) if is_change else None
        alone = fact.record_id if fact.kind is FactKind.MESSAGE else None
        topic = (cause or fact.kind, fact.account_id, fact.user_id, alone)
        topics.setdefault(topic, []).append(fact)
    return {
        topic: together
        for topic, together in topics.items()
        if min(fact.due_at for fact in together) <= now
    }


def is_anything_due(session: Session, now: datetime) -> bool:
    """Whether `gather` would find something."""
    return session.scalar(_due(now).limit(1)) is not None


def gather(session: Session, now: datetime) -> int:
    """Make mails of the facts that are due; how many facts were settled, 0 when none is left.

    Two workers do not make the same mail: the second waits for the facts and finds them gathered.
    (To skip locked ones instead would tear one set of changes into two mails.)
    """
    topics = told_together(_lock(session, now), now)
    readers = _Readers(session, topics)
    for topic, facts in topics.items():
        for user_id in readers.of(topic):
            session.add(_mail(topic, user_id, facts, now))
        for fact in facts:
            fact.gathered_at = now
    session.flush()
    return sum(len(facts) for facts in topics.values())


def _due(now: datetime) -> sa.Select[int]:
    return sa.select(OutboxFact.id).where(
        OutboxFact.gathered_at.is_(None), OutboxFact.due_at <= now
    )


def _lock(session: Session, now: datetime) -> Sequence[OutboxFact]:
    """Facts that are due, and whatever else waits for the same accounts, locked by id."""
    query = _due(now).add_columns(OutboxFact.account_id)
    due = session.execute(query.order_by(OutboxFact.account_id).limit(FACTS_PER_COMMIT)).all()
    accounts = {account_id for _, account_id in due if account_id is not None}
    wanted = sa.or_(
        OutboxFact.id.in_([fact_id for fact_id, _ in due]), OutboxFact.account_id.in_(accounts)
    )
    locking = (
        sa.select(OutboxFact)
        .where(OutboxFact.gathered_at.is_(None), wanted)
        .order_by(OutboxFact.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    return session.scalars(locking).all()


class _Readers:
    """Who reads of which topic; asked of the database once for all topics."""

    def __init__(self, session: Session, topics: Iterable[Topic]) -> None:
        self._session = session
        self._holders = holders_of(session, {account for _, account, _, _ in topics if account})

    def of(self, topic: Topic) -> Sequence[int | None]:
        kind, account_id, user_id, _ = topic
        if kind in _FOR_THE_KITCHEN:
            return kitchen(self._session)
        if user_id is not None:
            user = self._session.get_one(CanteenUser, user_id)
            return [user_id] if can_be_mailed(user) else []
        return self._holders.get(account_id or 0, [])


def _mail(
    topic: Topic, user_id: int | None, facts: Sequence[OutboxFact], now: datetime
) -> OutboxMail:
    kind, account_id, _, _ = topic
    return OutboxMail(
        kind=kind,
        user_id=user_id,
        account_id=account_id,
        state=MailState.QUEUED,
        created_at=now,
        due_at=now,
        facts=list(facts),
    )
