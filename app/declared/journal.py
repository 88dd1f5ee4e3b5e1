"""The journal for the accountant's program, and the balances of a range of days on screen."""

from typing import Any

from flask import Response, request
from flask_appbuilder.forms import DynamicForm
from flask_babel import lazy_gettext as _l
from wtforms import DateField, SelectField
from wtforms.validators import DataRequired

from app import clock
from app.accounting import ENCODINGS, SUFFIXES, WRITERS, JournalFormat, journal, trial_balance
from app.declared.base import FormView
from app.extensions import db
from app.filters import day_of
from app.refusals import DatesReversed

_SCREEN = ""


class JournalForm(DynamicForm):
    """Which days, and for what."""

    first = DateField(_l("First day"), [DataRequired()])
    last = DateField(_l("Last day"), [DataRequired()])
    format = SelectField(
        _l("Output"),
        choices=lambda: [
            (_SCREEN, _l("Balances on this page")),
            (JournalFormat.CSV.value, _l("Journal for a spreadsheet (CSV)")),
            (JournalFormat.BANANA.value, _l("Journal for Banana")),
            (JournalFormat.CRESUS.value, _l("Journal for Crésus")),
        ],
    )


class JournalView(FormView):
    route_base = "/journal"
    form = JournalForm
    form_title = _l("Balances and journal export")
    form_template = "accounting/journal.html"
    submit_label = _l("Show or download")

    def form_get(self, form: Any) -> None:
        """The days of the address, or this month so far."""
        today = clock.today()
        form.first.data = day_of(request.args.get("first", "")) or today.replace(day=1)
        form.last.data = day_of(request.args.get("last", "")) or today

    def about(self, form: Any) -> dict[str, Any]:
        """The balances of the days, where they are days in order."""
        first, last = form.first.data, form.last.data
        if first is None or last is None or last < first:
            return {"lines": []}
        return {"lines": trial_balance(db.session(), first, last)}

    def form_post(self, form: Any) -> Any:
        """The page again, or the file."""
        first, last = form.first.data, form.last.data
        if form.format.data == _SCREEN:
            DatesReversed.check(first, last)
            return self._page(form)
        lines = journal(db.session(), first, last)
        chosen = JournalFormat(form.format.data)
        name = f"journal-{first}-{last}-{chosen}.{SUFFIXES[chosen]}"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        kind = f"text/plain; charset={ENCODINGS[chosen]}"
        return Response(WRITERS[chosen](lines), content_type=kind, headers=headers)
