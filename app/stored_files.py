"""Files in the database: each content is kept once, for as long as any record names it."""

import hashlib
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import StoredFile
from app.uses import pointers

_file = sa.inspect(StoredFile).local_table


def keep_file(session: Session, content: bytes, content_type: str, sha256: str = "") -> StoredFile:
    """The row that keeps the content, found by its hash or made.

    `sha256`: of the file as it came, where it is kept compressed.
    """
    sha256 = sha256 or hashlib.sha256(content).hexdigest()
    known: StoredFile | None = session.scalar(
        sa.select(StoredFile).where(StoredFile.sha256 == sha256)
    )
    if known is not None:
        return known
    kept = StoredFile(sha256=sha256, content_type=content_type, size=len(content), content=content)
    session.add(kept)
    session.flush()
    return kept


def forget_files(session: Session, file_ids: Iterable[int | None]) -> int:
    """Delete those of the files that no record names any more; how many.

    They are locked first: whoever is about to name one is waited for.
    """
    session.flush()
    chosen = _file.c.id.in_([each for each in file_ids if each is not None])
    session.execute(sa.select(_file.c.id).where(chosen).with_for_update()).all()
    named = [sa.exists().where(each == _file.c.id) for each in pointers(_file)]
    gone = sa.delete(_file).where(chosen, sa.not_(sa.or_(*named)))
    result: Any = session.execute(gone)
    return int(result.rowcount)
