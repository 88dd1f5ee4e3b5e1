"""Why a table is refused before any of its lines is looked at."""

from dataclasses import dataclass
from typing import ClassVar

from app.errors import N_, Refusal


class SheetRefused(Refusal):
    """A file that is no table, or not one that can be taken."""

    status: ClassVar[int] = 400


class NotATable(SheetRefused):
    """Neither CSV nor XLSX, or damaged."""

    sentence = N_("This file is not a table, or it is damaged. Save it as XLSX or CSV, then again.")


class OldWorkbook(SheetRefused):
    """The format of Excel before 2007."""

    sentence = N_("This is the old format of Excel. Save it as XLSX or CSV, then again.")


class LockedWorkbook(SheetRefused):
    """An XLSX that asks for a password."""

    sentence = N_("This file is locked with a password. Save it without one, then again.")


class TableTooLarge(SheetRefused):
    """More bytes than a school's list ever has, as it is or unpacked."""

    sentence = N_("This file is too large for a list of pupils. 10 MB at most, without pictures.")


@dataclass(eq=False)
class TooManyLines(SheetRefused):
    """More lines or columns than a school's list ever has."""

    lines: int
    columns: int
    sentence = N_(
        "This table is too large. It may have %(lines)s lines and %(columns)s columns: divide it."
    )


class EmptyTable(SheetRefused):
    """Nothing in it, or a header only."""

    sentence = N_("There are no pupils in this file. Choose the one that has a line for each.")
