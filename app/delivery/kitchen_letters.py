"""The kitchen's mail of the day: what is to be cooked, once nobody but staff changes it."""

from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

from app.delivery.letter import Attachment, Letter, Link, Section, in_full, moment
from app.delivery.telling import Telling
from app.documents.letterhead import letterhead_of
from app.documents.production import ProductionDay, ProductionWeek, render_production
from app.kitchen.counts import kitchen_of
from app.models import ServiceDay
from app.vocabulary import FactKind


def kitchen_list(told: Telling) -> Letter:
    """The final counts; names and what they must not eat stand in the PDF only."""
    day_id = told.records(FactKind.KITCHEN_LIST)[-1]
    day = told.session.get_one(ServiceDay, day_id).date
    week = kitchen_of(told.session, [day], told.now, _, _language()).week
    (cooked,) = week.days
    words = {"day": in_full(day), "meals": cooked.total}
    return Letter(
        subject=_("Final list of %(day)s: %(meals)s meals", **words),
        opening=_("As of %(moment)s", moment=moment(told.now)),
        sections=(Section(_("Meals"), tuple(_lines(cooked))),),
        notes=tuple(_notes(cooked)),
        link=Link(_("Open the kitchen’s page"), told.url(f"/cuisine/?date={day.isoformat()}")),
        attachments=() if told.is_preview else (_paper(told, week),),
    )


def _language() -> str:
    return str(get_locale().language)


def _lines(day: ProductionDay) -> list[str]:
    return [
        _("%(what)s: %(where)s", what=count.meal, where=count.count)
        for count in day.counts
        if count.count
    ] or [_("Nobody is expected on this day.")]


def _notes(day: ProductionDay) -> list[str]:
    notes = []
    if day.met:
        sentence = ngettext(
            "%(num)s pupil is allergic to what the menu holds: see the list.",
            "%(num)s pupils are allergic to what the menu holds: see the list.",
            len(day.met),
        )
        notes.append(sentence)
    return [*notes, _("The list is attached. It holds health data: do not pass it on.")]


def _paper(told: Telling, week: ProductionWeek) -> Attachment:
    content = render_production(week, letterhead_of(told.canteen), _)
    return Attachment(f"cuisine-{week.days[0].day.isoformat()}.pdf", content)
