"""Alembic's entry: migrate with foreign keys off (SQLite rebuilds tables), then triggers, then prove."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection, create_engine, text
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


def run() -> None:
    # An engine of its own: the application's would begin with foreign keys on.
    engine = create_engine(db.engine.url, poolclass=NullPool)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("PRAGMA foreign_keys=OFF"))
            connection.commit()
        with connection.begin():
            migrate(connection)
            if engine.dialect.name == "sqlite":
                broken = connection.execute(text("PRAGMA foreign_key_check")).all()
                if broken:
                    raise RuntimeError(f"foreign keys are broken: {broken}")


run()
