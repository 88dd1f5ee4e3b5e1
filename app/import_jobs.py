"""Importing a list of pupils step by step, from a page or a command: each step is one commit.

The list is read and passwords are none of it, so that only the writing waits for the lock.
"""

from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa
from flask_babel import gettext
from sqlalchemy.orm import Session

from app import clock
from app.access import Actor
from app.errors import NotFound
from app.imports.entering import Surroundings, enter, foresee
from app.imports.files import content_of, drop, is_complete, receive
from app.imports.undoing import undo
from app.models import Import, SchoolYear
from app.refusals import SayColumns
from app.sheets.known import LinePlan
from app.sheets.planning import mark_of
from app.sheets.reading import Table, read_table
from app.transaction import transaction


@dataclass(frozen=True)
class Preview:
    """What would become of each line; `mark` is what a confirmation names."""

    plans: list[LinePlan]
    mark: str


def receive_list(content: bytes, name: str, actor: Actor) -> int:
    """Read a list to its end and keep it; the number of the import. Raises: SheetRefused."""
    table = read_table(content)
    with transaction(actor) as session:
        return receive(session, content, name, table, clock.now(), clock.today()).id


@dataclass(frozen=True)
class Wish:
    """What a command says of the whole list; None leaves what a page would propose."""

    year: str | None = None
    starts_on: date | None = None
    makes_classes: bool = False


def import_at_once(
    content: bytes, name: str, wish: Wish, actor: Actor, *, dry_run: bool
) -> list[LinePlan]:
    """Receive and enter a list in one commit, or only say what would become of each line.

    Raises: SheetRefused, SayColumns, NotFound.
    """
    table = read_table(content)
    with transaction(actor) as session:
        point = session.begin_nested()
        item = receive(session, content, name, table, clock.now(), clock.today())
        _choose(session, item, wish)
        if not dry_run:
            return enter(session, item.id, table, "", _around(), clock.now)
        plans = foresee(session, item, table, _around())
        point.rollback()
    return plans


def _choose(session: Session, item: Import, wish: Wish) -> None:
    if not is_complete(item.columns):
        raise SayColumns
    kept = item.choices | {"makes_classes": wish.makes_classes}
    if wish.year is not None:
        year = session.scalars(sa.select(SchoolYear).where(SchoolYear.name == wish.year)).first()
        if year is None:
            raise NotFound
        first = max(clock.today(), year.starts_on)
        kept |= {"year": year.id, "starts_on": first.isoformat()}
    if wish.starts_on is not None:
        kept |= {"starts_on": wish.starts_on.isoformat()}
    item.choices = kept
    session.flush()


def table_of(session: Session, item: Import) -> Table:
    """The list of an import that is not entered yet."""
    return read_table(content_of(session, item))


def preview(session: Session, item: Import) -> Preview:
    """What would become of each line now."""
    plans = foresee(session, item, table_of(session, item), _around())
    return Preview(plans, mark_of(plans))


def enter_list(session: Session, item: Import, mark: str, actor: Actor) -> None:
    """Enter what the preview with that mark has shown. Raises: ChangedMeanwhile."""
    import_id, table = item.id, table_of(session, item)
    around = _around()
    with transaction(actor) as writing:
        enter(writing, import_id, table, mark, around, clock.now)


def undo_list(import_id: int, actor: Actor) -> tuple[int, int]:
    """Take an import back: how many lines went, how many stay. Raises: NothingToUndo."""
    with transaction(actor) as session:
        return undo(session, import_id, clock.now())


def drop_list(import_id: int, actor: Actor) -> None:
    """Forget a list that is not entered."""
    with transaction(actor) as session:
        drop(session, session.get_one(Import, import_id))


def _around() -> Surroundings:
    return Surroundings(label_of, clock.today())


def label_of(last_name: str) -> str:
    """What the account of a family is called."""
    return str(gettext("Family %(name)s", name=last_name))
