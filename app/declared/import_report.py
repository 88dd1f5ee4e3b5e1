"""An import line by line: what would become of each, what became of it, what an undo leaves."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from flask import request
from flask_babel import gettext as _

from app import import_jobs
from app.captions import caption, record_caption
from app.errors import N_, Refusal
from app.extensions import db
from app.imports.files import is_complete
from app.imports.undoing import Hindrance, plan_undo
from app.labels import label
from app.models import Import, ImportLine, Pupil
from app.sheets.known import LinePlan
from app.sheets.matching import ANOTHER, SAME
from app.sheets.planning import LEAVE_OUT
from app.vocabulary import ImportFate, ImportState, LineProblem
from app.web_errors import sentence_of

LINES_A_PAGE: Final = 100
_ENTERED: Final = (ImportFate.NEW, ImportFate.UPDATED)
# A new pupil speaks for itself, and a link for what it links.
_MADE: Final = {
    "CanteenUser": N_("New account holder: %(name)s"),
    "Account": N_("New account: %(name)s"),
    "SchoolClass": N_("New class: %(name)s"),
    "Enrolment": N_("Enrolled: %(name)s"),
    "AccountHolder": N_("Access to the account: %(name)s"),
}

# -- before it is entered --------------------------------------------------------------------------


def foreseen(item: Import, fate: ImportFate | None, page: int) -> dict[str, Any]:
    """For the template: the lines of a page, how many of each fate, the mark of it all."""
    try:
        seen = import_jobs.preview(db.session(), item)
    except Refusal as refused:
        return {"refused": sentence_of(refused), "counts": {}, "lines": [], "more": False}
    shown = [each for each in seen.plans if fate in (None, each.fate)]
    begin = page * LINES_A_PAGE
    counts = Counter(each.fate for each in seen.plans)
    return {
        "refused": "" if is_complete(item.columns) else _("Say first what the columns mean."),
        "counts": {each: counts[each] for each in ImportFate if counts[each]},
        "lines": [_Foreseen(each, item) for each in shown[begin : begin + LINES_A_PAGE]],
        "more": len(shown) > begin + LINES_A_PAGE,
        "total": sum(counts[each] for each in _ENTERED),
        "mark": seen.mark,
    }


@dataclass(frozen=True)
class _Foreseen:
    """A line of the preview."""

    plan: LinePlan
    item: Import

    @property
    def deeds(self) -> list[str]:
        """What would be written, or whom the line may mean."""
        asked = [
            _("%(name)s, %(day)s, is registered.", name=p.name, day=f"{p.birth_date:%d.%m.%Y}")
            for p in self.plan.candidates
        ]
        changed = [
            _("%(field)s: %(old)s → %(new)s", field=caption(each.field), old=old, new=new)
            for change in self.plan.changes
            for each in change.differences
            for old, new in [(each.shown_old or "–", each.shown_new or "–")]
        ]
        made = [
            _(_MADE[make.ref.entity], name=make.name)
            for make in self.plan.makes
            if make.ref.entity in _MADE
        ]
        return [*asked, *changed, *made]

    @property
    def decision(self) -> str:
        """What the reader has said."""
        return str(self.item.decisions.get(str(self.plan.number), ""))

    @property
    def options(self) -> list[tuple[str, str]]:
        """What the reader may say."""
        pupils = [
            (
                f"{SAME}{pupil.id}",
                _("It is %(name)s, %(day)s", name=pupil.name, day=f"{pupil.birth_date:%d.%m.%Y}"),
            )
            for pupil in self.plan.candidates
        ]
        kept = self.decision
        asked = [(ANOTHER, _("It is another child"))] if pupils or kept == ANOTHER else []
        decided = [(kept, _("The pupil that was chosen"))] if kept.startswith(SAME) else []
        first = ("", _("Decide later") if pupils else _("As in the list"))
        return [first, *pupils, *decided, *asked, (LEAVE_OUT, _("Leave out"))]


# -- afterwards ------------------------------------------------------------------------------------


def became(item: Import, fate: ImportFate | None, page: int) -> dict[str, Any]:
    """For the template: the report, line by line."""
    session = db.session()
    of_import = ImportLine.import_id == item.id
    counted: Any = sa.select(ImportLine.fate, sa.func.count()).where(of_import)
    counts = dict(session.execute(counted.group_by(ImportLine.fate)).all())
    query = sa.select(ImportLine).where(of_import).order_by(ImportLine.line)
    if fate is not None:
        query = query.where(ImportLine.fate == fate)
    begin = min(page * LINES_A_PAGE, item.lines)
    found = session.scalars(query.offset(begin).limit(LINES_A_PAGE + 1)).all()
    return {
        "refused": "",
        "counts": {each: counts[each] for each in ImportFate if each in counts},
        "lines": found[:LINES_A_PAGE],
        "more": len(found) > LINES_A_PAGE,
        "pupils": _pupils_of(found),
        "problems": _problems,
    }


def _problems(line: ImportLine) -> list[str]:
    return [label(LineProblem(word)) for word in line.problems]


def _pupils_of(lines: Sequence[ImportLine]) -> Mapping[int, Pupil]:
    """The pupil that a line made, by the line, as long as there is one."""
    keys = {
        each["id"]: line.line
        for line in lines
        for each in line.records
        if each["entity"] == "Pupil"
    }
    query = sa.select(Pupil).where(Pupil.id.in_(keys))
    return {keys[pupil.id]: pupil for pupil in db.session().scalars(query)}


def undoable(item: Import) -> dict[str, Any]:
    """What an undo would leave, once the reader asks for it."""
    can_undo = item.state is ImportState.ENTERED
    if not can_undo or "undo" not in request.args:
        return {"can_undo": can_undo, "is_undo_asked": False}
    planned = plan_undo(db.session(), item)
    kept = [
        (each.line, [_reason(h) for h in each.hindrances]) for each in planned if each.hindrances
    ]
    return {
        "can_undo": can_undo,
        "is_undo_asked": True,
        "going": len(planned) - len(kept),
        "kept": kept,
        "kept_pupils": _pupils_of([line for line, _ in kept]),
    }


def _reason(hindrance: Hindrance) -> str:
    if hindrance.has_logged_in:
        return _("The holder has logged in already.")
    if hindrance.field:
        return _("Changed since: %(field)s", field=caption(hindrance.field))
    return _("In use: %(record)s", record=record_caption(hindrance.table))
