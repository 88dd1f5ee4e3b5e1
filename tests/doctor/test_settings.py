"""The settings of a trial are warned of; in production they are errors."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from app.doctor.finding import Level
from app.doctor.settings import check_settings
from tests.database import create_test_app, running

GOOD: dict[str, Any] = {
    "PRODUCTION": True,
    "PUBLIC_URL": "https://cantine.example.ch",
    "TRUSTED_PROXIES": 1,
    "SECRET_KEY": "0123456789abcdef0123456789abcdef",
    "BACKUP_KEY": "0123456789abcdef0123456789abcdef",
    "MAIL_DEFAULT_SENDER": "cantine@example.ch",
    "ONLINE_PROVIDER": "",
}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Its database is never asked."""
    with running(create_test_app("sqlite://", tmp_path_factory.mktemp("settings"))) as fresh:
        yield fresh


def levels(app: Flask, **changed: Any) -> list[Level]:
    """Those that are not well."""
    with app.app_context():
        return [f.level for f in check_settings(GOOD | changed) if f.level is not Level.OK]


def test_nothing_is_said_against_good_settings(app: Flask) -> None:
    assert levels(app) == []


@pytest.mark.parametrize(
    ("changed", "tried", "real"),
    [
        ({"PUBLIC_URL": "http://cantine.example.ch"}, Level.WARNING, Level.ERROR),
        ({"PUBLIC_URL": "https://localhost"}, Level.WARNING, Level.ERROR),
        ({"SECRET_KEY": "secret"}, Level.WARNING, Level.ERROR),
        ({"SECRET_KEY": "x" * 64}, Level.WARNING, Level.ERROR),
        ({"MAIL_DEFAULT_SENDER": "cantine@localhost"}, Level.WARNING, Level.ERROR),
        ({"BACKUP_KEY": ""}, Level.WARNING, Level.WARNING),
        ({"BACKUP_KEY": "short"}, Level.ERROR, Level.ERROR),
        ({"TRUSTED_PROXIES": 0}, None, Level.WARNING),
        ({"ONLINE_PROVIDER": "simulated"}, Level.WARNING, Level.WARNING),
        ({"ONLINE_PROVIDER": "unknown"}, Level.WARNING, Level.WARNING),
    ],
)
def test_each_setting_of_a_trial_is_named(
    app: Flask, changed: dict[str, Any], tried: Level | None, real: Level
) -> None:
    folders = {"SIMULATED_FOLDER": app.config["SIMULATED_FOLDER"]}
    here = {"PRODUCTION": False, "PUBLIC_URL": "https://localhost"}

    assert levels(app, **changed, **folders) == [real]
    if "PUBLIC_URL" not in changed and "ONLINE_PROVIDER" not in changed:
        assert levels(app, **here, **changed) == [Level.WARNING, *([tried] if tried else [])]


def test_a_public_address_without_production_is_said(app: Flask) -> None:
    assert levels(app, PRODUCTION=False) == [Level.WARNING]
