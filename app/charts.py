"""Bars to draw: values in, places out. The template draws them as SVG, with a table beside it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """One value and its place in a drawing; a bar below zero hangs from the base line."""

    label: str
    value: int
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class BarChart:
    """The bars, and where the line of zero lies; y grows downwards, as in SVG."""

    width: int
    height: int
    base: int
    bars: list[Bar]


def bar_chart(values: Sequence[tuple[str, int]], *, width: int, height: int) -> BarChart:
    """Equal columns, three quarters of each filled; no value other than zero is drawn as nothing.

    Whole numbers only, so that no value is rounded before it is drawn.
    """
    top = max((value for _, value in values), default=0)
    bottom = min((value for _, value in values), default=0)
    top, bottom = max(top, 0), min(bottom, 0)
    base = height * top // (top - bottom or 1) if top or bottom else height
    column = width // max(len(values), 1)
    filled = max(column * 3 // 4, 1)
    bars = []
    for place, (label, value) in enumerate(values):
        tall = max(abs(value) * height // (top - bottom), 1) if value else 0
        x = place * column + (column - filled) // 2
        bars.append(Bar(label, value, x, base if value < 0 else max(base - tall, 0), filled, tall))
    return BarChart(width, height, base, bars)
