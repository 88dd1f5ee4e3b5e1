"""Telling families in time that their balance runs out, each once: the state is a row.

A balance is low when it covers fewer booked meals than the setting says, and not all of them: told
at most once in seven days. A meal that is not covered is told for its date, at 18:00 two service
days before, or at the next 18:00 for one that is booked or uncovered later.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import outbox
from app.booking.forecast import meals_by_account
from app.booking.prices import price_list
from app.clock import instant_of, local
from app.models import Account, BalanceNotice, CanteenSettings, ServiceDay
from app.rules.coverage import Coverage, coverage_of
from app.vocabulary import FactKind

TOLD_AT: Final = time(18, 0)
SERVICE_DAYS_BEFORE: Final = 2
WEEK: Final = timedelta(days=7)
_LOOKING_BACK: Final = timedelta(days=120)  # longer than any holidays


@dataclass(frozen=True)
class Notice:
    """What to tell an account, for which day."""

    account_id: int
    kind: FactKind
    day: date


def last_round(now: datetime) -> datetime:
    """The latest 18:00 in Zurich that is over."""
    today = local(now).date()
    at = instant_of(today, TOLD_AT)
    return at if at <= now else instant_of(today - timedelta(days=1), TOLD_AT)


def told_on(day: date, service_days: Sequence[date]) -> date:
    """Two service days before a meal, for service days in order; the first one where none is."""
    place = sum(each < day for each in service_days)
    return service_days[max(0, place - SERVICE_DAYS_BEFORE)] if service_days else day


def due_notices(session: Session, now: datetime) -> list[Notice]:
    """What is to be told at `now` and was not yet; only reads."""
    today = local(now).date()
    fewest = session.get_one(CanteenSettings, 1).low_balance_meals
    days = _service_days(session, today)
    reaches = _coverages(session, today)
    told = _told(session, today)
    found = []
    for account_id, reach in reaches.items():
        notice = _notice(account_id, reach, days, now, fewest)
        if notice is not None and not _is_told(notice, told):
            found.append(notice)
    return found


def _notice(
    account_id: int, reach: Coverage, days: Sequence[date], now: datetime, fewest: int
) -> Notice | None:
    """The more urgent of the two."""
    if reach.first_uncovered is None:
        return None
    told_at = instant_of(told_on(reach.first_uncovered, days), TOLD_AT)
    if told_at <= now:
        return Notice(account_id, FactKind.MEAL_UNCOVERED, reach.first_uncovered)
    if reach.covered_meals < fewest:
        return Notice(account_id, FactKind.LOW_BALANCE, local(now).date())
    return None


def _is_told(notice: Notice, told: Mapping[int, Collection[BalanceNotice]]) -> bool:
    """A meal once for its date; a low balance not within a week of anything that was told."""
    before = told.get(notice.account_id, ())
    if notice.kind is FactKind.MEAL_UNCOVERED:
        return any(each.kind is notice.kind and each.day == notice.day for each in before)
    return any(local(each.told_at).date() > notice.day - WEEK for each in before)


def _service_days(session: Session, today: date) -> Sequence[date]:
    query = sa.select(ServiceDay.date).where(
        ServiceDay.date >= today - _LOOKING_BACK, ServiceDay.closure.is_(None)
    )
    return session.scalars(query.order_by(ServiceDay.date)).all()


def _coverages(session: Session, today: date) -> dict[int, Coverage]:
    query = sa.select(Account.id, Account.balance + Account.tolerance).where(
        Account.archived_at.is_(None)
    )
    available = {key: money for key, money in session.execute(query.order_by(Account.id))}  # noqa: C416 - rows are no pairs to mypy
    meals = meals_by_account(session, available, today, price_list(session))
    return {key: coverage_of(available[key], meals[key]) for key in sorted(meals)}


def _told(session: Session, today: date) -> dict[int, list[BalanceNotice]]:
    """What was told of days that still matter, by account."""
    query = sa.select(BalanceNotice).where(BalanceNotice.day >= today - WEEK - _LOOKING_BACK)
    told: dict[int, list[BalanceNotice]] = {}
    for notice in session.scalars(query):
        told.setdefault(notice.account_id, []).append(notice)
    return told


def tell_balances(session: Session, now: datetime) -> int:
    """Tell what is due, and note it in the same transaction; how many. Again it tells nothing.

    Raises: IntegrityError where another worker told the same at this very moment.
    """
    notices = due_notices(session, now)
    for notice in notices:
        row = BalanceNotice(
            account_id=notice.account_id, kind=notice.kind, day=notice.day, told_at=now
        )
        session.add(row)
        session.flush()
        outbox.tell(session, notice.kind, now=now, account_id=notice.account_id, record_id=row.id)
    return len(notices)
