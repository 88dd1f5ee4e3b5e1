"""A canteen that the tests of a module share: each has families and service days of its own."""

from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask

from app.rules.weeks import days_between
from tests.booking.checking import check_invariants
from tests.factories import YEAR_ENDS, YEAR_STARTS


@pytest.fixture(scope="module")
def days(shared_app_on: Flask) -> Iterator[date]:
    """Service days that no test has used yet, in order."""
    return iter(days_between(YEAR_STARTS, YEAR_ENDS, frozenset(range(5))))


@pytest.fixture
def day(days: Iterator[date]) -> date:
    return next(days)


@pytest.fixture
def canteen(shared_app_on: Flask) -> Iterator[Flask]:
    """Inside the application's context; when the test ends, every invariant must hold."""
    with shared_app_on.app_context():
        yield shared_app_on
        check_invariants()
