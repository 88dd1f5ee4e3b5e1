"""What would become of each line of a list: values in, values out.

A line is entered whole or not at all. Siblings with the same holders share an account; two holders
with a home each have an account each. A blank cell changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final, TypeAlias

from app.rules.names import folded
from app.sheets.enrolling import enrolment_of
from app.sheets.known import (
    Change,
    Choices,
    Difference,
    Known,
    KnownPupil,
    LinePlan,
    Make,
    New,
    Ref,
    difference,
)
from app.sheets.lines import Holder, Line, Problem
from app.sheets.matching import Pupils
from app.sheets.people import People, are_apart, living_with
from app.vocabulary import ImportFate, LineProblem

LEAVE_OUT: Final = "leave_out"

Deed: TypeAlias = Make | Change


def plan(
    known: Known,
    lines: Sequence[Line],
    choices: Choices,
    decisions: Mapping[str, str],
    label_of: Callable[[str], str],
) -> list[LinePlan]:
    """The fate of each line, in order; `label_of` names the account of a family."""
    planner = _Planner(known, lines, choices, label_of)
    return [planner.plan(line, decisions.get(str(line.number), "")) for line in lines]


def mark_of(plans: Iterable[LinePlan]) -> str:
    """What two plans have in common if they do the same."""
    return sha256(repr(list(plans)).encode()).hexdigest()


class _Planner:
    def __init__(
        self,
        known: Known,
        lines: Sequence[Line],
        choices: Choices,
        label_of: Callable[[str], str],
    ) -> None:
        self._known, self._choices, self._label_of = known, choices, label_of
        self._pupils = Pupils(known.pupils, lines)
        self._people = People(known.users)
        self._classes: dict[str, Ref] = dict(known.classes)
        self._holders: dict[Ref, set[Ref]] = {
            account: set(users) for account, users in known.holders.items()
        }
        self._payers: dict[Ref, set[Ref]] = defaultdict(set)
        for pupil in known.pupils:
            self._payers[pupil.id] = set(pupil.account_ids)

    def plan(self, line: Line, decision: str) -> LinePlan:
        """One line; the next ones know what it has added."""
        fate = LinePlan(line.number, line.name, ImportFate.FAULTY, line.problems)
        if decision == LEAVE_OUT:
            return replace(fate, fate=ImportFate.LEFT_OUT)
        if not line.is_readable:
            return fate
        match = self._pupils.match(line, decision)
        if isinstance(match, Problem):
            return replace(fate, problems=(*line.problems, match))
        if isinstance(match, tuple):
            return replace(fate, fate=ImportFate.ASKED, candidates=match)
        problems = self._problems(line, match)
        if problems:
            return replace(fate, problems=(*line.problems, *problems))
        return self._enter(line, match, fate)

    # -- before anything is added ------------------------------------------------------------------

    def _problems(self, line: Line, pupil: KnownPupil | New | None) -> list[Problem]:
        """What only the records tell of a line."""
        found = []
        if not line.school_class and pupil is None:
            found.append(Problem(LineProblem.NO_CLASS))
        is_offered = not line.school_class or folded(line.school_class) in self._classes
        if not is_offered and not self._choices.makes_classes:
            found.append(Problem(LineProblem.UNKNOWN_CLASS, line.school_class))
        for text, names, word in (
            (line.diet, self._known.diets, LineProblem.UNKNOWN_DIET),
            (line.category, self._known.categories, LineProblem.UNKNOWN_CATEGORY),
        ):
            if text and folded(text) not in names:
                found.append(Problem(word, text))
        if not line.holders and pupil is None:
            found.append(Problem(LineProblem.NO_HOLDER))
        near = self._near(pupil)
        known = (self._people.find(holder, near) for holder in line.holders)
        return found + [each for each in known if isinstance(each, Problem)]

    def _near(self, pupil: KnownPupil | New | None) -> list[Ref]:
        """The holders of the pupil's accounts."""
        ref = pupil.id if isinstance(pupil, KnownPupil) else pupil
        accounts = self._payers[ref] if ref is not None else set()
        users = {user for account in accounts for user in self._holders.get(account, ())}
        return sorted(users, key=repr)

    # -- what is added -----------------------------------------------------------------------------

    def _enter(self, line: Line, match: KnownPupil | New | None, fate: LinePlan) -> LinePlan:
        deeds: list[Deed] = []
        problems: list[Problem] = []
        is_again = self._pupils.is_again(match)
        near = self._near(match)
        pupil = self._pupil(line, match, deeds)
        if not is_again:
            self._enrol(line, match, pupil, deeds)
        self._households(line, pupil, self._users(line, near, deeds, problems), deeds)
        self._pupils.remember(line, pupil)
        if is_again and not deeds:
            return replace(fate, problems=(*line.problems, Problem(LineProblem.TWICE)))
        made = tuple(deed for deed in deeds if isinstance(deed, Make))
        changed = tuple(deed for deed in deeds if isinstance(deed, Change))
        word = ImportFate.NEW if match is None else ImportFate.UPDATED
        return replace(
            fate,
            fate=word if deeds else ImportFate.SAME,
            problems=(*line.problems, *problems),
            makes=made,
            changes=changed,
            pupil_id=pupil if isinstance(pupil, int) else None,
        )

    def _pupil(self, line: Line, match: KnownPupil | New | None, deeds: list[Deed]) -> Ref:
        if isinstance(match, New):
            return match
        diet_id = self._known.diets.get(folded(line.diet)) if line.diet else None
        if match is None:
            made = New("Pupil", str(line.number))
            values = {
                "first_name": line.first_name,
                "last_name": line.last_name,
                "birth_date": line.birth_date,
                "diet_id": diet_id or self._choices.diet_id,
            }
            deeds.append(Make(made, values, line.name))
            return made
        differences = self._differences(line, match, diet_id)
        if differences:
            deeds.append(Change("Pupil", match.id, match.name, tuple(differences)))
        return match.id

    def _differences(self, line: Line, pupil: KnownPupil, diet_id: int | None) -> list[Difference]:
        """A name that only lacks its accents or capitals stays as it is."""
        found = [
            difference(name, getattr(pupil, name), getattr(line, name))
            for name in ("first_name", "last_name")
            if folded(getattr(pupil, name)) != folded(getattr(line, name))
        ]
        if pupil.birth_date != line.birth_date:
            found.append(difference("birth_date", pupil.birth_date, line.birth_date))
        if diet_id is not None and diet_id != pupil.diet_id:
            old, new = (self._known.names["Diet", key] for key in (pupil.diet_id, diet_id))
            found.append(Difference("diet_id", pupil.diet_id, diet_id, old, new))
        if pupil.archived_at is not None:
            shown = f"{pupil.archived_at:%d.%m.%Y}"
            found.append(Difference("archived_at", pupil.archived_at, None, shown, ""))
        return found

    def _enrol(
        self, line: Line, match: KnownPupil | New | None, pupil: Ref, deeds: list[Deed]
    ) -> None:
        if not line.school_class:
            return
        school_class = self._class(line, deeds)
        category_id = self._known.categories.get(folded(line.category)) if line.category else None
        before = match.enrolments if isinstance(match, KnownPupil) else ()
        deeds += enrolment_of(
            line, pupil, (school_class, category_id), before, self._choices, self._known.names
        )

    def _class(self, line: Line, deeds: list[Deed]) -> Ref:
        name = folded(line.school_class)
        if name not in self._classes:
            made = New("SchoolClass", line.school_class)
            values = {"school_year_id": self._choices.year_id, "name": line.school_class}
            deeds.append(Make(made, values, line.school_class))
            self._classes[name] = made
        return self._classes[name]

    # -- households --------------------------------------------------------------------------------

    def _users(
        self, line: Line, near: Sequence[Ref], deeds: list[Deed], problems: list[Problem]
    ) -> list[Ref]:
        found: list[Ref] = []
        for number, each in enumerate(line.holders, 1):
            holder = living_with(each, line.holders[0])
            known = self._people.find(holder, near)
            if known is None or isinstance(known, Problem):
                made = self._people.make(holder, f"{line.number}-{number}")
                deeds.append(made)
                known = made.ref
            changed = self._people.changes(known, each)
            if isinstance(changed, Problem):
                problems.append(changed)
            elif changed is not None:
                deeds.append(changed)
            if known not in found:
                found.append(known)
        return found

    def _households(self, line: Line, pupil: Ref, users: Sequence[Ref], deeds: list[Deed]) -> None:
        if len(users) > 1 and are_apart(*line.holders):
            for holder, user in zip(line.holders, users, strict=True):
                self._household(line, pupil, [user], holder, deeds)
        elif users:
            self._household(line, pupil, users, line.holders[0], deeds)

    def _household(
        self, line: Line, pupil: Ref, users: Sequence[Ref], first: Holder, deeds: list[Deed]
    ) -> None:
        """The pupil's own account of one of them, the one that just these hold, or a new one."""
        own = [a for a in self._payers[pupil] if self._holders.get(a, set()) & set(users)]
        account = own[0] if own else self._account(line, users, first, deeds)
        for user in users:
            # Parents who have an account each for the pupil keep them apart.
            if not any(user in self._holders[each] for each in (*own, account)):
                self._holders[account].add(user)
                name = self._people.name_of(user)
                deeds.append(_link(line, "AccountHolder", account, ("user_id", user), name))
        if account not in self._payers[pupil]:
            self._payers[pupil].add(account)
            deeds.append(_link(line, "PupilAccount", account, ("pupil_id", pupil), line.name))

    def _account(self, line: Line, users: Sequence[Ref], first: Holder, deeds: list[Deed]) -> Ref:
        """The account that just these hold, or a new one."""
        wanted = set(users)
        for account, held in self._holders.items():
            if held == wanted:
                return account
        made = New("Account", f"{line.number}-{users[0]!r}")
        label = self._label_of(first.last_name)
        deeds.append(Make(made, {"label": label}, label))
        self._holders[made] = set()
        return made


def _link(line: Line, entity: str, account: Ref, whose: tuple[str, Ref], name: str) -> Make:
    column, ref = whose
    key = f"{line.number}-{account!r}-{ref!r}"
    return Make(New(entity, key), {"account_id": account, column: ref}, name)
