"""What whoever verifies a refund compares: balance, holders, and where its IBAN was seen."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from app import clock
from app.access import is_held_on
from app.bank.iban import bank_name, format_iban
from app.models import AccountHolder, BankEntry, RefundRequest

_HISTORY: Final = 20


def compared(session: Session, item: RefundRequest) -> dict[str, Any]:
    """For the refund's page."""
    payments = received_from(session, item)
    return {
        "iban": format_iban(item.iban),
        "bank": bank_name(item.iban) if item.account.erased_at is None else "",
        "holders": _holders(session, item.account_id),
        "before": _history(session, item, is_same_account=True),
        "elsewhere": _history(session, item, is_same_account=False),
        "payments": payments,
        "is_payer": any(each.counterparty_iban == item.iban for each in payments),
        "format_iban": format_iban,
    }


def _holders(session: Session, account_id: int) -> list[str]:
    query = (
        sa.select(AccountHolder)
        .where(AccountHolder.account_id == account_id, is_held_on(clock.today()))
        .options(joinedload(AccountHolder.user))
        .order_by(AccountHolder.id)
    )
    return [holder.user.get_full_name() for holder in session.scalars(query)]


def _history(
    session: Session, item: RefundRequest, *, is_same_account: bool
) -> list[RefundRequest]:
    """Other refunds of the account, or other accounts’ refunds to the same IBAN."""
    is_same = RefundRequest.account_id == item.account_id
    wanted = is_same if is_same_account else sa.and_(~is_same, RefundRequest.iban == item.iban)
    query = (
        sa.select(RefundRequest)
        .where(wanted, RefundRequest.id != item.id)
        .options(joinedload(RefundRequest.account))
        .order_by(RefundRequest.id.desc())
        .limit(_HISTORY)
    )
    return list(session.scalars(query))


def received_from(session: Session, item: RefundRequest) -> list[BankEntry]:
    """What came to the bank from this IBAN, by this holder's name, or for this account."""
    query = (
        sa.select(BankEntry)
        .where(
            BankEntry.is_credit,
            BankEntry.is_counted,
            sa.or_(
                BankEntry.counterparty_iban == item.iban,
                sa.func.lower(BankEntry.counterparty) == item.holder_name.lower(),
                BankEntry.account_id == item.account_id,
            ),
        )
        .options(joinedload(BankEntry.account))
        .order_by(BankEntry.booked_on.desc(), BankEntry.id.desc())
        .limit(_HISTORY)
    )
    return list(session.scalars(query))
