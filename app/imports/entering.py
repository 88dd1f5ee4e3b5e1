"""Entering a list: every line or none, in one transaction, each record noted for the undo.

Registrations and imports wait for each other. What was previewed is planned again under that lock:
where it would be something else by now, nothing is written.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import ledger, models
from app.clock import Now
from app.errors import ChangedMeanwhile
from app.imports.files import choices_in, lines_in, mark_entered
from app.imports.knowledge import knowledge
from app.imports.records import Record, found_of, kept
from app.models import (
    CanteenSettings,
    CanteenUser,
    Import,
    ImportLine,
    LedgerAccount,
)
from app.registration import HolderDraft, parent_of, stored_role, welcome_back
from app.rules.names import username_for
from app.sheets.known import Change, LinePlan, Make, New
from app.sheets.planning import mark_of, plan
from app.sheets.reading import Table
from app.vocabulary import ImportFate, ImportState, Role

# What a record points at is made before it.
_ORDER: Final = ("SchoolClass", "CanteenUser", "Account", "Pupil")
_LINKS: Final = ("AccountHolder", "PupilAccount", "Enrolment")


@dataclass(frozen=True)
class Surroundings:
    """What does not come from the list."""

    label_of: Callable[[str], str]
    today: date


def foresee(session: Session, item: Import, table: Table, around: Surroundings) -> list[LinePlan]:
    """What would become of each line."""
    choices = choices_in(session, item)
    known = knowledge(session, choices.year_id, around.today)
    lines = lines_in(item, table, around.today)
    return plan(known, lines, choices, item.decisions, around.label_of)


def enter(
    session: Session, import_id: int, table: Table, mark: str, around: Surroundings, now: Now
) -> list[LinePlan]:
    """Write what the preview with that mark has shown; a blank mark takes what comes.

    Returns what became of each line.

    Raises: ChangedMeanwhile.
    """
    # As register_family: whoever registers somebody waits.
    session.get_one(CanteenSettings, 1, with_for_update={"key_share": True})
    item = session.get_one(Import, import_id, with_for_update=True, populate_existing=True)
    if item.state is not ImportState.RECEIVED:
        raise ChangedMeanwhile
    plans = foresee(session, item, table, around)
    if mark and mark != mark_of(plans):
        raise ChangedMeanwhile
    _Entering(session, around).enter(item, plans)
    mark_entered(session, item, now())
    return plans


@dataclass
class _Entering:
    session: Session
    around: Surroundings
    _ids: dict[New, int] = field(default_factory=dict)
    _wallets: dict[int, int] = field(default_factory=dict)

    def enter(self, item: Import, plans: Sequence[LinePlan]) -> None:
        """Every record, kind by kind, then the report."""
        makes: dict[str, list[Make]] = defaultdict(list)
        for each in plans:
            for make in each.makes:
                makes[make.ref.entity].append(make)
        for entity in _ORDER:
            self._add(makes[entity], self._built(entity, makes[entity]))
        self._welcome(makes["AccountHolder"])
        changed = self._changes(plans)
        # An enrolment may begin where a change has ended another.
        self.session.flush()
        for entity in _LINKS:
            self._add(makes[entity], self._built(entity, makes[entity]))
        self.session.add_all(
            self._report(item, each, records) for each, records in zip(plans, changed, strict=True)
        )
        self.session.flush()

    def _add(self, makes: Iterable[Make], records: Sequence[Any]) -> None:
        self.session.add_all(records)
        self.session.flush()
        self._ids |= {make.ref: each.id for make, each in zip(makes, records, strict=True)}

    def _built(self, entity: str, makes: Sequence[Make]) -> Sequence[Any]:
        if entity == "CanteenUser":
            return self._parents(makes)
        if entity == "Account":
            return self._accounts(makes)
        more = {"valid_from": self.around.today} if entity == "AccountHolder" else {}
        model = getattr(models, entity)
        return [model(**self._resolved(make.values), **more) for make in makes]

    def _resolved(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: self._ids[value] if isinstance(value, New) else value
            for name, value in values.items()
        }

    def _parents(self, makes: Sequence[Make]) -> list[CanteenUser]:
        if not makes:
            return []
        role = stored_role(self.session, Role.PARENT)
        taken = set(self.session.scalars(sa.select(CanteenUser.username)))
        found = []
        for make in makes:
            # Nobody logs in until the letter with the first password is printed.
            draft = HolderDraft(**make.values)
            username = username_for(draft.first_name, draft.last_name, taken)
            taken.add(username)
            found.append(parent_of(draft, username, role))
        return found

    def _accounts(self, makes: Sequence[Make]) -> list[models.Account]:
        accounts = ledger.open_accounts(self.session, (make.values["label"] for make in makes))
        query = sa.select(LedgerAccount.account_id, LedgerAccount.id)
        wanted = {account.id for account in accounts}
        if wanted:
            first = LedgerAccount.account_id >= min(wanted)
            self._wallets = {a: w for a, w in self.session.execute(query.where(first)) if a}
        return accounts

    def _welcome(self, holdings: Iterable[Make]) -> None:
        """Who is known and gets an account is a parent again."""
        for make in holdings:
            if isinstance(make.values["user_id"], int):
                user = self.session.get_one(CanteenUser, make.values["user_id"])
                welcome_back(self.session, user)

    def _changes(self, plans: Sequence[LinePlan]) -> list[list[dict[str, Any]]]:
        named = ((change.entity, change.id) for each in plans for change in each.changes)
        records = found_of(self.session, named)
        return [[self._change(change, records) for change in each.changes] for each in plans]

    def _change(self, change: Change, records: Mapping[Record, Any]) -> dict[str, Any]:
        """Change a record; what it was, and what it is now."""
        record = records[change.entity, change.id]
        new = self._resolved({each.field: each.new for each in change.differences})
        old = {name: kept(getattr(record, name)) for name in new}
        for name, value in new.items():
            setattr(record, name, value)
        values = {name: kept(value) for name, value in new.items()}
        return {"entity": change.entity, "id": change.id, "old": old, "new": values}

    # -- the report --------------------------------------------------------------------------------

    def _report(
        self, item: Import, each: LinePlan, changed: Sequence[dict[str, Any]]
    ) -> ImportLine:
        made = [self._made(make) for make in each.makes]
        if each.fate is ImportFate.UPDATED and each.pupil_id is not None:
            # Of whom the line speaks, whatever it has changed.
            made.append([{"entity": "Pupil", "id": each.pupil_id, "old": {}, "new": {}}])
        return ImportLine(
            import_id=item.id,
            line=each.number,
            fate=each.fate,
            problems=[problem.word.value for problem in each.problems],
            records=[*(record for records in made for record in records), *changed],
        )

    def _made(self, make: Make) -> list[dict[str, Any]]:
        key = self._ids[make.ref]
        found: list[dict[str, Any]] = [{"entity": make.ref.entity, "id": key}]
        if make.ref.entity == "Account":
            found.append({"entity": "LedgerAccount", "id": self._wallets[key]})
        return found
