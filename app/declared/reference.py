"""What the canteen decides: meal types, diets, tariff categories, prices, its own settings."""

from typing import Any, Final

import sqlalchemy as sa
from flask import redirect, url_for
from flask_appbuilder import expose, has_access
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from wtforms import ValidationError
from wtforms.validators import Email, Length, NumberRange, Optional, Regexp

from app import booking, clock, ledger
from app.bank.iban import parse_iban, parse_payout_iban
from app.declared.base import ArchivableView
from app.errors import Refusal
from app.extensions import db
from app.filters import Condition
from app.models import (
    Booking,
    CanteenSettings,
    Diet,
    Enrolment,
    MealType,
    Price,
    Pupil,
    TariffCategory,
)
from app.money import format_chf
from app.refusals import PriceInForce
from app.rows import KEEP, Rows, TableView
from app.uses import refuse_if_any
from app.vocabulary import BookingState
from app.web_errors import sentence_of


def _refuse_if_any(model: type[Any], *conditions: Condition) -> None:
    refuse_if_any(db.session(), model, *conditions)


class MealTypeView(ArchivableView):
    datamodel = Rows(MealType)
    list_title, show_title = _l("Meal types"), _l("Meal type")
    add_title, edit_title = _l("Add a meal type"), _l("Edit the meal type")
    list_columns = ["name", "kind", "position"]
    show_columns = [*list_columns, "archived_at"]
    add_columns = list_columns
    edit_columns = ["name", "position"]
    order_columns = ["name", "position"]
    base_order = ("position", "asc")
    description_columns = {
        "kind": _l(
            "Special meals are produced apart and given by staff only. It cannot be changed."
        )
    }

    def pre_archive(self, item: MealType) -> None:
        """No diet and no booked meal needs it."""
        _refuse_if_any(Diet, Diet.meal_type_id == item.id, Diet.archived_at.is_(None))
        _refuse_if_any(
            Booking, Booking.meal_type_id == item.id, Booking.state == BookingState.BOOKED
        )


class DietView(ArchivableView):
    datamodel = Rows(Diet, load=[joinedload(Diet.meal_type)])
    list_title, show_title = _l("Diets"), _l("Diet")
    add_title, edit_title = _l("Add a diet"), _l("Edit the diet")
    list_columns = ["name", "meal_type", "offers_choice"]
    show_columns = [*list_columns, "archived_at"]
    add_columns = list_columns
    edit_columns = list_columns
    order_columns = ["name"]
    base_order = ("name", "asc")
    label_columns = {"meal_type": _l("Usual meal type")}
    description_columns = {"meal_type": _l("One tap in the agenda books this.")}

    def pre_archive(self, item: Diet) -> None:
        """No pupil has it."""
        _refuse_if_any(Pupil, Pupil.diet_id == item.id, Pupil.archived_at.is_(None))


class CategoryView(ArchivableView):
    datamodel = Rows(TariffCategory)
    list_title, show_title = _l("Tariff categories"), _l("Tariff category")
    add_title, edit_title = _l("Add a tariff category"), _l("Edit the tariff category")
    list_columns = ["name"]
    show_columns = ["name", "archived_at"]
    add_columns = ["name"]
    edit_columns = ["name"]
    base_order = ("name", "asc")

    def pre_archive(self, item: TariffCategory) -> None:
        """Nobody is enrolled in it today or later."""
        _refuse_if_any(
            Enrolment, Enrolment.category_id == item.id, Enrolment.valid_until > clock.today()
        )


class PriceView(TableView):
    """Prices are added; one that meals were charged at stays for ever."""

    datamodel = Rows(Price, load=[joinedload(Price.meal_type), joinedload(Price.category)])
    include_route_methods = KEEP
    list_title, show_title = _l("Prices"), _l("Price")
    add_title, edit_title = _l("Add a price"), _l("Correct a price to come")
    list_columns = ["meal_type", "category", "valid_from", "amount"]
    show_columns = list_columns
    add_columns = list_columns
    edit_columns = ["amount"]
    search_columns = ["meal_type", "category"]
    order_columns = ["valid_from", "amount"]
    base_order = ("valid_from", "desc")
    formatters_columns = {"amount": format_chf}

    def pre_add(self, item: Price) -> None:
        """The first price of a list begins on any day, the next ones after today."""
        has_price = sa.select(Price.id).where(
            Price.meal_type_id == item.meal_type.id, Price.category_id == item.category.id
        )
        is_first = db.session().scalar(has_price.limit(1)) is None
        if not is_first and item.valid_from <= clock.today():
            raise PriceInForce

    def pre_update(self, item: Price) -> None:
        """Only a price to come is corrected."""
        if item.valid_from <= clock.today():
            raise PriceInForce

    def post_add(self, item: Price) -> None:
        """Families with meals that it touches are told."""
        booking.announce_price(db.session(), item, clock.now())

    post_update = post_add


