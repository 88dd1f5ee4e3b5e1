"""Pupils: classes, diets, exclusions, and what the kitchen must know of their health."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import sqlalchemy as sa
from flask import url_for
from flask_babel import format_date
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload, selectinload

from app import booking, clock
from app.declared.base import ArchivableView
from app.declared.health_log import log_health_access
from app.declared.searching import by_names, pupil_names
from app.extensions import db
from app.fields import LineField, last_day
from app.filters import Condition, record_id, search_by
from app.forms import class_field, is_born, last_day_field, record_field
from app.labels import label
from app.models import (
    Account,
    Enrolment,
    Exclusion,
    HealthRecord,
    Pupil,
    PupilAccount,
    SchoolYear,
)
from app.refusals import OutsideYear, RangesOverlap
from app.rows import KEEP, Rows, TableView
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
    add_columns = ["account", *edit_columns]
    add_form_extra_fields = {"account": record_field(_l("Account"), Account)}
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
        """Every class, account and exclusion."""
        query = sa.select(Exclusion).where(Exclusion.pupil_id == item.id)
        return {
            "enrolments": sorted(item.enrolments, key=lambda each: each.valid_from, reverse=True),
            "exclusions": db.session().scalars(query.order_by(Exclusion.valid_from.desc())).all(),
            "health_id": db.session().scalar(
                sa.select(HealthRecord.id).where(HealthRecord.pupil_id == item.id)
            ),
            "last_day": last_day,
        }

    def page_of(self, item: Pupil) -> str:
        """The pupil’s page."""
        return url_for("PupilView.show", pk=item.id)

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
        _hold_pupil(item.pupil_id)

    def pre_add(self, item: Enrolment) -> None:
        """Neither outside the class's year nor over another."""
        _hold_pupil(item.pupil.id)
        _check_range(item, item.pupil.id)

    def pre_update(self, item: Enrolment) -> None:
        """The same."""
        _check_range(item, item.pupil_id)

    def post_add(self, item: Enrolment) -> None:
        """Booked meals of days that are left outside go."""
        booking.depart(db.session(), item.pupil_id, clock.now)

    post_update = post_add


def _hold_pupil(pupil_id: int) -> None:
    db.session().execute(sa.select(Pupil.id).where(Pupil.id == pupil_id).with_for_update())


def _check_range(item: Enrolment, pupil_id: int) -> None:
    year: SchoolYear = item.school_class.school_year
    if item.valid_from < year.starts_on or item.valid_until > year.ends_on:
        raise OutsideYear
    others = sa.select(Enrolment.id).where(
        Enrolment.pupil_id == pupil_id,
        Enrolment.valid_from < item.valid_until,
        Enrolment.valid_until > item.valid_from,
    )
    if any(other != item.id for other in db.session().scalars(others)):
        raise RangesOverlap


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
