"""Bars: their places follow from their values alone."""

from itertools import pairwise

from app.charts import bar_chart


def test_the_highest_bar_fills_the_drawing_and_half_of_it_half() -> None:
    chart = bar_chart([("a", 10), ("b", 5)], width=200, height=100)

    assert [(bar.y, bar.height) for bar in chart.bars] == [(0, 100), (50, 50)]


def test_bars_do_not_touch_and_stay_inside() -> None:
    chart = bar_chart([(str(i), i) for i in range(12)], width=360, height=100)

    ends = [(bar.x, bar.x + bar.width) for bar in chart.bars]
    assert all(end < start for (_, end), (start, _) in pairwise(ends))
    assert ends[0][0] >= 0
    assert ends[-1][1] <= 360


def test_a_value_below_zero_hangs_from_the_base_line() -> None:
    chart = bar_chart([("a", 30), ("b", -10)], width=200, height=100)

    assert chart.base == 75
    assert (chart.bars[1].y, chart.bars[1].height) == (75, 25)


def test_one_centime_beside_a_million_is_still_seen() -> None:
    chart = bar_chart([("a", 10**12), ("b", 1)], width=200, height=100)

    assert chart.bars[1].height == 1


def test_nothing_and_only_zeros_draw_no_bar() -> None:
    assert bar_chart([], width=200, height=100).bars == []
    assert bar_chart([("a", 0)], width=200, height=100).bars[0].height == 0
