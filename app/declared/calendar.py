"""The school’s calendar: years, classes, the days on which the canteen serves and their seats."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import DateField
from wtforms.validators import DataRequired, InputRequired, NumberRange

from app import booking, clock
from app.booking.cascades import lock_days
from app.booking.record import lock_day
from app.declared.base import FormView, SplitView
from app.declared.children import shown_last_day
from app.errors import NoServiceDay
from app.extensions import db
from app.fields import NumberField, last_day
from app.filters import Condition, day_of
from app.forms import last_day_field
from app.models import Enrolment, SchoolClass, SchoolYear, ServiceDay
from app.refusals import DaysBetween, OutsideYear, RangesOverlap, SeatsTaken, SeatsTakenOn
from app.rows import ACT, KEEP, Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.web_errors import sentence_of

LONGEST_YEAR: Final = timedelta(days=400)
_ends_on = last_day_field(_l("Last day"), "starts_on", LONGEST_YEAR)


def ranges_of(closed: Sequence[tuple[date, str]]) -> list[tuple[date, date, str]]:
    """Closed days with the same reason as one range, a week-end between them or not."""
    found: list[tuple[date, date, str]] = []
    for day, reason in closed:
        if found and found[-1][2] == reason and day - found[-1][1] <= timedelta(days=4):
            found[-1] = (found[-1][0], day, reason)
        else:
            found.append((day, day, reason))
    return found


class SchoolYearView(TableView):
    datamodel = Rows(SchoolYear)
    include_route_methods = KEEP | ACT
    list_title, show_title = _l("School years"), _l("School year")
    show_template = "school/year.html"
    add_title, edit_title = _l("Add a school year"), _l("Edit the school year")
    list_columns = ["name", "starts_on", "ends_on"]
    show_columns = list_columns
    add_columns = list_columns
    edit_columns = list_columns
    base_order = ("starts_on", "desc")
    order_columns = ["starts_on"]
    add_form_extra_fields = {"ends_on": _ends_on}
    edit_form_extra_fields = {"ends_on": _ends_on}
    formatters_columns = {"ends_on": shown_last_day}
    exported_columns = {"ends_on": last_day}

    def pre_add(self, item: SchoolYear) -> None:
        """Years follow each other."""
        others = sa.select(SchoolYear.id).where(
            SchoolYear.starts_on < item.ends_on, SchoolYear.ends_on > item.starts_on
        )
        if any(other != item.id for other in db.session().scalars(others)):
            raise RangesOverlap

    def pre_update(self, item: SchoolYear) -> None:
        """No pupil is left enrolled outside it."""
        self.pre_add(item)
        outside = sa.select(Enrolment.id).where(
            Enrolment.school_class.has(SchoolClass.school_year_id == item.id),
            sa.or_(Enrolment.valid_from < item.starts_on, Enrolment.valid_until > item.ends_on),
        )
        if db.session().scalar(outside.limit(1)) is not None:
            raise OutsideYear

    def about(self, item: SchoolYear) -> dict[str, Any]:
        """How many days it has, and when the canteen is closed."""
        query = (
            sa.select(ServiceDay.date, ServiceDay.closure)
            .where(ServiceDay.date >= item.starts_on, ServiceDay.date < item.ends_on)
            .order_by(ServiceDay.date)
        )
        days = db.session().execute(query).all()
        closed = [(day, reason) for day, reason in days if reason is not None]
        return {"days": len(days), "closed": len(closed), "breaks": ranges_of(closed)}

    def page_of(self, item: SchoolYear) -> str:
        """The year’s page, from which its days are made."""
        return url_for("SchoolYearView.show", pk=item.id)

    @action("service_days", _l("Make its service days"), multiple=False)
    def service_days(self, items: Sequence[SchoolYear]) -> AnyResponse:
        """Go to the form."""
        return redirect(url_for("ServiceDaysView.this_form_get", year=items[0].id))


class SchoolClassView(TableView):
    datamodel = Rows(SchoolClass, load=[joinedload(SchoolClass.school_year)])
    include_route_methods = KEEP | {"delete"}
    list_title, show_title = _l("Classes"), _l("Class")
    add_title, edit_title = _l("Add a class"), _l("Edit the class")
    list_columns = ["name", "teacher", "school_year"]
    show_columns = list_columns
    add_columns = ["school_year", "name", "teacher"]
    edit_columns = ["name", "teacher"]
    search_columns = ["name", "school_year"]
    order_columns = ["name"]
    base_order = ("school_year_id", "desc")


class ServiceDayView(SplitView):
    datamodel = Rows(ServiceDay)
    include_route_methods = KEEP | ACT
    list_title, show_title = _l("Service days"), _l("Service day")
    add_title, edit_title = _l("Add a service day"), _l("Edit the service day")
    aside_label, in_use_label = _l("Past days"), _l("Coming days")
    list_columns = ["date", "capacity", "seats_taken", "closure"]
    show_columns = [*list_columns, "closed_at"]
    add_columns = ["date", "capacity"]
    edit_columns = ["capacity"]
    search_columns = ["date"]
    order_columns = ["date"]
    base_order = ("date", "asc")
    validators_columns = {"capacity": [NumberRange(min=0, max=10_000)]}

    def aside(self) -> Condition:
        """Days that are past."""
        return ServiceDay.date < clock.today()

    def hold(self, item: ServiceDay) -> None:
        """Nobody books meanwhile."""
        lock_day(db.session(), item.date)

    def pre_update(self, item: ServiceDay) -> None:
        """Never fewer seats than meals."""
        if item.capacity < item.seats_taken:
            raise SeatsTaken(item.seats_taken)

    @action("close", _l("Close the canteen"))
    def close(self, items: Sequence[ServiceDay]) -> AnyResponse:
        """Ask why; what would become of the meals is shown before."""
        return self._ask("ClosureView.add", items)

    @action("seats", _l("Change the seats"))
    def seats(self, items: Sequence[ServiceDay]) -> AnyResponse:
        """Ask how many."""
        return self._ask("SeatsView.this_form_get", items)

    def _ask(self, endpoint: str, items: Sequence[ServiceDay]) -> AnyResponse:
        """A form about the ticked days, from the first to the last."""
        days = sorted(item.date for item in items)
        between = sa.select(ServiceDay.id).where(ServiceDay.date.between(days[0], days[-1]))
        if len(db.session().scalars(between).all()) > len(days):
            flash(sentence_of(DaysBetween()), "danger")
            return redirect(self.get_redirect())
        return redirect(url_for(endpoint, first=days[0], last=days[-1]))

    @action(
        "reopen", _l("Open again"), _l("Open the canteen again? Cancelled meals stay cancelled.")
    )
    def reopen(self, items: Sequence[ServiceDay]) -> AnyResponse:
        """Serve after all."""
        days = sorted(item.date for item in items)

        def write() -> None:
            for day in days:
                booking.reopen_canteen(db.session(), day)

        self._write(write, _l("Open again."))
        return redirect(self.get_redirect())


class SeatsForm(DynamicForm):
    """How many may eat on each day of a range."""

    first_day = DateField(_l("First day"), [DataRequired()])
    last_day = last_day_field(_l("Last day"), "first_day", LONGEST_YEAR)
    capacity = NumberField(_l("Seats"), [InputRequired(), NumberRange(min=0, max=10_000)])


class SeatsView(FormView):
    route_base = "/seats"
    form = SeatsForm
    form_title = _l("Change the number of seats")

    def get_redirect(self) -> str:
        """The days."""
        return url_for("ServiceDayView.list")

    def form_get(self, form: Any) -> None:
        """The days that were ticked."""
        first, last = (day_of(request.args.get(name, "")) for name in ("first", "last"))
        form.first_day.data = first
        form.last_day.data = last and last + timedelta(days=1)

    def form_post(self, form: Any) -> None:
        """All of the days, or none: never fewer seats than meals."""
        with transaction(current_actor()) as session:
            days = lock_days(session, form.first_day.data, form.last_day.data)
            if not days:
                raise NoServiceDay
            for day in days:
                if form.capacity.data < day.seats_taken:
                    raise SeatsTakenOn(day.date, day.seats_taken)
                day.capacity = form.capacity.data
        flash(ngettext("%(num)s day was changed.", "%(num)s days were changed.", len(days)))
