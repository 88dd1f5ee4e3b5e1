"""How far a balance reaches over the meals that are booked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

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
    """Walk over the forecast meals by date, each paid wholly or not at all.

    `available` is the balance and the agreed tolerance, in centimes.
    """
    meals = sorted(forecast)
    spent = covered = 0
    last_covered = first_uncovered = None
    for day, price in meals:
        if spent + price > available:
            first_uncovered = first_uncovered or day
        elif first_uncovered is None:
            spent, covered, last_covered = spent + price, covered + 1, day
    total = sum(price for _, price in meals)
    return Coverage(len(meals), covered, last_covered, first_uncovered, max(0, total - available))
