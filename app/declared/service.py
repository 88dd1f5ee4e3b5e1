"""The service: today's list, and what staff decide about a meal."""

from datetime import date
from typing import Any

from flask import Response, flash, make_response, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import format_date, get_locale, gettext
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.booking import Wish, cancel_meal, mark_attendance, refuse_meal
from app.context import letterhead, pdf_answer, service_rules
from app.declared.health_log import log_health_access
from app.documents.daylist import DayList, ListedClass, ListedPupil, render_day_list
from app.errors import BadInput, NotFound, Refusal, ServiceOver
from app.extensions import db
from app.kitchen.roll import Meal, by_class, counts_of, matching, meals_on, roll_of
from app.labels import choices, reason_choices
from app.models import Booking
from app.pages.asked import day_asked, id_asked, number_asked, record_asked, word_asked
from app.rows import Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import Attendance, Reason
from app.web_errors import is_fetch, sentence_of


class TodayView(TableView):
    """Who eats today; another day's list is only read."""

    datamodel = Rows(Booking)
    route_base = "/service"
    list_title = _l("Today’s list")
    include_route_methods = {"list", "pdf", "mark", "meal", "excuse", "refuse"}

    @expose("/", methods=["GET"])
    @has_access
    def list(self) -> Any:
        """The list of ?date=, of those whose name begins with ?q=."""
        day = day_asked(request.args.get("date"), default=clock.today())
        text = request.args.get("q", "")
        meals = roll_of(db.session(), day)
        shown = matching(meals, text)
        _log(shown, "today")
        return self.render_template(
            "service/today.html",
            title=gettext("Meals of %(day)s", day=format_date(day, "EEEE d MMMM")),
            day=day,
            is_today=day == clock.today(),
            can=self._can(day),
            classes=by_class(shown),
            counts=counts_of(meals),
            text=text,
        )

    @expose("/pdf", methods=["GET"])
    @has_access
    def pdf(self) -> Response:
        """The list of those who are expected on ?date=, to print."""
        day = day_asked(request.args.get("date"), default=clock.today())
        expected = [meal for meal in roll_of(db.session(), day) if meal.is_expected]
        _log(expected, "today.pdf")
        listed = DayList(day, _listed(expected), clock.now(), get_locale().language)
        return pdf_answer(render_day_list(listed, letterhead(), gettext), f"{day}")

    @expose("/mark", methods=["POST"])
    @has_access
    def mark(self) -> Any:
        """Served, absent, or expected again; our script gets the row, other browsers the list."""
        attendance, booking_id, seen = _mark_asked(request.form)
        error = None
        try:
            with transaction(current_actor()) as session:
                mark_attendance(
                    session, booking_id, attendance, clock.today(), clock.now, seen=seen
                )
        except Refusal as refused:
            error = refused
        return self._row(booking_id, error) if is_fetch() else _to_list(booking_id, error)

    @expose("/meal/<pk>", methods=["GET"])
    @has_access
    def meal(self, pk: str) -> Any:
        """One pupil's meal, and what may be decided about it."""
        booking = record_asked(Booking, pk)
        day = booking.service_day.date
        meal = meals_on(db.session(), day, Booking.id == booking.id)[0]
        _log([meal], "meal")
        return self.render_template(
            "service/meal.html",
            title=meal.name,
            meal=meal,
            day=day,
            is_today=day == clock.today(),
            reasons=reason_choices(),
            refusals=choices((Reason.NO_FUNDS, Reason.OTHER)),
        )

    @expose("/meal/<pk>/excuse", methods=["POST"])
    @has_access
    def excuse(self, pk: str) -> AnyResponse:
        """Give the meal of an excused absence back, with a reason."""
        booking = record_asked(Booking, pk)
        _check_today(booking)
        wish = Wish(
            booking.pupil_id,
            booking.service_day.date,
            number_asked(request.form.get("version")),
            reason=word_asked(Reason, request.form.get("reason")),
        )
        rules = service_rules()
        with transaction(current_actor()) as session:
            cancel_meal(session, wish, rules, clock.now)
        return _to_list(id_asked(pk))

    @expose("/meal/<pk>/refuse", methods=["POST"])
    @has_access
    def refuse(self, pk: str) -> AnyResponse:
        """Refuse a meal that is not covered, with a reason; the family is told."""
        booking_id = record_asked(Booking, pk).id
        reason = word_asked(Reason, request.form.get("reason")) or Reason.NO_FUNDS
        with transaction(current_actor()) as session:
            refuse_meal(session, booking_id, clock.today(), reason, clock.now)
        return _to_list(booking_id)

    def _can(self, day: date) -> dict[str, bool]:
        """What the reader may do with a row; another day's are only read."""
        may, is_today = self.appbuilder.sm.has_access, day == clock.today()
        return {
            "mark": is_today and may("can_mark", "TodayView"),
            "take_cash": is_today and may("can_account", "TillView"),
            "decide": may("can_meal", "TodayView"),
        }

    def _row(self, booking_id: int, error: Refusal | None) -> Response:
        """The row as it is now, the figures, and a sentence."""
        meals = roll_of(db.session(), clock.today())
        meal = next((each for each in meals if each.booking_id == booking_id), None)
        if meal is None:
            raise error or NotFound()
        _log([meal], "today")
        html = self.render_template(
            "service/_marked.html",
            meal=meal,
            counts=counts_of(meals),
            can=self._can(clock.today()),
            announcement=sentence_of(error) if error else _said(meal),
        )
        return make_response(html, error.status if error else 200)


def _log(meals: Any, page: str) -> None:
    log_health_access((meal.pupil_id for meal in meals if meal.health.words), page)


def _listed(meals: Any) -> tuple[ListedClass, ...]:
    return tuple(
        ListedClass(
            name,
            tuple(
                ListedPupil(meal.name, meal.meal, meal.health.words, funded=not meal.is_open)
                for meal in group
            ),
        )
        for name, group in by_class(meals)
    )


def _mark_asked(form: Any) -> tuple[Attendance, int, int]:
    """The button that was pressed: its name is the attendance, its value booking and version."""
    for attendance in Attendance:
        if attendance.value in form:
            booking_id, _, seen = form[attendance.value].partition(".")
            return attendance, id_asked(booking_id), id_asked(seen)
    raise BadInput


def _check_today(booking: Booking) -> None:
    if booking.service_day.date != clock.today():
        raise ServiceOver


def _said(meal: Meal) -> str:
    return f"{meal.name}: {meal.word or gettext('Expected')}"


def _to_list(booking_id: int, error: Refusal | None = None) -> AnyResponse:
    if error:
        flash(sentence_of(error), "danger")
    return redirect(url_for("TodayView.list", _anchor=f"meal-{booking_id}"), 303)
