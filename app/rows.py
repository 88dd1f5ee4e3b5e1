"""Flask-AppBuilder's generated views, made safe to give to families.

Against the stock ones: every write is one `transaction`, a refusal is shown with the form, no
action reaches beyond the view's own rows, no address of ours ends in a fault, and filters belong to
the request instead of to the process.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import abort, flash, g, has_app_context, request, url_for
from flask_appbuilder import ModelView, expose
from flask_appbuilder.models.filters import BaseFilter
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.urltools import get_filter_args
from flask_babel import lazy_gettext
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm.interfaces import ORMOption
from werkzeug.wrappers import Response as AnyResponse

from app.columns import MAX_ID, CentsType
from app.errors import Duplicate, InUse, Refusal
from app.filters import RowFilters, SentFilters, record_id
from app.security import current_actor
from app.transaction import transaction
from app.web_errors import sentence_of
from app.widgets import SearchWidget

MAX_PAGE_SIZE = 100
READ = {"list", "show"}
KEEP = READ | {"add", "edit"}
ACT = {"action", "action_post"}


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

    def is_cents(self, column: str) -> bool:
        """Whether the column holds an amount."""
        return column in self.list_columns and isinstance(self.list_columns[column].type, CentsType)

    def apply_all(self, query: Any, *args: Any, **options: Any) -> Any:
        """The rows of a list, with what it shows of others."""
        return super().apply_all(query.options(*self.load), *args, **options)

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


def _check_pages() -> None:
    """Flask-AppBuilder fails on a page that is no number."""
    for name, value in request.args.items():
        if name.startswith(("page_", "psize_")) and record_id(value) is None:
            abort(400)


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


class TableView(ModelView):
    """The base of every generated view. Subclasses name their columns, titles and labels."""

    _filters = RequestFilters()
    search_widget = SearchWidget
    page_size = 25
    # What is not named has no route: the stock download would serve any file.
    include_route_methods = READ
    search_columns: list[str] = []
    label_columns: dict[str, Any] = {}
    add_row_message = lazy_gettext("Saved.")
    edit_row_message = lazy_gettext("Saved.")
    delete_row_message = lazy_gettext("Deleted.")

    def _init_properties(self) -> None:
        """No column is searched unless it is named: the stock default loads every relation."""
        named = list(self.search_columns)
        self.search_columns = named or [self.datamodel.get_pk_name()]
        super()._init_properties()
        self.search_columns = named
        self.label_columns = dict(self.label_columns)

    def update_redirect(self) -> None:
        """Keep no history of pages in the cookie."""

    def get_redirect(self) -> str:
        """After a write: the list."""
        return url_for(f"{self.endpoint}.{self.default_view}")

    # -- reading -----------------------------------------------------------------------------------

    def _list(self, **options: Any) -> Any:
        """The search form and the rows that match it."""
        _check_pages()
        return super()._list(**options)

    def _show(self, pk: Any) -> Any:
        """One record."""
        _check_pages()
        return super()._show(pk)

    def _get_list_widget(self, **options: Any) -> Any:
        """Order, page and page size as asked, if they make sense."""
        if options.get("order_column") not in self.order_columns:
            options.update(order_column="", order_direction="")
        size = options.get("page_size") or self.page_size
        options["page_size"] = min(max(1, size), MAX_PAGE_SIZE)
        options["page"] = min(max(0, options.get("page") or 0), MAX_ID // MAX_PAGE_SIZE)
        return super()._get_list_widget(**options)

    # -- writing -----------------------------------------------------------------------------------

    def _add(self) -> Any:
        """The form again, or None once the record is kept."""
        get_filter_args(self._filters, disallow_if_not_in_search=False)
        form = self.add_form.refresh()
        if request.method == "POST" and form.validate() and self._keep_new(form):
            return None
        return self._get_add_widget(form=form)

    def _keep_new(self, form: Any) -> bool:
        def write() -> None:
            item = self.datamodel.obj()
            form.populate_obj(item)
            self.pre_add(item)
            self.datamodel.add(item)
            self.post_add(item)

        return self._write(write, self.add_row_message, Duplicate())

    def _edit(self, pk: Any) -> Any:
        """The form again, or None once the record is kept."""
        item = self.datamodel.get(pk, self._base_filters)
        if item is None:
            abort(404)
        if request.method == "GET":
            form = self.edit_form.refresh(obj=item)
            self.prefill_form(form, item.id)
            return self._get_edit_widget(form=form)
        form = self.edit_form.refresh(request.form)
        form._id = item.id  # noqa: SLF001 - Flask-AppBuilder's Unique validator reads it
        if form.validate() and self._keep_changed(item, form):
            return None
        return self._get_edit_widget(form=form)

    def _keep_changed(self, item: Any, form: Any) -> bool:
        def write() -> None:
            form.populate_obj(item)
            self.pre_update(item)
            self.datamodel.edit(item)
            self.post_update(item)

        return self._write(write, self.edit_row_message, Duplicate())

    def _delete(self, pk: Any) -> None:
        item = self.datamodel.get(pk, self._base_filters)
        if item is None:
            abort(404)

        def write() -> None:
            self.pre_delete(item)
            self.datamodel.delete(item)
            self.post_delete(item)

        self._write(write, self.delete_row_message, InUse())

    def _write(self, write: Any, done: Any, conflict: Refusal) -> bool:
        """Run `write` as one transaction; say what came of it."""
        try:
            with transaction(current_actor()):
                write()
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        except IntegrityError:
            flash(sentence_of(conflict), "danger")
        else:
            flash(done, "success")
            return True
        return False

    # -- actions -----------------------------------------------------------------------------------

    @expose("/action/<string:name>/<pk>", methods=["POST"])
    def action(self, name: str, pk: str) -> AnyResponse:
        """An action from the page of one record."""
        return self._action_on(name, [pk])

    @expose("/action_post", methods=["POST"])
    def action_post(self) -> AnyResponse:
        """An action on the rows that are ticked in a list."""
        return self._action_on(request.form.get("action", ""), request.form.getlist("rowid"))

    def _action_on(self, name: str, keys: list[Any]) -> AnyResponse:
        """Run an action on rows of this view only; it always gets a list."""
        action = self.actions.get(name)
        if action is None:
            abort(404)
        permission = self.get_action_permission_name(name)
        if not self.appbuilder.sm.has_access(permission, self.class_permission_name):
            abort(403)
        items = [self.datamodel.get(key, self._base_filters) for key in keys]
        if not items or None in items:
            abort(404)
        answer: AnyResponse = action.func(items)
        return answer
