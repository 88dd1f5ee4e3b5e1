"""Pupils: classes, diets, exclusions, and what the kitchen must know of their health."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import flash, redirect, url_for
from flask_appbuilder.actions import action
from flask_babel import format_date, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload, selectinload
from werkzeug.wrappers import Response as AnyResponse

from app import booking, clock
from app.context import service_rules
from app.declared.base import ArchivableView
from app.declared.health_log import log_health_access
from app.declared.papers import papers_of
from app.declared.searching import by_names, pupil_names
from app.departures import last_departure, undo_departure
from app.enrolments import check_range, hold_pupil
from app.errors import NothingToUndo
from app.extensions import db
from app.fields import LineField, last_day
from app.filters import Condition, record_id, search_by
from app.forms import another_field, class_field, is_born, last_day_field, record_field
from app.known import known_pupils
from app.labels import label
from app.models import (
    Account,
    Enrolment,
    Exclusion,
    FamilyPaper,
    HealthRecord,
    Pupil,
    PupilAccount,
)
from app.refusals import LooksKnown
from app.rows import KEEP, Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import Allergen

_PUPIL_SEARCH: Final = {"pupil": LineField(_l("Pupil"))}


def class_today(enrolments: Sequence[Enrolment]) -> str:
    """The class that a pupil is in, of all that they have been in."""
    today = clock.today()
    names = [e.school_class.name for e in enrolments if e.valid_from <= today < e.valid_until]
    return names[0] if names else ""


def shown_last_day(until: date) -> str:
    """The end of a half-open range, as people count it."""
    return str(format_date(last_day(until), "medium"))


def _in_class(text: str) -> Condition:
    key, today = record_id(text), clock.today()
    return Pupil.enrolments.any(
        sa.and_(
            sa.false() if key is None else Enrolment.school_class_id == key,
            Enrolment.valid_from <= today,
            Enrolment.valid_until > today,
        )
    )


class PupilView(ArchivableView):
    datamodel = Rows(
        Pupil,
        load=[
            joinedload(Pupil.diet),
            selectinload(Pupil.enrolments).joinedload(Enrolment.school_class),
            selectinload(Pupil.payers).joinedload(PupilAccount.account),
        ],
        searches={
            "person": by_names(Pupil.id.in_, pupil_names),
            "school_class": [search_by("eq", _in_class)],
        },
    )
    list_title, show_title = _l("Pupils"), _l("Pupil")
    add_title, edit_title = _l("Add a pupil"), _l("Edit the pupil")
    show_template = "people/pupil.html"
    list_columns = ["last_name", "first_name", "enrolments", "diet", "payers"]
    show_columns = ["birth_date", "diet", "enrolments", "archived_at"]
    edit_columns = ["first_name", "last_name", "birth_date", "diet"]
    add_columns = ["account", *edit_columns, "is_another"]
    add_form_extra_fields = {
        "account": record_field(_l("Account"), Account),
        "is_another": another_field(),
    }
    validators_columns = {"birth_date": [is_born]}
    search_columns = ["person", "school_class", "diet"]
    search_form_extra_fields = {
        "person": LineField(_l("Name")),
        "school_class": class_field(_l("Class")),
    }
    order_columns = ["last_name", "first_name"]
    base_order = ("last_name", "asc")
    label_columns = {"enrolments": _l("Class"), "payers": _l("Accounts")}
    formatters_columns = {
        "enrolments": class_today,
        "payers": lambda links: ", ".join(sorted(link.account.label for link in links)),
    }

    def about(self, item: Pupil) -> dict[str, Any]:
        """Every class, account, exclusion and paper."""
        query = sa.select(Exclusion).where(Exclusion.pupil_id == item.id)
        return {
            "enrolments": sorted(item.enrolments, key=lambda each: each.valid_from, reverse=True),
            "exclusions": db.session().scalars(query.order_by(Exclusion.valid_from.desc())).all(),
            "health_id": db.session().scalar(
                sa.select(HealthRecord.id).where(HealthRecord.pupil_id == item.id)
            ),
            "last_day": last_day,
            "papers": papers_of(db.session(), FamilyPaper.pupil_id == item.id),
            "departure": last_departure(db.session(), item.id),
        }

    def _actions(self, *, is_aside: bool) -> dict[str, Any]:
        """The undo of a departure stands beside it."""
        offered = super()._actions(is_aside=is_aside)
        return {name: each for name, each in offered.items() if name != "undo_departure"}

    @action("undo_departure", _l("Undo"))
    def undo_departure(self, items: Sequence[Pupil]) -> AnyResponse:
        """The pupil has not left after all: enrolled as before, the meals booked again."""
        page = self.page_of(items[0])
        departure = last_departure(db.session(), items[0].id)
        if departure is None:
            raise NothingToUndo
        key, rules = departure.id, service_rules()
        with transaction(current_actor()) as session:
            done, missing = undo_departure(session, key, rules, clock.now)
        flash(
            ngettext("%(num)s meal is booked again.", "%(num)s meals are booked again.", done),
            "success",
        )
        if missing:
            flash(
                _("%(count)s could not be booked again: see the agenda.", count=missing), "warning"
            )
        return redirect(page)

    def page_of(self, item: Pupil) -> str:
        """The pupil’s page."""
        return url_for("PupilView.show", pk=item.id)

    def pre_add(self, item: Any) -> None:
        """Nobody is made twice by oversight."""
        names = item.first_name, item.last_name
        found = known_pupils(db.session(), *names, item.birth_date)
        if found and not item.is_another:
            raise LooksKnown(found[0].full_name)

    def post_add(self, item: Any) -> None:
        """The account that was chosen pays."""
        db.session().add(PupilAccount(pupil_id=item.id, account_id=item.account.id))

    def post_archive(self, item: Pupil) -> None:
        """Who has left eats no more."""
        booking.depart(db.session(), item.id, clock.now)


class OfPupilView(TableView):
    """Records of one pupil."""

    include_route_methods = KEEP
    search_form_extra_fields: dict[str, Any] = _PUPIL_SEARCH
    base_order: tuple[str, str] = ("valid_from", "desc")
    order_columns = ["valid_from", "valid_until"]
    formatters_columns = {"valid_until": shown_last_day}
    exported_columns = {"valid_until": last_day}

    def page_of(self, item: Any) -> str:
        """The pupil’s page."""
        return url_for("PupilView.show", pk=item.pupil_id)


class EnrolmentView(OfPupilView):
    datamodel = Rows(
        Enrolment,
        load=[
            joinedload(Enrolment.pupil),
            joinedload(Enrolment.school_class),
            joinedload(Enrolment.category),
        ],
        searches={"pupil": by_names(Enrolment.pupil_id.in_, pupil_names)},
    )
    list_title, show_title = _l("Enrolments"), _l("Enrolment")
    add_title, edit_title = _l("Enrol a pupil"), _l("Edit the enrolment")
    list_columns = ["pupil", "school_class", "category", "valid_from", "valid_until"]
    show_columns = list_columns
    edit_columns = ["school_class", "category", "valid_from", "valid_until"]
    add_columns = ["pupil", *edit_columns]
    search_columns = ["pupil", "school_class", "category"]
    add_form_extra_fields = {
        "school_class": class_field(_l("Class")),
        "valid_until": last_day_field(_l("Last day"), "valid_from"),
    }
    edit_form_extra_fields = {"valid_until": last_day_field(_l("Last day"), "valid_from")}
    description_columns = {
        "category": _l("For another category from a day on, end this and enrol again."),
    }

    def hold(self, item: Enrolment) -> None:
        """One change of a pupil's enrolments at a time."""
        hold_pupil(db.session(), item.pupil_id)

    def pre_add(self, item: Enrolment) -> None:
        """Neither outside the class's year nor over another."""
        hold_pupil(db.session(), item.pupil.id)
        check_range(db.session(), item, item.pupil.id)

    def pre_update(self, item: Enrolment) -> None:
        """The same."""
        check_range(db.session(), item, item.pupil_id)

    def post_add(self, item: Enrolment) -> None:
        """Booked meals of days that are left outside go."""
        booking.depart(db.session(), item.pupil_id, clock.now)

    post_update = post_add


