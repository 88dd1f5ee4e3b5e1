"""What the tests of the declared views share: rows to look at, and forms to send."""

from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_babel import force_locale, gettext

from tests.factories import Family, make_family
from tests.sessions import reading, writing


def family(app: Flask, **more: Any) -> Family:
    with writing(app) as session:
        return make_family(session, **more)


def one(app: Flask, query: sa.Select[Any]) -> Any:
    with reading(app) as session:
        return session.scalar(query)


def count(app: Flask, model: type[Any], *conditions: sa.ColumnElement[bool]) -> int:
    found: int = one(app, sa.select(sa.func.count()).select_from(model).where(*conditions))
    return found


def in_french(app: Flask, message: str) -> str:
    """A sentence as the pages of the tests say it."""
    with app.test_request_context(), force_locale("fr"):
        return str(gettext(message))
