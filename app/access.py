"""Who may see which rows: a guard on the session, not a habit of the views.

Without a scope a query finds nothing. Reference data is open to everybody; every other model is
closed to parents unless `_VISIBLE` says which rows are theirs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeAlias
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from flask_appbuilder import Model
from flask_appbuilder.security.sqla.models import User
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session, scoped_session, with_loader_criteria
from sqlalchemy.sql.base import ExecutableOption

from app import clock, models
from app.errors import NotAllowed
from app.extensions import db
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


class UnguardedStatementError(RuntimeError):
    """A statement that the guard cannot limit, where it must be limited: a fault of ours."""


def _reader() -> int:
    scope: ParentScope = db.session().info["scope"]
    return scope.user_id


# Asked each time a statement runs, so that one compiled statement serves every reader, every day.
_READER: Final = sa.bindparam("reader", callable_=_reader, type_=sa.Integer)
_TODAY: Final = sa.bindparam("guard_today", callable_=clock.today, type_=sa.Date)

# Plain tables, so that the guard is not put on the guard's own subqueries.
_holder, _payer, _line, _top_up = (
    sa.inspect(model).local_table
    for model in (models.AccountHolder, models.PupilAccount, models.LedgerAccount, models.TopUp)
)


def accounts_of(user_id: int | sa.BindParameter[int] | None) -> sa.Select[int]:
    """The accounts that a user holds today."""
    return sa.select(_holder.c.account_id).where(
        _holder.c.user_id == user_id,
        _holder.c.valid_from <= _TODAY,
        sa.or_(_holder.c.valid_until.is_(None), _holder.c.valid_until > _TODAY),
    )


_HOLDING: Final = (
    accounts_of(sa.bindparam("user"))
    .where(_holder.c.account_id == sa.bindparam("account"))
    .limit(1)
)


def holds_account(session: Session, user_id: int | None, account_id: int) -> bool:
    """Whether the user may use the account today."""
    given = {"user": user_id, "account": account_id}
    return session.scalar(_HOLDING, given) is not None


_ACCOUNTS: Final = accounts_of(_READER)
_PUPILS: Final = sa.select(_payer.c.pupil_id).where(_payer.c.account_id.in_(_ACCOUNTS))
_WALLETS: Final = sa.select(_line.c.id).where(_line.c.account_id.in_(_ACCOUNTS))
_TOP_UPS: Final = sa.select(_top_up.c.id).where(_top_up.c.account_id.in_(_ACCOUNTS))

_VISIBLE: Final[Mapping[type[Any], Callable[[Any], Condition]]] = {
    models.CanteenUser: lambda user: user.id == _READER,
    models.Account: lambda account: account.id.in_(_ACCOUNTS),
    models.AccountHolder: lambda holder: holder.user_id == _READER,
    models.PupilAccount: lambda payer: payer.account_id.in_(_ACCOUNTS),
    models.Pupil: lambda pupil: pupil.id.in_(_PUPILS),
    models.Enrolment: lambda enrolment: enrolment.pupil_id.in_(_PUPILS),
    models.Exclusion: lambda exclusion: exclusion.pupil_id.in_(_PUPILS),
    models.HealthRecord: lambda record: record.pupil_id.in_(_PUPILS),
    models.Booking: lambda booking: booking.pupil_id.in_(_PUPILS),
    models.LedgerAccount: lambda line: sa.or_(
        line.account_id.is_(None), line.account_id.in_(_ACCOUNTS)
    ),
    models.Transfer: lambda t: sa.or_(t.debit_id.in_(_WALLETS), t.credit_id.in_(_WALLETS)),
    models.TopUp: lambda top_up: top_up.account_id.in_(_ACCOUNTS),
    models.OnlinePayment: lambda payment: payment.top_up_id.in_(_TOP_UPS),
    models.QrBill: lambda bill: bill.account_id.in_(_ACCOUNTS),
    models.Receipt: lambda receipt: receipt.top_up_id.in_(_TOP_UPS),
    models.RefundRequest: lambda request: request.account_id.in_(_ACCOUNTS),
    models.BalanceQuestion: lambda question: question.account_id.in_(_ACCOUNTS),
    models.Document: lambda document: sa.and_(
        document.published_from <= _TODAY,
        sa.or_(document.published_until.is_(None), document.published_until > _TODAY),
        document.archived_at.is_(None),
    ),
}
_REFERENCE: Final = (
    models.CanteenSettings,
    models.PaymentTerms,
    models.MealType,
    models.Diet,
    models.TariffCategory,
    models.Price,
    models.SchoolYear,
    models.SchoolClass,
    models.ServiceDay,
    models.Interruption,
    models.InterruptionClass,
    models.Dish,
    models.Menu,
)


def is_guarded(model: type[Any]) -> bool:
    """Whether rows of the model are kept from those without a scope for them."""
    is_ours = model.__module__ == models.__name__ or model is User
    return is_ours and model not in _REFERENCE


_GUARDED: Final = tuple(m.class_ for m in Model.registry.mappers if is_guarded(m.class_))


def _limited(rows: Mapping[type[Any], Callable[[Any], Condition]]) -> tuple[ExecutableOption, ...]:
    return tuple(
        with_loader_criteria(
            model,
            rows.get(model, sa.false()),
            include_aliases=True,
            track_closure_variables=False,  # they never change
        )
        for model in _GUARDED
    )


_OWN: Final = _limited(_VISIBLE)
_NONE: Final = _limited({})


def _keep_to_scope(state: ORMExecuteState) -> None:
    scope = state.session.info.get("scope")
    if state.is_relationship_load:
        state.statement = _without_guard(state.statement)
    if scope is EVERYTHING or state.is_column_load:
        return
    if not state.is_orm_statement:
        raise UnguardedStatementError(str(state.statement))
    state.statement = _limit(state.statement, _NONE if scope is None else _OWN)


# A statement that is built once is limited once: its limits cost more than its rows.
_LIMITED: Final[WeakKeyDictionary[Any, dict[int, Any]]] = WeakKeyDictionary()


def _limit(statement: Any, limits: tuple[ExecutableOption, ...]) -> Any:
    known = _LIMITED.setdefault(statement, {})
    if id(limits) not in known:
        known[id(limits)] = statement.options(*limits)
    return known[id(limits)]


def _without_guard(statement: Any) -> Any:
    """A row loaded in one scope may lead to others in the next: its guard does not go along."""
    bare = statement.options()
    bare._with_options = tuple(o for o in bare._with_options if o not in {*_OWN, *_NONE})  # noqa: SLF001
    return bare


def guard(sessions: scoped_session[Any]) -> None:
    """Put the guard on every session of the application. Idempotent."""
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


def staff_id(session: Session) -> int:
    """Which member of the staff writes in this transaction. Raises: NotAllowed for anybody else."""
    actor = actor_of(session)
    if not actor.is_staff or actor.user_id is None:
        raise NotAllowed
    return actor.user_id


def is_held_on(day: date) -> Condition:
    """Whether a holding of an account is in force on the day."""
    until = models.AccountHolder.valid_until
    return sa.and_(models.AccountHolder.valid_from <= day, sa.or_(until.is_(None), until > day))
