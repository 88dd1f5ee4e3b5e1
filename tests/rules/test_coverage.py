"""How far a balance reaches over booked meals."""

from datetime import date, timedelta
from itertools import takewhile

from hypothesis import given
from hypothesis import strategies as st

from app.rules.coverage import coverage_of

MON, TUE, WED = (date(2026, 11, 16) + timedelta(days=n) for n in range(3))
FORECASTS = st.lists(st.tuples(st.dates(MON, MON + timedelta(days=30)), st.integers(0, 2000)))
BALANCES = st.integers(-5000, 50_000)


def test_without_meals_nothing_is_missing() -> None:
    found = coverage_of(0, [])

    assert (found.meals, found.covered_meals, found.missing) == (0, 0, 0)
    assert (found.last_covered, found.first_uncovered) == (None, None)


def test_the_balance_reaches_until_the_first_meal_that_it_does_not_pay() -> None:
    found = coverage_of(2000, [(WED, 900), (MON, 900), (TUE, 900)])

    assert (found.last_covered, found.first_uncovered) == (TUE, WED)
    assert (found.covered_meals, found.missing) == (2, 700)


def test_an_exact_balance_covers_everything() -> None:
    found = coverage_of(1800, [(MON, 900), (TUE, 900)])

    assert (found.last_covered, found.first_uncovered, found.missing) == (TUE, None, 0)


def test_a_day_is_covered_when_all_its_meals_are() -> None:
    found = coverage_of(2100, [(MON, 900), (TUE, 1200), (TUE, 900)])

    assert (found.last_covered, found.first_uncovered) == (MON, TUE)


def test_after_a_gap_a_cheaper_meal_no_longer_counts() -> None:
    found = coverage_of(1000, [(MON, 900), (TUE, 900), (WED, 50)])

    assert (found.last_covered, found.covered_meals) == (MON, 1)


def test_a_free_meal_needs_no_money_and_a_debt_is_missing_too() -> None:
    found = coverage_of(-500, [(MON, 0), (TUE, 900)])

    assert (found.last_covered, found.first_uncovered, found.missing) == (MON, TUE, 1400)


@given(BALANCES, FORECASTS)
def test_what_is_covered_is_paid_and_no_figure_is_negative(
    available: int, forecast: list[tuple[date, int]]
) -> None:
    found = coverage_of(available, forecast)
    paid = sum(price for _, price in sorted(forecast)[: found.covered_meals])

    assert paid <= max(0, available)
    assert 0 <= found.covered_meals <= found.meals == len(forecast)
    assert found.missing >= 0


@given(BALANCES, st.integers(0, 5000), FORECASTS)
def test_more_money_never_covers_less(
    available: int, more: int, forecast: list[tuple[date, int]]
) -> None:
    poor, rich = coverage_of(available, forecast), coverage_of(available + more, forecast)

    assert rich.covered_meals >= poor.covered_meals
    assert rich.missing <= poor.missing
    assert (rich.last_covered or date.min) >= (poor.last_covered or date.min)


@given(BALANCES.filter(lambda cents: cents >= 0), FORECASTS)
def test_topping_up_what_is_missing_covers_all(
    available: int, forecast: list[tuple[date, int]]
) -> None:
    missing = coverage_of(available, forecast).missing

    assert coverage_of(available + missing, forecast).covered_meals == len(forecast)


@given(BALANCES, FORECASTS)
def test_the_last_covered_day_lies_before_the_first_uncovered(
    available: int, forecast: list[tuple[date, int]]
) -> None:
    found = coverage_of(available, forecast)
    until = found.first_uncovered or date.max

    whole = list(takewhile(lambda day: day < until, sorted(day for day, _ in forecast)))
    assert found.last_covered == (whole[-1] if whole else None)
