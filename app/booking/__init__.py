"""Book, cancel, repeat, close a day, fund, serve.

Services take a session inside `transaction`, frozen rules, and a clock that they read once their
locks are held. They flush and never commit. Locks are taken in one order everywhere: service day,
bookings, wallets, counters.
"""

from app.booking.cascades import close_canteen, depart, exclude, reopen_canteen
from app.booking.changes import Wish, book_meal, cancel_meal
from app.booking.closing import begin_closing, charge_next, fund_today, refuse_unfunded
from app.booking.patterns import (
    Pattern,
    Planned,
    book_pattern,
    pattern_days,
    plan_pattern,
    undo_operation,
)
from app.booking.prices import announce_price
from app.booking.service import mark_attendance, refuse_meal

__all__ = [
    "Pattern",
    "Planned",
    "Wish",
    "announce_price",
    "begin_closing",
    "book_meal",
    "book_pattern",
    "cancel_meal",
    "charge_next",
    "close_canteen",
    "depart",
    "exclude",
    "fund_today",
    "mark_attendance",
    "pattern_days",
    "plan_pattern",
    "refuse_meal",
    "refuse_unfunded",
    "reopen_canteen",
    "undo_operation",
]
