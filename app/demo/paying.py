"""How families keep their accounts filled, or do not."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import Enum, auto
from functools import partial
from random import Random
from typing import Final

from app.access import SYSTEM
from app.clock import instant_of, local
from app.demo.books import Books, Deposit
from app.demo.habits import moment
from app.demo.meals import Cause, Meal, new_operation
from app.demo.people import PARENT, PARENT2, Family, People
from app.demo.timeline import Timeline
from app.money import Cents
from app.vocabulary import BookingState, Channel, TopUpChannel

ONLINE_DELAY: Final = timedelta(hours=24)
_BANK_FILES_COME_AT: Final = time(6, 30)
_TEN_FRANCS: Cents = 1000
_AVERAGE_MEAL: Cents = 950
_DAYS_KEPT_COVERED: Final = 13  # with meals, that the careful family looks ahead
_WEEKS_SAVED: Final = 8
_REMEMBERS_CASH: Final = 0.4
_FRIDAY: Final = 4


class Habit(Enum):
    """How a family pays."""

    CAREFUL = auto()
    DAY_BY_DAY = auto()
    STANDING_ORDER = auto()
    ONLINE = auto()
    CASH = auto()
    FORGETFUL = auto()


# The chance that a child has cash with it when its meal turns out not to be paid for.
_HAS_CASH: Final = {
    Habit.CAREFUL: 0.0,
    Habit.DAY_BY_DAY: 0.75,
    Habit.STANDING_ORDER: 0.5,
    Habit.ONLINE: 0.6,
    Habit.CASH: 0.8,
    Habit.FORGETFUL: 0.6,
}
_HABITS: Final = (
    Habit.ONLINE,
    Habit.STANDING_ORDER,
    Habit.CASH,
    Habit.ONLINE,
    Habit.STANDING_ORDER,
    Habit.CASH,
    Habit.ONLINE,
    Habit.FORGETFUL,
)
_FIXED: Final = {PARENT: Habit.CAREFUL, PARENT2: Habit.DAY_BY_DAY}


@dataclass(eq=False)
class Wallet:
    """A family's account and habit; `weekly` is what its meals of a week cost, about."""

    family: Family
    habit: Habit
    meals: list[Meal] = field(default_factory=list)
    weekly: Cents = 0
    is_topping_up: bool = False


