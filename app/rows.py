"""Flask-AppBuilder's generated views, made safe to give to families.

Against the stock ones: every write is one `transaction`, a refusal is shown with the form, no
action reaches beyond the view's own rows, no address of ours ends in a fault, and filters belong to
the request instead of to the process.
"""

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

from flask import Response, abort, flash, g, request, url_for
from flask_appbuilder import ModelView, expose, has_access, permission_name
from flask_appbuilder.urltools import get_order_args, get_page_args, get_page_size_args
from flask_babel import lazy_gettext
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response as AnyResponse

from app import exports
from app.captions import COLUMNS
from app.columns import MAX_ID
from app.errors import Refusal
from app.exports import FileFormat
from app.fields import RecordField
from app.filters import record_id
from app.records import Rows
from app.refusals import ListTooLong
from app.request_filters import RequestFilters
from app.security import current_actor
from app.transaction import transaction
from app.uses import refuse_if_used
from app.web_errors import refusal_of, sentence_of
from app.widgets import SearchWidget

__all__ = ["ACT", "KEEP", "READ", "Rows", "TableView"]

MAX_PAGE_SIZE = 100
READ = {"list", "show", "export"}
KEEP = READ | {"add", "edit"}
ACT = {"action", "action_post"}


def _check_pages() -> None:
    """Flask-AppBuilder fails on a page that is no number."""
    for name, value in request.args.items():
        if name.startswith(("page_", "psize_")) and record_id(value) is None:
            abort(400)


