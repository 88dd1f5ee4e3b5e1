"""A family is forgotten: what the accounts need stays under a pseudonym, the rest goes.

It cannot be undone. The ledger is not touched: its texts hold no names (CO art. 958f: ten years;
nLPD art. 6 and 32: no more than that). Written past the audit's habits on purpose: old values must
not be kept, so that one entry says who erased whom, and when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole
from sqlalchemy.orm import Session

from app import audit, ledger, models
from app.clock import Now
from app.errors import NotFound, Refusal
from app.models import Account, Booking, CanteenUser, OnlinePayment, TopUp
from app.payments.refunds import open_refund
from app.privacy.family import TABLES, Family, family_of, rows_of, tables_of_families
from app.privacy.files import files_of
from app.privacy.imports import forget_values, records_of
from app.privacy.inventory import INVENTORY
from app.privacy.refusals import AlreadyErased, MoneyOnItsWay
from app.refusals import AccountNotEmpty, MealsBooked, RefundOpen
from app.registration import NO_MAIL
from app.stored_files import forget_files
from app.vocabulary import BookingState, PaymentState, Role, TopUpState

_STANDING: Final = (BookingState.BOOKED, BookingState.UNFUNDED)
_UNSETTLED: Final = (
    PaymentState.CREATED,
    PaymentState.STARTED,
    PaymentState.PAID_TWICE,
    PaymentState.REFUNDING,
    PaymentState.MISMATCHED,
)
NOBODY: Final = "–"
UNKNOWN_DAY: Final = date(1900, 1, 1)


_NOW: Final = object()  # the instant of the erasure
_USER, _REFUND = TABLES["ab_user"], TABLES["refund_request"]


def _numbered(table: str, before: str, after: str = "") -> sa.ColumnElement[str]:
    number: sa.Column[int] = TABLES[table].c.id
    return sa.literal(before).concat(sa.cast(number, sa.String)).concat(after)


# What stands in the place of personal data in the rows that stay.
REPLACED: Final[Mapping[str, Mapping[str, Any]]] = {
    "account": {"label": _numbered("account", "#"), "archived_at": _NOW, "erased_at": _NOW},
    "pupil": {
        "first_name": NOBODY,
        "last_name": _numbered("pupil", "#"),
        "birth_date": UNKNOWN_DAY,
        "diet_id": sa.select(sa.func.min(TABLES["diet"].c.id)).scalar_subquery(),
        "archived_at": _NOW,
    },
    "ab_user": {
        "first_name": NOBODY,
        "last_name": _numbered("ab_user", "#"),
        "username": _numbered("ab_user", "erased-"),
        "email": _numbered("ab_user", "erased-", NO_MAIL),
        "password": "!",  # matches nothing that can be typed
        "phone": "",
        "street": "",
        "postal_code": "",
        "town": "",
        "totp_secret": None,
        "last_login": None,
        "login_count": None,
        "fail_login_count": None,
        "active": False,
        "session_version": _USER.c.session_version + 1,
        "archived_at": _NOW,
    },
    "online_payment": {"address": "", "reason": ""},
    "refund_request": {
        "iban": _numbered("refund_request", "#"),  # not equal to that of another
        "holder_name": NOBODY,
        "street": "",
        "postal_code": "",
        "town": "",
        # A refused one has a reason: the database insists.
        "reason": sa.case((_REFUND.c.reason != "", NOBODY), else_=""),
    },
    "bank_entry": {"counterparty": "", "counterparty_iban": "", "message": ""},
}


@dataclass(frozen=True)
class Outlook:
    """What an erasure would do, in rows by table, and what stands against it."""

    deleted: Mapping[str, int]
    replaced: Mapping[str, int]
    kept: Mapping[str, int]
    files: int
    obstacle: Refusal | None
    family: Family


def outlook(session: Session, account_id: int) -> Outlook:
    """What erasing the account's family would do now; only reads. Raises: NotFound."""
    family = erasable(session, _account(session, account_id))
    sorts: dict[str, dict[str, int]] = {"deleted": {}, "replaced": {}, "kept": {}}
    for table in tables_of_families():
        found = sa.select(sa.func.count()).select_from(table).where(rows_of(table, family))
        count = session.scalar(found) or 0
        if count:
            sorts[_fate(table)][table.name] = count
    return Outlook(
        **sorts,
        files=len(files_of(session, family)),
        obstacle=obstacle(session, account_id),
        family=family,
    )


