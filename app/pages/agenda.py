"""The agenda: one school week, all the family's children; one tap books or cancels."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Response, flash, make_response, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import format_date, gettext
from flask_login import current_user

from app import clock
from app.booking import Wish, book_meal, cancel_meal
from app.context import service_rules
from app.errors import BadInput, NotFound, Refusal
from app.extensions import db
from app.labels import channel_choices, reason_choices
from app.models import Pupil
from app.pages.asked import day_asked, id_asked, number_asked
from app.pages.children import channel_asked, find_pupil, pupil_asked, reader, reason_asked
from app.pages.summary import summaries
from app.pages.week import Cell, Row, cell_of, day_heads, rows_of
from app.pages.week_facts import Facts, read_facts
from app.rules.weeks import days_of, week_to_show
from app.security import current_actor, is_staff
from app.transaction import transaction
from app.web_errors import is_fetch, sentence_of

_WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Week:
    """Which week is shown and where its links lead."""

    monday: date
    first: date
    last: date
    pupil_id: int | None

    def url(self, day: date) -> str:
        """The agenda's address at a date, of the same child."""
        return url_for("AgendaView.week", date=day.isoformat(), pupil=self.pupil_id)

    @property
    def title(self) -> str:
        """The week in words."""
        friday = self.monday + timedelta(days=4)
        is_one_month = self.monday.month == friday.month
        return gettext(
            "Week of %(first)s to %(last)s",
            first=format_date(self.monday, "d" if is_one_month else "d MMMM"),
            last=format_date(friday, "d MMMM y"),
        )

    @property
    def previous_url(self) -> str | None:
        """None before the first week of the school year."""
        return self.url(self.monday - _WEEK) if self.monday > self.first else None

    @property
    def next_url(self) -> str | None:
        """None after the last week of the school year."""
        return self.url(self.monday + _WEEK) if self.monday + _WEEK <= self.last else None

    @property
    def today_url(self) -> str:
        """The week of today."""
        return url_for("AgendaView.week", pupil=self.pupil_id)

    @property
    def repeat_url(self) -> str:
        """Where meals are booked for chosen weekdays."""
        return url_for("RepeatView.repeat", pupil=self.pupil_id)

    @property
    def jump_url(self) -> str:
        """Where the calendar sends its date."""
        return url_for("AgendaView.week")


@dataclass(frozen=True)
class OnBehalf:
    """Staff act for a family, and say how they were asked."""

    pupil_id: int
    pupil_name: str
    channels: list[tuple[str, str]]
    reasons: list[tuple[str, str]]


class AgendaView(BaseView):
    """The week of a parent's children, or of any pupil for staff."""

    route_base = "/agenda"
    default_view = "week"

    @expose("/", methods=["GET"])
    @has_access
    def week(self) -> Any:
        """The week that holds ?date=, of one ?pupil= where staff ask."""
        pupil_id = pupil_asked(request.args.get("pupil"))
        if pupil_id is None and is_staff(current_user):
            return redirect(url_for("TillView.search"))
        shown = day_asked(request.args.get("date"), default=clock.today())
        return self._page(shown, pupil_id)

    @expose("/change", methods=["POST"])
    @has_access
    def change(self) -> Any:
        """Book or cancel one meal; our script gets the cell, a browser without it the week."""
        wish, error = _wish(request.form), None
        try:
            self._carry_out(wish, request.form.get("action", ""))
        except Refusal as refused:
            error = refused
        if is_fetch():
            return self._fragment(wish, error)
        pupil = find_pupil(wish.pupil_id)
        if error is None:
            flash(_confirmation(wish, pupil), "success")
            return redirect(url_for("AgendaView.week", **_same_week(wish)))
        flash(sentence_of(error), "danger")
        return self._page(wish.day, _pupil_shown(wish)), error.status

    def _carry_out(self, wish: Wish, action: str) -> None:
        commands = {"book": book_meal, "cancel": cancel_meal}
        if action not in commands:
            raise BadInput
        channel = channel_asked(request.form.get("channel"))
        rules, actor = service_rules(), current_actor(channel)
        with transaction(actor) as session:
            commands[action](session, wish, rules, clock.now)

    def _page(self, shown: date, pupil_id: int | None) -> str:
        looking = reader()
        days = days_of(week_to_show(shown))
        facts = read_facts(db.session(), days, looking, pupil_id)
        first, last = facts.year() or (days[0], days[-1])
        week = Week(days[0], first, last, pupil_id)
        html: str = self.render_template(
            "agenda/week.html",
            title=week.title,
            week=week,
            days=day_heads(facts, days, looking),
            rows=rows_of(facts, days, looking),
            on_behalf=_on_behalf(facts, pupil_id),
            summary=_summary(facts),
        )
        return html

    def _fragment(self, wish: Wish, error: Refusal | None) -> Response:
        """The cell as it is now, the money, and a sentence."""
        looking = reader()
        facts = read_facts(db.session(), [wish.day], looking, wish.pupil_id)
        pupil = facts.pupils.get(wish.pupil_id)
        if pupil is None:
            raise NotFound
        day = day_heads(facts, [wish.day], looking)[0]
        cell: Cell = cell_of(facts, pupil, wish.day, looking)
        row = Row(pupil.id, pupil.first_name, "", _accounts(facts, pupil), [cell])
        html = self.render_template(
            "agenda/_change.html",
            changes=[(row, day, cell)],
            announcement=sentence_of(error) if error else _confirmation(wish, pupil),
            on_behalf=_on_behalf(facts, _pupil_shown(wish)),
            summary=_summary(facts),
        )
        return make_response(html, error.status if error else 200)


def _wish(form: Any) -> Wish:
    return Wish(
        pupil_id=id_asked(form.get("pupil")),
        day=day_asked(form.get("date")),
        version=number_asked(form.get("version")),
        meal_type_id=number_asked(form.get("meal_type")),
        account_id=number_asked(form.get("account")),
        reason=reason_asked(form.get("reason")),
    )


def _pupil_shown(wish: Wish) -> int | None:
    return wish.pupil_id if is_staff(current_user) else None


def _same_week(wish: Wish) -> dict[str, Any]:
    return {"date": wish.day.isoformat(), "pupil": _pupil_shown(wish)}


def _accounts(facts: Facts, pupil: Pupil) -> list[tuple[int, str]]:
    return [(account.id, account.label) for account in facts.payers.get(pupil.id, [])]


def _on_behalf(facts: Facts, pupil_id: int | None) -> OnBehalf | None:
    if pupil_id is None:
        return None
    pupil = facts.pupils.get(pupil_id) or find_pupil(pupil_id)  # archived, or nobody pays for them
    return OnBehalf(pupil_id, pupil.full_name, channel_choices(), reason_choices())


def _summary(facts: Facts) -> dict[str, Any]:
    return {"accounts": summaries(facts)}


def _confirmation(wish: Wish, pupil: Pupil) -> str:
    name, day = pupil.first_name, format_date(wish.day, "EEEE d MMMM")
    if request.form["action"] == "book":
        return gettext("Booked: %(name)s, %(day)s.", name=name, day=day)
    return gettext("Cancelled: %(name)s, %(day)s.", name=name, day=day)
