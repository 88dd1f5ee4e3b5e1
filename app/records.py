"""A model's rows as the generated views read and write them."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask_appbuilder.models.filters import BaseFilter
from flask_appbuilder.models.sqla.interface import SQLAInterface
from sqlalchemy.orm.interfaces import ORMOption

from app.columns import CentsType
from app.filters import RowFilters, SentFilters, record_id


class Rows(SQLAInterface):
    """A model's rows; writes flush and leave the commit to `transaction`.

    `load` says what a list reads along with its rows; `searches` gives filters to searches that are
    no column, whose fields are the view's `search_form_extra_fields`.
    """

    filter_converter_class = RowFilters

    def __init__(
        self,
        model: type[Any],
        session: Any = None,
        *,
        load: Sequence[ORMOption] = (),
        searches: Mapping[str, Sequence[type[BaseFilter]]] | None = None,
    ) -> None:
        self.load = load
        self.searches = searches or {}
        super().__init__(model, session)

    @staticmethod
    def is_model_already_joined(query: Any, model: type[Any]) -> bool:  # noqa: ARG004
        """No: the stock answer takes the table of an EXISTS for a join."""
        return False

    def is_cents(self, column: str) -> bool:
        """Whether the column holds an amount."""
        return column in self.list_columns and isinstance(self.list_columns[column].type, CentsType)

    def apply_all(self, query: Any, *args: Any, **options: Any) -> Any:
        """The rows of a list, with what it shows of others."""
        return super().apply_all(query.options(*self.load), *args, **options)

    def apply_order_by(
        self, query: Any, order_column: str, order_direction: str, *args: Any, **options: Any
    ) -> Any:
        """In an order that is whole: no row is on two pages, or on none."""
        ordered = super().apply_order_by(query, order_column, order_direction, *args, **options)
        key = sa.inspect(self.obj).primary_key[0]
        return ordered.order_by(key.asc() if order_direction == "asc" else key.desc())

    def get_related_interface(self, column: str) -> "Choices":
        """What a select offers."""
        return Choices(self.get_related_model(column))

    def get_filters(self, search_columns: Any = None, search_filters: Any = None) -> SentFilters:
        """Filters that leave out what was not filled in."""
        return SentFilters(self.filter_converter_class, self, search_columns, search_filters)

    def get(self, id: Any, *args: Any, **options: Any) -> Any:  # noqa: A002 - FAB's name
        """The row, or None for a key that no row can have."""
        found = record_id(id)
        return None if found is None else super().get(found, *args, **options)

    def add(self, item: Any, commit: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        self.session.add(item)
        self.session.flush()

    def edit(self, item: Any, commit: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        self.session.add(item)
        self.session.flush()

    def delete(self, item: Any, commit: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        self.session.delete(item)
        self.session.flush()

    def delete_all(self, items: list[Any]) -> None:
        for item in items:
            self.delete(item)


class Choices(Rows):
    """The records that a select offers: those in use, in the order that people look for."""

    _ORDER = ("position", "last_name", "first_name", "name", "label", "date")

    def query(self, filters: Any = None, *_: Any, **__: Any) -> tuple[int, list[Any]]:
        """All of them: a select has no pages."""
        query = self.session.query(self.obj)
        if "archived_at" in self.list_columns:
            query = query.filter(self.obj.archived_at.is_(None))
        if filters is not None:
            query = filters.apply_all(query)
        order = [getattr(self.obj, name) for name in self._ORDER if name in self.list_columns]
        found = query.order_by(*order).all()
        return len(found), found
