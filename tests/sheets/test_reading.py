"""A table is read whatever wrote it, or refused in one sentence."""

import zipfile
from datetime import date, datetime
from io import BytesIO
from random import Random
from typing import Any

import pytest

from app.sheets import refusals
from app.sheets.cells import day_of, line_of
from app.sheets.reading import LARGEST, MOST_LINES, Table, read_table
from tests.sheets.tables import HEADERS, LEA, ZOE, csv_of, text_of, xlsx_of

ENCODINGS = ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize("encoding", [*ENCODINGS, "mac_roman"])
def test_a_text_is_read_in_any_characters_and_with_any_delimiter(
    encoding: str, delimiter: str
) -> None:
    # No dash: Latin-1 has none.
    headers = [name.replace("–", "-") for name in HEADERS]
    content = text_of([headers, ZOE, LEA], delimiter).encode(encoding)

    table = read_table(content)

    assert table.headers == tuple(headers)
    assert [row.cells for row in table.rows] == [tuple(ZOE), tuple(LEA)]


def test_a_workbook_is_read_like_a_text() -> None:
    born = datetime(2015, 12, 31)  # noqa: DTZ001 - as openpyxl has it
    table = read_table(xlsx_of([*ZOE[:2], born, *ZOE[3:]]))

    assert table.headers == tuple(HEADERS)
    assert [day_of(row.cells[2]) for row in table.rows] == [date(2015, 12, 31)]
    assert table.rows[0].number == 2


def test_forty_columns_are_read() -> None:
    more = [f"Autre {number}" for number in range(29)]

    table = read_table(csv_of([*ZOE, *more], headers=[*HEADERS, *more]))

    assert len(table.headers) == len(table.rows[0].cells) == 40


def test_a_title_above_the_header_is_passed_over() -> None:
    content = text_of([["École de Leysin, 2026-2027"], [], HEADERS, ZOE]).encode()

    table = read_table(content)

    assert table.headers == tuple(HEADERS)
    assert [row.number for row in table.rows] == [4]


def test_two_header_lines_are_a_group_and_its_names() -> None:
    groups = ["Élève", "", "", "", "Responsable 1", "", "", "", "", "", ""]
    names = [name.removeprefix("Responsable 1 – ") for name in HEADERS]

    table = read_table(text_of([groups, names, ZOE]).encode())

    assert table.headers[0] == "Élève – Nom"
    assert table.headers[4:6] == ("Responsable 1 – Nom", "Responsable 1 – Prénom")
    assert len(table.rows) == 1


def test_two_header_lines_are_one_in_two_languages() -> None:
    french = ["Nom", "Prénom", "Date de naissance", "Classe"]
    german = ["Nachname", "Vorname", "Geburtsdatum", "Klasse"]

    table = read_table(text_of([french, german, ZOE[:4]]).encode())

    assert table.headers == tuple(french)
    assert [row.cells[1] for row in table.rows] == ["Zoé"]


def test_a_line_with_words_of_a_header_is_no_header() -> None:
    headers = ["Nom", "E-mail", "Adresse"]
    content = text_of([headers, ["Müller", "mail@example.ch", "Rue de la Classe"]]).encode()

    assert len(read_table(content).rows) == 1


def test_a_delimiter_that_excel_names_is_believed() -> None:
    assert read_table(b"sep=;\n" + csv_of(ZOE)).headers == tuple(HEADERS)


def test_blank_rows_and_blank_columns_at_the_end_do_not_count() -> None:
    table = read_table(csv_of([*ZOE, "", ""], [], ["", " "], LEA))

    assert [(row.number, len(row.cells)) for row in table.rows] == [(2, 11), (5, 11)]


DAYS: list[tuple[Any, date | None]] = [
    ("2015-12-31", date(2015, 12, 31)),
    ("31.12.2015", date(2015, 12, 31)),
    ("31/12/2015", date(2015, 12, 31)),
    ("1.2.2015", date(2015, 2, 1)),
    (42369, date(2015, 12, 31)),
    (42369.0, date(2015, 12, 31)),
    ("42369", date(2015, 12, 31)),
    (datetime(2015, 12, 31, 8, 30), date(2015, 12, 31)),  # noqa: DTZ001
    ("2015-12-31 00:00:00", date(2015, 12, 31)),
    (" ", None),
    (None, None),
]


