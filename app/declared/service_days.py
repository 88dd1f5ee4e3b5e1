"""The service days of a school year: weekdays, holidays that are typed or read from a file."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import abort, flash, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf.file import FileField
from sqlalchemy.orm import Session
from wtforms import SelectMultipleField, ValidationError
from wtforms.validators import DataRequired, NumberRange

from app import clock
from app.booking.interruptions import foresee, mark_of_interruption, put_in_force
from app.context import canteen_settings
from app.declared.base import FormView, asked
from app.fields import NumberField, ParagraphField
from app.models import Interruption, SchoolYear, ServiceDay
from app.rules.ics import LARGEST, UnreadableCalendarError, read_calendar, written
from app.rules.school_days import (
    Holiday,
    UnreadableLineError,
    public_holidays,
    read_holidays,
    service_days,
)
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import DecisionState, InterruptionKind
from app.widgets import CheckList

WEEKDAYS: Final = (
    ("0", _l("Monday")),
    ("1", _l("Tuesday")),
    ("2", _l("Wednesday")),
    ("3", _l("Thursday")),
    ("4", _l("Friday")),
)


class ServiceDaysForm(DynamicForm):
    """The days on which the canteen serves during a school year."""

    weekdays = SelectMultipleField(
        _l("Days of the week"), [DataRequired()], choices=lambda: WEEKDAYS, widget=CheckList()
    )
    capacity = NumberField(_l("Seats"), [DataRequired(), NumberRange(min=1, max=10_000)])
    file = FileField(
        _l("School holidays from a file"),
        description=_l(
            "A calendar file (.ics), as vd.ch publishes one, 5 MB at most. What it holds is shown "
            "below before anything is made."
        ),
    )
    holidays = ParagraphField(
        _l("School holidays"),
        description=_l(
            "One a line, first and last day and a name: 10.10.2026 - 25.10.2026 Autumn. Public "
            "holidays of the canton are closed by themselves."
        ),
        render_kw={"rows": 6},
    )

    def validate_file(self, field: Any) -> None:
        """A calendar that can be read; its holidays, if one was sent."""
        self.read: list[Holiday] | None = None
        if not field.data:
            return
        with field.data.stream as uploaded:
            content = uploaded.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValidationError(_("This file is too large. Choose one of 5 MB at most."))
        try:
            self.read = read_calendar(content, *self.span())
        except UnreadableCalendarError:
            raise ValidationError(
                _(
                    "This is no calendar file that can be read. Download it again, or type the "
                    "holidays below."
                )
            ) from None

    def type_read(self) -> None:
        """The file's holidays as lines, below those that were typed."""
        lines = [line for line in (self.holidays.data or "").splitlines() if line.strip()]
        lines += [line for line in map(written, self.read or ()) if line not in lines]
        self.holidays.data = "\n".join(lines)

    def span(self) -> tuple[date, date]:
        """The days that are meant, half-open: those of the year that the address names."""
        year = _year()
        return year.starts_on, year.ends_on

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
    submit_label = _l("Go on")

    def get_redirect(self) -> str:
        """The year, with its days."""
        return url_for("SchoolYearView.show", pk=_year().id)

    def form_get(self, form: Any) -> None:
        """Monday to Friday, and the usual number of seats."""
        _year()
        form.weekdays.data = [value for value, _label in WEEKDAYS]
        form.capacity.data = canteen_settings().default_capacity

    def form_post(self, form: Any) -> str | None:
        """What a file holds is looked at first; then the days that are missing are made."""
        if form.read is not None:
            return self._show_read(form)
        year = _year()
        first = max(year.starts_on, clock.today())
        until = max(first, year.ends_on)
        holidays = read_holidays(form.holidays.data or "")
        public = public_holidays(first, until)
        weekdays = [int(each) for each in form.weekdays.data]
        days = service_days(first, until, weekdays, holidays, public)
        with transaction(current_actor()) as session:
            made, open_days = _make(session, days, form.capacity.data)
            waiting = _close(session, [*holidays, *_single(public)], open_days)
        flash(ngettext("%(num)s day was made.", "%(num)s days were made.", made), "success")
        if waiting:
            flash(_waiting(waiting), "warning")
        return None

    def _show_read(self, form: Any) -> str:
        """The file's holidays, to be looked at."""
        form.type_read()
        count = len(form.read)
        read = ngettext("%(num)s holiday was read.", "%(num)s holidays were read.", count)
        flash(" ".join([read, _("Look at the lines below, then go on.")]), "info")
        return self._page(form)


def _waiting(count: int) -> str:
    return str(
        ngettext(
            "%(num)s closure waits under « Closed days »: meals are booked on it.",
            "%(num)s closures wait under « Closed days »: meals are booked on them.",
            count,
        )
    )


def _year() -> SchoolYear:
    year: SchoolYear | None = asked("year", SchoolYear)
    if year is None:
        abort(404)
    return year


def _make(
    session: Session, days: Mapping[date, str | None], capacity: int
) -> tuple[int, list[date]]:
    """Add the days that do not exist; how many, and which of the others are open."""
    query = sa.select(ServiceDay.date, ServiceDay.closure).where(ServiceDay.date.in_(days))
    present = dict(session.execute(query).all())
    missing = [day for day in days if day not in present]
    session.add_all(
        ServiceDay(date=day, capacity=capacity, closure=_closure(days[day])) for day in missing
    )
    session.flush()
    return len(missing), [day for day, closure in present.items() if closure is None]


def _closure(reason: str | None) -> str | None:
    return None if reason is None else (reason or _("School holidays"))[:80]


def _single(public: Mapping[date, str]) -> list[Holiday]:
    return [Holiday(day, day + timedelta(days=1), name) for day, name in public.items()]


def _close(session: Session, holidays: Iterable[Holiday], open_days: Iterable[date]) -> int:
    """Close the days that existed already: at once where nobody eats, else it is prepared.

    How many wait to be looked at.
    """
    days, waiting = list(open_days), 0
    for holiday in holidays:
        if any(holiday.first <= day < holiday.until for day in days):
            waiting += _close_one(session, holiday)
    return waiting


def _close_one(session: Session, holiday: Holiday) -> bool:
    """Whether it waits."""
    reason = _closure(holiday.name) or ""
    same = sa.select(Interruption).where(
        Interruption.kind == InterruptionKind.CLOSURE,
        Interruption.state == DecisionState.PREPARED,
        Interruption.valid_from == holiday.first,
        Interruption.valid_until == holiday.until,
    )
    closure = session.scalar(same.limit(1))
    if closure is None:
        closure = Interruption(
            kind=InterruptionKind.CLOSURE,
            valid_from=holiday.first,
            valid_until=holiday.until,
            reason=reason,
        )
        session.add(closure)
        session.flush()
    meals = foresee(session, closure)
    if not meals:
        put_in_force(session, closure.id, mark_of_interruption(closure, meals), clock.now)
    return bool(meals)
