from io import BytesIO
from zipfile import ZipFile

import pytest

from app.rules.files import JPEG, OPEN_TEXT, PDF, PNG, WORD, FileKind, kind_of, safe_name


def archive(**members: str) -> bytes:
    written = BytesIO()
    with ZipFile(written, "w") as file:
        for name, text in members.items():
            file.writestr(name.replace("__", "/"), text)
    return written.getvalue()


DOCX = archive(**{"[Content_Types].xml": "", "word/document.xml": ""})
ODT = archive(mimetype=OPEN_TEXT.content_type, **{"content.xml": ""})


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7 ...", PDF),
        (b"\x89PNG\r\n\x1a\n...", PNG),
        (b"\xff\xd8\xff\xe0...", JPEG),
        (DOCX, WORD),
        (ODT, OPEN_TEXT),
    ],
)
def test_a_file_is_known_by_its_content(content: bytes, kind: FileKind) -> None:
    assert kind_of(content) is kind


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html><script>alert(1)</script>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"MZ\x90\x00",
        b"PK\x03\x04 no archive at all",
        archive(anything=""),
        archive(**{"[Content_Types].xml": "", "word/document.xml": "", "word/vbaProject.bin": ""}),
        archive(mimetype=OPEN_TEXT.content_type, **{"Basic/Standard/script.xml": ""}),
        archive(mimetype="application/vnd.oasis.opendocument.spreadsheet"),
        DOCX[: len(DOCX) // 2],
    ],
)
def test_whatever_could_act_in_a_browser_is_no_document(content: bytes) -> None:
    assert kind_of(content) is None


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Règlement 2026.PDF", "Règlement 2026.pdf"),
        ("../../etc/passwd", "passwd.pdf"),
        ("C:\\Users\\moi\\charte.pdf", "charte.pdf"),
        ('a"b\r\nSet-Cookie: x.pdf', "a_b__Set-Cookie_ x.pdf"),
        ("facture.pdf.exe", "facture.pdf.pdf"),
        ("", "document.pdf"),
        ("x" * 300, "x" * 100 + ".pdf"),
    ],
)
def test_a_file_name_is_harmless_and_ends_as_its_content_says(name: str, kept: str) -> None:
    assert safe_name(name, PDF) == kept
