"""How many meals a day will come to, from what is booked and from what usually still happens."""

from collections.abc import Sequence


def expected_meals(booked: int, usual: Sequence[tuple[int, int]]) -> int:
    """What is booked, and the mean of what came or went later on days like it; never below zero.

    `usual` holds (booked so long before, cooked in the end) of each such day; halves round up.
    """
    if not usual:
        return booked
    gained, days = sum(cooked - before for before, cooked in usual), len(usual)
    return max(0, booked + (2 * gained + days) // (2 * days))
