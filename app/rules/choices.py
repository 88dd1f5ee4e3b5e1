"""Which meal types may be booked for a pupil."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class MealChoice:
    """A meal type as far as choosing goes."""

    meal_type_id: int
    is_special: bool


def open_types(
    usual: MealChoice, types: Iterable[MealChoice], *, offers_choice: bool, is_staff: bool
) -> list[int]:
    """The ids of the meal types open to a pupil, the usual one first.

    Special meals are given by staff only: a pupil whose usual meal is special has no other choice,
    and nobody else may choose one. Staff choose freely.
    """
    others = [t for t in types if t.meal_type_id != usual.meal_type_id]
    if not is_staff:
        may_choose = offers_choice and not usual.is_special
        others = [t for t in others if may_choose and not t.is_special]
    return [usual.meal_type_id, *(t.meal_type_id for t in others)]
