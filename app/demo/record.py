"""What the demo lived through, written down: rows in bulk, money through the ledger."""

from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger
from app.access import Actor
from app.clock import local
from app.demo.books import Books, Deposit, Posting
from app.demo.bulk import Row, insert, insert_quietly
from app.demo.life import OUTAGE, Life
from app.demo.meals import Meal
from app.demo.school import RULES, School
from app.ledger import Entry
from app.models import (
    Booking,
    BookingChange,
    Counter,
    OnlinePayment,
    Receipt,
    ServiceDay,
    TopUp,
)
from app.rules.deadlines import last_call_of
from app.vocabulary import (
    HOLDS_A_SEAT,
    BookingState,
    LedgerKind,
    PaymentState,
    TopUpChannel,
    TopUpState,
    TransferKind,
)

TRANSFERS_AT_ONCE: Final = 200
PROVIDER: Final = "simulated"
_COMES_FROM: Final = {
    TopUpChannel.CASH: LedgerKind.CASH,
    TopUpChannel.BANK: LedgerKind.BANK,
    TopUpChannel.ONLINE: LedgerKind.CLEARING,
}


@contextmanager
def acting(session: Session, actor: Actor) -> Iterator[None]:
    """Write as somebody else for a while."""
    before = session.info["actor"]
    session.info["actor"] = actor
    try:
        yield
    finally:
        session.info["actor"] = before


def write_life(session: Session, school: School, life: Life, now: datetime) -> None:
    """Days, meals, top-ups, and every transfer that they made."""
    _write_meals(session, school, life.meals)
    _close_days(session, school, life.outage, now)
    write_deposits(session, life.books.deposits)
    _post(session, life.books)


def _write_meals(session: Session, school: School, meals: list[Meal]) -> None:
    """The bookings in the order in which they were made, and all their changes likewise."""
    ordered = sorted(meals, key=lambda meal: meal.steps[0]["changed_at"])
    rows = [_booking(school, meal) for meal in ordered]
    for meal, booking_id in zip(ordered, insert(session, Booking, rows), strict=True):
        meal.id = booking_id
    steps = [{"booking_id": meal.id} | step for meal in ordered for step in meal.steps]
    steps.sort(key=lambda step: step["changed_at"])
    insert_quietly(session, BookingChange.__table__, steps)
    _count_seats(session)


def _booking(school: School, meal: Meal) -> Row:
    return {
        "pupil_id": meal.child.id,
        "service_day_id": school.days[meal.day],
        "meal_type_id": meal.meal_type_id,
        "account_id": meal.family.account_id,
        "state": meal.state,
        "attendance": meal.attendance,
        "is_late": meal.is_late,
        "price": meal.price,
        "version": len(meal.steps),
    }


def _count_seats(session: Session) -> None:
    seats = (
        sa.select(sa.func.count())
        .where(Booking.service_day_id == ServiceDay.id, Booking.state.in_(HOLDS_A_SEAT))
        .scalar_subquery()
    )
    session.execute(sa.update(ServiceDay.__table__).values(seats_taken=seats))


def _close_days(session: Session, school: School, outage: date, now: datetime) -> None:
    """Past days are closed; on one of them the canteen had to be, too."""
    table: Any = ServiceDay.__table__
    calls = {day_id: last_call_of(day, RULES) for day, day_id in school.days.items()}
    rows = [{"day_id": day_id, "instant": at} for day_id, at in calls.items() if at <= now]
    statement = sa.update(table).where(table.c.id == sa.bindparam("day_id"))
    session.execute(statement.values(closed_at=sa.bindparam("instant")), rows)
    session.execute(sa.update(table).where(table.c.date == outage).values(closure=OUTAGE))


def write_deposits(session: Session, deposits: list[Deposit]) -> None:
    """Top-ups with what proves them: receipts without gaps, payments at the provider."""
    rows = [_top_up(deposit) for deposit in deposits]
    for deposit, top_up_id in zip(deposits, insert(session, TopUp, rows), strict=True):
        deposit.id = top_up_id
    _write_receipts(session, [d for d in deposits if d.cashier_id is not None])
    online = [d for d in deposits if d.channel is TopUpChannel.ONLINE]
    insert(session, OnlinePayment, [_payment(deposit) for deposit in online])