class Payers:
    """All families, as those who pay."""

    def __init__(
        self, rng: Random, people: People, books: Books, timeline: Timeline, meals: Iterable[Meal]
    ) -> None:
        self._rng, self._books, self._timeline = rng, books, timeline
        self._till = people.at_work("caisse", Channel.TILL)
        self._wallets = {f: Wallet(f, _habit_of(f)) for f in people.families}
        for meal in meals:
            self._wallets[meal.family].meals.append(meal)
        for wallet in self._wallets.values():
            wallet.weekly = _AVERAGE_MEAL * len({(m.child, m.day.weekday()) for m in wallet.meals})

    def begin(self, first: date) -> None:
        """Fill the accounts before the first day of school, and plan what comes regularly."""
        for wallet in self._wallets.values():
            if wallet.habit in {Habit.ONLINE, Habit.CAREFUL}:
                self._pay_online(wallet, 4 * wallet.weekly, first - timedelta(days=4))
            elif wallet.habit in {Habit.STANDING_ORDER, Habit.CASH}:
                self._pay_by_bank(wallet, first - timedelta(days=5))
            if wallet.habit is Habit.STANDING_ORDER:
                self._plan_standing_order(wallet, first)
            elif wallet.habit is Habit.CAREFUL:
                self._plan_ahead(wallet)

    def look_at_balances(self, at: datetime) -> None:
        """In the evening of a day with school: who is low tops up."""
        day = local(at).date()
        for wallet in self._wallets.values():
            if wallet.weekly < self._balance(wallet) or wallet.is_topping_up:
                continue
            if wallet.habit is Habit.ONLINE:
                self._pay_online(wallet, 3 * wallet.weekly, day)
            elif wallet.habit is Habit.CASH and self._rng.random() < _REMEMBERS_CASH:
                self._bring_cash(wallet, day + timedelta(days=1))

    def hear_of_unfunded(self, family: Family, day: date) -> None:
        """On the morning itself: perhaps the child has cash with it."""
        wallet = self._wallets[family]
        if self._rng.random() < _HAS_CASH[wallet.habit]:
            self._bring_cash(wallet, day)

    def mistype(self, day: date) -> None:
        """The till takes ten times too much, cancels the receipt at once, and takes it right."""
        wallet = next((w for w in self._wallets.values() if w.habit is Habit.CASH), None)
        if wallet is not None:
            at = instant_of(day, time(11, 50))
            self._timeline.at(at, partial(self._take_cash, wallet, 50_000, cancelled=True))
            self._timeline.at(at + timedelta(minutes=2), partial(self._take_cash, wallet, 5000))

    def _balance(self, wallet: Wallet) -> Cents:
        return self._books.balances[wallet.family.account_id]

    def _plan_standing_order(self, wallet: Wallet, first: date) -> None:
        day = first.replace(day=25)
        while day <= local(self._timeline.now).date():
            self._pay_by_bank(wallet, day)
            day = (day + timedelta(days=10)).replace(day=25)

    def _plan_ahead(self, wallet: Wallet) -> None:
        for friday in sorted({m.day for m in wallet.meals if m.day.weekday() == _FRIDAY}):
            evening = instant_of(friday, time(19, 30))
            self._timeline.at(evening, partial(self._cover, wallet))

    def _cover(self, wallet: Wallet, at: datetime) -> None:
        """Top up what the next school days' meals lack."""
        friday = local(at).date()
        coming = sorted({m.day for m in wallet.meals if m.day > friday})[:_DAYS_KEPT_COVERED]
        booked = [m for m in wallet.meals if m.day in coming and m.state is BookingState.BOOKED]
        missing = sum(map(self._books.price, booked)) - self._balance(wallet)
        if missing > 0:
            self._pay_online(wallet, missing, friday)

    def _pay_online(self, wallet: Wallet, amount: Cents, day: date) -> None:
        wallet.is_topping_up = True
        made_at = moment(self._rng, day, time(20), 90)
        self._pay(wallet, TopUpChannel.ONLINE, amount, made_at, made_at + ONLINE_DELAY)

    def _pay_by_bank(self, wallet: Wallet, day: date) -> None:
        """Money on the third day, when the bank's file has come."""
        at = instant_of(day + timedelta(days=3), _BANK_FILES_COME_AT)
        self._pay(wallet, TopUpChannel.BANK, 4 * wallet.weekly, at, at)

    def _pay(
        self, wallet: Wallet, channel: TopUpChannel, amount: Cents, made_at: datetime, at: datetime
    ) -> None:
        rounded = max(2 * _TEN_FRANCS, -(-amount // _TEN_FRANCS) * _TEN_FRANCS)
        request_id = new_operation(self._rng)
        deposit = Deposit(wallet.family, channel, rounded, made_at, at, request_id)
        self._timeline.at(at, partial(self._arrive, wallet, deposit))

    def _arrive(self, wallet: Wallet, deposit: Deposit, at: datetime) -> None:
        """A family that saved enough over the holidays suspends its standing order."""
        wallet.is_topping_up = False
        is_bank = deposit.channel is TopUpChannel.BANK
        if not is_bank or self._balance(wallet) < _WEEKS_SAVED * wallet.weekly:
            self._books.credit(deposit, Cause(at, SYSTEM, new_operation(self._rng)))

    def _bring_cash(self, wallet: Wallet, day: date) -> None:
        at = moment(self._rng, day, time(11, 30), 25)
        self._timeline.at(at, partial(self._take_cash, wallet, self._note(wallet)))

    def _note(self, wallet: Wallet) -> Cents:
        if wallet.habit is Habit.DAY_BY_DAY:
            return _TEN_FRANCS
        return _TEN_FRANCS * self._rng.choice((5, 10))

    def _take_cash(
        self, wallet: Wallet, amount: Cents, at: datetime, *, cancelled: bool = False
    ) -> None:
        request_id = new_operation(self._rng)
        deposit = Deposit(wallet.family, TopUpChannel.CASH, amount, at, at, request_id)
        deposit.cashier_id = self._till.user_id
        self._books.credit(deposit, Cause(at, self._till, new_operation(self._rng)))
        if cancelled:
            later = at + timedelta(minutes=1)
            self._books.cancel_receipt(deposit, Cause(later, self._till, ""))


def _habit_of(family: Family) -> Habit:
    return _FIXED.get(family.number, _HABITS[family.number % len(_HABITS)])
