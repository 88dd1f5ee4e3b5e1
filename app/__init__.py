"""Réfectoire: the prepaid canteen of a Swiss school."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask


def create_app(**overrides: Any) -> "Flask":
    """The web application; `overrides` are settings that win over config.py."""
    from flask import Flask

    from app import (
        cli_care,  # noqa: F401 - declares its commands
        logs,
        security,
    )
    from app.cli_lists import canteen
    from app.extensions import db, mail, migrate

    app = Flask(__name__)
    app.config.from_object("config")
    app.config["FAB_ROLES"] = security.FAB_ROLES
    app.config.update(overrides)
    logs.install(app.config["LOG_FORMAT"])
    # Where browsers look on their own, for a PDF for instance; in all else a static file.
    app.add_url_rule("/favicon.ico", endpoint="static", defaults={"filename": "favicon.ico"})
    security.require_secret(app)
    for extension in (db, mail):
        extension.init_app(app)
    migrate.init_app(app, db, directory=str(Path(__file__).parent.parent / "migrations"))
    with app.app_context():
        _furnish(app)
    app.cli.add_command(canteen)
    return app


def _furnish(app: "Flask") -> None:
    """The guards of the session, and every page."""
    from flask_appbuilder import AppBuilder

    from app import (
        access,
        audit,
        context,
        language,
        login,
        security,
        transaction,
        views,
        web_errors,
        widgets,
    )
    from app.extensions import csrf, db

    transaction.prepare(db.engine)
    access.guard(db.session)
    audit.watch(db.session)
    widgets.install()
    builder = AppBuilder(security_manager_class=login.CanteenSecurityManager)
    builder.init_app(app, db.session)
    csrf.init_app(app)  # after: its refusal is a page that knows its reader; no API is exempt
    language.install(app)
    context.install(app)
    views.register(builder)
    security.install(app)
    login.install(app)
    web_errors.install(app)
