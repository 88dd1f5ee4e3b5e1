"""What was changed on people, settings and reference data, by whom, from what to what.

Bookings and transfers keep their own append-only history. Secrets and health data are noted as
changed, never by value: the entry outlives the row.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, scoped_session

from app import clock, models
from app.access import Actor, actor_of

AUDITED: Final = (
    models.CanteenUser,
    models.CanteenSettings,
    models.Account,
    models.AccountHolder,
    models.PupilAccount,
    models.Pupil,
    models.HealthRecord,
    models.Enrolment,
    models.Exclusion,
    models.SchoolYear,
    models.SchoolClass,
    models.ServiceDay,
    models.Interruption,
    models.Dish,
    models.Menu,
    models.MealType,
    models.Price,
    models.TariffCategory,
    models.Diet,
    models.Document,
    models.PaymentTerms,
    models.Period,
    models.RefundRequest,
    models.FamilyPaper,
    models.Departure,
    models.RollOver,
    models.QrBill,
)
DECIDED: Final = (
    models.TopUp,
    models.Receipt,
    models.BankEntry,
    models.OnlinePayment,
    models.BalanceQuestion,
    models.OutboxMail,
)
"""They keep their own account of what the program does with them: only staff are noted."""

_SECRET: Final = frozenset({"password", "totp_secret", "allergens", "severity", "note"})
_DERIVED: Final = frozenset(
    {"balance", "taken_back", "seats_taken"}
    | {"changed_on", "changed_by_fk", "created_by_fk", "created_on"}
    | {"last_login", "login_count", "fail_login_count"}
)

Change = tuple[str, str | None, str | None]


class WriteOutsideTransactionError(RuntimeError):
    """Something tried to write without `transaction(actor)`: a fault of ours."""


def _refuse_stray_flush(session: Session, *_: object) -> None:
    if not session.info.get("writing"):
        raise WriteOutsideTransactionError


def _refuse_stray_statement(state: ORMExecuteState) -> None:
    if state.is_insert or state.is_update or state.is_delete:
        _refuse_stray_flush(state.session)


def _shown(field: str, values: Iterable[object]) -> str | None:
    known = [str(value) for value in values if value is not None]
    if not known:
        return None
    return "•••" if field in _SECRET else ", ".join(sorted(known))


def changes_of(record: Any) -> list[Change]:
    """What this flush writes: name, old and new value of columns; of lists, what left and came."""
    state = sa.inspect(record)
    lists = [r for r in state.mapper.relationships if r.secondary is not None]
    found = []
    for attribute in (*state.mapper.column_attrs, *lists):
        name = attribute.key
        history = state.attrs[name].history
        if history.has_changes() and name not in _DERIVED:
            found.append((name, _shown(name, history.deleted), _shown(name, history.added)))
    return found


def _kinds(actor: Actor) -> dict[str, tuple[type[Any], ...]]:
    """What is noted of each action."""
    is_person = actor.is_staff and actor.user_id is not None
    return {
        "add": AUDITED,
        "edit": (*AUDITED, *DECIDED) if is_person else AUDITED,
        "delete": AUDITED,
    }


def _record_changes(session: Session, _: UOWTransaction) -> None:
    kinds = _kinds(actor_of(session))
    found = [
        (action, record, changes)
        for action, records in (
            ("add", session.new),
            ("edit", session.dirty),
            ("delete", session.deleted),
        )
        for record in records
        if isinstance(record, kinds[action])
        and ((changes := changes_of(record)) or action != "edit")
    ]
    if found:
        _record(session, found)


def _record(session: Session, found: Sequence[tuple[str, Any, list[Change]]]) -> None:
    """All that one flush writes, in two statements."""
    actor, now = actor_of(session), clock.now()
    entries = [_entry(actor, now, action, record) for action, record, _ in found]
    insert = sa.insert(models.AuditEntry).returning(
        models.AuditEntry.id, sort_by_parameter_order=True
    )
    keys = session.connection().execute(insert, entries).scalars().all()
    values = [
        {"entry_id": key, "field": name, "old": old, "new": new}
        for key, (_, _, changes) in zip(keys, found, strict=True)
        for name, old, new in changes
    ]
    if values:
        session.connection().execute(sa.insert(models.AuditValue), values)


def note(session: Session, action: str, record: Any) -> None:
    """That somebody did with a record what changes no value that may be kept."""
    session.add(models.AuditEntry(**_entry(actor_of(session), clock.now(), action, record)))


def _entry(actor: Actor, now: datetime, action: str, record: Any) -> dict[str, Any]:
    return {
        "at": now,
        "actor_id": actor.user_id,
        "channel": actor.channel,
        "entity": type(record).__name__,
        "entity_id": record.id,
        "action": action,
    }


def _keep_old(*_: object) -> None:
    """Being listened to, an attribute reads what it was before it becomes something else."""


def _know_what_was() -> None:
    """Without this a record that is changed unread, as forms do, would not say from what."""
    for model in (*AUDITED, *DECIDED):
        for column in sa.inspect(model).column_attrs:
            attribute = getattr(model, column.key)
            is_noted = column.key not in _DERIVED
            if is_noted and not event.contains(attribute, "set", _keep_old):
                event.listen(attribute, "set", _keep_old, active_history=True)


def watch(sessions: scoped_session[Any]) -> None:
    """Refuse stray writes, and record what the others change. Idempotent."""
    _know_what_was()
    for name, listener in (
        ("before_flush", _refuse_stray_flush),
        ("do_orm_execute", _refuse_stray_statement),
        ("after_flush", _record_changes),
    ):
        if not event.contains(sessions, name, listener):
            event.listen(sessions, name, listener)
