"""Closed days and class outings: prepared, looked at, put in force, lifted."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, g, redirect, request, url_for
from flask_appbuilder.actions import action
from flask_appbuilder.widgets import ShowWidget
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response as AnyResponse
from wtforms.validators import DataRequired

from app import clock
from app.booking.foresight import FallingMeal, lock_decision
from app.booking.interruptions import (
    cancel_meals,
    days_of,
    foresee,
    lift,
    mark_of_interruption,
    put_in_force,
)
from app.booking.restoring import Restored, days_to_restore, gone_meals, restore_meals
from app.context import service_rules
from app.declared.base import SplitView
from app.declared.children import shown_last_day
from app.errors import Refusal
from app.extensions import db
from app.fields import RecordsField, last_day
from app.filters import Condition, Where, day_of
from app.forms import last_day_field
from app.models import Booking, Interruption, SchoolClass, SchoolYear
from app.money import Cents
from app.refusals import AlreadyDecided, OutsideYear
from app.rows import ACT, KEEP, Rows
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import DecisionState, InterruptionKind
from app.web_errors import sentence_of
from app.widgets import CheckList

LONGEST: Final = timedelta(days=62)
_RANGE: Final = {"valid_until": last_day_field(_l("Last day"), "valid_from", LONGEST)}


class DecisionWidget(ShowWidget):
    """What is decided, without buttons: the page below has those that its state allows."""

    template = "school/decision.html"


def totals(meals: Sequence[FallingMeal]) -> dict[str, Any]:
    """How many meals, whose, and how much is given back."""
    back: Cents = sum(meal.charged for meal in meals)
    by_day: dict[date, int] = {}
    for meal in meals:
        by_day[meal.day] = by_day.get(meal.day, 0) + 1
    return {
        "meals": meals,
        "children": len({meal.pupil_id for meal in meals}),
        "families": len({meal.account_id for meal in meals}),
        "given_back": back,
        "by_day": by_day,
    }


def gone(operation: str, first: date) -> Sequence[Booking]:
    """The meals from a day on that an operation cancelled and that could be booked again."""
    query = gone_meals(operation).options(
        joinedload(Booking.pupil), joinedload(Booking.service_day)
    )
    meals = db.session().scalars(query).all()
    return [meal for meal in meals if meal.service_day.date >= first]


class DecisionPage:
    """A record that is edited as long as it is prepared: of what is in force families were told."""

    def page_of(self, item: Any) -> str:
        """What would become of it."""
        view: Any = self
        return url_for(f"{view.endpoint}.show", pk=item.id)

    def hold(self, item: Any) -> None:
        """Nobody puts it in force meanwhile."""
        lock_decision(db.session(), type(item), item.id)
        if item.state is not DecisionState.PREPARED:
            raise AlreadyDecided

    def pre_delete(self, item: Any) -> None:
        """What was in force is history."""
        self.hold(item)

    def _edit(self, pk: Any) -> Any:
        """The form; of what was decided the page, with a sentence."""
        view: Any = self
        item = view._item(pk)  # noqa: SLF001 - a mixin of that class
        if item.state is DecisionState.PREPARED:
            return super()._edit(pk)  # type: ignore[misc]
        flash(sentence_of(AlreadyDecided()), "danger")
        g.kept = item
        return None


class InterruptionView(DecisionPage, SplitView):
    """What closures and outings share."""

    kind: InterruptionKind
    include_route_methods = KEEP | ACT | {"delete"}
    show_widget = DecisionWidget
    show_template = "school/interruption.html"
    in_use_label, aside_label = _l("Coming days"), _l("Past days")
    order_columns = ["valid_from"]
    base_order = ("valid_from", "asc")
    search_columns = ["reason", "state", "valid_from"]
    formatters_columns = {"valid_until": shown_last_day}
    exported_columns = {"valid_until": last_day}
    description_columns = {"reason": _l("Families read it in the agenda and in their mail.")}
    add_form_extra_fields: dict[str, Any] = _RANGE
    edit_form_extra_fields: dict[str, Any] = _RANGE

    def aside(self) -> Condition:
        """Those that are past."""
        return Interruption.valid_until <= clock.today()

    def _choose_asked(self, form: Any) -> None:
        """The days that were ticked."""
        first, last = (day_of(request.args.get(name, "")) for name in ("first", "last"))
        form.valid_from.data = first
        form.valid_until.data = last and last + timedelta(days=1)

    def pre_add(self, item: Interruption) -> None:
        """Nothing happens before it was looked at."""
        item.kind, item.state = self.kind, DecisionState.PREPARED

    def about(self, item: Interruption) -> dict[str, Any]:
        """What would become of it, or what is left of it."""
        session, first = db.session(), max(item.valid_from, clock.today())
        meals = foresee(session, item) if item.state is not DecisionState.LIFTED else []
        is_prepared = item.state is DecisionState.PREPARED
        return {
            **totals(meals),
            "days": days_of(session, item),
            "mark": mark_of_interruption(item, meals),
            "gone": [] if is_prepared else gone(item.operation_id, first),
            "endpoint": self.endpoint,
        }

    @action("begin", _l("Put in force"), multiple=False)
    def begin(self, items: Sequence[Interruption]) -> AnyResponse:
        """From now on nobody books; then each day's meals go, a transaction each."""
        page, key, actor = self.page_of(items[0]), items[0].id, current_actor()
        cancelled = 0
        try:
            with transaction(actor) as session:
                put_in_force(session, key, request.form.get("mark", ""), clock.now)
                days = days_of(session, session.get_one(Interruption, key))
            for day in days:
                with transaction(actor) as session:
                    interruption = session.get_one(Interruption, key)
                    cancelled += cancel_meals(session, interruption, day, clock.now)
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        else:
            flash(in_force(cancelled), "success")
        return redirect(page)

    @action("lift", _l("Lift"), multiple=False)
    def lift(self, items: Sequence[Interruption]) -> AnyResponse | str:
        """Days to come can be booked again; then the meals of each day are."""
        page, key, actor = self.page_of(items[0]), items[0].id, current_actor()
        operation, rules = items[0].operation_id, service_rules()
        restored: list[Restored] = []
        try:
            with transaction(actor) as session:
                lift(session, key, rules, clock.now)
                days = days_to_restore(session, operation, clock.today())
            for day in days:
                with transaction(actor) as session:
                    restored += restore_meals(session, operation, day, rules, clock.now)
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
            return redirect(page)
        return self.outcome(restored, page)

    def outcome(self, restored: Sequence[Restored], page: str) -> AnyResponse | str:
        """The page again; before it, which meals could not be booked again and why."""
        missing = [each for each in restored if each.refusal is not None]
        flash(booked_again(len(restored) - len(missing)), "success")
        if not missing:
            return redirect(page)
        return self.render_template(
            "school/lifted.html", title=_("Not booked again"), url=page, missing=told(missing)
        )