def _is_iban(form: Any, field: Any) -> None:  # noqa: ARG001
    try:
        field.data = parse_iban(field.data or "")
    except Refusal as refused:
        raise ValidationError(sentence_of(refused)) from None


def _can_pay(form: Any, field: Any) -> None:  # noqa: ARG001
    """An IBAN that money can be sent from."""
    try:
        field.data = parse_payout_iban(field.data or "")
    except Refusal as refused:
        raise ValidationError(sentence_of(refused)) from None


def _divides(*names: str) -> Any:
    """A step by which those other amounts can be reached."""

    def check(form: Any, field: Any) -> None:
        if field.data and any((form[name].data or 0) % field.data for name in names):
            sentence = _l("The smallest and the largest top-up must be multiples of the step.")
            raise ValidationError(str(sentence))

    return check


class LaterThan:
    """A time or an amount above that of another field."""

    def __init__(self, other: str, sentence: Any) -> None:
        self.other = other
        self.sentence = sentence

    def __call__(self, form: Any, field: Any) -> None:
        other = form[self.other].data
        if other is not None and field.data is not None and field.data <= other:
            raise ValidationError(str(self.sentence))


_SETTINGS: Final = [
    (
        _l("The canteen"),
        {
            "fields": [
                "name",
                "street",
                "postal_code",
                "town",
                "phone",
                "email",
                "website",
                "opening_hours",
            ]
        },
    ),
    (
        _l("Meals"),
        {
            "fields": [
                "last_call",
                "end_of_service",
                "special_notice_days",
                "kitchen_email",
                "default_capacity",
                "low_balance_meals",
            ]
        },
    ),
    (
        _l("Payments"),
        {
            "fields": [
                "top_up_minimum",
                "top_up_maximum",
                "top_up_step",
                "creditor_name",
                "creditor_iban",
                "reference_prefix",
                "refund_iban",
                "refund_days",
                "announced_days",
                "bank_channel",
            ]
        },
    ),
    (_l("Data protection"), {"fields": ["health_days", "mail_months", "leaver_years"]}),
]


class SettingsView(TableView):
    datamodel = Rows(CanteenSettings)
    include_route_methods = {"list", "show", "edit"}
    show_title = _l("Settings")
    edit_title = _l("Edit the settings")
    show_fieldsets = _SETTINGS
    edit_fieldsets = _SETTINGS
    description_columns = {
        "kitchen_email": _l(
            "Gets the final list at the last call. Without it the cooks get it who have an address."
        )
    }
    formatters_columns = {
        "top_up_minimum": format_chf,
        "top_up_maximum": format_chf,
        "top_up_step": format_chf,
    }
    validators_columns = {
        "email": [Optional(), Email(_l("Enter a mail address such as anne@example.ch."))],
        "kitchen_email": [Optional(), Email(_l("Enter a mail address such as anne@example.ch."))],
        "end_of_service": [
            LaterThan("last_call", _l("The service ends after the last call.")),
        ],
        "special_notice_days": [NumberRange(min=0, max=30)],
        "default_capacity": [NumberRange(min=1, max=10_000)],
        "low_balance_meals": [NumberRange(min=0, max=100)],
        "top_up_minimum": [NumberRange(min=1)],
        "top_up_maximum": [
            LaterThan("top_up_minimum", _l("This must be above the smallest top-up.")),
        ],
        "top_up_step": [NumberRange(min=1), _divides("top_up_minimum", "top_up_maximum")],
        "creditor_iban": [Optional(), _is_iban],
        "refund_iban": [Optional(), _can_pay],
        "refund_days": [NumberRange(min=1, max=60)],
        "health_days": [NumberRange(min=0, max=3650)],
        "mail_months": [NumberRange(min=6, max=120)],
        "leaver_years": [NumberRange(min=1, max=10)],
        "announced_days": [NumberRange(min=10, max=365)],
        "reference_prefix": [Regexp(r"\d{6}$", message=_l("Six digits.")), Length(max=6)],
    }

    @expose("/list/")
    @has_access
    def list(self) -> Any:
        """There is one row."""
        return redirect(self.page_of(None))

    def page_of(self, item: Any) -> str:  # noqa: ARG002
        """The one row."""
        return url_for("SettingsView.show", pk=1)

    def pre_update(self, item: CanteenSettings) -> None:
        """Another creditor account means references of another form, for the accounts to come."""
        ledger.give_references(db.session(), item)
