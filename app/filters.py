"""What a search finds: the filters of the generated lists, strict about what people type."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any, Final, TypeAlias

import sqlalchemy as sa
from flask_appbuilder.models.filters import BaseFilter, Filters
from flask_appbuilder.models.sqla.filters import SQLAFilterConverter

from app.clock import instant_of
from app.columns import MAX_ID
from app.fields import clean_line
from app.money import parse_chf

Condition: TypeAlias = sa.ColumnElement[bool]

# Days that a canteen may mean: far from where calendars and time zones end.
FIRST_DAY: Final = date(1900, 1, 1)
NO_DAY: Final = date(2200, 1, 1)


def record_id(text: object) -> int | None:
    """A key from an address; None for anything that no row can have."""
    written = str(text)
    if not written.isascii() or not written.isdigit() or len(written) > len(str(MAX_ID)):
        return None
    return int(written) if int(written) <= MAX_ID else None


def day_of(text: str) -> date | None:
    """A day from an address, as a date control sends it; None for anything else."""
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if FIRST_DAY <= found < NO_DAY else None


def search_by(operator: str, condition: Callable[[str], Condition]) -> type[BaseFilter]:
    """A search that no column answers by itself: which rows the text that was sent means.

    `operator` chooses the control: "ct" a text, "gt" and "lt" the two ends of a range of days,
    "eq" a select.
    """

    def apply(_: BaseFilter, query: Any, text: str) -> Any:
        return query.filter(condition(text))

    return type("SearchBy", (BaseFilter,), {"arg_name": operator, "apply": apply})


class Where(BaseFilter):
    """A condition of the program's own: `base_filters = [["id", Where, condition]]`.

    `condition` is called at each request.
    """

    def apply(self, query: Any, condition: Callable[[], Condition]) -> Any:
        return query.filter(condition())


class EqualNumber(BaseFilter):
    """A whole number; anything else finds nothing."""

    arg_name = "eq"

    def apply(self, query: Any, text: str) -> Any:
        number = record_id(text.strip())
        column = getattr(self.model, self.column_name)
        return query.filter(sa.false() if number is None else column == number)


class EqualAmount(BaseFilter):
    """An amount in francs; anything else finds nothing."""

    arg_name = "eq"

    def apply(self, query: Any, text: str) -> Any:
        try:
            amount = parse_chf(text)
        except ValueError:
            return query.filter(sa.false())
        return query.filter(getattr(self.model, self.column_name) == amount)


class EqualRecord(BaseFilter):
    """The record with this key; anything else finds nothing."""

    arg_name = "eq"

    def apply(self, query: Any, text: str) -> Any:
        key = record_id(text)
        (column,) = getattr(self.model, self.column_name).property.local_columns
        return query.filter(sa.false() if key is None else column == key)


class EqualYes(BaseFilter):
    """Ticked; what no checkbox sends finds nothing."""

    arg_name = "eq"

    def apply(self, query: Any, text: str) -> Any:
        is_ticked = getattr(self.model, self.column_name).is_(True)
        return query.filter(is_ticked if text == "y" else sa.false())


class FromDay(BaseFilter):
    """On this day or later, in Zurich."""

    arg_name = "gt"

    def apply(self, query: Any, text: str) -> Any:
        found = day_of(text)
        if found is None:
            return query
        return query.filter(getattr(self.model, self.column_name) >= self.start(found))

    def start(self, day: date) -> date | datetime:
        """When the day begins, as the column keeps it."""
        is_instant = self.datamodel.is_datetime(self.column_name)
        return instant_of(day, time()) if is_instant else day


class UntilDay(FromDay):
    """On this day or before, in Zurich."""

    arg_name = "lt"

    def apply(self, query: Any, text: str) -> Any:
        found = day_of(text)
        if found is None:
            return query
        following = self.start(found + timedelta(days=1))
        return query.filter(getattr(self.model, self.column_name) < following)


class RowFilters(SQLAFilterConverter):
    """Flask-AppBuilder's filters, those that fail on what people type replaced."""

    conversion_table = (
        ("is_relation_many_to_one", [EqualRecord]),
        ("is_cents", [EqualAmount]),
        ("is_integer", [EqualNumber]),
        ("is_boolean", [EqualYes]),
        ("is_date", [FromDay, UntilDay]),
        ("is_datetime", [FromDay, UntilDay]),
        ("is_time", []),
        *SQLAFilterConverter.conversion_table,
    )

    def convert(self, col_name: str) -> Any:
        """The view's own searches first."""
        own = self.datamodel.searches.get(col_name)
        if own is None:
            return super().convert(col_name)
        return [each(col_name, self.datamodel) for each in own]


class SentFilters(Filters):
    """Filters of a GET form: blank fields and unknown operators do not filter."""

    def add_filter_index(self, column: str, index: int, values: list[str]) -> None:
        known = self._search_filters.get(column) or self._all_filters.get(column, [])
        sent = [text for text in map(clean_line, values) if text]
        if sent == ["n"] and self.datamodel.is_boolean(column):
            index, sent = [each.arg_name for each in known].index("neq"), ["y"]
        if sent and index < len(known):
            self._add_filter(known[index], sent)
