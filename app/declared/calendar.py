"""The school’s calendar: years, classes, the days on which the canteen serves or stays closed."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import DateField, SelectMultipleField, ValidationError
from wtforms.validators import DataRequired, Length, NumberRange

from app import booking, clock
from app.booking.record import lock_day
from app.context import canteen_settings
from app.declared.base import FormView, SplitView
from app.declared.children import shown_last_day
from app.errors import NoServiceDay
from app.extensions import db
from app.fields import LineField, NumberField, ParagraphField
from app.filters import Condition, day_of, record_id
from app.forms import last_day_field
from app.models import SchoolClass, SchoolYear, ServiceDay
from app.refusals import RangesOverlap, SeatsTaken
from app.rows import ACT, KEEP, Rows, TableView
from app.rules.school_days import (
    UnreadableLineError,
    public_holidays,
    read_holidays,
    service_days,
)
from app.security import current_actor
from app.transaction import transaction
from app.widgets import CheckList

LONGEST_YEAR: Final = timedelta(days=400)
LONGEST_CLOSURE: Final = timedelta(days=62)
_WEEKDAYS: Final = (
    ("0", _l("Monday")),
    ("1", _l("Tuesday")),
    ("2", _l("Wednesday")),
    ("3", _l("Thursday")),
    ("4", _l("Friday")),
)
_ends_on = last_day_field(_l("Last day"), "starts_on", LONGEST_YEAR)


class SchoolYearView(TableView):
    datamodel = Rows(SchoolYear)
    include_route_methods = KEEP | ACT
    list_title, show_title = _l("School years"), _l("School year")
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

    def pre_add(self, item: SchoolYear) -> None:
        """Years follow each other."""
        others = sa.select(SchoolYear.id).where(
            SchoolYear.starts_on < item.ends_on, SchoolYear.ends_on > item.starts_on
        )
        if any(other != item.id for other in db.session().scalars(others)):
            raise RangesOverlap

    pre_update = pre_add

    def page_of(self, item: SchoolYear) -> str:
        """The year’s page, from which its days are made."""
        return url_for("SchoolYearView.show", pk=item.id)

    @action("service_days", _l("Make its service days"), multiple=False)
    def service_days(self, items: Sequence[SchoolYear]) -> AnyResponse:
        """Go to the form."""
        return redirect(url_for("ServiceDaysView.this_form_get", year=items[0].id))


class SchoolClassView(TableView):
    datamodel = Rows(SchoolClass, load=[joinedload(SchoolClass.school_year)])
    include_route_methods = KEEP
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
        """Ask why, and from when to when."""
        days = [item.date for item in items]
        return redirect(url_for("ClosureView.this_form_get", first=min(days), last=max(days)))

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


class ServiceDaysForm(DynamicForm):
    """The days on which the canteen serves during a school year."""

    weekdays = SelectMultipleField(
        _l("Days of the week"), [DataRequired()], choices=lambda: _WEEKDAYS, widget=CheckList()
    )
    capacity = NumberField(_l("Seats"), [DataRequired(), NumberRange(min=1, max=10_000)])
    holidays = ParagraphField(
        _l("School holidays"),
        description=_l(
            "One a line, first and last day and a name: 10.10.2026 - 25.10.2026 Autumn. Public "
            "holidays of the canton are closed by themselves."
        ),
        render_kw={"rows": 6},
    )

    def validate_holidays(self, field: Any) -> None:
        """Dates that can be read."""
        try:
            read_holidays(field.data or "")
        except UnreadableLineError as unreadable:
            raise ValidationError(
                _("This line is no pair of dates: %(line)s", line=str(unreadable)[:60])
            ) from None


class ServiceDaysView(FormView):
    route_base = "/service-days"
    form = ServiceDaysForm
    form_title = _l("Make service days")

    def get_redirect(self) -> str:
        """The days that were made."""
        return url_for("ServiceDayView.list")

    def form_get(self, form: Any) -> None:
        """Monday to Friday, and the usual number of seats."""
        _year()
        form.weekdays.data = [value for value, _label in _WEEKDAYS]
        form.capacity.data = canteen_settings().default_capacity

    def form_post(self, form: Any) -> None:
        """Make the days that are missing; those that exist stay as they are."""
        year = _year()
        first = max(year.starts_on, clock.today())
        closed = read_holidays(form.holidays.data or "")
        days = service_days(
            first,
            max(first, year.ends_on),
            [int(each) for each in form.weekdays.data],
            closed,
            public_holidays(first, max(first, year.ends_on)),
        )
        made = _make(days, form.capacity.data)
        flash(ngettext("%(num)s day was made.", "%(num)s days were made.", made), "success")


def _year() -> SchoolYear:
    key = record_id(request.args.get("year"))
    year = None if key is None else db.session().get(SchoolYear, key)
    if year is None:
        abort(404)
    return year


def _make(days: dict[date, str | None], capacity: int) -> int:
    """Add the days that do not exist; how many."""
    with transaction(current_actor()) as session:
        present = set(session.scalars(sa.select(ServiceDay.date).where(ServiceDay.date.in_(days))))
        missing = [day for day in days if day not in present]
        session.add_all(
            ServiceDay(date=day, capacity=capacity, closure=_closure(days[day])) for day in missing
        )
    return len(missing)


def _closure(reason: str | None) -> str | None:
    return None if reason is None else (reason or _("School holidays"))[:80]


class ClosureForm(DynamicForm):
    """Days on which the canteen stays closed."""

    first_day = DateField(_l("First day"), [DataRequired()])
    last_day = last_day_field(_l("Last day"), "first_day", LONGEST_CLOSURE)
    reason = LineField(
        _l("Reason"),
        [DataRequired(), Length(max=80)],
        description=_l("Families read it in the agenda and in their mail."),
    )


class ClosureView(FormView):
    route_base = "/closure"
    form = ClosureForm
    form_title = _l("Close the canteen")
    form_template = "people/closure.html"

    def get_redirect(self) -> str:
        """The days."""
        return url_for("ServiceDayView.list")

    def form_get(self, form: Any) -> None:
        """The days that were ticked."""
        form.first_day.data = day_of(request.args.get("first", ""))
        last = day_of(request.args.get("last", ""))
        form.last_day.data = last + timedelta(days=1) if last else None

    def about(self, form: Any) -> dict[str, Any]:
        """How many meals would go."""
        first, until = form.first_day.data, form.last_day.data
        if first is None or until is None:
            return {"meals": None}
        query = sa.select(sa.func.coalesce(sa.func.sum(ServiceDay.seats_taken), 0)).where(
            ServiceDay.date >= first, ServiceDay.date < until
        )
        return {"meals": db.session().scalar(query)}

    def form_post(self, form: Any) -> None:
        """Close each day in a transaction of its own; sent again, it goes on where it stopped."""
        query = (
            sa.select(ServiceDay.date)
            .where(ServiceDay.date >= form.first_day.data, ServiceDay.date < form.last_day.data)
            .order_by(ServiceDay.date)
        )
        days = db.session().scalars(query).all()
        if not days:
            raise NoServiceDay
        cancelled = 0
        for day in days:
            with transaction(current_actor()) as session:
                cancelled += booking.close_canteen(session, day, form.reason.data, clock.now)
        closed = ngettext("%(num)s day is closed.", "%(num)s days are closed.", len(days))
        meals = ngettext("%(num)s meal was cancelled.", "%(num)s meals were cancelled.", cancelled)
        flash(f"{closed} {meals}", "success")
