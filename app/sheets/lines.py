"""What one line of a list says of a pupil and of the holders, and what is wrong with it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from app.rules.names import folded
from app.sheets.cells import day_of, line_of
from app.sheets.reading import Row
from app.vocabulary import REMARKS, Language, LineProblem, SheetColumn

_MAIL: Final = re.compile(r"[^@\s,;<>()]+@[^@\s,;<>()]+\.[^@\s.,;<>()]{2,}")
_POSTAL: Final = re.compile(r"((?:CH-?|FL-?)?\d{4,5})\s+(\D.*)")
_LANGUAGES: Final = {"fr": Language.FRENCH, "fra": Language.FRENCH, "f": Language.FRENCH} | {
    "en": Language.ENGLISH,
    "eng": Language.ENGLISH,
    "e": Language.ENGLISH,
}
_LANGUAGE_BEGINS: Final = {"franc": Language.FRENCH, "franz": Language.FRENCH} | {
    "french": Language.FRENCH,
    "angl": Language.ENGLISH,
    "engl": Language.ENGLISH,
}
_LONGEST: Final = {
    "first_name": 64,
    "last_name": 64,
    "email": 120,
    "phone": 30,
    "street": 80,
    "postal_code": 10,
    "town": 80,
}
_BORN_AFTER: Final = 1990


@dataclass(frozen=True)
class Problem:
    """What is wrong, and the text of the cell where there is one."""

    word: LineProblem
    value: str = ""

    @property
    def is_remark(self) -> bool:
        """Whether the line is entered nevertheless."""
        return self.word in REMARKS


@dataclass(frozen=True)
class Holder:
    """A parent as a line names them; blank is unknown."""

    first_name: str
    last_name: str
    email: str = ""
    phone: str = ""
    street: str = ""
    postal_code: str = ""
    town: str = ""
    language: Language | None = None

    @property
    def name(self) -> str:
        """First name first."""
        return f"{self.first_name} {self.last_name}"

    @property
    def home(self) -> str:
        """The address, to compare; empty where the street is unknown."""
        return folded(f"{self.street} {self.postal_code}") if self.street else ""


@dataclass(frozen=True)
class Line:
    """A line of the list."""

    number: int
    first_name: str
    last_name: str
    birth_date: date | None
    school_class: str
    diet: str
    category: str
    holders: tuple[Holder, ...]
    problems: tuple[Problem, ...]

    @property
    def name(self) -> str:
        """First name first."""
        return f"{self.first_name} {self.last_name}".strip()

    @property
    def is_readable(self) -> bool:
        """Whether there is nothing wrong but remarks."""
        return all(problem.is_remark for problem in self.problems)


def read_line(row: Row, columns: Sequence[SheetColumn | None], today: date) -> Line:
    """The row as a line, `columns` saying what its cells are."""
    cells = dict(zip(columns, row.cells, strict=False))
    texts = {column: line_of(cell) for column, cell in cells.items() if column is not None}
    problems: list[Problem] = []
    first, last = (
        proper(texts.get(column, "")) for column in (SheetColumn.FIRST_NAME, SheetColumn.LAST_NAME)
    )
    if not folded(first) or not folded(last):
        problems.append(Problem(LineProblem.NO_NAME, f"{first}{last}"))
    problems += _too_long({"first_name": first, "last_name": last})
    born = _birth_date(cells.get(SheetColumn.BIRTH_DATE), today, problems)
    return Line(
        number=row.number,
        first_name=first,
        last_name=last,
        birth_date=born,
        school_class=texts.get(SheetColumn.SCHOOL_CLASS, ""),
        diet=texts.get(SheetColumn.DIET, ""),
        category=texts.get(SheetColumn.CATEGORY, ""),
        holders=_holders(texts, problems),
        problems=tuple(problems),
    )


def proper(name: str) -> str:
    """A name that is all capitals as people write it: MÜLLER-ROTH is Müller-Roth."""
    return name.title() if name.isupper() and len(name) > 1 else name


def _birth_date(cell: Any, today: date, problems: list[Problem]) -> date | None:
    try:
        born = day_of(cell)
    except ValueError:
        problems.append(Problem(LineProblem.BAD_BIRTH_DATE, line_of(cell)))
        return None
    if born is None:
        problems.append(Problem(LineProblem.NO_BIRTH_DATE))
    elif born.year < _BORN_AFTER or born >= today:
        problems.append(Problem(LineProblem.ODD_BIRTH_DATE, line_of(cell)))
    return born


def _holders(texts: Mapping[SheetColumn, str], problems: list[Problem]) -> tuple[Holder, ...]:
    found = [
        holder for number in (1, 2) if (holder := _holder(texts, number, problems)) is not None
    ]
    if len(found) == 2 and found[0].email and found[0].email == found[1].email:  # noqa: PLR2004
        problems.append(Problem(LineProblem.MAIL_SHARED, found[1].email))
        found[1] = _without_mail(found[1])
    return tuple(found)


def _without_mail(holder: Holder) -> Holder:
    return Holder(**{**vars(holder), "email": ""})


def _holder(
    texts: Mapping[SheetColumn, str], number: int, problems: list[Problem]
) -> Holder | None:
    """The holder of that number; nobody where neither name is there."""

    def said(what: str) -> str:
        return texts.get(SheetColumn(f"{what}_{number}"), "")

    values = {what: said(what) for what in _LONGEST}
    values |= {what: proper(values[what]) for what in ("first_name", "last_name")}
    if not values["first_name"] and not values["last_name"]:
        return None
    if not folded(values["first_name"]) or not folded(values["last_name"]):
        value = values["first_name"] + values["last_name"]
        problems.append(Problem(LineProblem.HALF_A_NAME, value))
    if found := _POSTAL.fullmatch(values["postal_code"]):
        values |= {"postal_code": found[1], "town": values["town"] or found[2]}
    values["email"] = values["email"].lower()
    if values["email"] and not _MAIL.fullmatch(values["email"]):
        problems.append(Problem(LineProblem.BAD_MAIL, values["email"]))
    problems += _too_long(values)
    return Holder(**values, language=_language(said("language"), problems))


def _too_long(values: Mapping[str, str]) -> list[Problem]:
    return [
        Problem(LineProblem.TOO_LONG, value[:40])
        for what, value in values.items()
        if len(value) > _LONGEST[what]
    ]


def _language(text: str, problems: list[Problem]) -> Language | None:
    plain = folded(text)
    if not plain:
        return None
    for begin, language in _LANGUAGE_BEGINS.items():
        if plain.startswith(begin):
            return language
    if plain not in _LANGUAGES:
        problems.append(Problem(LineProblem.UNKNOWN_LANGUAGE, text))
    return _LANGUAGES.get(plain)
