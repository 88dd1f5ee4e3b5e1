"""Another class from a day on, and departure: previewed, done, undone on the pupil's page."""

from typing import Any

from flask import abort, flash, g, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import DateField
from wtforms.validators import DataRequired

from app import clock
from app.declared.base import FormView, asked
from app.departures import leave, plan_departure
from app.enrolments import change_class
from app.fields import LastDayField, last_day
from app.forms import class_field, record_field
from app.models import Enrolment, Pupil, TariffCategory
from app.security import current_actor
from app.transaction import transaction


class OfPupilForm(FormView):
    """A form about the pupil that the address names."""

    def pupil(self) -> Pupil:
        """404 for an address that names nobody in use."""
        found: Pupil | None = asked("pupil", Pupil)
        if found is None or found.archived_at is not None:
            abort(404)
        return found

    def get_redirect(self) -> str:
        """The pupil’s page."""
        return url_for("PupilView.show", pk=self.pupil().id)

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """Whom it is about."""
        pupil = self.pupil()
        return {"pupil": pupil, "now": enrolment_today(pupil), "last_day": last_day}


def enrolment_today(pupil: Pupil) -> Enrolment | None:
    """The pupil's enrolment of today, or else the next one."""
    coming = [each for each in pupil.enrolments if each.valid_until > clock.today()]
    return min(coming, key=lambda each: each.valid_from, default=None)


class ChangeClassForm(DynamicForm):
    """The class that a pupil goes to."""

    school_class = class_field(_l("New class"))
    category = record_field(_l("Tariff category"), TariffCategory)
    first_day = DateField(_l("From"), [DataRequired()], default=clock.today)


class ChangeClassView(OfPupilForm):
    route_base = "/change-class"
    form = ChangeClassForm
    form_title = _l("Change of class")
    form_template = "people/change_class.html"

    def form_get(self, form: Any) -> None:
        """The category stays, unless it is changed."""
        now = enrolment_today(self.pupil())
        form.category.data = None if now is None else now.category

    def form_post(self, form: Any) -> None:
        """From that day to the end of the year; booked meals stay."""
        pupil_id = self.pupil().id
        school_class_id, category_id = form.school_class.data.id, form.category.data.id
        with transaction(current_actor()) as session:
            change_class(session, pupil_id, school_class_id, category_id, form.first_day.data)
        flash(_("The class is changed. Meals that are booked stay booked."), "success")


class DepartureForm(DynamicForm):
    """When a pupil leaves."""

    last_day = LastDayField(_l("Last day at the canteen"), validators=[DataRequired()])


class DepartureView(OfPupilForm):
    route_base = "/departure"
    form = DepartureForm
    form_title = _l("Departure")
    form_template = "people/departure.html"

    def about(self, form: Any) -> dict[str, Any]:
        """What would become of it, once the day is chosen."""
        return {**super().about(form), "plan": g.get("plan")}

    def form_post(self, form: Any) -> str | None:
        """Show what it means; then do it."""
        pupil_id, first = self.pupil().id, form.last_day.data
        is_sure = request.form.get("step") == "leave"
        step = leave if is_sure else plan_departure
        with transaction(current_actor()) as session:
            plan = step(session, pupil_id, first, clock.now)
        if not is_sure:
            g.plan = plan
            return self._page(form)
        meals = len(plan.days)
        flash(
            _("The departure is entered and the family is told.")
            + " "
            + ngettext("%(num)s meal was cancelled.", "%(num)s meals were cancelled.", meals),
            "success",
        )
        return None
