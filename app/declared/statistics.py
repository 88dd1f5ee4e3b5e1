"""What the committee looks at: meals, absences, late changes, income, year against year.

Numbers only: nothing here says whose a meal was. Meals count once their day is closed.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import format_date
from flask_babel import lazy_gettext as _l
from wtforms import SelectField

from app import clock, labels
from app.declared.bookings import class_choices
from app.declared.charts import ChartView, Figures, month, named, school_month, weekday
from app.extensions import db
from app.figures import LateChangeFigure, MealFigure
from app.models import MealType, SchoolClass, SchoolYear


def _by(series: list[str], *groups: str) -> list[dict[str, Any]]:
    return [{"group": group, "series": series} for group in groups]


def _meal_types() -> list[tuple[str, str]]:
    query = sa.select(MealType).order_by(MealType.position, MealType.name)
    return [(str(each.id), each.name) for each in db.session.scalars(query)]


_DAYS: Final = ("month", "day", "weekday", "school_class", "meal_type")


class StatisticsView(ChartView):
    """The school year so far, unless the search names other days."""

    search_columns = ["day", "school_class", "meal_type"]
    search_form_extra_fields = {
        "school_class": SelectField(_l("Class"), choices=class_choices),
        "meal_type": SelectField(_l("Meal type"), choices=_meal_types),
    }
    label_columns = {
        "day": _l("Day"),
        "month": _l("Month"),
        "weekday": _l("Weekday"),
        "school_month": _l("Month"),
        "meals": _l("Meals"),
        "normal_meals": _l("Normal"),
        "vegetarian_meals": _l("Vegetarian"),
        "special_meals": _l("Special"),
        "no_shows": _l("Without excuse"),
        "given_back": _l("Excused"),
        "refused": _l("Refused meals"),
        "booked_late": _l("Booked late"),
        "cancelled_late": _l("Cancelled late"),
        "income": _l("Income"),
        **{f"{name}_now": _l("This year") for name in ("meals", "no_shows", "income")},
        **{f"{name}_before": _l("The year before") for name in ("meals", "no_shows", "income")},
    }
    formatters_columns: dict[str, Callable[[Any], str]] = {
        "day": lambda day: str(format_date(day, "EEE dd.MM.yy")),
        "month": month,
        "weekday": weekday,
        "school_month": school_month,
        "school_class": named(SchoolClass),
        "school_year": named(SchoolYear),
        "meal_type": named(MealType),
        "reason": lambda reason: str(labels.label(reason)),
        "channel": lambda channel: str(labels.label(channel)),
    }

    def since(self) -> date | None:
        """The first day of the school year, or of the last one that began."""
        begun = sa.select(sa.func.max(SchoolYear.starts_on))
        return db.session.scalar(begun.where(SchoolYear.starts_on <= clock.today()))


class MealStatisticsView(StatisticsView):
    route_base = "/statistics/meals"
    datamodel = Figures(MealFigure)
    chart_title = _l("Meals")
    definitions = [
        *_by(
            ["meals", "normal_meals", "vegetarian_meals", "special_meals"],
            "month",
            "day",
            "weekday",
            "school_class",
        ),
        *_by(["meals"], "meal_type"),
    ]


class AbsenceStatisticsView(StatisticsView):
    route_base = "/statistics/absences"
    datamodel = Figures(MealFigure)
    chart_title = _l("Absences")
    definitions = _by(["no_shows", "given_back", "refused"], *_DAYS)


class LateChangeStatisticsView(StatisticsView):
    route_base = "/statistics/late-changes"
    datamodel = Figures(LateChangeFigure)
    chart_title = _l("Late changes")
    definitions = _by(["booked_late", "cancelled_late", "given_back"], *_DAYS, "reason", "channel")


class IncomeStatisticsView(StatisticsView):
    route_base = "/statistics/income"
    datamodel = Figures(MealFigure)
    chart_title = _l("Income from meals")
    definitions = _by(["income"], *_DAYS)


class YearStatisticsView(StatisticsView):
    route_base = "/statistics/years"
    datamodel = Figures(MealFigure)
    chart_title = _l("Year against year")
    search_columns = ["meal_type"]
    definitions = [
        {
            "label": label,
            "group": "school_month",
            "series": [f"{measure}_now", f"{measure}_before"],
        }
        for label, measure in (
            (_l("Meals"), "meals"),
            (_l("Absences"), "no_shows"),
            (_l("Income"), "income"),
        )
    ] + [
        {"label": _l("School years"), "group": "school_year", "series": ["meals", "no_shows"]},
        {"label": _l("Income of the years"), "group": "school_year", "series": ["income"]},
    ]

    def since(self) -> date | None:
        """Every year."""
        return None
