"""The final list: told once, when nobody but staff can change the day any more."""

from sqlalchemy.orm import Session

from app import outbox
from app.clock import Now, local
from app.kitchen.counts import papers_of
from app.kitchen.prints import keep_papers, last_papers
from app.models import ServiceDay
from app.vocabulary import FactKind


def tell_kitchen(session: Session, day: ServiceDay, now: Now) -> None:
    """Have the day's list mailed to the kitchen; the caller closes the day, once.

    A day without service and a day that is past are not told. Where nobody has printed the day, the
    list is the paper that later changes are marked against.
    """
    instant = now()
    if day.closure is not None or local(instant).date() != day.date:
        return
    outbox.tell(session, FactKind.KITCHEN_LIST, now=instant, record_id=day.id)
    if not last_papers(session, [day.date]):
        keep_papers(session, papers_of(session, [day.date]), now)
