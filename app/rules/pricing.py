"""Prices hold from a date on, until the next one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from app.money import Cents


@dataclass(frozen=True)
class PriceLine:
    """One entry of the price list."""

    meal_type_id: int
    category_id: int
    valid_from: date
    amount: Cents


@dataclass(frozen=True)
class PriceList:
    """Every price that the canteen ever had."""

    lines: Mapping[tuple[int, int], tuple[PriceLine, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, lines: Iterable[PriceLine]) -> "PriceList":
        """A list that answers quickly, from lines in any order."""
        found: dict[tuple[int, int], list[PriceLine]] = {}
        for line in sorted(lines, key=lambda line: line.valid_from, reverse=True):
            found.setdefault((line.meal_type_id, line.category_id), []).append(line)
        return cls({key: tuple(latest_first) for key, latest_first in found.items()})

    def on(self, day: date, *, meal_type_id: int, category_id: int) -> Cents | None:
        """The price of the service date; None where the list has none yet."""
        for line in self.lines.get((meal_type_id, category_id), ()):
            if line.valid_from <= day:
                return line.amount
        return None
