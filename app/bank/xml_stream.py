"""XML from strangers, piece by piece: nothing is fetched, expanded or kept in memory."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import IO, Any, Final

from lxml import etree

from app.bank.refusals import BankFileDamaged, BankFileSuspect, BankFileTooLarge, NotABankFile

MOST_BYTES: Final = 100 * 2**20
"""Of one XML file, unpacked."""

MOST_ELEMENTS: Final = 150_000
"""That are waited for, in one file: ten times the largest that a canteen gets."""

_CHUNK: Final = 64 * 2**10
_PATIENCE: Final = 2 * 2**20
"""Bytes in which a bank ends at least one of the elements that are waited for."""

_SAFE: Final[dict[str, Any]] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}


def root_of(stream: IO[bytes], file: str) -> str:
    """The name of the first element, in Clark notation, for a stream at its beginning.

    Raises: BankFileSuspect for a document type; NotABankFile for what is no XML.
    """
    head = stream.read(_CHUNK)
    stream.seek(0)
    parser = etree.XMLPullParser(events=("start",), **_SAFE)
    with suppress(etree.XMLSyntaxError):  # what stands before the damage is enough here
        parser.feed(head)
    _, root = next(iter(parser.read_events()), (None, None))
    if b"<!DOCTYPE" in head.replace(b"\0", b"") or (root is not None and _has_doctype(root)):
        raise BankFileSuspect(file)
    if root is None:
        raise NotABankFile(file, "no XML")
    return str(root.tag)


def _has_doctype(root: etree._Element) -> bool:
    return root.getroottree().docinfo.internalDTD is not None


def ended_elements(
    stream: IO[bytes], file: str, namespace: str, names: Sequence[str]
) -> Iterator[etree._Element]:
    """Each element of these names once it has ended; forget it as soon as it has been read.

    Raises: BankFileTooLarge; BankFileDamaged; BankFileSuspect when none of them comes for long.
    """
    tags = [f"{{{namespace}}}{name}" for name in names]
    parser = etree.XMLPullParser(events=("end",), tag=tags, **_SAFE)
    read = last = count = 0
    try:
        while chunk := stream.read(_CHUNK):
            read += len(chunk)
            if read > MOST_BYTES or count > MOST_ELEMENTS:
                raise BankFileTooLarge(file)
            parser.feed(chunk)
            for _, element in parser.read_events():
                last, count = read, count + 1
                yield element
            if read - last > _PATIENCE:
                raise BankFileSuspect(file)
        parser.close()
    except etree.XMLSyntaxError as error:
        raise BankFileDamaged(file, error.lineno or 1) from error


def forget(element: etree._Element) -> None:
    """Free what an element held, and all that stands before it in its parent."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
