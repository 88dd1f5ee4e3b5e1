"""The accounting months: those that are closed, and what the next one still needs."""

from typing import Any

from flask import flash, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app import clock
from app.declared.base import FormView
from app.declared.children import shown_last_day
from app.errors import BadInput
from app.extensions import db
from app.filters import day_of
from app.models import Period
from app.month_end import close_month, look_at, month_to_close
from app.rows import Rows, TableView
from app.security import current_actor
from app.transaction import transaction


class PeriodView(TableView):
    """Closed months: nothing is booked into them any more."""

    datamodel = Rows(Period)
    route_base = "/months"
    include_route_methods = {"list"}
    list_template = "accounting/months.html"
    list_title = _l("Accounting months")
    list_columns = ["starts_on", "ends_on", "state", "closed_at"]
    base_order = ("starts_on", "desc")
    order_columns = ["starts_on"]
    label_columns = {"starts_on": _l("First day"), "ends_on": _l("Last day")}
    formatters_columns = {"ends_on": shown_last_day}


class MonthEndForm(DynamicForm):
    """Nothing to fill in: the month is the next one."""


class MonthEndView(FormView):
    """Says what is missing before the next month can be closed, and closes it."""

    route_base = "/months/close"
    form = MonthEndForm
    form_title = _l("Month end")
    form_template = "accounting/month_end.html"
    submit_label = _l("Close the month")

    def get_redirect(self) -> str:
        """The months that are closed."""
        return url_for("PeriodView.list")

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """The month, with all that stands against it."""
        session, today = db.session(), clock.today()
        return {"month": look_at(session, month_to_close(session, today), today)}

    def form_post(self, form: Any) -> None:  # noqa: ARG002
        """Close the month that was looked at, and no other."""
        first = day_of(request.form.get("month", ""))
        if first is None:
            raise BadInput
        with transaction(current_actor()) as session:
            close_month(session, first, clock.now)
        flash(_("The month is closed."), "success")
