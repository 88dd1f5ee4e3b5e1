"""A list is kept until it is entered, with what its columns mean."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import actor_of
from app.errors import ChangedMeanwhile, NotFound
from app.models import Diet, Import, MealType, SchoolYear, StoredFile, TariffCategory
from app.refusals import NothingToImport, OutsideYear
from app.sheets import columns
from app.sheets.cells import line_of
from app.sheets.known import Choices
from app.sheets.lines import Line, read_line
from app.sheets.reading import Table
from app.stored_files import forget_files, keep_file
from app.vocabulary import ImportState, SheetColumn

LONGEST_NAME: Final = 120
_NEEDED: Final = (SheetColumn.LAST_NAME, SheetColumn.FIRST_NAME, SheetColumn.BIRTH_DATE)
_KIND: Final = {
    b"PK\x03\x04": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def receive(
    session: Session, content: bytes, name: str, table: Table, now: datetime, today: date
) -> Import:
    """Keep a list that was read to its end; the same file again is the same import.

    Raises: NothingToImport where there is no school year, diet or tariff category yet.
    """
    known = keep_file(session, content, _KIND.get(content[:4], "text/csv"))
    same: Import | None = session.scalar(sa.select(Import).where(Import.stored_file_id == known.id))
    if same is not None:
        return same
    mark = columns.mark_of(table.headers)
    received = Import(
        file_name=_last_part(name),
        state=ImportState.RECEIVED,
        stored_file_id=known.id,
        headers=mark,
        columns=_remembered(session, mark) or guessed(table),
        choices=_first_choices(session, today),
        decisions={},
        lines=len(table.rows),
        received_at=now,
        received_by_id=actor_of(session).user_id,
    )
    session.add(received)
    session.flush()
    return received


def _last_part(path: str) -> str:
    """A file's name, however its system writes folders."""
    return line_of(path.replace("\\", "/").rpartition("/")[2])[-LONGEST_NAME:] or "liste"


def is_complete(columns: Sequence[str]) -> bool:
    """Whether a list with these columns can be read."""
    return set(_NEEDED) <= set(columns)


def guessed(table: Table) -> list[str]:
    """What the names of the columns say; blank for one that is left out."""
    return [column.value if column else "" for column in columns.guess(table.headers)]


def _remembered(session: Session, mark: str) -> list[str] | None:
    """What was made of the same headers last time."""
    query = sa.select(Import.columns).where(Import.headers == mark)
    found: list[str] | None = session.scalar(query.order_by(Import.id.desc()).limit(1))
    return found


def _first_choices(session: Session, today: date) -> dict[str, object]:
    year = session.scalar(
        sa.select(SchoolYear)
        .where(SchoolYear.ends_on > today)
        .order_by(SchoolYear.starts_on)
        .limit(1)
    )
    diet_id = session.scalar(
        sa.select(Diet.id)
        .join(Diet.meal_type)
        .where(Diet.archived_at.is_(None))
        .order_by(MealType.position, Diet.id)
        .limit(1)
    )
    category_id = session.scalar(
        sa.select(TariffCategory.id)
        .where(TariffCategory.archived_at.is_(None))
        .order_by(TariffCategory.id)
        .limit(1)
    )
    if year is None or diet_id is None or category_id is None:
        raise NothingToImport
    return choices_of(year, max(today, year.starts_on), diet_id, category_id, makes_classes=False)


def choices_of(
    year: SchoolYear, starts_on: date, diet_id: int, category_id: int, *, makes_classes: bool
) -> dict[str, object]:
    """What is kept of the reader's choices."""
    return {
        "year": year.id,
        "starts_on": starts_on.isoformat(),
        "diet": diet_id,
        "category": category_id,
        "makes_classes": makes_classes,
    }


def choices_in(session: Session, item: Import) -> Choices:
    """The choices that were kept, with the dates of their year.

    Raises: NotFound for a year that is no more; OutsideYear for a first day after its end.
    """
    kept = item.choices
    year = session.get(SchoolYear, kept["year"])
    if year is None:
        raise NotFound
    found = Choices(
        year_id=year.id,
        year_starts_on=year.starts_on,
        year_ends_on=year.ends_on,
        starts_on=date.fromisoformat(kept["starts_on"]),
        diet_id=kept["diet"],
        category_id=kept["category"],
        makes_classes=kept["makes_classes"],
    )
    if found.first_day >= found.year_ends_on:
        raise OutsideYear
    return found


def columns_in(item: Import) -> list[SheetColumn | None]:
    """What the columns mean."""
    return [SheetColumn(word) if word else None for word in item.columns]


def lines_in(item: Import, table: Table, today: date) -> list[Line]:
    """The lines of the list as they were understood."""
    meant: Sequence[SheetColumn | None] = columns_in(item)
    return [read_line(row, meant, today) for row in table.rows]


def content_of(session: Session, item: Import) -> bytes:
    """The file of an import that is not entered yet. Raises: ChangedMeanwhile."""
    if item.stored_file_id is None:
        raise ChangedMeanwhile
    kept = session.get_one(StoredFile, item.stored_file_id)
    return kept.content


def mark_entered(session: Session, item: Import, now: datetime) -> None:
    """From here on the file is not needed."""
    file_id = item.stored_file_id
    item.state, item.entered_at, item.stored_file_id = ImportState.ENTERED, now, None
    forget_files(session, [file_id])


def drop(session: Session, item: Import) -> None:
    """A list that is not entered goes with its file."""
    file_id = item.stored_file_id
    session.delete(item)
    forget_files(session, [file_id])
