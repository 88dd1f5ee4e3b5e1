"""What several declared views share: putting records away, forms that no table generates."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder import PublicFormView, SimpleFormView, expose, has_access
from flask_appbuilder.actions import action
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import IntegrityError
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.errors import Refusal
from app.extensions import db
from app.filters import Condition, Where, record_id
from app.rows import ACT, KEEP, TableView
from app.web_errors import refusal_of, sentence_of

ARCHIVE = "archive|restore"


def asked(name: str, model: type[Any]) -> Any:
    """The record that the address names: ?pupil=7; None if there is no such."""
    key = record_id(request.args.get(name))
    return None if key is None else db.session().get(model, key)


class SplitView(TableView):
    """A list in two: what is in use, and with ?aside=1 the rest."""

    list_template = "people/split.html"
    in_use_label, aside_label = _l("Those in use"), _l("Archived ones")

    def aside(self) -> Condition:
        """Which rows are out of use."""
        raise NotImplementedError

    def _get_list_widget(self, **options: Any) -> Any:
        rows = self.datamodel
        condition = self.aside if self._is_aside() else lambda: sa.not_(self.aside())
        chosen = rows.get_filters().add_filter(rows.get_pk_name(), Where, condition)
        options["filters"] = options["filters"].get_joined_filters(chosen)
        return super()._get_list_widget(**options)

    def _is_aside(self) -> bool:
        return "aside" in request.args

    def render_template(self, template: str, **options: Any) -> str:
        """The list's template names its two parts."""
        return super().render_template(
            template, in_use_label=self.in_use_label, aside_label=self.aside_label, **options
        )


class ArchivableView(SplitView):
    """Records that history refers to: put away and brought back, never deleted."""

    include_route_methods = KEEP | ACT

    def aside(self) -> Condition:
        """Those that were put away."""
        return self.datamodel.obj.archived_at.is_not(None)

    def _get_list_widget(self, **options: Any) -> Any:
        return super()._get_list_widget(actions=self._actions(is_aside=self._is_aside()), **options)

    def _get_show_widget(self, pk: Any, item: Any, **options: Any) -> Any:
        actions = self._actions(is_aside=item.archived_at is not None)
        return super()._get_show_widget(pk, item, actions=actions, **options)

    def _actions(self, *, is_aside: bool) -> dict[str, Any]:
        left_out = "archive" if is_aside else "restore"
        return {name: each for name, each in self.actions.items() if name != left_out}

    @action("archive", _l("Archive"), _l("Archive this? It stays in everything that is past."))
    def archive(self, items: Sequence[Any]) -> AnyResponse:
        """Put the records away."""
        return self._mark(items, clock.now(), _l("Archived."))

    @action("restore", _l("Bring back"))
    def restore(self, items: Sequence[Any]) -> AnyResponse:
        """Use the records again."""
        return self._mark(items, None, _l("Brought back."))

    def _mark(self, items: Sequence[Any], at: datetime | None, done: Any) -> AnyResponse:
        def write() -> None:
            for item in items:
                self.hold(item)
                if at is not None:
                    self.pre_archive(item)
                item.archived_at = at
                self.datamodel.edit(item)
                self.post_archive(item)

        self._write(write, done)
        return redirect(self.get_redirect())

    def pre_archive(self, item: Any) -> None:
        """Refuse to put the record away, if it must stay."""

    def post_archive(self, item: Any) -> None:
        """What else it means that the record was put away, or brought back."""


class FormPage:
    """A form of its own: what is refused is shown with the form, nothing is kept in the cookie."""

    form_fieldsets: Any = None
    submit_label: Any = None
    """What the button does, where that is not to save."""

    def update_redirect(self) -> None:
        """Keep no history of pages in the cookie."""

    def get_redirect(self) -> str:
        """After the form: the front page."""
        return url_for("HomeView.index")

    def _page(self, form: Any) -> str:
        view: Any = self
        return str(
            view.render_template(
                view.form_template,
                title=view.form_title,
                widgets=view._get_edit_widget(form=form),  # noqa: SLF001 - a mixin of that class
                form=form,
                submit_label=self.submit_label,
                **self.about(form),
            )
        )

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """What the template needs beside the form."""
        return {}

    def _answer(self) -> Any:
        view: Any = self
        view._init_vars()  # noqa: SLF001
        form = view.form.refresh()
        view.prepare(form)
        if not form.validate_on_submit():
            return self._page(form)
        try:
            answer = view.form_post(form)
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        except IntegrityError as conflict:
            flash(sentence_of(refusal_of(conflict)), "danger")
        else:
            return answer or redirect(self.get_redirect())
        return self._page(form)

    def prepare(self, form: Any) -> None:
        """What the form must know before it judges what was typed."""


class FormView(FormPage, SimpleFormView):
    """A form for those whose role opens it."""

    @expose("/", methods=["GET"])
    @has_access
    def this_form_get(self) -> Any:
        """The form."""
        self._init_vars()
        form = self.form.refresh()
        self.prepare(form)
        self.form_get(form)
        return self._page(form)

    @expose("/", methods=["POST"])
    @has_access
    def this_form_post(self) -> Any:
        """What comes of it."""
        return self._answer()


class OpenFormView(FormPage, PublicFormView):
    """A form for visitors."""

    @expose("/", methods=["GET"])
    def this_form_get(self) -> Any:
        """The form."""
        self._init_vars()
        return self._page(self.form.refresh())

    @expose("/", methods=["POST"])
    def this_form_post(self) -> Any:
        """What comes of it."""
        return self._answer()
