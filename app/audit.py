"""What was changed on people, settings and reference data, by whom, from what to what.

Bookings and transfers keep their own append-only history.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Session, UOWTransaction, scoped_session

from app import clock, models
from app.access import SYSTEM, Actor

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
    models.Menu,
    models.MealType,
    models.Price,
    models.TariffCategory,
    models.Diet,
    models.Document,
    models.Period,
    models.RefundRequest,
)
_SECRET: Final = frozenset({"password", "totp_secret"})
_DERIVED: Final = frozenset(
    {"balance", "seats_taken", "changed_on", "changed_by_fk", "created_by_fk", "created_on"}
    | {"last_login", "login_count", "fail_login_count"}
)

Change = tuple[str, str | None, str | None]


class WriteOutsideTransactionError(RuntimeError):
    """Something tried to write without `transaction(actor)`: a fault of ours."""


def _refuse_stray_write(session: Session, *_: object) -> None:
    if not session.info.get("writing"):
        raise WriteOutsideTransactionError


def _shown(field: str, value: object) -> str | None:
    if value is None:
        return None
    return "•••" if field in _SECRET else str(value)


def changes_of(record: Any) -> list[Change]:
    """The columns that this flush writes: name, old and new value."""
    state = sa.inspect(record)
    found = []
    for column in state.mapper.column_attrs:
        history = state.attrs[column.key].history
        if history.has_changes() and column.key not in _DERIVED:
            old = history.deleted[0] if history.deleted else None
            new = history.added[0] if history.added else None
            found.append((column.key, _shown(column.key, old), _shown(column.key, new)))
    return found


def _record_changes(session: Session, _: UOWTransaction) -> None:
    for action, records in (
        ("add", session.new),
        ("edit", session.dirty),
        ("delete", session.deleted),
    ):
        for record in records:
            if isinstance(record, AUDITED):
                _record(session, action, record)


def _record(session: Session, action: str, record: Any) -> None:
    changes = changes_of(record)
    if action == "edit" and not changes:
        return
    actor: Actor = session.info.get("actor", SYSTEM)
    entry = {
        "at": clock.now(),
        "actor_id": actor.user_id,
        "channel": actor.channel,
        "entity": type(record).__name__,
        "entity_id": record.id,
        "action": action,
    }
    insert = sa.insert(models.AuditEntry).values(entry).returning(models.AuditEntry.id)
    entry_id = session.connection().execute(insert).scalar_one()
    if changes:
        rows = [{"entry_id": entry_id, "field": f, "old": o, "new": n} for f, o, n in changes]
        session.connection().execute(sa.insert(models.AuditValue), rows)


def watch(sessions: scoped_session[Any]) -> None:
    """Refuse stray writes, and record what the others change."""
    for name, listener in (
        ("before_flush", _refuse_stray_write),
        ("after_flush", _record_changes),
    ):
        if not event.contains(sessions, name, listener):
            event.listen(sessions, name, listener)
