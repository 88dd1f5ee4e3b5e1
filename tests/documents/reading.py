"""Reads PDFs back, as a person would."""

from datetime import UTC, datetime
from io import BytesIO
from typing import cast

from pypdf import PdfReader
from pypdf.generic import DictionaryObject

from app.documents.letterhead import Letterhead

CANTEEN = Letterhead(
    "Réfectoire de Leysin",
    ("Rue du Village 12", "1854 Leysin"),
    "024 494 12 34",
    "cantine@leysin.example",
    "https://refectoire.example",
)
MORNING = datetime(2026, 11, 24, 6, 50, tzinfo=UTC)
LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff" * 5
STRANGE_NAMES = ("Zoé 🦄 Favre", "李小龍", "Ş̌imşek\u200d\ud83d\ude00", "\x00\n", "Ünal ☕")


def plain(msgid: str) -> str:
    """The English texts themselves."""
    return msgid


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page, its spaces made single."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(pdf)).pages]


def text_of(pdf: bytes) -> str:
    """The text of all pages."""
    return " ".join(pages_of(pdf))


def fonts_of(pdf: bytes) -> dict[str, DictionaryObject]:
    """The descriptors of the fonts of the first page that are not built into every viewer."""
    resources = cast("DictionaryObject", PdfReader(BytesIO(pdf)).pages[0]["/Resources"])
    fonts = cast("DictionaryObject", resources["/Font"]).values()
    return {
        str(font["/BaseFont"]): cast("DictionaryObject", font["/FontDescriptor"].get_object())
        for font in (cast("DictionaryObject", font.get_object()) for font in fonts)
        if "/FontDescriptor" in font
    }


def squeezed(pdf: bytes) -> str:
    """The text without any space, in which a broken word is whole."""
    return text_of(pdf).replace(" ", "")
