"""Exclusions: the committee's decision, its effects before it is in force, its letter, its end."""

from typing import Any, Final

import sqlalchemy as sa
from flask import Response, abort, flash, g, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import DateField
from wtforms.validators import DataRequired, Optional

from app import clock
from app.booking.exclusions import (
    charged_meals,
    foresee_exclusion,
    mark_of_exclusion,
    plan_shortening,
    pronounce,
    shorten,
)
from app.context import letterhead, pdf_answer, service_rules
from app.declared.base import FormView, asked
from app.declared.children import OfPupilView, shown_last_day
from app.declared.exclusion_letters import letters_of
from app.declared.files import attachment
from app.declared.interruptions import (
    DecisionPage,
    DecisionWidget,
    booked_again,
    gone,
    in_force,
    told,
    totals,
)
from app.declared.searching import by_names, pupil_names
from app.documents.exclusion import render_exclusion
from app.errors import AccountNotOpen, Refusal
from app.extensions import db
from app.fields import PaperField, last_day
from app.filters import Condition, record_id
from app.forms import last_day_field, record_field
from app.models import Account, Exclusion, PupilAccount
from app.rows import ACT, KEEP, Rows
from app.rules.files import safe_name
from app.security import current_actor
from app.stored_files import keep_file
from app.transaction import transaction
from app.vocabulary import DecisionState
from app.web_errors import sentence_of


def _of_the_pupil() -> Condition:
    """The accounts that pay for the pupil whose page one comes from; otherwise any."""
    key = record_id(request.args.get("pupil"))
    if key is None:
        return sa.true()
    return Account.pupils.any(PupilAccount.pupil_id == key)


_FIELDS: Final[dict[str, Any]] = {
    "decided_on": DateField(_l("Decided on"), validators=[DataRequired()], default=clock.today),
    "valid_until": last_day_field(_l("Last day"), "valid_from"),
    "account": record_field(
        _l("Only this household reads the reason"),
        Account,
        _of_the_pupil,
        validators=[Optional()],
        allow_blank=True,
        blank_text=_l("Every household of the child"),
    ),
    "file": PaperField(
        _l("The decision as a file"),
        [Optional()],
        description=_l("PDF, PNG, JPEG, Word (.docx) or OpenDocument (.odt), 10 MB at most."),
    ),
}