def _top_up(deposit: Deposit) -> Row:
    state = _state_of(deposit)
    return {
        "account_id": deposit.family.account_id,
        "channel": deposit.channel,
        "state": state,
        "amount": deposit.amount,
        "made_at": deposit.made_at,
        "credit_at": deposit.credit_at,
        "credited_at": deposit.credited_at if state is TopUpState.CREDITED else None,
        "request_id": deposit.request_id,
    }


def _state_of(deposit: Deposit) -> TopUpState:
    if deposit.cancelled_at is not None:
        return TopUpState.CANCELLED
    return TopUpState.VALIDATED if deposit.credited_at is None else TopUpState.CREDITED


def _payment(deposit: Deposit) -> Row:
    return {
        "top_up_id": deposit.id,
        "provider": PROVIDER,
        "order_number": deposit.request_id[:20],
        "provider_reference": deposit.request_id,
        "address": "",
        "state": PaymentState.VALIDATED,
        "terms_version": 1,
        "terms_accepted_at": deposit.made_at,
        "check_at": None,
        "settled_at": deposit.made_at,
    }


def _write_receipts(session: Session, deposits: list[Deposit]) -> None:
    numbers: Tally[int] = Tally()
    rows = []
    for deposit in deposits:
        year = local(deposit.made_at).year
        numbers[year] += 1
        rows.append(
            {
                "year": year,
                "number": numbers[year],
                "top_up_id": deposit.id,
                "issued_at": deposit.made_at,
                "cashier_id": deposit.cashier_id,
                "balance_after": deposit.balance_after,
                "cancelled_at": deposit.cancelled_at,
            }
        )
    insert(session, Receipt, rows)
    counters = [{"name": "receipt", "year": y, "value": last} for y, last in numbers.items()]
    insert(session, Counter, counters)


def _post(session: Session, books: Books) -> None:
    """Every posting through the ledger, in order of time."""
    wallets = ledger.wallet_ids(session, books.balances)
    chart = {kind: ledger.chart_id(session, kind) for kind in ledger.CODES}
    for posting in books.postings:
        with acting(session, posting.actor):
            if posting.kind is TransferKind.REVERSAL:
                _reverse(session, posting)
            else:
                _post_entries(session, posting, wallets, chart)


def _reverse(session: Session, posting: Posting) -> None:
    for item in posting.items:
        ledger.reverse(session, item.transfer_id, now=posting.at)


def _post_entries(
    session: Session, posting: Posting, wallets: dict[int, int], chart: dict[LedgerKind, int]
) -> None:
    for first in range(0, len(posting.items), TRANSFERS_AT_ONCE):
        items = posting.items[first : first + TRANSFERS_AT_ONCE]
        entries = [
            _charge(item, wallets, chart)
            if isinstance(item, Meal)
            else _credit(item, posting.at, wallets, chart)
            for item in items
        ]
        ids = ledger.post_many(session, entries, now=posting.at)
        for item, transfer_id in zip(items, ids, strict=True):
            item.transfer_id = transfer_id


def _charge(meal: Meal, wallets: dict[int, int], chart: dict[LedgerKind, int]) -> Entry:
    steps = [step for step in meal.steps if step["new_state"] is BookingState.CHARGED]
    return Entry(
        kind=TransferKind.MEAL,
        operation_id=f"booking:{meal.id}:{steps[0]['version']}",
        debit_id=wallets[meal.family.account_id],
        credit_id=chart[LedgerKind.MEAL_INCOME],
        amount=meal.price or 0,
        booked_on=meal.day,
        booking_id=meal.id,
    )


def _credit(
    deposit: Deposit, at: datetime, wallets: dict[int, int], chart: dict[LedgerKind, int]
) -> Entry:
    return Entry(
        kind=TransferKind.TOP_UP,
        operation_id=f"top-up:{deposit.id}",
        debit_id=chart[_COMES_FROM[deposit.channel]],
        credit_id=wallets[deposit.family.account_id],
        amount=deposit.amount,
        booked_on=local(at).date(),
    )
