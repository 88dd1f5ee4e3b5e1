"""How much a family may pay in at once, what we propose, and when a bank transfer arrives."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from app.errors import AmountNotInSteps, AmountOutOfRange
from app.money import Cents
from app.rules.coverage import coverage_of

FASTEST, SLOWEST = 3, 7  # working days that a bank transfer takes
_SATURDAY: Final = 5


@dataclass(frozen=True)
class TopUpLimits:
    """What the canteen's settings allow, in centimes; minimum and maximum are whole steps."""

    minimum: Cents
    maximum: Cents
    step: Cents

    def check(self, amount: Cents) -> None:
        """Raises: AmountOutOfRange, AmountNotInSteps."""
        if not self.minimum <= amount <= self.maximum:
            raise AmountOutOfRange(self.minimum, self.maximum)
        if amount % self.step:
            raise AmountNotInSteps(self.step)

    def fit(self, amount: Cents) -> Cents:
        """The nearest amount that is allowed and not below, the maximum for what exceeds it."""
        whole = -(-amount // self.step) * self.step
        return min(max(whole, self.minimum), self.maximum)


@dataclass(frozen=True)
class Proposals:
    """What to pay in; 0 where nothing lacks, or more than the maximum.

    `month` reaches to the end of the month of `gap`, the first meal that is not covered; `year` to
    the last meal; `monthly` does so in `months` months.
    """

    gap: date | None
    month: Cents
    year: Cents
    monthly: Cents
    months: int


def proposals(
    available: Cents, meals: Iterable[tuple[date, Cents]], today: date, limits: TopUpLimits
) -> Proposals:
    """What the booked meals cost minus the balance, to the end of a month and of the school year.

    The month is this one, or the first that the balance does not cover. Meals are booked for a
    school year, so that its end is the last of them. A standing order spreads that over the months
    from this one to that of the last meal.
    """
    booked = sorted(meals)
    gap = coverage_of(available, booked).first_uncovered
    if gap is None:
        return Proposals(None, 0, 0, 0, 0)
    until = next_month(gap)
    month = sum(price for day, price in booked if day < until) - available
    year = sum(price for _, price in booked) - available
    months = _months(today, booked[-1][0])
    return Proposals(
        gap,
        _offered(month, limits),
        _offered(year, limits),
        _offered(-(-year // months), limits),
        months,
    )


def _offered(amount: Cents, limits: TopUpLimits) -> Cents:
    return 0 if amount > limits.maximum else limits.fit(amount)


def next_month(day: date) -> date:
    """The first day of the month after the one of `day`."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _months(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month + 1


def working_days_after(day: date, count: int, holidays: Container[date]) -> date:
    """The day that is so many bank working days later."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < _SATURDAY and day not in holidays
    return day
