"""Alembic's entry: migrate with foreign keys off (SQLite rebuilds tables), then triggers, then prove."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.pool import NullPool

from app import models, triggers  # noqa: F401 - declares the tables

db = current_app.extensions["migrate"].db
REVISIONS = current_app.extensions["migrate"].configure_args


def render_item(kind, item, autogen_context):
    """Our ids are one variant type; write it as the models do."""
    return "app.columns.ID" if kind == "type" and getattr(item, "_variant_mapping", None) else False


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=db.metadata,
        render_item=render_item,
        **REVISIONS,
    )
    context.run_migrations()
    triggers.create(connection)


def begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def all_or_nothing(engine: Engine) -> None:
    """SQLite's driver commits each DDL statement by itself: a crash would leave half a schema."""

    def configure(dbapi, _) -> None:
        dbapi.isolation_level = None
        dbapi.execute("PRAGMA foreign_keys=OFF")  # cannot be set inside a transaction

    event.listen(engine, "connect", configure)
    event.listen(engine, "begin", begin)


def run() -> None:
    # An engine of its own: the application's would begin with foreign keys on.
    engine = create_engine(db.engine.url, poolclass=NullPool)
    is_sqlite = engine.dialect.name == "sqlite"
    if is_sqlite:
        all_or_nothing(engine)
    with engine.begin() as connection:
        migrate(connection)
        if is_sqlite and (broken := connection.execute(text("PRAGMA foreign_key_check")).all()):
            raise RuntimeError(f"foreign keys are broken: {broken}")


run()
