"""Every booking: found by day, class, state and type, each with its history."""

from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from wtforms import DateField, SelectField

from app.extensions import db
from app.filters import Condition, day_of, record_id, search_by
from app.models import Booking, BookingChange, CanteenUser, Enrolment, SchoolClass, ServiceDay
from app.money import format_chf
from app.rows import READ, Rows, TableView


def class_choices() -> list[tuple[str, str]]:
    """Every class, those of the newest year first."""
    query = sa.select(SchoolClass).options(joinedload(SchoolClass.school_year))
    found = db.session().scalars(query.order_by(SchoolClass.id.desc())).all()
    return [(str(each.id), f"{each.name} ({each.school_year.name})") for each in found]


def _on_day(operator: str) -> Any:
    def condition(text: str) -> Condition:
        day = day_of(text)
        if day is None:
            return sa.true()
        bound = ServiceDay.date >= day if operator == "gt" else ServiceDay.date <= day
        return Booking.service_day.has(bound)

    return search_by(operator, condition)


def _in_class(text: str) -> Condition:
    return sa.exists().where(
        Enrolment.pupil_id == Booking.pupil_id,
        Enrolment.school_class_id == record_id(text),
        Enrolment.valid_from <= ServiceDay.date,
        Enrolment.valid_until > ServiceDay.date,
        ServiceDay.id == Booking.service_day_id,
    )


class BookingListView(TableView):
    """Every booking, with its history."""

    datamodel = Rows(
        Booking,
        load=[
            joinedload(Booking.service_day),
            joinedload(Booking.pupil),
            joinedload(Booking.meal_type),
            joinedload(Booking.account),
        ],
        searches={
            "day": [_on_day("gt"), _on_day("lt")],
            "school_class": [search_by("eq", _in_class)],
        },
    )
    include_route_methods = READ
    list_title = _l("Bookings")
    show_title = _l("Booking")
    show_template = "service/booking.html"
    base_order = ("id", "desc")
    list_columns = [
        "pupil",
        "service_day.date",
        "meal_type",
        "state",
        "attendance",
        "price",
        "account",
    ]
    show_columns = [*list_columns, "is_late"]
    search_columns = ["day", "school_class", "state", "attendance", "meal_type"]
    search_form_extra_fields = {
        "day": DateField(_l("Day")),
        "school_class": SelectField(_l("Class"), choices=class_choices),
    }
    order_columns = ["service_day.date", "price"]
    label_columns = {"service_day.date": _l("Day")}
    formatters_columns = {"price": lambda cents: "–" if cents is None else format_chf(cents)}

    def about(self, item: Booking) -> dict[str, Any]:
        """What became of it, who did it and why."""
        session = db.session()
        query = (
            sa.select(BookingChange)
            .where(BookingChange.booking_id == item.id)
            .order_by(BookingChange.id)
        )
        changes = session.scalars(query).all()
        names = sa.select(CanteenUser).where(CanteenUser.id.in_({c.actor_id for c in changes}))
        actors = {user.id: user.get_full_name() for user in session.scalars(names)}
        return {"changes": changes, "actors": actors}
