"""The demo's money, in memory and in order of time; `record.py` posts it through the ledger."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from app.access import Actor
from app.demo.meals import Cause, Meal
from app.demo.people import Family
from app.demo.school import School
from app.money import Cents
from app.vocabulary import Attendance, BookingState, TopUpChannel, TransferKind


@dataclass(eq=False)
class Deposit:
    """Money that a family pays in; one with a cashier has a receipt."""

    family: Family
    channel: TopUpChannel
    amount: Cents
    made_at: datetime
    credit_at: datetime
    request_id: str
    credited_at: datetime | None = None
    balance_after: Cents = 0
    cashier_id: int | None = None
    cancelled_at: datetime | None = None
    id: int = 0
    transfer_id: int = 0


Posted: TypeAlias = Meal | Deposit


@dataclass(frozen=True)
class Posting:
    """Transfers of one kind that were made at one instant."""

    kind: TransferKind
    at: datetime
    actor: Actor
    items: list[Posted]


@dataclass
class Books:
    """Balances by account, today's unfunded meals by account, and what is to be posted."""

    school: School
    balances: dict[int, Cents] = field(default_factory=lambda: defaultdict(int))
    waiting: dict[int, list[Meal]] = field(default_factory=lambda: defaultdict(list))
    deposits: list[Deposit] = field(default_factory=list)
    postings: list[Posting] = field(default_factory=list)

    def price(self, meal: Meal) -> Cents:
        """What the meal costs on its day."""
        return self.school.price(meal.day, meal.meal_type_id, meal.child.category_id)

    def charge(self, meals: Iterable[Meal], cause: Cause) -> None:
        """Each meal wholly or not at all: special ones first, then the youngest child's."""
        paid: list[Posted] = [m for m in sorted(meals, key=_turn) if self._pay(m, cause)]
        self._post(TransferKind.MEAL, cause, paid)

    def _pay(self, meal: Meal, cause: Cause) -> bool:
        account_id = meal.family.account_id
        price = self.price(meal)
        if price <= self.balances[account_id] + meal.family.tolerance:
            self.balances[account_id] -= price
            meal.price = price
            meal.move(BookingState.CHARGED, cause)
            return True
        if meal.state is BookingState.BOOKED:
            meal.move(BookingState.UNFUNDED, cause)
            self.waiting[account_id].append(meal)
        return False

    def credit(self, deposit: Deposit, cause: Cause) -> None:
        """Credit a deposit and make the day's unfunded meals good."""
        account_id = deposit.family.account_id
        self.balances[account_id] += deposit.amount
        self.deposits.append(deposit)
        deposit.credited_at = cause.at
        self._post(TransferKind.TOP_UP, cause, [deposit])
        meals = self.waiting.pop(account_id, [])
        self.charge(meals, cause)
        self.waiting[account_id] = [m for m in meals if m.state is BookingState.UNFUNDED]
        deposit.balance_after = self.balances[account_id]

    def cancel_receipt(self, deposit: Deposit, cause: Cause) -> None:
        """Pay the cash back that was just taken."""
        self.balances[deposit.family.account_id] -= deposit.amount
        deposit.cancelled_at = cause.at
        self._post(TransferKind.REVERSAL, cause, [deposit])

    def give_back(self, meals: list[Meal], cause: Cause, attendance: Attendance) -> None:
        """Give charged meals back."""
        for meal in meals:
            self.balances[meal.family.account_id] += meal.price or 0
            meal.move(BookingState.GIVEN_BACK, cause, attendance=attendance)
        self._post(TransferKind.REVERSAL, cause, list(meals))

    def end_service(self) -> list[Meal]:
        """What nobody paid for today; it waits no longer."""
        meals = [meal for waiting in self.waiting.values() for meal in waiting]
        self.waiting.clear()
        return meals

    def _post(self, kind: TransferKind, cause: Cause, items: list[Posted]) -> None:
        if not items:
            return
        last = self.postings[-1] if self.postings else None
        if last and (last.kind, last.at, last.actor) == (kind, cause.at, cause.actor):
            last.items.extend(items)
        else:
            self.postings.append(Posting(kind, cause.at, cause.actor, items))


def _turn(meal: Meal) -> tuple[int, bool, int, int]:
    child = meal.child
    return meal.family.account_id, not meal.is_special, -child.born.toordinal(), child.id