def _fate(table: sa.Table) -> str:
    if INVENTORY[table.name].goes:
        return "deleted"
    return "replaced" if INVENTORY[table.name].personal else "kept"


def _account(session: Session, account_id: int) -> Account:
    found = session.get(Account, account_id)
    if found is None:
        raise NotFound
    return found


def obstacle(session: Session, account_id: int) -> Refusal | None:
    """What must be settled first: money, a refund on its way, booked meals."""
    account = _account(session, account_id)
    if account.erased_at is not None:
        return AlreadyErased()
    if account.balance != 0:
        return AccountNotEmpty(account.balance)
    if open_refund(session, account_id) is not None:
        return RefundOpen()
    if _has(session, Booking.account_id == account_id, Booking.state.in_(_STANDING)):
        return MealsBooked()
    on_its_way = TopUp.account_id == account_id, TopUp.state == TopUpState.VALIDATED
    unsettled = (
        OnlinePayment.top_up.has(TopUp.account_id == account_id),
        OnlinePayment.state.in_(_UNSETTLED),
    )
    if _has(session, *on_its_way) or _has(session, *unsettled):
        return MoneyOnItsWay()
    return None


def _has(session: Session, *conditions: sa.ColumnElement[bool]) -> bool:
    return bool(session.scalar(sa.select(sa.literal(1)).where(*conditions).limit(1)))


def erasable(session: Session, account: Account) -> Family:
    """The account, and of its people those whose other accounts are erased already.

    A child with another household stays as it is, and so does whoever works for the canteen.
    """
    whole = family_of(session, account.id)
    alive = sa.select(Account.id).where(Account.erased_at.is_(None), Account.id != account.id)
    holder, payer = models.AccountHolder, models.PupilAccount
    staying_users = sa.select(holder.user_id).where(
        holder.user_id.in_(whole.user_ids), holder.account_id.in_(alive)
    )
    staff = sa.select(CanteenUser.id).where(
        CanteenUser.id.in_(whole.user_ids),
        CanteenUser.roles.any(StoredRole.name != Role.PARENT.value),
    )
    staying_pupils = sa.select(payer.pupil_id).where(
        payer.pupil_id.in_(whole.pupil_ids), payer.account_id.in_(alive)
    )
    pupil_ids = whole.pupil_ids - frozenset(session.scalars(staying_pupils))
    former = sa.select(payer.account_id).where(
        payer.pupil_id.in_(pupil_ids), payer.account_id.not_in(alive)
    )
    return Family(
        whole.account_ids | frozenset(session.scalars(former)),
        whole.user_ids
        - frozenset(session.scalars(staying_users))
        - frozenset(session.scalars(staff)),
        pupil_ids,
    )


def erase_family(session: Session, account_id: int, now: Now) -> Family:
    """Forget the account's family, for ever; who was erased with it.

    Raises: NotFound; AccountNotEmpty, RefundOpen, MealsBooked, MoneyOnItsWay, AlreadyErased.
    """
    locked = ledger.lock_accounts(session, [account_id])
    if account_id not in locked:
        raise NotFound
    against = obstacle(session, account_id)
    if against is not None:
        raise against
    family = erasable(session, locked[account_id])
    files = files_of(session, family) | _archives(session)
    forget_values(session, records_of(session, family))
    tables, instant = list(tables_of_families()), now()
    # The audit names rows by number alone: its values go while the rows are there.
    for table in (TABLES["audit_value"], *reversed(tables)):
        if INVENTORY[table.name].goes:
            session.execute(sa.delete(table).where(rows_of(table, family)))
    for table in tables:
        values = _values(table, instant)
        if values:
            session.execute(sa.update(table).where(rows_of(table, family)).values(**values))
    session.expire_all()
    forget_files(session, files)
    audit.note(session, "erase", locked[account_id])
    return family


def _values(table: sa.Table, instant: datetime) -> dict[str, Any]:
    values = REPLACED.get(table.name, {})
    return {name: instant if value is _NOW else value for name, value in values.items()}


def _archives(session: Session) -> frozenset[int]:
    """Archives of tax statements hold every name, and are made again at any time: they go."""
    archive = TABLES["tax_archive"]
    made = archive.c.stored_file_id.is_not(None)
    files = frozenset(session.scalars(sa.select(archive.c.stored_file_id).where(made)))
    session.execute(sa.delete(archive).where(made))
    return files
