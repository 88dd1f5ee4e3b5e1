"""Each role opens what the table gives it, and nothing else."""

import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.audit import _DERIVED, AUDITED
from app.captions import COLUMNS, TABLES, caption
from app.rows import TableView
from app.security import PERMISSIONS
from app.vocabulary import Role
from tests.declared.acting import family
from tests.web import logged_in


@pytest.fixture(scope="module")
def app(shared_app_on: Flask) -> Flask:
    return shared_app_on


def views(app: Flask) -> list[Any]:
    found: list[Any] = app.extensions["appbuilder"].baseviews
    return found


def may(role: Role, permission: str, view: str) -> bool:
    given = PERMISSIONS[role].items()
    return any(re.fullmatch(v, view) and re.fullmatch(p, permission) for v, p in given)


def opened(app: Flask, username: str, method: str) -> dict[str, int]:
    """The status of each view's page that needs no record."""
    browser = logged_in(app, username)
    adapter = app.url_map.bind("localhost")
    return {
        view.endpoint: browser.get(adapter.build(f"{view.endpoint}.{method}")).status_code
        for view in views(app)
        if isinstance(view, TableView) and method in view.include_route_methods
    }


@pytest.mark.parametrize("method", ["list", "add"])
@pytest.mark.parametrize("role", [each for each in Role if each is not Role.PARENT])
def test_a_role_opens_its_lists_and_forms_and_no_other(app: Flask, role: Role, method: str) -> None:
    statuses = opened(app, role.name.lower(), method)

    allowed = {view for view in statuses if may(role, f"can_{method}", view)}
    assert {view for view, status in statuses.items() if status in {200, 302}} == allowed
    assert {view for view, status in statuses.items() if status == 403} == set(statuses) - allowed


@pytest.mark.parametrize("method", ["list", "add"])
def test_a_parent_opens_only_what_is_theirs(app: Flask, method: str) -> None:
    statuses = opened(app, family(app).username, method)

    mine = {view for view in statuses if view.startswith("My") and method == "list"}
    assert {view for view, status in statuses.items() if status == 200} == mine
    assert {view for view, status in statuses.items() if status == 403} == set(statuses) - mine


def test_the_administrator_is_not_a_parent(app: Flask) -> None:
    statuses = opened(app, "admin", "list")

    assert {view for view, status in statuses.items() if status == 403} == {
        view for view in statuses if view.startswith("My")
    }


def test_every_column_on_a_page_has_a_caption(app: Flask) -> None:
    with app.test_request_context():
        bare = {
            (view.endpoint, column)
            for view in views(app)
            if isinstance(view, TableView)
            for method in view.include_route_methods & {"list", "show", "add", "edit"}
            for column in getattr(type(view), f"{method}_columns") or []
            if column not in COLUMNS
            and column not in type(view).label_columns
            and column not in {*view.add_form_extra_fields, *view.edit_form_extra_fields}
        }

    assert bare == set()


def test_every_audited_table_and_column_has_a_caption(app: Flask) -> None:
    with app.test_request_context():
        columns = {c.key for model in AUDITED for c in sa.inspect(model).column_attrs} - _DERIVED
        bare = sorted(c for c in columns if caption(c) == c)

    assert {model.__name__ for model in AUDITED} == set(TABLES)
    assert bare == []
