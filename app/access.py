"""Who may see which rows: a guard on the session, not a habit of the views.

Without a scope a query finds nothing. Reference data is open to whoever is logged in; every other
model is closed to parents unless `_VISIBLE` says which rows are theirs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from flask_appbuilder import Model
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, scoped_session, with_loader_criteria

from app import models
from app.vocabulary import Channel

Condition: TypeAlias = sa.ColumnElement[bool]


@dataclass(frozen=True)
class ParentScope:
    """A parent reaches the records of the accounts they hold."""

    user_id: int


class Everything:
    """The scope of staff, commands and jobs."""


EVERYTHING: Final = Everything()
Scope: TypeAlias = ParentScope | Everything | None


@dataclass(frozen=True)
class Actor:
    """Who does something, how it reached us, and whether they are staff."""

    user_id: int | None
    is_staff: bool
    channel: Channel


SYSTEM: Final = Actor(None, is_staff=True, channel=Channel.SYSTEM)


def accounts_of(scope: ParentScope) -> sa.Select[int]:
    """The accounts that the parent holds now."""
    holder = models.AccountHolder
    return sa.select(holder.account_id).where(
        holder.user_id == scope.user_id, holder.valid_until.is_(None)
    )


def pupils_of(scope: ParentScope) -> sa.Select[int]:
    """The children that those accounts pay for."""
    link = models.PupilAccount
    return sa.select(link.pupil_id).where(link.account_id.in_(accounts_of(scope)))


def _own_ledger_account(scope: ParentScope) -> sa.Select[int]:
    line = models.LedgerAccount
    return sa.select(line.id).where(line.account_id.in_(accounts_of(scope)))


_VISIBLE: Final[Mapping[Any, Callable[[ParentScope], Condition]]] = {
    models.CanteenUser: lambda s: models.CanteenUser.id == s.user_id,
    models.Account: lambda s: models.Account.id.in_(accounts_of(s)),
    models.AccountHolder: lambda s: models.AccountHolder.user_id == s.user_id,
    models.PupilAccount: lambda s: models.PupilAccount.account_id.in_(accounts_of(s)),
    models.Pupil: lambda s: models.Pupil.id.in_(pupils_of(s)),
    models.Enrolment: lambda s: models.Enrolment.pupil_id.in_(pupils_of(s)),
    models.Exclusion: lambda s: models.Exclusion.pupil_id.in_(pupils_of(s)),
    models.HealthRecord: lambda s: models.HealthRecord.pupil_id.in_(pupils_of(s)),
    models.Booking: lambda s: models.Booking.pupil_id.in_(pupils_of(s)),
    models.LedgerAccount: lambda s: models.LedgerAccount.account_id.in_(accounts_of(s)),
    models.Transfer: lambda s: sa.or_(
        models.Transfer.debit_id.in_(_own_ledger_account(s)),
        models.Transfer.credit_id.in_(_own_ledger_account(s)),
    ),
    models.TopUp: lambda s: models.TopUp.account_id.in_(accounts_of(s)),
    models.Receipt: lambda s: models.Receipt.top_up_id.in_(
        sa.select(models.TopUp.id).where(models.TopUp.account_id.in_(accounts_of(s)))
    ),
    models.RefundRequest: lambda s: models.RefundRequest.account_id.in_(accounts_of(s)),
    models.Document: lambda s: models.Document.published_at.is_not(None),  # noqa: ARG005
}

_REFERENCE: Final = (
    models.CanteenSettings,
    models.MealType,
    models.Diet,
    models.TariffCategory,
    models.Price,
    models.SchoolYear,
    models.SchoolClass,
    models.ServiceDay,
    models.Menu,
)


def is_guarded(model: type[Any]) -> bool:
    """Whether rows of the model are kept from those without a scope for them."""
    return model.__module__ == models.__name__ and model not in _REFERENCE


def visible_to(model: type[Any], scope: Scope) -> Condition:
    """Which rows of a guarded model the scope reaches."""
    if scope is None:
        return sa.false()
    if isinstance(scope, Everything):
        return sa.true()
    rule = _VISIBLE.get(model)
    return sa.false() if rule is None else rule(scope)


def _keep_to_scope(state: ORMExecuteState) -> None:
    scope = state.session.info.get("scope")
    if scope is EVERYTHING or state.is_column_load or state.is_relationship_load:
        return
    guarded = {m.class_ for m in state.all_mappers if is_guarded(m.class_)}
    state.statement = state.statement.options(
        *[with_loader_criteria(m, visible_to(m, scope), include_aliases=True) for m in guarded]
    )


def guard(sessions: scoped_session[Any]) -> None:
    """Put the guard on every session of the application."""
    if not event.contains(sessions, "do_orm_execute", _keep_to_scope):
        event.listen(sessions, "do_orm_execute", _keep_to_scope)


@contextmanager
def scope_of(session: Session, scope: Scope) -> Iterator[None]:
    """Reach other rows for a while: login before there is a user, `transaction` for services."""
    before = session.info.get("scope")
    session.info["scope"] = scope
    try:
        yield
    finally:
        session.info["scope"] = before


def actor_of(session: Session) -> Actor:
    """Who writes in this transaction."""
    actor: Actor = session.info["actor"]
    return actor


def holds_account(session: Session, user_id: int | None, account_id: int) -> bool:
    """Whether the user may use the account now."""
    holder = models.AccountHolder
    query = sa.select(holder.id).where(
        holder.user_id == user_id,
        holder.account_id == account_id,
        holder.valid_until.is_(None),
    )
    return session.scalar(query.limit(1)) is not None


GUARDED: Final = tuple(m.class_ for m in Model.registry.mappers if is_guarded(m.class_))
