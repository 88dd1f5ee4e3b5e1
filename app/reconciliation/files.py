"""Files of the bank: received whole and kept, read again when they are booked."""

import gzip
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import file_digest
from io import BytesIO
from pathlib import Path
from typing import IO, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import actor_of
from app.bank.refusals import BankFileTooLarge
from app.models import BankFile, CanteenSettings, LedgerAccount, StoredFile
from app.reconciliation.reading import BankRules, Reading, bank_rules, read_lines
from app.stored_files import keep_file
from app.vocabulary import BankFileState, LedgerKind

MOST_STORED: Final = 10 * 2**20
LONGEST_NAME: Final = 120
_ZIP: Final = "application/zip"
_GZIP: Final = "application/gzip"


def rules_of(settings: CanteenSettings) -> BankRules:
    """What the settings say of the bank."""
    return bank_rules(settings.creditor_iban, settings.refund_iban, settings.bank_channel)


@dataclass(frozen=True)
class NewFile:
    """A file that was read to its end and may be kept; `content` is compressed."""

    name: str
    sha256: str
    content_type: str
    content: bytes
    reading: Reading


def open_file(source: Path, name: str, rules: BankRules, today: date) -> NewFile:
    """Read a file that comes from outside; slow, so never inside a transaction.

    Raises: BankFileRefused, by its subclasses.
    """
    reading = read_lines(source, name, rules, today)
    with source.open("rb") as stream:
        sha256 = file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        is_zip = stream.read(4) == b"PK\x03\x04"
        stream.seek(0)
        content = stream.read() if is_zip else _compressed(stream)
    if len(content) > MOST_STORED:
        raise BankFileTooLarge(name)
    kind = _ZIP if is_zip else _GZIP
    return NewFile(name[-LONGEST_NAME:], sha256, kind, content, reading)


def compressed(content: bytes) -> bytes:
    """As a file is kept."""
    return _compressed(BytesIO(content))


def _compressed(stream: IO[bytes]) -> bytes:
    """The same content always gives the same bytes."""
    packed = BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as archive:
        shutil.copyfileobj(stream, archive)
    return packed.getvalue()


def receive(session: Session, file: NewFile, now: datetime) -> BankFile:
    """Keep a file, once: the same content gives the same record, whatever its name."""
    hold_bank(session)
    known: BankFile | None = session.scalar(_by_content(file.sha256))
    if known is not None:
        return known
    kept = keep_file(session, file.content, file.content_type, file.sha256)
    received = BankFile(
        stored_file_id=kept.id,
        file_name=file.name,
        state=BankFileState.RECEIVED,
        lines=len(file.reading.lines),
        lines_done=0,
        received_at=now,
        received_by_id=actor_of(session).user_id,
    )
    session.add(received)
    session.flush()
    return received


def hold_bank(session: Session) -> None:
    """Lock the ledger's bank account: files are received and booked one after the other."""
    query = sa.select(LedgerAccount.id).where(LedgerAccount.kind == LedgerKind.BANK)
    session.scalar(query.with_for_update(key_share=True))


def _by_content(sha256: str) -> sa.Select[BankFile]:
    return (
        sa.select(BankFile)
        .join(StoredFile, StoredFile.id == BankFile.stored_file_id)
        .where(StoredFile.sha256 == sha256)
    )


@contextmanager
def unpacked(session: Session, bank_file: BankFile) -> Iterator[Path]:
    """A kept file as it came, in a temporary one."""
    kept = session.get_one(StoredFile, bank_file.stored_file_id)
    with tempfile.NamedTemporaryFile(suffix=".camt") as target:
        packed: BytesIO | gzip.GzipFile = BytesIO(kept.content)
        if kept.content_type == _GZIP:
            packed = gzip.GzipFile(fileobj=packed)
        shutil.copyfileobj(packed, target)
        target.flush()
        session.expire(kept, ["content"])
        yield Path(target.name)


def read_again(session: Session, bank_file: BankFile, rules: BankRules, today: date) -> Reading:
    """The lines of a file that was received. Raises: BankFileRefused if the settings changed."""
    with unpacked(session, bank_file) as path:
        return read_lines(path, bank_file.file_name, rules, today)
