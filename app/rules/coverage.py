"""How far a balance reaches over the meals that are booked."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import accumulate

from app.money import Cents


@dataclass(frozen=True)
class Coverage:
    """What booked meals do to a balance; `missing` is what covering all of them would take."""

    meals: int
    covered_meals: int
    last_covered: date | None
    first_uncovered: date | None
    missing: Cents


def coverage_of(available: Cents, forecast: Iterable[tuple[date, Cents]]) -> Coverage:
    """Walk over the forecast meals by date until one is no longer covered.

    `available` is the balance and the agreed tolerance, in centimes. A day counts as covered when
    all its meals are.
    """
    meals = sorted(forecast)
    days = [day for day, _ in meals]
    sums = list(accumulate(price for _, price in meals))
    covered = bisect_right(sums, max(0, available))
    uncovered = days[covered] if covered < len(meals) else None
    whole_days = days if uncovered is None else days[: days.index(uncovered)]
    return Coverage(
        meals=len(meals),
        covered_meals=covered,
        last_covered=whole_days[-1] if whole_days else None,
        first_uncovered=uncovered,
        missing=max(0, sums[-1] - available) if meals else 0,
    )
