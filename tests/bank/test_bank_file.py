import subprocess
import sys
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.bank import bank_file, xml_stream
from app.bank.bank_file import read_bank_file
from app.bank.camt import Entry
from app.bank.refusals import (
    ArchiveUnreadable,
    BankFileDamaged,
    BankFileRefused,
    BankFileSuspect,
    BankFileTooLarge,
    NotABankFile,
)
from tests.bank.camt_builder import Ntry, Tx, camt

GOOD = camt(Ntry())
BOMB = (
    b"<!DOCTYPE Document [<!ENTITY a0 'ha'>"
    + b"".join(b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12))
    + b"]>"
)


def entries(content: bytes | Path) -> list[Entry]:
    return [part for part in read_bank_file(content, "bank") if isinstance(part, Entry)]


def zipped(members: dict[str, bytes], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def with_prologue(prologue: bytes, content: bytes = GOOD) -> bytes:
    declaration, rest = content.split(b"\n", 1)
    return declaration + b"\n" + prologue + rest


def test_reads_from_a_path_as_from_bytes(tmp_path: Path) -> None:
    path = tmp_path / "camt.xml"
    path.write_bytes(GOOD)

    assert entries(path) == entries(GOOD)


def test_reads_other_encodings() -> None:
    text = camt(Ntry(payments=[Tx(name="Zoé")])).decode()

    for encoding in ("utf-16", "iso-8859-1"):
        declared = text.replace("UTF-8", encoding).encode(encoding)
        assert entries(declared)[0].payments[0].counterparty == "Zoé"


def test_reads_every_xml_of_a_zip_and_nothing_else() -> None:
    archive = zipped(
        {
            "one.xml": GOOD,
            "folder/TWO.XML": camt(Ntry(bank_reference="E2"), Ntry(bank_reference="E3")),
            "__MACOSX/._one.xml": b"\0\5\26\7",
            "notes.txt": b"hello",
        }
    )

    assert [entry.statement.file for entry in entries(archive)] == ["one.xml", "TWO.XML", "TWO.XML"]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "no XML"),
        (b"%PDF-1.7 not a bank file", "no XML"),
        (b"\xff\xfe\x00", "no XML"),
        (b"<html><body/></html>", "html"),
        (GOOD.replace(b"camt.054.001.08", b"camt.052.001.08"), "camt.052.001.08"),
        (GOOD.replace(b"camt.054.001.08", b"camt.054.001.13"), "camt.054.001.13"),
        (GOOD.replace(b"camt.054.001.08", b"pain.001.001.09"), "pain.001.001.09"),
        (GOOD.replace(b"<Document xmlns", b"<Document x"), "Document"),
    ],
)
def test_names_what_it_found_instead_of_a_bank_file(content: bytes, found: str) -> None:
    with pytest.raises(NotABankFile) as refused:
        entries(content)

    assert refused.value.found == found
    assert found in str(refused.value)


