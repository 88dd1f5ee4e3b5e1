"""Which pupil a line means: the one, several that it may be, or somebody new."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final, TypeAlias

from app.rules.likeness import are_days_alike, are_names_alike
from app.rules.names import folded
from app.sheets.known import KnownPupil, New, Ref
from app.sheets.lines import Line, Problem
from app.vocabulary import LineProblem

ANOTHER: Final = "another"
SAME: Final = "same:"
"""Followed by the number of the pupil."""

_Identity: TypeAlias = tuple[str, date | None]


class Pupils:
    """Those who are registered, and those of the lines so far."""

    def __init__(self, known: Sequence[KnownPupil], lines: Iterable[Line]) -> None:
        self._by_id = {pupil.id: pupil for pupil in known}
        self._exact: dict[_Identity, list[KnownPupil]] = defaultdict(list)
        self._by_birth: dict[date | None, list[KnownPupil]] = defaultdict(list)
        self._by_name: dict[str, list[KnownPupil]] = defaultdict(list)
        for pupil in known:
            name = folded(pupil.first_name + pupil.last_name)
            self._exact[name, pupil.birth_date].append(pupil)
            self._by_birth[pupil.birth_date].append(pupil)
            self._by_name[name].append(pupil)
        # A pupil whom a line names exactly is not meant by another: twins look alike.
        self._named = {p.id for line in lines for p in self._exact.get(_identity(line), ())}
        self._seen: dict[_Identity, Ref] = {}

    def match(
        self, line: Line, decision: str
    ) -> KnownPupil | New | Problem | tuple[KnownPupil, ...] | None:
        """The pupil, those to choose from, None for a new one; `decision` as the reader said it."""
        seen = self._seen.get(_identity(line))
        if seen is not None:
            return self._by_id[seen] if isinstance(seen, int) else seen
        exact = self._exact.get(_identity(line), [])
        if len(exact) > 1:
            return Problem(LineProblem.SEVERAL)
        if exact:
            return exact[0]
        alike = self._alike(line)
        chosen = next((p for p in alike if decision == f"{SAME}{p.id}"), None)
        if chosen is not None:
            is_taken = chosen.id in self._seen.values()
            return Problem(LineProblem.TWICE) if is_taken else chosen
        return None if decision == ANOTHER or not alike else alike

    def is_again(self, match: KnownPupil | New | None) -> bool:
        """Whether a line before has named the pupil: another household of theirs."""
        ref = match.id if isinstance(match, KnownPupil) else match
        return ref is not None and ref in self._seen.values()

    def remember(self, line: Line, pupil: Ref) -> None:
        """The line names that pupil."""
        self._seen[_identity(line)] = pupil

    def _alike(self, line: Line) -> tuple[KnownPupil, ...]:
        names = (line.first_name, line.last_name)
        first = folded(line.first_name)
        same_day = (
            pupil
            for pupil in self._by_birth.get(line.birth_date, ())
            if are_names_alike(names, (pupil.first_name, pupil.last_name))
            or folded(pupil.first_name) == first
        )
        same_name = (
            pupil
            for pupil in self._by_name.get(_identity(line)[0], ())
            if line.birth_date is not None and are_days_alike(line.birth_date, pupil.birth_date)
        )
        found = {pupil.id: pupil for pupil in (*same_day, *same_name)}
        return tuple(pupil for key, pupil in found.items() if key not in self._named)


def _identity(line: Line) -> _Identity:
    return folded(line.first_name + line.last_name), line.birth_date