def in_force(cancelled: int) -> str:
    """That a decision holds from now on, and how many meals it cancelled."""
    meals = ngettext("%(num)s meal was cancelled.", "%(num)s meals were cancelled.", cancelled)
    return " ".join([_("It is in force."), meals])


def booked_again(count: int) -> str:
    """How many meals came back."""
    return str(ngettext("%(num)s meal is booked again.", "%(num)s meals are booked again.", count))


def told(restored: Sequence[Restored]) -> list[tuple[Restored, str]]:
    """What became of each meal, and why not where it is not booked again."""
    return [(each, sentence_of(each.refusal) if each.refusal else "") for each in restored]


def _is_closure() -> Condition:
    return Interruption.kind == InterruptionKind.CLOSURE


def _is_outing() -> Condition:
    return Interruption.kind == InterruptionKind.OUTING


_LOADED: Final = [joinedload(Interruption.begun_by), joinedload(Interruption.lifted_by)]


class ClosureView(InterruptionView):
    datamodel = Rows(Interruption, load=_LOADED)
    kind = InterruptionKind.CLOSURE
    base_filters = [["id", Where, _is_closure]]
    list_title, show_title = _l("Closed days"), _l("Closed days")
    add_title, edit_title = _l("Close the canteen"), _l("Close the canteen")
    list_columns = ["reason", "valid_from", "valid_until", "state"]
    add_columns = ["valid_from", "valid_until", "reason"]
    edit_columns = add_columns
    show_columns = list_columns


def _classes_field() -> Any:
    def offered() -> Sequence[SchoolClass]:
        query = (
            sa.select(SchoolClass)
            .join(SchoolClass.school_year)
            .where(SchoolYear.ends_on > clock.today())
            .order_by(SchoolYear.starts_on, SchoolClass.name)
            .options(joinedload(SchoolClass.school_year))
        )
        return db.session().scalars(query).all()

    return RecordsField(
        _l("Classes"),
        [DataRequired()],
        query_func=offered,
        get_pk_func=lambda each: each.id,
        get_label=lambda each: f"{each.name} · {each.school_year.name}",
        widget=CheckList(),
    )


_OUTING: Final = {**_RANGE, "classes": _classes_field()}


class OutingView(InterruptionView):
    datamodel = Rows(Interruption, load=[*_LOADED, selectinload(Interruption.classes)])
    kind = InterruptionKind.OUTING
    base_filters = [["id", Where, _is_outing]]
    list_title, show_title = _l("Class outings"), _l("Class outing")
    add_title, edit_title = _l("Add a class outing"), _l("Edit the class outing")
    list_columns = ["reason", "classes", "valid_from", "valid_until", "state"]
    add_columns = ["classes", "valid_from", "valid_until", "reason"]
    edit_columns = add_columns
    show_columns = list_columns
    formatters_columns = {
        "valid_until": shown_last_day,
        "classes": lambda found: ", ".join(each.name for each in found),
    }
    add_form_extra_fields = _OUTING
    edit_form_extra_fields = _OUTING

    def pre_add(self, item: Interruption) -> None:
        """Classes of the year that the days lie in."""
        super().pre_add(item)
        self.pre_update(item)

    def pre_update(self, item: Interruption) -> None:
        """The same."""
        for each in item.classes:
            year: SchoolYear = each.school_year
            if item.valid_from < year.starts_on or item.valid_until > year.ends_on:
                raise OutsideYear
