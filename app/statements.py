"""What an account's papers say, read from the ledger: by dates, and by calendar year.

Readers see what their scope lets them: an account out of reach is NotFound.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app.bank.references import format_reference
from app.clock import instant_of, local
from app.documents.statement import AccountStatement, StatementLine
from app.documents.tax_statement import TaxChild, TaxMeal, TaxStatement
from app.errors import NotFound
from app.models import Account, Booking, LedgerAccount, ServiceDay, Transfer
from app.money import Cents
from app.operations import LOAD, operations
from app.refusals import DatesReversed, YearWithoutStatement
from app.vocabulary import TransferKind

_FIRST_YEAR: Final = 2000
_TOP_UPS: Final = frozenset({TransferKind.TOP_UP, TransferKind.PAID_TWICE})
_REFUNDS: Final = frozenset({TransferKind.REFUND})


@dataclass(frozen=True)
class Print:
    """When a paper is made, and in which language."""

    today: date
    locale: str


def account_statement(
    session: Session, account_id: int, first: date, last: date, printed: Print
) -> AccountStatement:
    """Every operation recorded from the first to the last day, both included, oldest first.

    Raises: NotFound; DatesReversed.
    """
    if last < first:
        raise DatesReversed
    account = _account(session, account_id)
    until = date.fromordinal(last.toordinal() + 1)
    moved = _recorded(session, account_id, first, until)
    found = operations(session, moved, {account_id})
    return AccountStatement(
        account=account.label,
        reference=format_reference(account.reference or ""),
        since=first,
        until=until,
        opening=_sum_before(session, account, first),
        lines=tuple(
            StatementLine(local(each.recorded_at).date(), each.label, each.child, each.amount)
            for each in reversed(found)
        ),
        printed_on=printed.today,
        locale=printed.locale,
    )


def tax_statement(session: Session, account_id: int, year: int, printed: Print) -> TaxStatement:
    """Meals by service date in the calendar year; what was given back counts less.

    Raises: NotFound; YearWithoutStatement.
    """
    _check_year(year, printed.today)
    account = _account(session, account_id)
    first, until = date(year, 1, 1), date(year + 1, 1, 1)
    apart = _apart(session, account, _recorded(session, account_id, first, until))
    return TaxStatement(
        account=account.label,
        reference=format_reference(account.reference or ""),
        year=year,
        children=_children(_served(session, account_id, first, until), _line(session, account_id)),
        top_ups=apart["top_ups"],
        refunds=apart["refunds"],
        others=apart["others"],
        printed_on=printed.today,
        locale=printed.locale,
    )


def _check_year(year: int, today: date) -> None:
    if not _FIRST_YEAR <= year <= today.year:
        raise YearWithoutStatement


def accounts_of_year(session: Session, year: int, today: date) -> list[int]:
    """The accounts that a tax statement of the year has something to say of, by id.

    Raises: YearWithoutStatement.
    """
    _check_year(year, today)
    first, until = date(year, 1, 1), date(year + 1, 1, 1)
    query = (
        sa.select(Account.id)
        .join(LedgerAccount, LedgerAccount.account_id == Account.id)
        .join(
            Transfer,
            sa.or_(Transfer.debit_id == LedgerAccount.id, Transfer.credit_id == LedgerAccount.id),
        )
        .outerjoin(Booking, Transfer.booking_id == Booking.id)
        .outerjoin(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .where(
            sa.or_(
                sa.and_(ServiceDay.date >= first, ServiceDay.date < until),
                sa.and_(Transfer.booking_id.is_(None), *_recorded_in(first, until)),
            )
        )
        .distinct()
        .order_by(Account.id)
    )
    return list(session.scalars(query))


def _account(session: Session, account_id: int) -> Account:
    found = session.get(Account, account_id)
    if found is None:
        raise NotFound
    return found


def _line(session: Session, account_id: int) -> int:
    return session.scalars(
        sa.select(LedgerAccount.id).where(LedgerAccount.account_id == account_id)
    ).one()


def _moves(line_id: int) -> sa.ColumnElement[bool]:
    return sa.or_(Transfer.debit_id == line_id, Transfer.credit_id == line_id)


def _recorded(session: Session, account_id: int, first: date, until: date) -> Sequence[Transfer]:
    """Transfers of the account, newest first."""
    query = (
        sa.select(Transfer)
        .where(
            _moves(_line(session, account_id)),
            *_recorded_in(first, until),
        )
        .order_by(Transfer.recorded_at.desc(), Transfer.id.desc())
        .options(*LOAD)
    )
    return session.scalars(query).all()


def _signed(line_id: int) -> sa.ColumnElement[int]:
    return sa.case((Transfer.credit_id == line_id, Transfer.amount), else_=-Transfer.amount)


def _sum_before(session: Session, account: Account, day: date) -> Cents:
    """The balance at the beginning of a day, which nothing that is recorded later can change."""
    line_id = _line(session, account.id)
    query = sa.select(sa.func.coalesce(sa.func.sum(_signed(line_id)), 0)).where(
        _moves(line_id), Transfer.recorded_at < instant_of(day, time())
    )
    return int(session.scalar(query) or 0)


def _recorded_in(first: date, until: date) -> tuple[sa.ColumnElement[bool], ...]:
    begins, ends = instant_of(first, time()), instant_of(until, time())
    return Transfer.recorded_at >= begins, Transfer.recorded_at < ends


def _served(session: Session, account_id: int, first: date, until: date) -> Sequence[Transfer]:
    """Charges and their reversals of meals of those days, in the order of the days."""
    query = (
        sa.select(Transfer)
        .join(Transfer.booking)
        .join(Booking.service_day)
        .where(
            _moves(_line(session, account_id)), ServiceDay.date >= first, ServiceDay.date < until
        )
        .order_by(ServiceDay.date, Transfer.id)
        .options(
            joinedload(Transfer.booking).options(
                joinedload(Booking.pupil),
                joinedload(Booking.service_day),
                joinedload(Booking.meal_type),
            )
        )
    )
    return session.scalars(query).all()


def _children(served: Iterable[Transfer], line_id: int) -> tuple[TaxChild, ...]:
    """By child and meal; what was given back whole is left out."""
    costs: defaultdict[int, Cents] = defaultdict(int)
    bookings: dict[int, Booking] = {}
    for transfer in served:
        booking = transfer.booking
        if booking is not None:
            bookings[booking.id] = booking
            costs[booking.id] += (
                transfer.amount if transfer.debit_id == line_id else -transfer.amount
            )
    meals: defaultdict[int, list[TaxMeal]] = defaultdict(list)
    names: dict[int, str] = {}
    for booking_id, booking in bookings.items():
        names[booking.pupil_id] = booking.pupil.full_name
        if costs[booking_id]:
            day, name = booking.service_day.date, booking.meal_type.name
            meals[booking.pupil_id].append(TaxMeal(day, name, costs[booking_id]))
    return tuple(TaxChild(names[i], tuple(meals[i])) for i in names if meals[i])


def _apart(session: Session, account: Account, moved: Iterable[Transfer]) -> dict[str, Cents]:
    """What moved the account beside meals, by kind; a reversal counts where its original does."""
    line_id = _line(session, account.id)
    sums = {"top_ups": 0, "refunds": 0, "others": 0}
    for transfer in moved:
        kind = (transfer.reverses or transfer).kind
        if kind is TransferKind.MEAL:
            continue
        name = "top_ups" if kind in _TOP_UPS else "refunds" if kind in _REFUNDS else "others"
        sums[name] += transfer.amount if transfer.credit_id == line_id else -transfer.amount
    return sums
