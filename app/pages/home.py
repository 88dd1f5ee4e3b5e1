"""The front page: by role, what is next and where everything is."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from flask import redirect, url_for
from flask_appbuilder import IndexView, expose
from flask_babel import format_date, get_locale, gettext
from flask_login import current_user
from sqlalchemy.orm import Session, joinedload

from app import clock
from app.context import Entry, navigation
from app.extensions import db
from app.models import Account, Booking, ServiceDay
from app.money import format_chf
from app.pages.children import reader
from app.pages.incoming import top_ups_on_their_way, when_it_counts
from app.pages.summary import summaries
from app.pages.week import STATE_LABELS
from app.pages.week_facts import Reader, read_facts
from app.rollover import coming_year, offers_of
from app.rules.agenda import CellFacts, cell_state
from app.security import is_staff
from app.vocabulary import HOLDS_A_SEAT, Attendance, BookingState

MEALS_SHOWN = 4


@dataclass(frozen=True)
class NextMeal:
    """A meal that comes soon."""

    label: str
    child: str
    state_label: str


@dataclass(frozen=True)
class Tile:
    """A way to a page."""

    label: str
    url: str
    icon: str
    hint: str = ""


class HomeView(IndexView):
    """One page for parents, one for staff."""

    @expose("/")
    def index(self) -> Any:
        """The front page of whoever is logged in."""
        if not current_user.is_authenticated:
            return redirect(url_for("LoginView.login"))
        if is_staff(current_user):
            return self.render_template(
                "home/staff.html", tiles=tiles(), figures=figures(db.session(), clock.today())
            )
        looking = reader()
        facts = read_facts(db.session(), [looking.today], looking)
        return self.render_template(
            "home/parent.html",
            accounts=summaries(facts),
            next_meals=next_meals(db.session(), looking),
            incoming=incoming(db.session()),
            offers=offers(db.session(), looking.today, list(facts.accounts)),
            tiles=tiles(),
        )


@dataclass(frozen=True)
class Incoming:
    """Money on its way, and when it counts."""

    amount: str
    when: str


def incoming(session: Session) -> list[Incoming]:
    """The reader's money on its way, the soonest first."""
    return [
        Incoming(f"CHF {format_chf(top_up.amount)}", when_it_counts(top_up))
        for top_up in top_ups_on_their_way(session)
    ]


@dataclass(frozen=True)
class Note:
    """A child whose meals can be booked for the coming school year, and where."""

    child: str
    days: str
    url: str


def offers(session: Session, today: date, account_ids: list[int]) -> list[Note]:
    """The children of whom nothing is booked in the school year that begins soon."""
    year = coming_year(session, today)
    if year is None:
        return []
    names = get_locale().days["format"]["wide"]
    return [
        Note(
            offer.name,
            ", ".join(names[weekday] for weekday in offer.weekdays),
            f"{url_for('RepeatView.repeat')}?{urlencode(offer.query)}",
        )
        for offer in offers_of(session, account_ids, year, today)
    ]


def tiles() -> list[Tile]:
    """Every page that the menu offers, flat."""
    return [_tile(leaf) for entry in navigation() for leaf in (entry.children or (entry,))]


def _tile(entry: Entry) -> Tile:
    return Tile(entry.label, entry.url, entry.icon)


def next_meals(session: Session, looking: Reader) -> list[NextMeal]:
    """The family's next meals, within two weeks."""
    query = (
        sa.select(Booking, ServiceDay.date, Account.id)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .outerjoin(Booking.account)
        .options(joinedload(Booking.pupil, innerjoin=True))
        .where(
            ServiceDay.date >= looking.today,
            ServiceDay.date < looking.today + timedelta(days=14),
            Booking.state.in_(HOLDS_A_SEAT),
        )
        .order_by(ServiceDay.date, Booking.pupil_id)
        .limit(MEALS_SHOWN)
    )
    return [
        NextMeal(
            format_date(day, "EEE d MMM"),
            booking.pupil.first_name,
            _state_label(booking, is_own=own_account is not None),
        )
        for booking, day, own_account in session.execute(query)
    ]


def _state_label(booking: Booking, *, is_own: bool) -> str:
    state = cell_state(CellFacts(booking.state, booking.attendance, is_own=is_own))
    return str(STATE_LABELS[state])


@dataclass(frozen=True)
class Figure:
    """A number that staff want to see first."""

    label: str
    value: int
    hint: str = ""


def figures(session: Session, today: date) -> list[Figure]:
    """Today's meals, those not covered, those served."""
    query = (
        sa.select(Booking.state, Booking.attendance, sa.func.count())
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .where(ServiceDay.date == today, Booking.state.in_(HOLDS_A_SEAT))
        .group_by(Booking.state, Booking.attendance)
    )
    counts = [(state, attendance, number) for state, attendance, number in session.execute(query)]
    return [
        Figure(gettext("Meals today"), sum(n for _state, _attendance, n in counts)),
        Figure(
            gettext("Not covered"),
            sum(n for state, _attendance, n in counts if state is BookingState.UNFUNDED),
        ),
        Figure(
            gettext("Served"),
            sum(n for _state, attendance, n in counts if attendance is Attendance.SERVED),
        ),
    ]
