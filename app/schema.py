"""Which version of the tables a database has, and which one the program needs."""

from pathlib import Path
from typing import Final

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS: Final = Path(__file__).parent.parent / "migrations"
NONE: Final = "–"


def head() -> str:
    """The version of the program's own tables."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or NONE


def reached(connection: Connection) -> str:
    """The version of the database's tables; NONE where it has none yet."""
    return MigrationContext.configure(connection).get_current_revision() or NONE
