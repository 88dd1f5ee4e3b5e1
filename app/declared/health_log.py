"""Who saw whose health data: noted before the page that shows it is sent."""

from collections.abc import Iterable

import sqlalchemy as sa

from app import clock
from app.models import HealthAccess
from app.security import current_actor
from app.transaction import transaction


def log_health_access(pupil_ids: Iterable[int], page: str) -> None:
    """The reader of this request sees these pupils' health data on a page; once for each pupil.

    Ends the read transaction: what the page shows must be read, as values, before.
    """
    actor = current_actor()
    seen = sorted(set(pupil_ids))
    if not seen:
        return
    now = clock.now()
    rows = [
        {"user_id": actor.user_id, "pupil_id": pupil_id, "seen_at": now, "page": page}
        for pupil_id in seen
    ]
    with transaction(actor) as session:
        session.execute(sa.insert(HealthAccess), rows)
