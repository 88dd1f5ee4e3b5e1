"""All that is held on a family, as JSON of every table that concerns it, with their files."""

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time
from enum import Enum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import StoredFile
from app.privacy.family import Family, rows_of, tables_of_families
from app.privacy.files import files_of
from app.privacy.inventory import SECRET

Papers = Iterable[tuple[str, bytes]]


def held_on(session: Session, family: Family) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Each table's name and the family's rows in it; passwords and their like are left out.

    Amounts are centimes, instants are in UTC.
    """
    for table in tables_of_families():
        columns = [c for c in table.columns if f"{table.name}.{c.name}" not in SECRET]
        query = sa.select(*columns).where(rows_of(table, family)).order_by(*table.primary_key)
        rows = [dict(row) for row in session.execute(query).mappings()]
        if rows:
            yield table.name, rows


def files_held(session: Session, family: Family) -> Iterator[tuple[str, bytes]]:
    """The files that the family's records name."""
    query = sa.select(StoredFile).where(StoredFile.id.in_(files_of(session, family)))
    for file in session.scalars(query.order_by(StoredFile.id)):
        ending = file.content_type.rpartition("/")[2].rpartition(".")[2]
        yield f"{file.id}.{ending}", file.content


def _shown(value: Any) -> Any:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(value)


def bundle(session: Session, family: Family, papers: Papers, read_me: str) -> bytes:
    """One ZIP of it all; `papers` are the PDFs that are made of the same data."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", read_me)
        for name, rows in held_on(session, family):
            text = json.dumps(rows, default=_shown, ensure_ascii=False, indent=1)
            archive.writestr(f"data/{name}.json", text)
        for name, content in files_held(session, family):
            archive.writestr(f"files/{name}", content)
        for name, content in papers:
            archive.writestr(f"pdf/{name}", content)
    return buffer.getvalue()
