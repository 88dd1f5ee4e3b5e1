"""What an uploaded file is, by its content: names and browsers say anything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Final
from zipfile import BadZipFile, ZipFile

LARGEST: Final = 10 * 1024 * 1024


@dataclass(frozen=True)
class FileKind:
    """A kind of file that may be published."""

    ending: str
    content_type: str


PDF: Final = FileKind("pdf", "application/pdf")
PNG: Final = FileKind("png", "image/png")
JPEG: Final = FileKind("jpg", "image/jpeg")
WORD: Final = FileKind(
    "docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
)
OPEN_TEXT: Final = FileKind("odt", "application/vnd.oasis.opendocument.text")

_BEGINS_WITH: Final[Mapping[bytes, FileKind]] = {
    b"%PDF-": PDF,
    b"\x89PNG\r\n\x1a\n": PNG,
    b"\xff\xd8\xff": JPEG,
}


def kind_of(content: bytes) -> FileKind | None:
    """What the content is; None for anything that is not published."""
    for beginning, kind in _BEGINS_WITH.items():
        if content.startswith(beginning):
            return kind
    return _kind_of_archive(content) if content.startswith(b"PK\x03\x04") else None


def _kind_of_archive(content: bytes) -> FileKind | None:
    try:
        with ZipFile(BytesIO(content)) as archive:
            return next((kind for kind, is_it in _ARCHIVES.items() if is_it(archive)), None)
    except (BadZipFile, NotImplementedError, RuntimeError, ValueError, KeyError):
        return None


def _is_word(archive: ZipFile) -> bool:
    names = set(archive.namelist())
    has_macros = any(name.lower().endswith("vbaproject.bin") for name in names)
    return {"[Content_Types].xml", "word/document.xml"} <= names and not has_macros


def _is_open_text(archive: ZipFile) -> bool:
    names = archive.namelist()
    if "mimetype" not in names or any(name.startswith("Basic/") for name in names):
        return False
    with archive.open("mimetype") as member:
        return member.read(len(OPEN_TEXT.content_type) + 1) == OPEN_TEXT.content_type.encode()


_ARCHIVES: Final[Mapping[FileKind, Callable[[ZipFile], bool]]] = {
    WORD: _is_word,
    OPEN_TEXT: _is_open_text,
}


def safe_name(name: str, kind: FileKind) -> str:
    """The last part of a file's name, without signs that a system minds, with the right ending."""
    last = name.replace("\\", "/").rpartition("/")[2]
    stem = last.rpartition(".")[0] or last
    kept = "".join(sign if sign.isalnum() or sign in " -_.()’" else "_" for sign in stem)
    return f"{' '.join(kept.split()).strip('. ')[:100] or 'document'}.{kind.ending}"