class ExclusionView(DecisionPage, OfPupilView):
    datamodel = Rows(
        Exclusion,
        load=[joinedload(Exclusion.pupil), joinedload(Exclusion.account)],
        searches={"pupil": by_names(Exclusion.pupil_id.in_, pupil_names)},
    )
    include_route_methods = KEEP | ACT | {"delete", "letter", "file"}
    show_widget = DecisionWidget
    show_template = "school/exclusion.html"
    list_title, show_title = _l("Exclusions"), _l("Exclusion")
    add_title, edit_title = _l("Exclude a pupil"), _l("Edit the exclusion")
    list_columns = ["pupil", "valid_from", "valid_until", "state", "reason"]
    show_columns = ["pupil", "decided_on", "valid_from", "valid_until", "state", "reason"]
    edit_columns = ["decided_on", "valid_from", "valid_until", "reason", "account", "file"]
    add_columns = ["pupil", *edit_columns]
    search_columns = ["pupil", "valid_from", "state"]
    add_form_extra_fields = _FIELDS
    edit_form_extra_fields = _FIELDS

    def name_of(self, item: Exclusion) -> str:
        """Who is excluded."""
        return item.pupil.full_name

    def _keep_new(self, form: Any) -> bool:
        g.decision = form.file
        return super()._keep_new(form)

    def _keep_changed(self, item: Any, form: Any) -> bool:
        g.decision = form.file
        return super()._keep_changed(item, form)

    def pre_add(self, item: Exclusion) -> None:
        """Nothing happens before it was looked at."""
        item.state = DecisionState.PREPARED
        self.pre_update(item)

    def pre_update(self, item: Exclusion) -> None:
        """Whoever alone reads the reason pays for the child; the file is kept once."""
        item.decided_until = item.valid_until
        payers = sa.select(PupilAccount.account_id).where(PupilAccount.pupil_id == item.pupil.id)
        if item.account and item.account.id not in db.session().scalars(payers).all():
            raise AccountNotOpen
        sent: PaperField = g.decision
        if sent.kind is not None:
            item.file_name = safe_name(sent.data.filename or "", sent.kind)
            kept = keep_file(db.session(), sent.content, sent.kind.content_type)
            item.stored_file_id = kept.id

    def about(self, item: Exclusion) -> dict[str, Any]:
        """What would become of it, or what it cancelled."""
        session, is_prepared = db.session(), item.state is DecisionState.PREPARED
        meals = foresee_exclusion(session, item) if is_prepared else []
        is_over = item.valid_until <= clock.today()
        return {
            **totals(meals),
            "mark": mark_of_exclusion(item, meals),
            "charged": charged_meals(session, item) if is_prepared else [],
            "gone": [] if is_prepared else gone(item.operation_id, clock.today()),
            "decided_last": last_day(item.decided_until),
            "was_shortened": item.valid_until < item.decided_until,
            "can_lift": item.state is DecisionState.IN_FORCE and not is_over,
            "is_over": is_over,
        }

    @action("begin", _l("Put in force"), multiple=False)
    def begin(self, items: Any) -> AnyResponse:
        """Its meals go, and every household is told."""
        page, key = self.page_of(items[0]), items[0].id
        try:
            with transaction(current_actor()) as session:
                cancelled = pronounce(session, key, request.form.get("mark", ""), clock.now)
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        else:
            flash(in_force(cancelled), "success")
        return redirect(page)

    @expose("/letter/<pk>", methods=["GET"])
    @has_access
    def letter(self, pk: str) -> Response:
        """The letter to the families, a page for each holder."""
        item = self._item(pk)
        content = letters_of(db.session(), item, clock.today())
        if not content.readers:
            abort(404)
        return pdf_answer(render_exclusion(content, letterhead(), _), f"exclusion-{item.id}")

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The decision itself."""
        item = self._item(pk)
        if item.stored_file_id is None:
            abort(404)
        return attachment(item.stored_file_id, item.file_name)


class LiftForm(DynamicForm):
    """From when the child may eat again."""

    opens_on = DateField(
        _l("First day at the canteen again"),
        [DataRequired()],
        description=_l("From its first day on, the exclusion is lifted as a whole."),
    )


class LiftExclusionView(FormView):
    """Shorten an exclusion or lift it: what that opens again is shown first."""

    route_base = "/exclusion/lift"
    form = LiftForm
    form_title = _l("Shorten or lift the exclusion")
    form_template = "school/lift_exclusion.html"
    submit_label = _l("Show what it opens again")

    def get_redirect(self) -> str:
        """The exclusion."""
        return url_for("ExclusionView.show", pk=_exclusion().id)

    def form_get(self, form: Any) -> None:
        """Today, or as a whole if it has not begun."""
        form.opens_on.data = max(clock.today(), _exclusion().valid_from)

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """Whose exclusion it is, and what would be booked again."""
        item = _exclusion()
        return {"item": item, "last_day": shown_last_day(item.valid_until), "plan": g.get("plan")}

    def form_post(self, form: Any) -> AnyResponse | str | None:
        """First to look, then to do it."""
        key, opens_on, rules = _exclusion().id, form.opens_on.data, service_rules()
        is_real = request.form.get("step") == "lift"
        step = shorten if is_real else plan_shortening
        with transaction(current_actor()) as session:
            restored = step(session, key, opens_on, rules, clock.now)
        if not is_real:
            g.plan = {"opens_on": opens_on, "meals": told(restored)}
            return self._page(form)
        count = sum(each.refusal is None for each in restored)
        flash(" ".join([_("The families are told."), booked_again(count)]), "success")
        return None


def _exclusion() -> Exclusion:
    found: Exclusion | None = asked("exclusion", Exclusion)
    if found is None:
        abort(404)
    return found
