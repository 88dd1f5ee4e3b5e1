"""The file of a backup: lines of JSON, compressed, sealed where there is a key.

The first line says what the file is; then follows each table, its name and columns on one line, its
rows in batches; the last line holds the figures and the digest of all lines before it.
"""

import gzip
import io
import json
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from hashlib import sha256
from typing import Any, BinaryIO, Final

import sqlalchemy as sa

from app.backup.figures import Figures, Tally
from app.backup.refusals import BackupDamaged, NotABackup
from app.backup.sealing import MAGIC, SealedReader, SealedWriter
from app.extensions import db

FORMAT: Final = "refectoire backup 1"
LEVEL: Final = 6  # of compression
ROWS_AT_ONCE: Final = 1000
_GZIP: Final = b"\x1f\x8b"

Rows = list[list[Any]]

_READERS: Final[Mapping[type[Any], Callable[[Any], Any]]] = {
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
    time: time.fromisoformat,
    bytes: b64decode,
}


@dataclass(frozen=True)
class Head:
    """Which version of the tables a backup is of, and the moment that it shows."""

    schema: str
    taken_at: datetime
    format: str = FORMAT


def tables() -> list[sa.Table]:
    """Every table of the program, those that others refer to first."""
    found: list[sa.Table] = db.metadata.sorted_tables
    return found


def columns_of(table: sa.Table) -> list[str]:
    """The names of a table's columns, in their order."""
    return [column.name for column in table.columns]


# --- writing -----------------------------------------------------------------------------------


def _plain(value: object) -> str:
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return b64encode(value).decode()
    raise TypeError(value)


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_plain).encode


@contextmanager
def packed(file: BinaryIO, secret: str) -> Iterator[gzip.GzipFile]:
    """A stream to write lines to: compressed, and sealed if there is a secret."""
    with ExitStack() as stack:
        target: Any = stack.enter_context(SealedWriter(file, secret)) if secret else file
        with gzip.GzipFile(
            filename="", fileobj=target, mode="wb", compresslevel=LEVEL, mtime=0
        ) as lines:
            yield lines


def write_lines(
    lines: gzip.GzipFile, head: Head, figures: Figures, connection: sa.Connection
) -> None:
    """Every row that the connection's transaction sees."""
    digest = sha256()

    def write(what: object) -> None:
        line = _encode(what).encode() + b"\n"
        digest.update(line)
        lines.write(line)

    write(asdict(head))
    for table in tables():
        write({"table": table.name, "columns": columns_of(table)})
        for rows in _batches(connection, table):
            write(rows)
    write({"figures": asdict(figures), "sha256": digest.hexdigest()})


def _batches(connection: sa.Connection, table: sa.Table) -> Iterator[list[tuple[Any, ...]]]:
    """The rows by their keys; those that hold a file one by one."""
    has_file = any(isinstance(column.type, sa.LargeBinary) for column in table.columns)
    query = sa.select(table).order_by(*table.primary_key)
    found = connection.execute(query.execution_options(yield_per=1 if has_file else ROWS_AT_ONCE))
    for rows in found.partitions():
        yield [tuple(row) for row in rows]


# --- reading -----------------------------------------------------------------------------------


@contextmanager
def unpacked(file: BinaryIO, secret: str) -> Iterator[gzip.GzipFile]:
    """The lines of a file, whichever way it was packed. Raises: NotABackup; what a seal refuses."""
    file.seek(0)
    begins = file.read(len(MAGIC))
    file.seek(0)
    source: Any = file
    if begins == MAGIC:
        source = io.BufferedReader(SealedReader(file, secret))
    elif begins[:2] != _GZIP:
        raise NotABackup
    with gzip.GzipFile(fileobj=source, mode="rb") as lines:
        yield lines


class Archive:
    """The lines of a backup as they are read; once all batches were, they are proved.

    Raises: NotABackup; BackupDamaged for anything that was not written by `write_lines`.
    """

    def __init__(self, lines: gzip.GzipFile) -> None:
        self._lines, self._digest = lines, sha256()
        self.tables: dict[str, list[str]] = {}
        self.figures: Figures | None = None
        head = self._read()
        if not isinstance(head, dict) or head.get("format") != FORMAT:
            raise NotABackup
        try:
            self.head = Head(str(head["schema"]), datetime.fromisoformat(head["taken_at"]))
        except (KeyError, TypeError, ValueError) as error:
            raise BackupDamaged from error

    def batches(self) -> Iterator[tuple[str, Rows]]:
        """The name of a table and some of its rows, over and over."""
        tally, table = Tally(), ""
        while not isinstance(line := self._read(), dict) or "figures" not in line:
            if isinstance(line, dict):
                table = str(line.get("table"))
                self.tables[table] = tally.begin(table, line.get("columns"))
            else:
                tally.count(table, line)
                yield table, line
        if asdict(tally.figures()) != line["figures"] or self._line():
            raise BackupDamaged
        self.figures = tally.figures()

    def _read(self) -> Any:
        """The next line; the last one must hold the digest of those before it."""
        line, before = self._line(), self._digest.hexdigest()
        self._digest.update(line)
        try:
            read = json.loads(line)
        except ValueError as error:
            raise BackupDamaged from error
        if isinstance(read, dict) and read.get("sha256", before) != before:
            raise BackupDamaged
        return read

    def _line(self) -> bytes:
        try:
            return self._lines.readline()
        except (EOFError, OSError, zlib.error) as error:
            raise BackupDamaged from error


def read_all(file: BinaryIO, secret: str) -> Archive:
    """A backup that was read to its end, and so proved."""
    with unpacked(file, secret) as lines:
        archive = Archive(lines)
        for _ in archive.batches():
            pass
    return archive


def _type_of(column: sa.Column[Any]) -> type[Any]:
    kind: Any = column.type
    kind = kind.impl if isinstance(kind, sa.TypeDecorator) else kind
    python_type: type[Any] = kind.python_type
    return python_type


def reader_of(table: sa.Table) -> Callable[[list[Any]], dict[str, Any]]:
    """Makes of a row in the file what the database takes."""
    readers = [(column.name, _READERS.get(_type_of(column))) for column in table.columns]

    def read(row: list[Any]) -> dict[str, Any]:
        return {
            name: value if reader is None or value is None else reader(value)
            for (name, reader), value in zip(readers, row, strict=True)
        }

    return read
