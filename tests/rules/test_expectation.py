import pytest

from app.rules.expectation import expected_meals


@pytest.mark.parametrize(
    ("booked", "usual", "expected"),
    [
        (40, [], 40),
        (40, [(30, 34)], 44),
        (40, [(30, 34), (30, 32)], 43),
        (40, [(30, 34), (30, 33)], 44),  # 3.5 more
        (40, [(30, 28), (30, 30)], 39),
        (40, [(30, 29), (30, 30)], 40),  # half a meal less rounds up
        (1, [(30, 20)], 0),
        (0, [(0, 5)], 5),
    ],
)
def test_expects_what_is_booked_and_what_usually_comes(
    booked: int, usual: list[tuple[int, int]], expected: int
) -> None:
    assert expected_meals(booked, usual) == expected
