"""Who saw whose health data: noted before the page that shows it is sent."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from app import clock
from app.extensions import db
from app.models import HealthAccess
from app.security import current_actor
from app.transaction import transaction


def log_health_access(
    pupil_ids: Iterable[int], page: str, *, unless_since: datetime | None = None
) -> None:
    """The reader of this request sees these pupils' health data on a page; once for each pupil.

    A page that shows itself anew is one look: with `unless_since`, who was seen there by the same
    reader since that instant is not noted again. Ends the read transaction: what the page shows
    must be read, as values, before.
    """
    actor = current_actor()
    seen = sorted(set(pupil_ids) - _seen_since(actor.user_id, page, unless_since))
    if not seen:
        return
    now = clock.now()
    rows = [
        {"user_id": actor.user_id, "pupil_id": pupil_id, "seen_at": now, "page": page}
        for pupil_id in seen
    ]
    with transaction(actor) as session:
        session.execute(sa.insert(HealthAccess), rows)


def _seen_since(user_id: int | None, page: str, instant: datetime | None) -> set[int]:
    if instant is None:
        return set()
    query = sa.select(HealthAccess.pupil_id).where(
        HealthAccess.user_id == user_id,
        HealthAccess.page == page,
        HealthAccess.seen_at >= instant,
    )
    return set(db.session().scalars(query))
