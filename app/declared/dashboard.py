"""What the accountant looks at first: families' money, how it came in, what waits, what is due."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, time
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import format_date, gettext, ngettext
from sqlalchemy.orm import Session

from app import clock
from app.clock import instant_of, local
from app.declared.refunds import is_open, is_overdue
from app.extensions import db
from app.labels import label
from app.models import Account, BankEntry, RefundRequest, TopUp
from app.money import Cents, decimal_chf, format_chf
from app.vocabulary import BankEntryState, TopUpChannel, TopUpState

_MONTHS = 12


@dataclass(frozen=True)
class Figure:
    """One number, where it leads, and what to know beside it."""

    label: str
    value: str
    hint: str
    url: str


class DashboardView(BaseView):
    """Lists behind every figure; the chart is a table with bars, drawn here."""

    route_base = "/accounting"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    def index(self) -> str:
        """The figures of today and the last twelve months."""
        session, today = db.session(), clock.today()
        html: str = self.render_template(
            "accounting/dashboard.html",
            title=gettext("Overview of the money"),
            figures=[_prepaid(session), _queue(session), _refunds(session, today)],
            headings=[gettext("Month"), *map(label, TopUpChannel)],
            rows=top_ups_by_month(session, today),
        )
        return html


def _prepaid(session: Session) -> Figure:
    total, count = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(Account.balance), 0), sa.func.count(Account.id)
        ).where(Account.balance != 0)
    ).one()
    hint = ngettext("%(num)s account", "%(num)s accounts", count)
    return _figure(gettext("Prepaid by families"), total, hint, "FamilyView.list")


def _queue(session: Session) -> Figure:
    total, count, oldest = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(BankEntry.amount), 0),
            sa.func.count(BankEntry.id),
            sa.func.min(BankEntry.booked_on),
        ).where(BankEntry.state == BankEntryState.QUEUED)
    ).one()
    hint = ngettext("%(num)s payment", "%(num)s payments", count)
    if oldest is not None:
        hint += ", " + gettext("the oldest of %(day)s", day=format_date(oldest, "medium"))
    return _figure(gettext("Bank payments that wait"), total, hint, "BankEntryView.list")


def _refunds(session: Session, today: date) -> Figure:
    total, count = _sum_of(session, is_open())
    _, late = _sum_of(session, is_overdue(today))
    hint = ngettext("%(num)s request", "%(num)s requests", count)
    if late:
        hint += ", " + ngettext("%(num)s overdue", "%(num)s overdue", late)
    return _figure(gettext("Refunds to pay"), total, hint, "RefundView.list")


def _sum_of(session: Session, condition: Any) -> tuple[Cents, int]:
    total, count = session.execute(
        sa.select(
            sa.func.coalesce(sa.func.sum(RefundRequest.amount), 0),
            sa.func.count(RefundRequest.id),
        ).where(condition)
    ).one()
    return int(total), count


def _figure(name: str, total: Cents, hint: str, endpoint: str) -> Figure:
    return Figure(name, f"CHF {format_chf(int(total))}", hint, url_for(endpoint))


def top_ups_by_month(session: Session, today: date) -> list[tuple[str, ...]]:
    """Month and francs of each channel, the earliest first, for the last twelve months."""
    first = _months_back(today, _MONTHS - 1)
    query = sa.select(TopUp.credited_at, TopUp.channel, TopUp.amount).where(
        TopUp.state == TopUpState.CREDITED, TopUp.credited_at >= instant_of(first, time())
    )
    sums: defaultdict[tuple[date, TopUpChannel], Cents] = defaultdict(int)
    for credited_at, channel, amount in session.execute(query):
        if credited_at is not None:
            sums[local(credited_at).date().replace(day=1), channel] += amount
    months = [_months_back(today, back) for back in range(_MONTHS - 1, -1, -1)]
    return [
        (
            format_date(month, "MMM y"),
            *(decimal_chf(sums[month, channel]) for channel in TopUpChannel),
        )
        for month in months
    ]


def _months_back(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)
