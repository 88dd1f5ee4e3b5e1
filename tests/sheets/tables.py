"""Lists as schools export them, made here."""

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO
from typing import Any

from openpyxl import Workbook

HEADERS = [
    "Nom",
    "Prénom",
    "Date de naissance",
    "Classe",
    "Responsable 1 – Nom",
    "Responsable 1 – Prénom",
    "Responsable 1 – E-mail",
    "Responsable 1 – Tél.",
    "Responsable 1 – Adresse",
    "Responsable 1 – NPA",
    "Responsable 1 – Localité",
]
ZOE = [
    *("Müller", "Zoé", "31.12.2015", "5P", "Müller", "Anne", "anne@example.ch"),
    *("079 123 45 67", "Rue du Test 1", "1854", "Leysin"),
]
NOE = ["Müller", "Noé", "2017-03-01", *ZOE[3:]]
LEA = [
    *("Favre", "Léa", "01/02/2016", "5P", "Favre", "Luc", "luc@example.ch"),
    *("078 765 43 21", "Rue du Test 2", "1854", "Leysin"),
]


def text_of(rows: Sequence[Sequence[Any]], delimiter: str = ";") -> str:
    """The rows as CSV."""
    target = StringIO()
    csv.writer(target, delimiter=delimiter).writerows(rows)
    return target.getvalue()


def csv_of(*rows: Sequence[Any], headers: Sequence[Any] = HEADERS) -> bytes:
    """A CSV file in UTF-8."""
    return text_of([headers, *rows]).encode()


def xlsx_of(*rows: Sequence[Any], headers: Sequence[Any] = HEADERS) -> bytes:
    """A workbook with one sheet."""
    book = Workbook()
    assert book.active is not None
    for row in (headers, *rows):
        book.active.append(list(row))
    target = BytesIO()
    book.save(target)
    return target.getvalue()
