"""All tax statements of a year as one ZIP: made by the worker, a few at a time, kept for a week.

Between two steps the worker has time for what cannot wait. Each step is one commit and begins where
the last one ended, so that a crash loses at most one step. Families are named in the papers: they
are deleted after a week, or when the year is asked for again.
"""

import io
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from tempfile import SpooledTemporaryFile
from typing import IO, Final

import sqlalchemy as sa
from flask_babel import force_locale, gettext
from sqlalchemy.orm import Session

from app import clock
from app.access import SYSTEM, staff_id
from app.clock import Now, local
from app.documents.letterhead import Letterhead, letterhead_of
from app.documents.tax_statement import render_tax_statement
from app.language import LOCALES
from app.models import CanteenSettings, StoredFile, TaxArchive
from app.refusals import ArchiveNotReady, YearWithoutStatement
from app.statements import Print, accounts_of_year, tax_statement
from app.stored_files import forget_files, keep_file
from app.transaction import look, transaction
from app.vocabulary import Language

PAPERS_A_STEP: Final = 40  # about a second of work
KEPT: Final = timedelta(days=7)
_IN_MEMORY: Final = 10_000_000  # bytes of an archive; more of it lies in a file meanwhile
_PRINTED_IN: Final = Language.FRENCH


def tax_name(year: int) -> str:
    """What a file of the year's tax statements is called, without its ending."""
    name = gettext("tax-statement")
    return f"{name}-{year}"


def tax_papers(
    session: Session, account_ids: Iterable[int], year: int, head: Letterhead, printed: Print
) -> Iterator[tuple[str, bytes]]:
    """File name and PDF of the tax statement of each account. Raises: YearWithoutStatement."""
    for account_id in account_ids:
        content = tax_statement(session, account_id, year, printed)
        paper = render_tax_statement(content, head, gettext)
        yield f"{tax_name(year)}-{account_id:05d}.pdf", paper


def zipped(papers: Iterable[tuple[str, bytes]], file: IO[bytes]) -> None:
    """Write files as one archive; a PDF is compressed already."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in papers:
            archive.writestr(name, content)


def ask_archive(session: Session, year: int, now: Now) -> None:
    """Have the year's archive made, anew if there is one; one that is being made is waited for.

    Raises: NotAllowed for who is not staff; YearWithoutStatement, also of a year without accounts.
    """
    asked_by = staff_id(session)
    at = now()
    if not accounts_of_year(session, year, local(at).date()):
        raise YearWithoutStatement
    parts = _parts(session, year)
    if any(part.stored_file_id is None for part in parts):
        return
    _delete(session, parts)
    session.add(TaxArchive(year=year, after_account_id=0, asked_at=at, asked_by_id=asked_by))
    session.flush()


def _parts(session: Session, year: int) -> Sequence[TaxArchive]:
    query = sa.select(TaxArchive).where(TaxArchive.year == year)
    return session.scalars(query.order_by(TaxArchive.after_account_id)).all()


def _delete(session: Session, parts: Sequence[TaxArchive]) -> None:
    files = [part.stored_file_id for part in parts]
    session.execute(sa.delete(TaxArchive).where(TaxArchive.id.in_([part.id for part in parts])))
    forget_files(session, files)


@dataclass(frozen=True)
class YearArchive:
    """The archive of a year as the office sees it; `papers` so far."""

    year: int
    asked_at: datetime
    papers: int
    is_ready: bool


def archives(session: Session) -> list[YearArchive]:
    """Those that are made or being made, the latest year first."""
    is_whole = sa.func.count(TaxArchive.id) == sa.func.count(TaxArchive.stored_file_id)
    query = sa.select(
        TaxArchive.year, sa.func.min(TaxArchive.asked_at), sa.func.sum(TaxArchive.papers), is_whole
    ).group_by(TaxArchive.year)
    found = session.execute(query.order_by(TaxArchive.year.desc()))
    return [YearArchive(year, at, int(papers), bool(whole)) for year, at, papers, whole in found]


def open_archive(session: Session, year: int) -> IO[bytes]:
    """The year's archive as one file, to read. Raises: ArchiveNotReady."""
    parts = _parts(session, year)
    if not parts or any(part.stored_file_id is None for part in parts):
        raise ArchiveNotReady
    whole = SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - whoever sends it closes it
    zipped(_papers_in(session, parts), whole)
    whole.seek(0)
    return whole


def _papers_in(session: Session, parts: Sequence[TaxArchive]) -> Iterator[tuple[str, bytes]]:
    for part in parts:
        query = sa.select(StoredFile.content).where(StoredFile.id == part.stored_file_id)
        with zipfile.ZipFile(io.BytesIO(session.scalars(query).one())) as archive:
            for name in archive.namelist():
                yield name, archive.read(name)


# -- the worker ------------------------------------------------------------------------------------


def has_archives(session: Session, now: datetime) -> bool:
    """Whether one is to be made, or has been kept for long enough."""
    query = sa.select(TaxArchive.id).where(
        sa.or_(TaxArchive.stored_file_id.is_(None), TaxArchive.asked_at <= now - KEPT)
    )
    return session.scalar(query.limit(1)) is not None


def make_archives(_: str) -> Generator[int]:
    """One step of the oldest that is asked for; what was kept long enough is deleted."""
    with transaction(SYSTEM) as session:
        old = sa.select(TaxArchive).where(
            TaxArchive.asked_at <= clock.now() - KEPT, TaxArchive.stored_file_id.is_not(None)
        )
        _delete(session, session.scalars(old).all())
    yield 0
    step = look(_next_step)
    if step is not None:
        yield _keep(step)


@dataclass(frozen=True)
class _Step:
    """Papers that are printed; `last` is their last account, None where no other follows."""

    archive_id: int
    content: bytes
    papers: int
    last: int | None


def _next_step(session: Session, now: datetime) -> _Step | None:
    query = sa.select(TaxArchive).where(TaxArchive.stored_file_id.is_(None))
    part: TaxArchive | None = session.scalar(query.order_by(TaxArchive.id).limit(1))
    if part is None:
        return None
    today = local(now).date()
    ids = [i for i in accounts_of_year(session, part.year, today) if i > part.after_account_id]
    chosen = ids[:PAPERS_A_STEP]
    head, file = letterhead_of(session.get_one(CanteenSettings, 1)), io.BytesIO()
    with force_locale(LOCALES[_PRINTED_IN]):
        printed = Print(today, _PRINTED_IN)
        zipped(tax_papers(session, chosen, part.year, head, printed), file)
    last = chosen[-1] if len(ids) > len(chosen) else None
    return _Step(part.id, file.getvalue(), len(chosen), last)


def _keep(step: _Step) -> int:
    """Keep the papers, unless another worker was faster; ask for the next ones."""
    with transaction(SYSTEM) as session:
        query = sa.select(TaxArchive).where(TaxArchive.id == step.archive_id)
        part: TaxArchive | None = session.scalar(query.with_for_update(of=TaxArchive))
        if part is None or part.stored_file_id is not None:
            return 0
        kept = keep_file(session, step.content, "application/zip")
        part.stored_file_id, part.papers = kept.id, step.papers
        if step.last is not None:
            session.add(
                TaxArchive(
                    year=part.year,
                    after_account_id=step.last,
                    asked_at=part.asked_at,
                    asked_by_id=part.asked_by_id,
                )
            )
        return step.papers
