"""The letters about the school's year: a child who leaves, a new year to book meals for."""

from datetime import timedelta
from urllib.parse import urlencode

from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

from app.delivery.balance import balance_notes
from app.delivery.letter import Letter, Link, Section, in_full
from app.delivery.telling import Telling
from app.departures import days_cancelled, leftovers
from app.models import Departure, RollOver
from app.rollover.offers import Offer, offers_of
from app.vocabulary import FactKind

REFUND_PAGE, REPEAT_PAGE, FRONT_PAGE = "/remboursement/", "/agenda/repeat/", "/"


def departed(told: Telling) -> Letter:
    """Who leaves from when, what was cancelled, and what becomes of the balance."""
    ids = told.records(FactKind.DEPARTED)
    departures = [told.session.get_one(Departure, key) for key in ids]
    names = ", ".join(dict.fromkeys(each.pupil.full_name for each in departures))
    return Letter(
        subject=_("Departure from the canteen: %(names)s", names=names),
        opening=_(
            "The school tells us that your child will no longer come to the canteen. If that is "
            "a mistake, please call us: we can undo it."
        ),
        sections=tuple(_departure(told, each) for each in departures),
        notes=(*balance_notes(told), _money(told, departures)),
        link=Link(_("Have the balance paid back"), told.url(REFUND_PAGE)),
    )


def _departure(told: Telling, departure: Departure) -> Section:
    meals = len(days_cancelled(told.session, departure.operation_id))
    lines = [_("Last day: %(day)s", day=in_full(departure.valid_from - timedelta(days=1)))]
    if meals:
        lines.append(
            ngettext("%(num)s meal was cancelled.", "%(num)s meals were cancelled.", meals)
        )
    return Section(departure.pupil.full_name, tuple(lines))


def _money(told: Telling, departures: list[Departure]) -> str:
    siblings = {
        name
        for each in departures
        for account in leftovers(told.session, each.pupil_id, each.valid_from)
        if account.account_id == told.mail.account_id
        for name in account.siblings
    }
    if siblings:
        return _("The balance stays for %(names)s.", names=", ".join(sorted(siblings)))
    return _("You may have the balance paid back: tell us to which bank account.")


def new_year(told: Telling) -> Letter:
    """The days on which each child usually ate, to be booked again for the new year."""
    (key, *_more) = told.records(FactKind.NEW_YEAR)
    roll = told.session.get_one(RollOver, key)
    offers = offers_of(told.session, [told.mail.account_id or 0], roll.to_year, told.today)
    return Letter(
        subject=_("School year %(year)s: book the meals again", year=roll.to_year.name),
        opening=_(
            "The canteen can be booked for the new school year. Below are the days on which your "
            "children usually ate. You need only confirm them, or choose others."
        ),
        sections=tuple(_offer(each) for each in offers),
        link=Link(_("Choose the days"), told.url(_page(offers))),
    )


def _offer(offer: Offer) -> Section:
    days = ", ".join(weekday_name(weekday) for weekday in offer.weekdays)
    return Section(f"{offer.name} · {offer.school_class}", (days or _("No usual days"),))


def weekday_name(weekday: int) -> str:
    """Monday, in the reader's language."""
    return str(get_locale().days["format"]["wide"][weekday])


def _page(offers: list[Offer]) -> str:
    """The form for an only child, the front page for several."""
    if len(offers) != 1:
        return FRONT_PAGE
    return f"{REPEAT_PAGE}?{urlencode(offers[0].query)}"
