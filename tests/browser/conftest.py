"""Debian's chromium, and a canteen to walk through."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.canteen import Canteen, open_canteen
from tests.browser.person import PATIENCE

_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all; who comes to the page has a context of their own."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def canteen(filled_sqlite: Path, tmp_path: Path) -> Iterator[Canteen]:
    """A canteen of this test's own."""
    with open_canteen(filled_sqlite, tmp_path) as opened:
        yield opened
