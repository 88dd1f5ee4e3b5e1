"""Charts: figures added up in SQL by a group, drawn as a table with bars, and the same as CSV.

`figures.py` says what is counted. A view names groups and measures in Flask-AppBuilder's own
`definitions`; searches, permissions and the row guard are those of every other view.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import Response, abort, g, request
from flask_appbuilder import DirectByChartView, expose, has_access, permission_name
from flask_appbuilder.urltools import get_filter_args
from flask_babel import format_date
from flask_babel import lazy_gettext as _l

from app import exports
from app.captions import COLUMNS
from app.exports import FileFormat, francs
from app.extensions import db
from app.filters import FromDay
from app.money import format_chf
from app.request_filters import RequestFilters
from app.rows import Rows
from app.widgets import SearchWidget

_A_SUNDAY: Final = date(2023, 1, 1)


@dataclass(frozen=True)
class Chart:
    """Headings, of the group and of each measure; rows, a group in words and its figures."""

    title: str
    headings: list[str]
    rows: list[tuple[str, list[int]]]
    in_francs: bool
    """Whether the figures are centimes, to be shown as francs."""

    @property
    def totals(self) -> list[int]:
        """What each measure adds up to."""
        return [sum(column) for column in zip(*(figures for _, figures in self.rows), strict=True)]

    def shown(self, figure: int) -> str:
        """As the page has it."""
        return format_chf(figure) if self.in_francs else f"{figure:,}".replace(",", "’")

    def cells(self) -> Iterator[list[Any]]:
        """As a spreadsheet has it: francs are numbers with decimals."""
        for group, figures in self.rows:
            yield [group, *(map(francs, figures) if self.in_francs else figures)]

    @property
    def largest(self) -> int:
        """The figure whose bar is the longest."""
        return max((figure for _, figures in self.rows for figure in figures), default=0)


class Figures(Rows):
    """The rows of a mapped select as a chart asks for them: by a group, its measures added up."""

    def totals(self, group: str, measures: list[str], filters: Any) -> list[Any]:
        """A row for each value of the group, in its order."""
        by = getattr(self.obj, group)
        sums = [sa.func.sum(getattr(self.obj, name)) for name in measures]
        query = self.session.query(by, *sums).group_by(by).order_by(by)
        return list(filters.apply_all(query))


class ChartView(DirectByChartView):
    """The base of every chart. A definition's `group` and `series` are columns of its figures."""

    _filters = RequestFilters()
    search_widget = SearchWidget
    search_columns = ["day"]
    label_columns: dict[str, Any] = {}
    formatters_columns: Mapping[str, Callable[[Any], str]] = {}
    group_by_label = _l("By")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # Flask-AppBuilder has just put English names of its own in their place.
        self.label_columns = {**COLUMNS, **type(self).label_columns}

    def _init_properties(self) -> None:
        self.label_columns = {**COLUMNS, **self.label_columns}
        super()._init_properties()

    def since(self) -> date | None:
        """The first day that counts where the search names none; None counts all there are."""
        return None

    def about(self) -> dict[str, Any]:
        """What the template needs beside the chart."""
        return {}

    @expose("/chart/<int:group_by>", methods=["GET"])
    @expose("/chart/", methods=["GET"])
    @has_access
    def chart(self, group_by: int = 0) -> str:
        """The figures of a definition, drawn."""
        definition = self._definition(group_by)
        since = self._search()
        widgets = self._get_chart_widget(filters=self._filters, definition=definition)
        html: str = self.render_template(
            self.chart_template,
            title=self.chart_title,
            definitions=self.definitions,
            group_by=group_by,
            group_by_label=self.group_by_label,
            since=since,
            search={name: text for name, text in request.args.items() if name.startswith("_flt_")},
            widgets=self._get_search_widget(form=self.search_form.refresh(), widgets=widgets),
            **self.about(),
        )
        return html

    @expose("/export/<int:group_by>", methods=["GET"])
    @has_access
    @permission_name("chart")
    def export(self, group_by: int) -> Response:
        """The same figures as a file of ?format=."""
        try:
            kind = FileFormat(request.args.get("format", FileFormat.CSV))
        except ValueError:
            abort(404)
        definition = self._definition(group_by)
        self._search()
        chart = self._read(definition, self._filters)
        name = f"{self.chart_title} {definition['label']}"
        return exports.sent(name, kind, chart.headings, chart.cells())

    def _definition(self, position: int) -> Any:
        if position >= len(self.definitions):
            abort(404)
        return self.definitions[position]

    def _search(self) -> date | None:
        """Read the search. The first day that counts, if the search did not name any."""
        get_filter_args(self._filters)
        since = self.since()
        if since is None or self._filters.get_filter_value("day"):
            return None
        self._filters.add_filter("day", FromDay, since.isoformat())
        return since

    def _get_chart_widget(
        self, filters: Any = None, widgets: Any = None, definition: Any = None, **options: Any
    ) -> dict[str, Any]:
        drawn = self.chart_widget(chart=self._read(definition, filters), **options)
        return {**(widgets or {}), "chart": drawn}

    def _read(self, definition: Any, filters: Any) -> Chart:
        group, series = definition["group"], definition["series"]
        joined = filters.get_joined_filters(self._base_filters)
        in_words = self.formatters_columns.get(group, str)
        return Chart(
            title=definition.get("title") or f"{self.chart_title} – {definition['label']}",
            headings=[str(self.label_columns[name]) for name in (group, *series)],
            rows=[
                ("–" if value is None else in_words(value), sums)
                for value, *sums in self.datamodel.totals(group, series, joined)
            ],
            in_francs=self.datamodel.is_cents(series[0]),
        )


def named(model: type[Any]) -> Callable[[int], str]:
    """The name of the record that has a key; all of them are read at once."""

    def name(key: int) -> str:
        known: dict[int, str] = g.setdefault(f"names of {model.__name__}", {})
        if key not in known:
            known.update((each.id, str(each)) for each in db.session.scalars(sa.select(model)))
        return known[key]

    return name


def weekday(number: int) -> str:
    """A day of the week; Sunday is 0."""
    return str(format_date(_A_SUNDAY.replace(day=1 + number), "EEEE"))


def month(first: date) -> str:
    """A month of a year."""
    return str(format_date(first, "MMM y"))


def school_month(position: int) -> str:
    """A month of any school year; August is 0."""
    return str(format_date(date(2023, (position + 7) % 12 + 1, 1), "MMMM"))
