"""What is no longer needed, rule by rule: first looked at, then erased a batch at a time.

Every rule asks the database what is due now, so that a run that was interrupted goes on where it
stopped, and one that is finished finds nothing. The terms are settings of the administrator.
"""

from calendar import monthrange
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.clock import Now, instant_of, local
from app.imports.files import drop
from app.models import (
    Account,
    CanteenSettings,
    DocumentDownload,
    Import,
    ImportLine,
    LoginAttempt,
    Message,
    OutboxFact,
    OutboxMail,
    OutboxMailFact,
    PupilAccount,
)
from app.privacy.departed import (
    departed_before,
    expire_health,
    expired_papers,
    expired_records,
)
from app.privacy.erasure import erase_family, obstacle
from app.privacy.vouchers import empty_vouchers, old_vouchers
from app.vocabulary import FactKind, ImportState, MailState

BATCH: Final = 500
FAMILIES_A_BATCH: Final = 5
ATTEMPTS_KEPT: Final = timedelta(days=1)
LISTS_KEPT: Final = timedelta(days=60)
YEARS_OF_ACCOUNTS: Final = 10  # CO art. 958f, from the end of the business year


def months_before(day: date, months: int) -> date:
    """The same day so many months ago, or the last one of a month that is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class Terms:
    """How long things are kept, as of a day."""

    today: date
    health_days: int
    mail_months: int
    leaver_years: int

    @property
    def mails_before(self) -> datetime:
        """Mails of before this instant have done their work."""
        return instant_of(months_before(self.today, self.mail_months), time())

    @property
    def attempts_before(self) -> datetime:
        """Failed logins of before this instant slow nobody down any more."""
        return instant_of(self.today, time()) - ATTEMPTS_KEPT

    @property
    def lists_before(self) -> datetime:
        """Lists of pupils that were received before this instant are not entered any more."""
        return instant_of(self.today, time()) - LISTS_KEPT

    @property
    def left_before(self) -> date:
        """Families that left before this day are forgotten."""
        return months_before(self.today, 12 * self.leaver_years)

    @property
    def vouchers_before(self) -> datetime:
        """Vouchers of business years that ended ten years ago, with the calendar year."""
        return instant_of(date(self.today.year - YEARS_OF_ACCOUNTS, 1, 1), time())


def terms_of(session: Session, now: datetime) -> Terms:
    """The terms in force."""
    canteen = session.get_one(CanteenSettings, 1)
    return Terms(local(now).date(), canteen.health_days, canteen.mail_months, canteen.leaver_years)


@dataclass(frozen=True)
class Rule:
    """`due` counts what is to go, `step` erases a batch of it and says how much that was."""

    name: str
    due: Callable[[Session, Terms], int]
    step: Callable[[Session, Terms, Now], int]


def _count(session: Session, query: sa.Select[Any]) -> int:
    return session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0


def _batch(session: Session, query: sa.Select[int]) -> Sequence[int]:
    """The first ids that the query selects."""
    return session.scalars(query.order_by(*query.selected_columns).limit(BATCH)).all()


def _deleted(session: Session, model: type[Any], query: sa.Select[int]) -> int:
    """Delete a batch of the rows that the query selects."""
    ids = _batch(session, query)
    session.execute(sa.delete(model).where(model.id.in_(ids)))
    return len(ids)


def _rows(model: type[Any], old: Callable[[Terms], sa.ColumnElement[bool]], name: str) -> Rule:
    """Rows that nothing refers to."""

    def query(terms: Terms) -> sa.Select[int]:
        return sa.select(model.id).where(old(terms))

    return Rule(
        name,
        lambda session, terms: _count(session, query(terms)),
        lambda session, terms, _: _deleted(session, model, query(terms)),
    )


# -- mails -----------------------------------------------------------------------------------------


def _old_mails(terms: Terms) -> sa.Select[int]:
    """Those that are sent or given up: what still waits is never erased."""
    return sa.select(OutboxMail.id).where(
        OutboxMail.state != MailState.QUEUED, OutboxMail.created_at < terms.mails_before
    )


def _erase_mails(session: Session, terms: Terms, _: Now) -> int:
    ids = _batch(session, _old_mails(terms))
    session.execute(sa.delete(OutboxMailFact).where(OutboxMailFact.mail_id.in_(ids)))
    session.execute(sa.delete(OutboxMail).where(OutboxMail.id.in_(ids)))
    return len(ids)


def _old_fact(terms: Terms) -> sa.ColumnElement[bool]:
    """Told, or to be told to nobody, and of no mail any more."""
    return sa.and_(
        OutboxFact.gathered_at < terms.mails_before,
        ~sa.exists().where(OutboxMailFact.fact_id == OutboxFact.id),
    )


def _old_message(terms: Terms) -> sa.ColumnElement[bool]:
    """A message of which no mail is left."""
    is_told = sa.exists().where(
        OutboxFact.kind == FactKind.MESSAGE, OutboxFact.record_id == Message.id
    )
    return sa.and_(Message.written_at < terms.mails_before, ~is_told)


# -- imports ---------------------------------------------------------------------------------------


def _old_values(terms: Terms) -> sa.Select[int]:
    """Lines of imports that can no longer be undone, and still hold what was before."""
    return (
        sa.select(ImportLine.id)
        .join(Import, Import.id == ImportLine.import_id)
        .where(
            Import.received_at < terms.mails_before,
            sa.cast(ImportLine.records, sa.String) != "[]",
        )
    )


def _forget_values(session: Session, terms: Terms, _: Now) -> int:
    ids = _batch(session, _old_values(terms))
    session.execute(
        sa.update(ImportLine).where(ImportLine.id.in_(ids)).values(records=[], problems=[])
    )
    return len(ids)


def _waiting_lists(terms: Terms) -> sa.Select[int]:
    """Lists of pupils that nobody has entered for long: the file of a whole school."""
    return sa.select(Import.id).where(
        Import.state == ImportState.RECEIVED, Import.received_at < terms.lists_before
    )


def _drop_lists(session: Session, terms: Terms, _: Now) -> int:
    ids = _batch(session, _waiting_lists(terms))
    for import_id in ids:
        drop(session, session.get_one(Import, import_id))
    return len(ids)


# -- families --------------------------------------------------------------------------------------


def families_that_left(session: Session, terms: Terms) -> Sequence[Account]:
    """Accounts all of whose children left long ago, or that were put away then; not yet erased."""
    children = sa.select(PupilAccount.account_id)
    staying = children.where(PupilAccount.pupil_id.not_in(departed_before(terms.left_before)))
    archived = Account.archived_at < instant_of(terms.left_before, time())
    query = sa.select(Account).where(
        Account.erased_at.is_(None),
        Account.id.not_in(staying),
        sa.or_(Account.id.in_(children), archived),
    )
    return session.scalars(query.order_by(Account.id)).all()


def _free_families(session: Session, terms: Terms) -> Iterator[int]:
    """Of those the ones that nothing stands against, looked at one by one."""
    left = families_that_left(session, terms)
    return (each.id for each in left if obstacle(session, each.id) is None)


def held_back(session: Session, terms: Terms) -> Mapping[Account, Any]:
    """Families whose time is over, and what must be settled before they are erased."""
    found = {each: obstacle(session, each.id) for each in families_that_left(session, terms)}
    return {account: against for account, against in found.items() if against is not None}


def _erase_families(session: Session, terms: Terms, now: Now) -> int:
    ids = list(islice(_free_families(session, terms), FAMILIES_A_BATCH))
    for account_id in ids:
        erase_family(session, account_id, now)
    return len(ids)


RULES: Final = (
    Rule(
        "health",
        lambda session, terms: (
            _count(session, expired_records(terms.today, terms.health_days))
            + _count(session, expired_papers(terms.today, terms.health_days))
        ),
        lambda session, terms, _: expire_health(session, terms.today, terms.health_days, BATCH),
    ),
    _rows(LoginAttempt, lambda t: LoginAttempt.attempted_at < t.attempts_before, "attempts"),
    Rule("mails", lambda session, terms: _count(session, _old_mails(terms)), _erase_mails),
    _rows(OutboxFact, _old_fact, "facts"),
    _rows(Message, _old_message, "messages"),
    _rows(DocumentDownload, lambda t: DocumentDownload.downloaded_at < t.mails_before, "downloads"),
    Rule("lists", lambda session, terms: _count(session, _waiting_lists(terms)), _drop_lists),
    Rule("imports", lambda session, terms: _count(session, _old_values(terms)), _forget_values),
    Rule(
        "families",
        lambda session, terms: sum(1 for _ in _free_families(session, terms)),
        _erase_families,
    ),
    Rule(
        "vouchers",
        lambda session, terms: len(old_vouchers(session, terms.vouchers_before)),
        lambda session, terms, _: empty_vouchers(session, terms.vouchers_before, BATCH),
    ),
)


def plan(session: Session, terms: Terms) -> dict[str, int]:
    """How much each rule would erase now; only reads."""
    return {rule.name: rule.due(session, terms) for rule in RULES}
