"""What an account's papers say, read from the ledger: by dates, and by calendar year.

Readers see what their scope lets them: an account out of reach is NotFound.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import ledger
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
    DatesReversed.check(first, last)
    account = _account(session, account_id)
    line_id, until = ledger.wallet_id(session, account_id), last + timedelta(days=1)
    found = operations(session, _recorded(session, line_id, first, until), {account_id})
    return AccountStatement(
        account=account.label,
        reference=format_reference(account.reference or ""),
        since=first,
        until=until,
        opening=ledger.balance(session, line_id, Transfer.recorded_at < instant_of(first, time())),
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
    line_id, first, until = ledger.wallet_id(session, account_id), *_days_of(year)
    apart = _apart(line_id, _recorded(session, line_id, first, until))
    return TaxStatement(
        account=account.label,
        reference=format_reference(account.reference or ""),
        year=year,
        children=_children(line_id, _served(session, line_id, first, until)),
        top_ups=apart.pop(TransferKind.TOP_UP, 0),
        refunds=apart.pop(TransferKind.REFUND, 0),
        others=sum(apart.values()),
        printed_on=printed.today,
        locale=printed.locale,
    )


def _days_of(year: int) -> tuple[date, date]:
    return date(year, 1, 1), date(year + 1, 1, 1)


def _check_year(year: int, today: date) -> None:
    if not _FIRST_YEAR <= year <= today.year:
        raise YearWithoutStatement


def accounts_of_year(session: Session, year: int, today: date) -> list[int]:
    """The accounts that a tax statement of the year has something to say of, by id.

    Raises: YearWithoutStatement.
    """
    _check_year(year, today)
    first, until = _days_of(year)
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


def _recorded(session: Session, line_id: int, first: date, until: date) -> Sequence[Transfer]:
    """Transfers of the account, newest first."""
    query = (
        sa.select(Transfer)
        .where(ledger.moves(line_id), *_recorded_in(first, until))
        .order_by(Transfer.recorded_at.desc(), Transfer.id.desc())
        .options(*LOAD)
    )
    return session.scalars(query).all()


def _recorded_in(first: date, until: date) -> tuple[sa.ColumnElement[bool], ...]:
    begins, ends = instant_of(first, time()), instant_of(until, time())
    return Transfer.recorded_at >= begins, Transfer.recorded_at < ends


def _served(session: Session, line_id: int, first: date, until: date) -> Sequence[Transfer]:
    """Charges and their reversals of meals of those days, in the order of the days."""
    query = (
        sa.select(Transfer)
        .join(Transfer.booking)
        .join(Booking.service_day)
        .where(ledger.moves(line_id), ServiceDay.date >= first, ServiceDay.date < until)
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


def _children(line_id: int, served: Iterable[Transfer]) -> tuple[TaxChild, ...]:
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


def _apart(line_id: int, moved: Iterable[Transfer]) -> dict[TransferKind, Cents]:
    """What moved the account beside meals, by kind; a reversal counts where its original does."""
    sums: defaultdict[TransferKind, Cents] = defaultdict(int)
    for transfer in moved:
        kind = (transfer.reverses or transfer).kind
        if kind is not TransferKind.MEAL:
            sums[kind] += transfer.amount if transfer.credit_id == line_id else -transfer.amount
    return sums