@pytest.mark.parametrize("end", [-1, -20, len(GOOD) // 2, 700])
def test_refuses_a_truncated_file_and_says_where(end: int) -> None:
    with pytest.raises(BankFileDamaged) as refused:
        entries(GOOD[:end])

    assert refused.value.line > 1
    assert str(refused.value.line) in str(refused.value)


def test_refuses_what_follows_the_end() -> None:
    with pytest.raises(BankFileDamaged):
        entries(GOOD + b"<more/>")


@pytest.mark.parametrize(
    "prologue",
    [
        b"<!DOCTYPE Document>",
        b"<!DOCTYPE Document SYSTEM 'http://refectoire.example/camt.dtd'>",
        b"<!DOCTYPE Document [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
        b"<!DOCTYPE Document [<!ENTITY % x SYSTEM 'file:///etc/passwd'> %x;]>",
        BOMB,
    ],
)
def test_refuses_every_document_type(prologue: bytes) -> None:
    with pytest.raises(BankFileSuspect):
        entries(with_prologue(prologue))


@pytest.mark.parametrize("place", [b"<Document ", b"<Document a='&a11;' "])
def test_an_entity_bomb_is_never_lit(place: bytes) -> None:
    bomb = with_prologue(BOMB, GOOD.replace(b"MSG-1", b"&a11;").replace(b"<Document ", place))

    with pytest.raises(BankFileSuspect):
        entries(bomb)


def test_a_document_type_in_another_encoding_is_seen_too() -> None:
    text = with_prologue(b"<!DOCTYPE Document>").decode().replace("UTF-8", "utf-16")

    with pytest.raises(BankFileSuspect):
        entries(text.encode("utf-16"))


@pytest.mark.parametrize(
    ("tag", "displaced"),
    [
        (b"NtryDtls>", b"Other>"),
        (b"BkToCstmrDbtCdtNtfctn>", b"Other>"),
        (b"GrpHdr>", b"TxDtls>"),
        (b"GrpHdr>", b"Ntry>"),
        (b"Refs>", b"Ntry>"),
        (b"Acct>", b"Ntfctn>"),
    ],
)
def test_elements_out_of_their_place_never_become_money(tag: bytes, displaced: bytes) -> None:
    with pytest.raises(BankFileSuspect):
        entries(GOOD.replace(tag, displaced))


@pytest.mark.parametrize("junk", [b"<a/>", b"<!---->", b"<?a?>", b"<b>x</b>"])
def test_refuses_a_flood_of_what_no_bank_sends(junk: bytes) -> None:
    flood = junk * (3 * 2**20 // len(junk))

    with pytest.raises(BankFileSuspect):
        entries(GOOD.replace(b"</GrpHdr>", b"</GrpHdr>" + flood))


def test_refuses_a_file_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_stream, "MOST_BYTES", len(GOOD) - 1)

    with pytest.raises(BankFileTooLarge) as refused:
        entries(GOOD)

    assert refused.value.status == 413


def test_refuses_a_file_of_too_many_payments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_stream, "MOST_ELEMENTS", 10)
    many = camt(*[Ntry(bank_reference=f"E{number}") for number in range(400)])

    with pytest.raises(BankFileTooLarge):
        entries(many)


@pytest.mark.parametrize(
    "archive",
    [
        zipped({"notes.txt": b"hello"}),
        zipped({"inner.zip": zipped({"one.xml": GOOD})}),
        zipped({"one.xml": GOOD}, method=zipfile.ZIP_LZMA),
        zipped({"one.xml": GOOD})[:-30],
        zipped({"one.xml": GOOD}).replace(b"PK\x01\x02", b"PK\x01\x03"),
    ],
)
def test_refuses_an_archive_that_it_cannot_open(archive: bytes) -> None:
    with pytest.raises(ArchiveUnreadable):
        entries(archive)


def test_refuses_an_archive_whose_content_was_altered() -> None:
    archive = bytearray(zipped({"one.xml": GOOD}, method=zipfile.ZIP_STORED))
    archive[archive.index(b"Bernasconi")] ^= 1

    with pytest.raises(ArchiveUnreadable):
        entries(bytes(archive))


def test_refuses_an_archive_with_a_password() -> None:
    archive = bytearray(zipped({"one.xml": GOOD}))
    archive[archive.index(b"PK\x01\x02") + 8] |= 1

    with pytest.raises(ArchiveUnreadable):
        entries(bytes(archive))


def test_refuses_a_zip_bomb_before_it_unpacks_it() -> None:
    bomb = zipped({f"{number}.xml": b" " * 2**20 for number in range(99)} | {"z.xml": b" " * 2**22})

    assert len(bomb) < 2**20
    with pytest.raises(BankFileTooLarge):
        entries(bomb)


def test_a_member_that_lies_about_its_size_gives_no_more_than_that() -> None:
    content = GOOD + b" " * 2**20
    archive = bytearray(zipped({"one.xml": content}))
    size = len(content).to_bytes(4, "little")
    while size in archive:
        place = archive.index(size)
        archive[place : place + 4] = len(GOOD).to_bytes(4, "little")

    with pytest.raises(ArchiveUnreadable):
        entries(bytes(archive))


def test_refuses_too_many_or_too_large_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    many = zipped({f"{number}.xml": GOOD for number in range(bank_file.MOST_MEMBERS + 1)})

    with pytest.raises(BankFileSuspect):
        entries(many)
    monkeypatch.setattr(bank_file, "MOST_ARCHIVE_BYTES", len(many) - 1)
    with pytest.raises(BankFileTooLarge):
        entries(many)


@settings(max_examples=300, deadline=None)
@given(place=st.integers(0, len(GOOD) - 1), byte=st.integers(0, 255))
def test_an_altered_byte_is_read_or_refused_but_never_a_fault(place: int, byte: int) -> None:
    altered = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]

    try:
        found = entries(altered)
    except BankFileRefused:
        return
    assert all(payment.amount >= 0 for entry in found for payment in entry.payments)


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=400))
def test_any_bytes_are_refused(content: bytes) -> None:
    for start in (b"", b"PK\x03\x04", b"<?xml version='1.0'?>"):
        with pytest.raises(BankFileRefused):
            entries(start + content)


def large_parts() -> Iterator[bytes]:
    """A notification of 100 MB, in entries of one payment."""
    one = camt(Ntry(payments=[Tx(message="x" * 6000)]))
    start, end = one.index(b"<Ntry>"), one.index(b"</Ntfctn>")
    yield one[:start]
    for _ in range(100 * 10**6 // (end - start)):
        yield one[start:end]
    yield one[end:]


READ_IT = r"""
import re, sys
from pathlib import Path
from app.bank.bank_file import read_bank_file
parts = sum(1 for _ in read_bank_file(Path(sys.argv[1]), "large.xml"))
# This program's own peak: getrusage() would count what pytest held when it started us.
peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
print(parts, int(peak[1]) // 1024)
"""


def test_100_mb_take_less_than_300_mb_of_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    with path.open("wb") as file:
        file.writelines(large_parts())

    done = subprocess.run(
        [sys.executable, "-c", READ_IT, str(path)], capture_output=True, text=True, check=True
    )

    parts, megabytes = map(int, done.stdout.split())
    assert parts > 10_000
    assert megabytes < 300
