"""The cash book: each day of the till, and the form by which somebody signs for what lies there."""

from datetime import timedelta
from typing import Any, Final

from flask import flash, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext, lazy_gettext
from flask_babel import lazy_gettext as _l
from wtforms import DateField, HiddenField, SelectField
from wtforms.validators import InputRequired, Optional

from app import clock
from app.declared.base import FormView
from app.extensions import db
from app.fields import MoneyField
from app.labels import choices
from app.pages.asked import day_asked, number_asked, word_asked
from app.payments.cash_book import cash_days, count_cash, count_in_force
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import Reason

_SHOWN: Final = timedelta(days=31)
_REASONS: Final = (Reason.MISTAKE, Reason.OTHER)


class CountForm(DynamicForm):
    """A day, and what was counted in its evening."""

    day = DateField(_l("Day"), [InputRequired()])
    counted = MoneyField(
        _l("Counted, in francs"),
        [InputRequired()],
        description=_l("Everything that lies in the till, float included."),
    )
    reason = SelectField(
        _l("Reason of the correction"),
        [Optional()],
        choices=lambda: [("", ""), *choices(_REASONS)],
        description=lazy_gettext("Only if the day was counted before."),
    )
    replaces = HiddenField()


class CashBookView(FormView):
    """Counts the till of a day, today's unless ?day= says another."""

    route_base = "/cash-book"
    form = CountForm
    form_title = _l("Cash book")
    form_template = "till/cash_book.html"
    submit_label = _l("Sign for this amount")

    def form_get(self, form: Any) -> None:
        """The day, and which count would be replaced."""
        day = day_asked(request.args.get("day"), default=clock.today())
        former = count_in_force(db.session(), day)
        form.day.data = day
        form.replaces.data = str(former.number if former else 0)

    def about(self, form: Any) -> dict[str, Any]:
        """The last month, newest first."""
        today = clock.today()
        days = cash_days(db.session(), today - _SHOWN, today)
        return {
            "days": days[::-1],
            "asked": next((each for each in days if each.day == form.day.data), None),
        }

    def form_post(self, form: Any) -> None:
        """Sign."""
        replaces = number_asked(form.replaces.data) or 0
        reason = word_asked(Reason, form.reason.data)
        day, counted = form.day.data, form.counted.data
        with transaction(current_actor()) as session:
            count_cash(session, day, counted, replaces=replaces, reason=reason, now=clock.now)
        flash(gettext("Signed. The cash book holds what was counted."), "success")

    def get_redirect(self) -> str:
        """The book, with the day signed."""
        return url_for("CashBookView.this_form_get")
