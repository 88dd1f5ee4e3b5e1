"""Files of the bank: vouchers with the names of all who paid, kept for ten years, then emptied.

Their rows stay, with the hash by which a file that comes again is known.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import BankEntry, BankFile, RefundBatch, StoredFile


def old_vouchers(session: Session, before: datetime) -> Sequence[int]:
    """The files of statements and of payment orders from before the instant that hold anything."""
    statements = sa.select(BankFile.stored_file_id).where(BankFile.received_at < before)
    orders = sa.select(RefundBatch.stored_file_id).where(RefundBatch.made_at < before)
    query = sa.select(StoredFile.id).where(
        StoredFile.size > 0, sa.or_(StoredFile.id.in_(statements), StoredFile.id.in_(orders))
    )
    return session.scalars(query.order_by(StoredFile.id)).all()


def empty_vouchers(session: Session, before: datetime, limit: int) -> int:
    """Empty so many of them, and forget who paid; how many."""
    ids = old_vouchers(session, before)[:limit]
    files = sa.select(BankFile.id).where(BankFile.stored_file_id.in_(ids))
    session.execute(
        sa.update(BankEntry)
        .where(BankEntry.bank_file_id.in_(files))
        .values(counterparty="", counterparty_iban="", message="")
        .execution_options(synchronize_session=False)
    )
    session.execute(
        sa.update(StoredFile)
        .where(StoredFile.id.in_(ids))
        .values(content=b"", size=0)
        .execution_options(synchronize_session=False)
    )
    return len(ids)
