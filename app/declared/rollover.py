"""The next school year from this one: corrected, looked at, made in one go, undone, offered."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import abort, flash, g, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response as AnyResponse
from wtforms import DateField
from wtforms.validators import DataRequired, Length

from app import clock
from app.declared.base import FormView, asked
from app.declared.service_days import ServiceDaysForm
from app.errors import BadAmount, Refusal
from app.extensions import db
from app.fields import LineField, clean_line, last_day
from app.forms import last_day_field
from app.models import MealType, SchoolYear, TariffCategory
from app.money import Cents, format_chf, parse_chf
from app.payments.questions import year_to_ask
from app.refusals import UsedBy
from app.rollover import (
    Plan,
    Wanted,
    classes_of,
    next_year,
    offer_to_families,
    plan,
    propose,
    roll_over,
    roll_over_of,
    undo_roll_over,
)
from app.rules.school_days import read_holidays
from app.security import current_actor
from app.transaction import transaction
from app.web_errors import sentence_of

_CLASS: Final = re.compile(r"class-(\d{1,18})")
_PUPIL: Final = re.compile(r"pupil-(\d{1,18})")
_PRICE: Final = re.compile(r"price-(\d{1,18})-(\d{1,18})")
LONGEST_CLASS: Final = 80


class RollOverForm(ServiceDaysForm):
    """The next year; its classes, prices and pupils are fields that the template writes."""

    name = LineField(_l("Name"), [DataRequired(), Length(max=80)])
    starts_on = DateField(_l("First day"), [DataRequired()])
    ends_on = last_day_field(_l("Last day"), "starts_on")
    prices_from = DateField(_l("New prices hold from"), [DataRequired()])

    def span(self) -> tuple[date, date]:
        """The days of the next year."""
        first = self.starts_on.data or clock.today()
        return first, self.ends_on.data or first


class RollOverView(FormView):
    route_base = "/roll-over"
    form = RollOverForm
    form_title = _l("Next school year")
    form_template = "school/roll_over.html"

    def get_redirect(self) -> str:
        """The same page, which now says what was made."""
        return url_for("RollOverView.this_form_get", year=_year().id)

    def form_get(self, form: Any) -> None:
        """The proposal."""
        proposed = propose(db.session(), _year())
        form.name.data, form.starts_on.data = proposed.name, proposed.starts_on
        form.ends_on.data, form.prices_from.data = proposed.ends_on, proposed.prices_from
        form.weekdays.data = [str(weekday) for weekday in sorted(proposed.weekdays)]
        form.capacity.data = proposed.capacity
        g.wanted = proposed

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """What the form is made of, and what would become of it."""
        session, year = db.session(), _year()
        wanted = g.get("wanted") or propose(session, year)
        return {
            "year": year,
            "years": session.scalars(sa.select(SchoolYear).order_by(SchoolYear.starts_on)).all(),
            "following": next_year(session, year),
            "roll": roll_over_of(session, year.id),
            "classes": classes_of(session, year.id),
            "meal_types": _names(MealType),
            "categories": _names(TariffCategory),
            "wanted": wanted,
            "sent_prices": _texts(_PRICE),
            "plan": g.get("plan"),
            "pupils": _pupils_by_class(g.get("plan")),
            "exceptions": _exceptions(g.get("plan"), wanted),
            "last_day": last_day,
            "format_chf": format_chf,
        }

    def form_post(self, form: Any) -> str | None:
        """Show what would be made, or make it."""
        if form.read is not None:
            form.type_read()
        wanted = _wanted(form)
        step = request.form.get("step")
        if step == "make":
            with transaction(current_actor()) as session:
                _done, made = roll_over(session, wanted, clock.now)
                sentence = _made(made)
            flash(sentence, "success")
            return None
        g.wanted = wanted
        if step != "edit":
            g.plan = plan(db.session(), wanted, clock.today())
        return self._page(form)

    @expose("/undo", methods=["POST"])
    @has_access
    def undo(self) -> AnyResponse:
        """Take the year back, while nothing uses it."""
        roll = roll_over_of(db.session(), _year().id)
        key = 0 if roll is None else roll.id
        try:
            with transaction(current_actor()) as session:
                undo_roll_over(session, key, clock.now)
        except Refusal as refused:
            flash(sentence_of(refused), "danger" if isinstance(refused, UsedBy) else "warning")
        else:
            flash(_("The next school year was taken back."), "success")
        return redirect(self.get_redirect())

    @expose("/offer", methods=["POST"])
    @has_access
    def offer(self) -> AnyResponse:
        """Write to every family once: the usual days can be booked again."""
        roll = roll_over_of(db.session(), _year().id)
        key = 0 if roll is None else roll.id
        with transaction(current_actor()) as session:
            count = offer_to_families(session, key, clock.now)
        if count:
            sentence = ngettext(
                "%(num)s family is written to.", "%(num)s families are written to.", count
            )
            flash(sentence, "success")
        else:
            flash(_("The families were written to already."), "warning")
        return redirect(self.get_redirect())


def _year() -> SchoolYear:
    """The year that the address names, or the one that is under way."""
    is_named = "year" in request.args
    year = asked("year", SchoolYear) if is_named else year_to_ask(db.session(), clock.today())
    if year is None:
        abort(404)
    return year


def _names(model: type[Any]) -> dict[int, str]:
    return dict(db.session().execute(sa.select(model.id, model.name)).all())


def _texts(pattern: re.Pattern[str]) -> dict[tuple[int, ...], str]:
    """The fields that the template has written, by the numbers in their names."""
    found = ((pattern.fullmatch(name), text) for name, text in request.form.items())
    return {
        tuple(map(int, match.groups())): clean_line(text)
        for match, text in found
        if match is not None
    }


def _wanted(form: Any) -> Wanted:
    """Raises: BadAmount."""
    return Wanted(
        from_year_id=_year().id,
        name=form.name.data,
        starts_on=form.starts_on.data,
        ends_on=form.ends_on.data,
        weekdays=frozenset(map(int, form.weekdays.data)),
        capacity=form.capacity.data,
        holidays=tuple(read_holidays(form.holidays.data or "")),
        classes=_class_names(_CLASS),
        pupils=_class_names(_PUPIL),
        prices={(key[0], key[1]): _amount(text) for key, text in _texts(_PRICE).items()},
        prices_from=form.prices_from.data,
    )


def _class_names(pattern: re.Pattern[str]) -> dict[int, str]:
    return {key: text[:LONGEST_CLASS] for (key,), text in _texts(pattern).items()}


def _amount(text: str) -> Cents:
    try:
        return parse_chf(text)
    except ValueError:
        raise BadAmount from None


def _exceptions(planned: Plan | None, wanted: Wanted) -> Mapping[int, str]:
    """The pupils who go elsewhere than their class: those alone are sent on."""
    if planned is None:
        return wanted.pupils
    usual = {m.pupil_id: wanted.classes.get(m.from_class_id, "") for m in planned.moves}
    return {key: to for key, to in wanted.pupils.items() if to != usual.get(key)}


def _pupils_by_class(planned: Plan | None) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for move in planned.moves if planned else ():
        found.setdefault(move.from_class, []).append(move)
    return found


def _made(made: Plan) -> str:
    if made.is_empty:
        return _("There was nothing left to make.")
    return _(
        "Made: %(classes)s classes, %(pupils)s enrolments, %(days)s service days, "
        "%(prices)s new prices.",
        classes=len(made.new_classes),
        pupils=len(made.new_enrolments),
        days=len(made.new_days),
        prices=len(made.new_prices),
    )