@pytest.mark.parametrize(("cell", "day"), DAYS)
def test_a_day_is_read_in_every_way_that_it_is_written(cell: Any, day: date | None) -> None:
    assert day_of(cell) == day


@pytest.mark.parametrize("cell", ["31.12.15", "30.02.2015", "hier", "31.13.2015", 7, "99999999"])
def test_what_is_no_day_is_refused(cell: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        day_of(cell)


def test_a_number_is_written_as_people_write_it() -> None:
    assert line_of(1854.0) == "1854"
    assert line_of(" a\x00\tb\u00a0 c ") == "a b c"


# -- refused ---------------------------------------------------------------------------------------


def bomb() -> bytes:
    """200 MB of blanks in a sheet of 200 kB."""
    target = BytesIO(xlsx_of(ZOE))
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b" " * (200 * 2**20))
    return target.getvalue()


def swelling() -> bytes:
    """A sheet whose entities swell."""
    source, target = zipfile.ZipFile(BytesIO(xlsx_of(ZOE))), BytesIO()
    entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            content = source.read(name).decode()
            if name.endswith("sheet1.xml"):
                content = entities + content.replace("<v>0</v>", "<v>&b;</v>")
            archive.writestr(name, content)
    return target.getvalue()


REFUSED: list[tuple[Any, type[refusals.SheetRefused]]] = [
    (b"", refusals.EmptyTable),
    (b"\n;;\n \n", refusals.EmptyTable),
    (csv_of(), refusals.EmptyTable),
    (xlsx_of(), refusals.EmptyTable),
    (b"%PDF-1.7 ...", refusals.NotATable),
    (b"\x00\x01\x02\x03" * 100, refusals.NotATable),
    (b"PK\x03\x04 not a workbook", refusals.NotATable),
    (xlsx_of(ZOE)[:-200], refusals.NotATable),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 100, refusals.OldWorkbook),
    (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
        refusals.LockedWorkbook,
    ),
    (swelling(), refusals.NotATable),
]


@pytest.mark.parametrize(("content", "refusal"), REFUSED)
def test_what_is_no_table_is_refused(content: bytes, refusal: type[refusals.SheetRefused]) -> None:
    with pytest.raises(refusal):
        read_table(content)


def test_fifty_megabytes_are_refused_by_size() -> None:
    with pytest.raises(refusals.TableTooLarge):
        read_table(b"a;b\n" * (50 * 2**18))


def test_an_archive_that_unpacks_to_much_more_is_refused_before_it_is_unpacked() -> None:
    content = bomb()

    assert len(content) < LARGEST
    with pytest.raises(refusals.TableTooLarge):
        read_table(content)


def damaged(content: bytes, seed: int) -> bytes:
    """With some other bytes, always the same."""
    chance, bytes_ = Random(seed), bytearray(content)
    for _ in range(chance.randint(1, 8)):
        bytes_[chance.randrange(len(bytes_))] = chance.randrange(256)
    return bytes(bytes_)


def damaged_within(content: bytes, seed: int) -> bytes:
    """A workbook whose parts are damaged, in a whole archive."""
    source, target = zipfile.ZipFile(BytesIO(content)), BytesIO()
    chance = Random(seed)
    victim = chance.choice(source.namelist())
    with zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            part = source.read(name)
            archive.writestr(name, damaged(part, seed) if name == victim else part)
    return target.getvalue()


def test_a_damaged_file_is_read_or_refused_and_never_a_fault() -> None:
    book, text = xlsx_of(ZOE, LEA), csv_of(ZOE, LEA)
    files = [
        *(damaged(each, seed) for seed in range(40) for each in (book, text)),
        *(damaged_within(book, seed) for seed in range(40)),
    ]

    answers: set[type] = set()
    for content in files:
        try:
            answers.add(type(read_table(content)))
        except refusals.SheetRefused as refused:
            answers.add(type(refused))

    assert {Table, refusals.NotATable} <= answers


def test_too_many_lines_or_columns_are_refused() -> None:
    with pytest.raises(refusals.TooManyLines):
        read_table(b"a;b\n" * (MOST_LINES + 100))
    with pytest.raises(refusals.TooManyLines):
        read_table(b";".join([b"x"] * 200) + b"\n")
