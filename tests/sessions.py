"""An application's database as a test writes into it, and looks at it: every row, afresh."""

from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask
from sqlalchemy.orm import Session

from app.access import EVERYTHING, SYSTEM, scope_of
from app.extensions import db
from app.transaction import transaction


@contextmanager
def writing(app: Flask) -> Iterator[Session]:
    with app.app_context(), transaction(SYSTEM) as session:
        yield session


@contextmanager
def reading(app: Flask) -> Iterator[Session]:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        yield db.session()
