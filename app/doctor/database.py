"""The database: reached, of the right version, guarded, and its ledger in order."""

from collections.abc import Iterator

import sqlalchemy as sa
from flask import current_app
from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import Role as StoredRole
from flask_babel import gettext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import schema, triggers
from app.access import is_guarded, scope_of
from app.demo import is_demo
from app.doctor.finding import Finding, Level
from app.extensions import db
from app.ledger import discrepancies
from app.logs import first_line
from app.models import CanteenSettings
from app.transaction import look
from app.vocabulary import Role


def is_ready() -> bool:
    """Whether the database answers and has the program's tables."""
    try:
        with db.engine.connect() as connection:
            return schema.reached(connection) == schema.head()
    except SQLAlchemyError:
        return False


def check_database() -> Iterator[Finding]:
    """Whether it answers, and which version its tables are of."""
    title = gettext("Database")
    try:
        with db.engine.connect() as connection:
            reached = schema.reached(connection)
            yield Finding(Level.OK, title, _kind(connection))
    except SQLAlchemyError as error:
        told = gettext(
            "It does not answer (%(fault)s). Check that it runs, and DATABASE_URL.",
            fault=first_line(error),
        )
        yield Finding(Level.ERROR, title, told)
        return
    yield _version(reached, schema.head())


def _kind(connection: sa.Connection) -> str:
    version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
    if connection.dialect.name == "sqlite":
        return f"SQLite {version}, {db.engine.url.database}"
    return f"PostgreSQL {version}"


def _version(reached: str, head: str) -> Finding:
    title = gettext("Version of the tables")
    if reached == head:
        return Finding(Level.OK, title, reached)
    told = gettext(
        "The tables are of version %(reached)s, the program of version %(head)s. Run “flask --app"
        " app db upgrade”.",
        reached=reached,
        head=head,
    )
    return Finding(Level.ERROR, title, told)


def check_tables() -> Iterator[Finding]:
    """What lies in the tables, where they are those of the program."""
    if is_ready():
        yield _triggers()
        yield _row_guard()
        yield look(lambda session, _: _beginnings(session))
        yield _demo()
        yield look(lambda session, _: _ledger(session))


def _triggers() -> Finding:
    title = gettext("Triggers")
    with db.engine.connect() as connection:
        missing = triggers.declared(connection.dialect.name) - triggers.existing(connection)
    if missing:
        told = gettext(
            "Missing: %(names)s. The journal could be changed unseen. Run “flask --app app db"
            " upgrade”, and find out who removed them.",
            names=", ".join(sorted(missing)),
        )
        return Finding(Level.ERROR, title, told)
    return Finding(Level.OK, title, gettext("The journal cannot be changed."))


def _row_guard() -> Finding:
    """Without a reader no row of a family may be found."""
    title, session = gettext("Guard of the rows"), db.session()
    models = [m.class_ for m in Model.registry.mappers if is_guarded(m.class_)]
    with scope_of(session, None):
        seen = [m.__name__ for m in models if session.scalars(sa.select(m).limit(1)).first()]
    session.rollback()
    if seen:
        told = gettext("Open to anybody: %(names)s. Stop the program.", names=", ".join(seen))
        return Finding(Level.ERROR, title, told)
    return Finding(Level.OK, title, gettext("Each family reaches its own records only."))


def _beginnings(session: Session) -> Finding:
    title = gettext("Roles and settings")
    known = set(session.scalars(sa.select(StoredRole.name)))
    if {role.value for role in Role} - known or session.get(CanteenSettings, 1) is None:
        told = gettext("They are missing. Run “flask --app app canteen init”.")
        return Finding(Level.ERROR, title, told)
    return Finding(Level.OK, title, gettext("They are there."))


def _demo() -> Finding:
    title = gettext("Demo")
    if is_demo():
        told = gettext("This is the demo canteen: everybody knows its passwords.")
        level = Level.ERROR if current_app.config["PRODUCTION"] else Level.OK
        return Finding(level, title, told)
    return Finding(Level.OK, title, gettext("The database holds no demo."))


def _ledger(session: Session) -> Finding:
    title, wrong = gettext("Ledger"), discrepancies(session)
    if wrong:
        told = gettext(
            "%(number)s balances are not the sum of their transfers. Run “flask --app app canteen"
            " check-ledger”, and do not close the month.",
            number=len(wrong),
        )
        return Finding(Level.ERROR, title, told)
    return Finding(Level.OK, title, gettext("Every balance is the sum of its transfers."))
