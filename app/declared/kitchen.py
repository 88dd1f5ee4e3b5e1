"""The kitchen: its week, what changes, the papers, and a screen for its wall."""

from datetime import date, datetime, time, timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import Response, request
from flask_appbuilder import expose, has_access
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _l

from app import clock
from app.clock import instant_of
from app.context import letterhead, pdf_answer, service_rules
from app.declared.health_log import log_health_access
from app.documents.production import render_production, signed
from app.documents.tray_labels import LABELS_A_SHEET, TrayLabel, render_tray_labels
from app.errors import BadInput
from app.extensions import db
from app.kitchen.counts import Kitchen, kitchen_of
from app.kitchen.forecast import days_ahead
from app.kitchen.prints import keep_papers
from app.models import KitchenPrint, ServiceDay
from app.pages.asked import day_asked, number_asked
from app.rows import Rows, TableView
from app.rules.deadlines import end_of_service_of, last_call_of
from app.rules.weeks import days_of, week_to_show
from app.security import current_actor
from app.transaction import transaction

_WEEK: Final = timedelta(days=7)
REFRESHED_EVERY: Final = 30
"""Seconds between two looks of the screen on the wall."""


class ProductionView(TableView):
    """What to cook. Looking keeps nothing; printing keeps what the paper says."""

    datamodel = Rows(ServiceDay)
    route_base = "/cuisine"
    list_title = _l("Production list")
    include_route_methods = {"list", "pdf", "labels", "screen"}

    @expose("/", methods=["GET"])
    @has_access
    def list(self) -> Any:
        """The week that holds ?date=."""
        kitchen = _kitchen(_week_asked())
        log_health_access(kitchen.shown_pupils, "production")
        monday = kitchen.week.days[0].day
        return self.render_template(
            "service/production.html",
            title=gettext("Production list"),
            week=kitchen.week,
            unfunded=kitchen.unfunded,
            monday=monday,
            before=monday - _WEEK,
            after=monday + _WEEK,
            today=clock.today(),
            ahead=days_ahead(db.session(), clock.now()),
            prints=_prints(kitchen),
            signed=signed,
            labels_a_sheet=LABELS_A_SHEET,
        )

    @expose("/pdf", methods=["POST"])
    @has_access
    def pdf(self) -> Response:
        """The week, or with ?day= a single day, to print; what it says of days to come is kept."""
        day = request.args.get("day")
        kitchen = _kitchen([day_asked(day)] if day else _week_asked())
        first = kitchen.week.days[0].day
        content = render_production(kitchen.week, letterhead(), gettext)
        log_health_access(kitchen.shown_pupils, "production.pdf")
        coming = {on: paper for on, paper in kitchen.papers.items() if on >= clock.today()}
        with transaction(current_actor()) as session:
            keep_papers(session, coming, clock.now)
        return pdf_answer(content, f"cuisine-{first}")

    @expose("/labels", methods=["GET"])
    @has_access
    def labels(self) -> Response:
        """A label for each special tray of ?date=, from the ?first= free label of the sheet on."""
        day = day_asked(request.args.get("date"), default=clock.today())
        first = number_asked(request.args.get("first")) or 1
        if first > LABELS_A_SHEET:
            raise BadInput
        kitchen = _kitchen([day])
        log_health_access(kitchen.shown_pupils, "labels")
        labels = [
            TrayLabel(day, tray.pupil, tray.school_class, tray.restriction)
            for tray in kitchen.week.days[0].trays
        ]
        content = render_tray_labels(labels, letterhead(), gettext, _language(), skipped=first - 1)
        return pdf_answer(content, f"etiquettes-{day}")

    @expose("/screen", methods=["GET"])
    @has_access
    def screen(self) -> Any:
        """The day to cook for, which shows itself anew: nobody has to touch it."""
        now = clock.now()
        day = _day_on_screen(now)
        kitchen = _kitchen([day])
        since = instant_of(clock.today(), time())
        log_health_access(kitchen.shown_pupils, "screen", unless_since=since)
        return self.render_template(
            "service/screen.html",
            title=gettext("Kitchen"),
            day=kitchen.week.days[0],
            now=now,
            is_today=day == clock.today(),
            is_final=now >= last_call_of(day, service_rules()),
            signed=signed,
            refreshed_every=REFRESHED_EVERY,
        )


def _language() -> str:
    return str(get_locale().language)


def _week_asked() -> Any:
    return days_of(week_to_show(day_asked(request.args.get("date"), default=clock.today())))


def _kitchen(days: Any) -> Kitchen:
    return kitchen_of(db.session(), days, clock.now(), gettext, _language())


def _prints(kitchen: Kitchen) -> Any:
    """The papers of these days, the last one first."""
    query = (
        sa.select(ServiceDay.date, KitchenPrint.printed_at)
        .join(ServiceDay, ServiceDay.id == KitchenPrint.service_day_id)
        .where(ServiceDay.date.in_(list(kitchen.papers)))
        .order_by(KitchenPrint.id.desc())
    )
    found: dict[date, list[datetime]] = {}
    for day, printed_at in db.session().execute(query):
        found.setdefault(day, []).append(printed_at)
    return found


def _day_on_screen(now: datetime) -> date:
    """Today until the service is over, then the next day on which the canteen serves."""
    today = clock.today()
    is_over = now >= end_of_service_of(today, service_rules())
    query = sa.select(sa.func.min(ServiceDay.date)).where(
        ServiceDay.date > today if is_over else ServiceDay.date >= today,
        ServiceDay.closure.is_(None),
    )
    return db.session().scalar(query) or today
