"""A file from the bank as people upload it: one XML, or a ZIP of several."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO, Final

from app.bank.camt import Entry, Statement
from app.bank.camt_reader import read_camt
from app.bank.refusals import ArchiveUnreadable, BankFileSuspect, BankFileTooLarge
from app.bank.xml_stream import MOST_BYTES

MOST_ARCHIVE_BYTES: Final = 10 * 2**20
MOST_MEMBERS: Final = 100

_MAGIC: Final = b"PK\x03\x04"
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


def read_bank_file(source: bytes | Path, name: str) -> Iterator[Statement | Entry]:
    """Each statement followed by its entries, of every XML file in the source.

    A refusal may come as late as at the end: nothing may be booked before all has been read.
    `name` is what people call the file. 100 MB need less than 300 MB of memory, because only
    one entry is held at a time.
    Raises: BankFileRefused, by its subclasses.
    """
    with _opened(source) as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            stream.seek(0)
            yield from read_camt(stream, name)
            return
        try:
            yield from _read_archive(stream, name)
        except _BROKEN as error:
            raise ArchiveUnreadable(name) from error


@contextmanager
def _opened(source: bytes | Path) -> Iterator[IO[bytes]]:
    with BytesIO(source) if isinstance(source, bytes) else source.open("rb") as stream:
        yield stream


def _read_archive(stream: IO[bytes], name: str) -> Iterator[Statement | Entry]:
    if stream.seek(0, 2) > MOST_ARCHIVE_BYTES:
        raise BankFileTooLarge(name)
    with zipfile.ZipFile(stream) as archive:
        for member in _members(archive, name):
            with archive.open(member) as content:
                yield from read_camt(content, PurePosixPath(member.filename).name)


def _members(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The XML files of an archive.

    What they unpack to is limited by what they declare: zipfile never reads more than that.
    """
    members = [member for member in archive.infolist() if _is_xml(member)]
    if len(members) > MOST_MEMBERS:
        raise BankFileSuspect(name)
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise BankFileTooLarge(name)
    encrypted = any(member.flag_bits & 1 for member in members)
    if not members or encrypted or any(m.compress_type not in _METHODS for m in members):
        raise ArchiveUnreadable(name)
    return members


def _is_xml(member: zipfile.ZipInfo) -> bool:
    """Whether it is one; a Mac adds hidden ones of its own."""
    path = PurePosixPath(member.filename)
    return path.suffix.lower() == ".xml" and not path.name.startswith(".")
