"""What the program knows before a list comes in, and what would be written because of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, TypeAlias

from app.sheets.lines import Problem
from app.vocabulary import ImportFate, Language

# -- before ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class KnownEnrolment:
    """A pupil in a class, half-open."""

    id: int
    school_class_id: int
    category_id: int
    valid_from: date
    valid_until: date


@dataclass(frozen=True)
class KnownPupil:
    """A pupil that is registered; `account_ids` are those in use."""

    id: int
    first_name: str
    last_name: str
    birth_date: date
    diet_id: int
    archived_at: datetime | None = None
    account_ids: tuple[int, ...] = ()
    enrolments: tuple[KnownEnrolment, ...] = ()

    @property
    def name(self) -> str:
        """First name first."""
        return f"{self.first_name} {self.last_name}"


@dataclass(frozen=True)
class KnownUser:
    """Somebody who logs in; `email` is blank for who has none."""

    id: int
    first_name: str
    last_name: str
    email: str = ""
    phone: str = ""
    street: str = ""
    postal_code: str = ""
    town: str = ""
    language: Language = Language.FRENCH
    is_staff: bool = False


@dataclass(frozen=True)
class Known:
    """All of it; `holders` are those of today, by account; names are folded."""

    pupils: tuple[KnownPupil, ...] = ()
    users: tuple[KnownUser, ...] = ()
    holders: Mapping[int, frozenset[int]] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)
    diets: Mapping[str, int] = field(default_factory=dict)
    categories: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[tuple[str, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Choices:
    """What the reader says of the whole file: its school year, and what stands for a blank."""

    year_id: int
    year_starts_on: date
    year_ends_on: date
    starts_on: date
    diet_id: int
    category_id: int
    makes_classes: bool = False

    @property
    def first_day(self) -> date:
        """The day from which pupils are enrolled."""
        return max(self.starts_on, self.year_starts_on)


# -- after -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class New:
    """A record that is not there yet, by its table and a key of its own."""

    entity: str
    key: str


Ref: TypeAlias = int | New


@dataclass(frozen=True)
class Make:
    """A record to be made; values may name other new ones. `name` is for the reader."""

    ref: New
    values: Mapping[str, Any]
    name: str


@dataclass(frozen=True)
class Difference:
    """A field that gets another value, and both as the reader knows them."""

    field: str
    old: Any
    new: Any
    shown_old: str
    shown_new: str


@dataclass(frozen=True)
class Change:
    """A record that is changed."""

    entity: str
    id: int
    name: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True)
class LinePlan:
    """What would become of one line: of the pupil that is known, or those that it may mean."""

    number: int
    name: str
    fate: ImportFate
    problems: tuple[Problem, ...] = ()
    makes: tuple[Make, ...] = ()
    changes: tuple[Change, ...] = ()
    candidates: tuple[KnownPupil, ...] = ()
    pupil_id: int | None = None


def difference(name: str, old: Any, new: Any) -> Difference:
    """Of a field that people read as it is kept."""
    return Difference(name, old, new, _shown(old), _shown(new))


def _shown(value: Any) -> str:
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"{value:%d.%m.%Y}"
    return "" if value is None else str(value)
