"""Facts to tell, written in the transaction that makes them true.

A fact names a kind, an account or a user, and a record: never a text or an address of a page.
Changes of bookings wait two minutes, so that those made together go out in one mail.
"""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.models import OutboxFact
from app.vocabulary import FactKind

TOGETHER: Final = timedelta(minutes=2)
_AT_ONCE: Final = frozenset(FactKind) - {FactKind.BOOKING_CHANGED}
# Into the table: a third of the time that the object would take, at every tap.
_INSERT: Final = sa.insert(sa.inspect(OutboxFact).local_table)


def tell(
    session: Session,
    kind: FactKind,
    *,
    now: datetime,
    account_id: int | None = None,
    user_id: int | None = None,
    record_id: int | None = None,
) -> None:
    """Add one fact; it is lost or kept together with the change it tells of."""
    due_at = now if kind in _AT_ONCE else now + TOGETHER
    fact = {
        "kind": kind,
        "account_id": account_id,
        "user_id": user_id,
        "record_id": record_id,
        "recorded_at": now,
        "due_at": due_at,
    }
    session.execute(_INSERT, fact)
