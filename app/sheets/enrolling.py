"""Which enrolment a line asks for, beside those that the pupil has."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from app.sheets.known import (
    Change,
    Choices,
    Difference,
    KnownEnrolment,
    Make,
    New,
    Ref,
)
from app.sheets.lines import Line


def enrolment_of(
    line: Line,
    pupil: Ref,
    wanted: tuple[Ref, int | None],
    before: Sequence[KnownEnrolment],
    choices: Choices,
    names: Mapping[tuple[str, int], str],
) -> list[Make | Change]:
    """In the class from the first day on; who changes class leaves the other one on that day.

    Without a category in the list the pupil keeps theirs.
    """
    school_class, category_id = wanted
    first = choices.first_day
    reaching = [
        each
        for each in sorted(before, key=lambda each: each.valid_from)
        if each.valid_until > first and each.valid_from < choices.year_ends_on
    ]
    if not reaching:
        return [_made(line, pupil, school_class, category_id or choices.category_id, choices)]
    present = reaching[0]
    category_id = category_id or present.category_id
    if (present.school_class_id, present.category_id) == (school_class, category_id):
        return []
    if present.valid_from < first:
        ending = Change(
            "Enrolment",
            present.id,
            names["SchoolClass", present.school_class_id],
            (_ending(present.valid_until, first),),
        )
        made = _made(line, pupil, school_class, category_id, choices)
        return [
            ending,
            Make(made.ref, {**made.values, "valid_until": present.valid_until}, made.name),
        ]
    return [_changed(present, school_class, category_id, line, names)]


def _ending(before: date, now: date) -> Difference:
    """People count the last day in."""
    shown = [f"{until - timedelta(days=1):%d.%m.%Y}" for until in (before, now)]
    return Difference("valid_until", before, now, *shown)


def _made(line: Line, pupil: Ref, school_class: Ref, category_id: int, choices: Choices) -> Make:
    values = {
        "pupil_id": pupil,
        "school_class_id": school_class,
        "category_id": category_id,
        "valid_from": choices.first_day,
        "valid_until": choices.year_ends_on,
    }
    return Make(New("Enrolment", str(line.number)), values, line.school_class)


def _changed(
    present: KnownEnrolment,
    school_class: Ref,
    category_id: int,
    line: Line,
    names: Mapping[tuple[str, int], str],
) -> Change:
    found = []
    name = names["SchoolClass", present.school_class_id]
    if school_class != present.school_class_id:
        old = present.school_class_id
        found.append(Difference("school_class_id", old, school_class, name, line.school_class))
    if category_id != present.category_id:
        shown = [names["TariffCategory", key] for key in (present.category_id, category_id)]
        found.append(Difference("category_id", present.category_id, category_id, *shown))
    return Change("Enrolment", present.id, name, tuple(found))