class TableView(ModelView):
    """The base of every generated view. Subclasses name their columns, titles and labels."""

    _filters = RequestFilters()
    search_widget = SearchWidget
    page_size = 25
    # What is not named has no route: the stock download would serve any file.
    include_route_methods = READ
    search_columns: list[str] = []
    label_columns: dict[str, Any] = {}
    formatters_columns: dict[str, Any] = {}
    exported_columns: dict[str, Any] = {}
    """What a column's value is in a file, where that is neither the value nor what is shown."""
    add_row_message = lazy_gettext("Saved.")
    edit_row_message = lazy_gettext("Saved.")
    delete_row_message = lazy_gettext("Deleted.")

    def _init_properties(self) -> None:
        """No column is searched unless it is named: the stock default loads every relation."""
        named = list(self.search_columns)
        self.label_columns = {**COLUMNS, **self.label_columns}
        self.search_columns = named or [self.datamodel.get_pk_name()]
        super()._init_properties()
        self.search_columns = named

    def update_redirect(self) -> None:
        """Keep no history of pages in the cookie."""

    def get_redirect(self) -> str:
        """After a write: where the record is seen, or the list."""
        kept = g.get("kept")
        if kept is None:
            return url_for(f"{self.endpoint}.{self.default_view}")
        return self.page_of(kept)

    def page_of(self, item: Any) -> str:  # noqa: ARG002
        """Where whoever has written the record wants to go on."""
        return url_for(f"{self.endpoint}.{self.default_view}")

    # -- reading -----------------------------------------------------------------------------------

    def _list(self, **options: Any) -> Any:
        """The search form and the rows that match it."""
        _check_pages()
        return super()._list(**options)

    @expose("/show/<pk>", methods=["GET"])
    @has_access
    def show(self, pk: Any) -> Any:
        """One record under its own name, with what the view says about it."""
        _check_pages()
        item = self._item(pk)
        return self.render_template(
            self.show_template,
            pk=pk,
            title=self.name_of(item) or self.show_title,
            widgets=self._show_widgets(pk, item),
            related_views=self._related_views,
            item=item,
            **self.about(item),
        )

    def _show_widgets(self, pk: Any, item: Any) -> dict[str, Any]:
        widgets: dict[str, Any] = self._get_related_views_widgets(
            item,
            orders=get_order_args(),
            pages=get_page_args(),
            page_sizes=get_page_size_args(),
            widgets=self._get_show_widget(pk, item),
        )
        return widgets

    def name_of(self, item: Any) -> str:
        """What the page of a record is called; its kind where it has no name."""
        return str(item) if "__str__" in vars(type(item)) else ""

    def about(self, item: Any) -> dict[str, Any]:  # noqa: ARG002
        """What the template of the record's page needs beside its columns."""
        return {}

    def _item(self, pk: Any) -> Any:
        item = self.datamodel.get(pk, self._base_filters)
        if item is None:
            abort(404)
        return item

    def _get_list_widget(self, **options: Any) -> Any:
        """Order, page and page size as asked, if they make sense."""
        if options.get("order_column") not in self.order_columns:
            options.update(order_column="", order_direction="")
        size = options.get("page_size") or self.page_size
        options["page_size"] = min(max(1, size), MAX_PAGE_SIZE)
        options["page"] = min(max(0, options.get("page") or 0), MAX_ID // MAX_PAGE_SIZE)
        if "exported_page" in g:
            options.update(page=g.exported_page, page_size=exports.ROWS_AT_ONCE)
        return super()._get_list_widget(**options)

    # -- saving ------------------------------------------------------------------------------------

    @expose("/export", methods=["GET"])
    @has_access
    @permission_name("list")
    def export(self) -> Response:
        """The whole list as it is searched and ordered, as a file of ?format=."""
        try:
            kind = FileFormat(request.args.get("format", FileFormat.CSV))
        except ValueError:
            abort(404)
        return exports.sent(str(self.list_title), kind, self.exported_headers(), self.exported())

    def exported_headers(self) -> list[str]:
        """What the columns of the list are called."""
        return [str(self.label_columns[name]) for name in self.list_columns]

    def exported(self) -> Iterator[list[Any]]:
        """The rows, through everything that the list itself goes through. Raises: ListTooLong."""
        for page in count():
            g.exported_page = page
            found = self._list()["list"].template_args
            if found["count"] > exports.MOST_ROWS:
                raise ListTooLong(exports.MOST_ROWS)
            yield from ([self._cell(name, row) for name in row] for row in found["value_columns"])
            if (page + 1) * exports.ROWS_AT_ONCE >= found["count"]:
                break

    def _cell(self, name: str, row: dict[str, Any]) -> Any:
        if name in self.exported_columns:
            return self.exported_columns[name](row[name])
        if self.datamodel.is_cents(name):
            return exports.francs(row[name])
        return exports.cell(row[name], self.formatters_columns.get(name))

    # -- writing -----------------------------------------------------------------------------------

    def _add(self) -> Any:
        """The form again, or None once the record is kept."""
        form = self.add_form.refresh()
        if request.method == "POST":
            if form.validate() and self._keep_new(form):
                return None
        else:
            self._choose_asked(form)
        return self._get_add_widget(form=form)

    def _choose_asked(self, form: Any) -> None:
        """The address may choose: /add?pupil=7 comes from the page of that pupil."""
        for field in form:
            key = record_id(request.args.get(field.name))
            if key is not None and isinstance(field, RecordField):
                field.choose(key)

    def _keep_new(self, form: Any) -> bool:
        def write() -> None:
            item = self.datamodel.obj()
            # What the hook asks of the database must not write a half-made record first.
            with self.datamodel.session.no_autoflush:
                form.populate_obj(item)
                self.pre_add(item)
            self.datamodel.add(item)
            self.post_add(item)
            g.kept = item

        return self._write(write, self.add_row_message)

    def _edit(self, pk: Any) -> Any:
        """The form again, or None once the record is kept."""
        item = self._item(pk)
        form = self.edit_form.refresh(obj=item)
        form._id = item.id  # noqa: SLF001 - Flask-AppBuilder's Unique validator reads it
        if request.method == "GET":
            self.prefill_form(form, item.id)
        elif form.validate() and self._keep_changed(item, form):
            return None
        return self._get_edit_widget(form=form)

    def _keep_changed(self, item: Any, form: Any) -> bool:
        def write() -> None:
            self.hold(item)
            with self.datamodel.session.no_autoflush:
                form.populate_obj(item)
                self.pre_update(item)
            self.datamodel.edit(item)
            self.post_update(item)
            g.kept = item

        return self._write(write, self.edit_row_message)

    def hold(self, item: Any) -> None:
        """Lock what a change of the record depends on, before it is written."""

    def _delete(self, pk: Any) -> None:
        item = self._item(pk)

        def write() -> None:
            self.pre_delete(item)
            self._delete_unused(item)
            self.post_delete(item)

        self._write(write, self.delete_row_message)

    def _delete_unused(self, item: Any) -> None:
        """Delete the record, or say by name what uses it."""
        session, key = self.datamodel.session, item.id
        try:
            with session.begin_nested():
                self.datamodel.delete(item)
        except IntegrityError:
            refuse_if_used(session, type(item), [key])
            raise

    def _write(self, write: Callable[[], None], done: Any) -> bool:
        """Run `write` as one transaction; say what came of it."""
        try:
            with transaction(current_actor()):
                write()
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        except IntegrityError as conflict:
            flash(sentence_of(refusal_of(conflict)), "danger")
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