class HealthRecordView(OfPupilView):
    datamodel = Rows(
        HealthRecord,
        load=[joinedload(HealthRecord.pupil)],
        searches={"pupil": by_names(HealthRecord.pupil_id.in_, pupil_names)},
    )
    include_route_methods = KEEP | {"delete"}
    list_title, show_title = _l("Health"), _l("Health of a pupil")
    add_title, edit_title = _l("Add to the kitchen’s knowledge"), _l("Edit what the kitchen knows")
    base_order = ("id", "desc")
    list_columns = ["pupil.full_name", "severity"]
    show_columns = ["pupil.full_name", "allergens", "severity", "note", "expires_on"]
    edit_columns = ["allergens", "severity", "note", "expires_on"]
    add_columns = ["pupil", *edit_columns]
    search_columns = ["pupil", "severity"]
    order_columns = ["severity", "expires_on"]
    label_columns = {"pupil.full_name": _l("Pupil")}
    formatters_columns = {
        "allergens": lambda found: ", ".join(label(Allergen(each)) for each in found)
    }

    def name_of(self, item: HealthRecord) -> str:
        """The pupil."""
        return item.pupil.full_name

    def _list(self, **options: Any) -> Any:
        """Being in this list says something of a pupil's health: it is noted before it is sent."""
        widgets = super()._list(**options)
        shown = widgets["list"].template_args
        shown["value_columns"] = list(shown["value_columns"])
        query = sa.select(HealthRecord.pupil_id).where(HealthRecord.id.in_(shown["pks"]))
        self._note(db.session().scalars(query).all())
        return widgets

    def _show_widgets(self, pk: Any, item: HealthRecord) -> dict[str, Any]:
        widgets = super()._show_widgets(pk, item)
        self._note([item.pupil_id])
        return widgets

    def _edit(self, pk: Any) -> Any:
        """The form shows what is known: that is noted as well."""
        self._note([self._item(pk).pupil_id])
        return super()._edit(pk)

    def _note(self, pupil_ids: Sequence[int]) -> None:
        log_health_access(pupil_ids, self.endpoint)
