"""The filters of a generated list belong to the request that names them."""

from typing import Any

from flask import g, has_app_context


class RequestFilters:
    """The view's `_filters`, one set per request: the stock ones are shared between requests."""

    def __get__(self, view: Any, owner: type | None = None) -> Any:
        if view is None:
            return self
        if not has_app_context():
            return view.__dict__.get("_filters_at_start")
        kept = g.setdefault("view_filters", {})
        if view not in kept:
            kept[view] = view.datamodel.get_filters(view.search_columns)
        return kept[view]

    def __set__(self, view: Any, value: Any) -> None:
        view.__dict__["_filters_at_start"] = value
