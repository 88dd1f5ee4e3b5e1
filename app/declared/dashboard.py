"""What the accountant looks at first: families' money, how it came in, what waits, what is due."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import url_for
from flask_babel import format_date, gettext, ngettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app import clock
from app.declared.charts import ChartView, Figures, month
from app.declared.refunds import is_open, is_overdue
from app.extensions import db
from app.figures import TopUpFigure
from app.labels import LABELS
from app.models import Account, BankEntry, RefundRequest
from app.money import Cents, format_chf
from app.vocabulary import BankEntryState, TopUpChannel

_MONTHS: Final = 12


@dataclass(frozen=True)
class Figure:
    """One number, where it leads, and what to know beside it."""

    label: str
    value: str
    hint: str
    url: str


class DashboardView(ChartView):
    route_base = "/accounting"
    datamodel = Figures(TopUpFigure)
    chart_title = _l("Overview of the money")
    chart_template = "accounting/dashboard.html"
    definitions = [
        {
            "title": _l("Top-ups by month"),
            "group": "month",
            "series": [channel.value for channel in TopUpChannel],
        }
    ]
    label_columns = {
        "day": _l("Day"),
        "month": _l("Month"),
        **{channel.value: name for channel, name in LABELS[TopUpChannel].items()},
    }
    formatters_columns = {"month": month}

    def since(self) -> date:
        """The first day of twelve months, this one included."""
        return _months_back(clock.today(), _MONTHS - 1)

    def about(self) -> dict[str, Any]:
        """What families have prepaid, and what asks for something to be done."""
        session = db.session()
        return {"figures": [_prepaid(session), _queue(session), _refunds(session, clock.today())]}


def _prepaid(session: Session) -> Figure:
    total, count = _sum(session, Account, Account.balance, Account.balance != 0)
    hint = ngettext("%(num)s account", "%(num)s accounts", count)
    return _figure(gettext("Prepaid by families"), total, hint, "FamilyView.list")


def _queue(session: Session) -> Figure:
    waits = BankEntry.state == BankEntryState.QUEUED
    total, count = _sum(session, BankEntry, BankEntry.amount, waits)
    oldest = session.scalar(sa.select(sa.func.min(BankEntry.booked_on)).where(waits))
    hint = ngettext("%(num)s payment", "%(num)s payments", count)
    if oldest is not None:
        hint += ", " + gettext("the oldest of %(day)s", day=format_date(oldest, "medium"))
    return _figure(gettext("Bank payments that wait"), total, hint, "BankEntryView.list")


def _refunds(session: Session, today: date) -> Figure:
    total, count = _sum(session, RefundRequest, RefundRequest.amount, is_open())
    _, late = _sum(session, RefundRequest, RefundRequest.amount, is_overdue(today))
    hint = ngettext("%(num)s request", "%(num)s requests", count)
    if late:
        hint += ", " + ngettext("%(num)s overdue", "%(num)s overdue", late)
    return _figure(gettext("Refunds to pay"), total, hint, "RefundView.list")


def _sum(session: Session, model: type[Any], amount: Any, condition: Any) -> tuple[Cents, int]:
    total = sa.func.coalesce(sa.func.sum(amount), 0)
    summed, count = session.execute(
        sa.select(total, sa.func.count(model.id)).where(condition)
    ).one()
    return int(summed), count


def _figure(name: str, total: Cents, hint: str, endpoint: str) -> Figure:
    return Figure(name, f"CHF {format_chf(total)}", hint, url_for(endpoint))


def _months_back(day: date, months: int) -> date:
    year, position = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, position + 1, 1)
