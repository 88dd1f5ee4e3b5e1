from datetime import date

import pytest

from app.errors import AmountNotInSteps, AmountOutOfRange
from app.rules.top_ups import Proposals, TopUpLimits, proposals, working_days_after

LIMITS = TopUpLimits(500, 100_000, 500)
TODAY = date(2026, 11, 24)
MEALS = [
    (date(2026, 12, 2), 900),
    (date(2026, 11, 25), 900),
    (date(2027, 1, 11), 900),
    (date(2026, 11, 27), 900),
]


@pytest.mark.parametrize("amount", [500, 1000, 100_000])
def test_whole_steps_from_the_minimum_to_the_maximum_are_allowed(amount: int) -> None:
    LIMITS.check(amount)

    assert LIMITS.fit(amount) == amount


@pytest.mark.parametrize("amount", [0, -500, 495, 100_005, 100_500])
def test_less_and_more_is_refused(amount: int) -> None:
    with pytest.raises(AmountOutOfRange) as refused:
        LIMITS.check(amount)

    assert (refused.value.minimum, refused.value.maximum) == (500, 100_000)


def test_an_amount_between_two_steps_is_refused() -> None:
    with pytest.raises(AmountNotInSteps) as refused:
        LIMITS.check(1205)

    assert refused.value.step == 500


@pytest.mark.parametrize(
    ("amount", "fitting"), [(1, 500), (501, 1000), (99_999, 100_000), (200_000, 100_000)]
)
def test_an_amount_is_made_to_fit_upwards(amount: int, fitting: int) -> None:
    assert LIMITS.fit(amount) == fitting


def test_the_proposals_cover_the_booked_meals_less_the_balance() -> None:
    found = proposals(400, MEALS, TODAY, LIMITS)

    # 18.00 - 4.00 = 14.00; 36.00 - 4.00 = 32.00; in three months 10.67 each
    assert found == Proposals(date(2026, 11, 25), 1500, 3500, 1500, 3)


def test_the_month_is_the_first_one_that_is_not_covered() -> None:
    found = proposals(1800, MEALS, TODAY, LIMITS)

    assert (found.gap, found.month, found.year) == (date(2026, 12, 2), 1000, 2000)


def test_nothing_is_proposed_when_all_is_covered() -> None:
    assert proposals(3600, MEALS, TODAY, LIMITS) == Proposals(None, 0, 0, 0, 0)
    assert proposals(0, [], TODAY, LIMITS) == Proposals(None, 0, 0, 0, 0)


def test_more_than_the_maximum_is_not_proposed_at_once_but_by_the_month() -> None:
    found = proposals(0, MEALS, TODAY, TopUpLimits(500, 3000, 500))

    assert (found.month, found.year, found.monthly) == (2000, 0, 1500)


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, date(2026, 12, 24)), (2, date(2026, 12, 28)), (4, date(2026, 12, 30))],
)
def test_weekends_and_holidays_are_no_working_days(count: int, expected: date) -> None:
    christmas = {date(2026, 12, 25)}

    assert working_days_after(date(2026, 12, 23), count, christmas) == expected
