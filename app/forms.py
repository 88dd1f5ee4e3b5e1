"""The forms that no table generates, and the rules that generated ones lack."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    DateField,
    FieldList,
    FormField,
    PasswordField,
    ValidationError,
)
from wtforms.validators import DataRequired, Email, EqualTo, Length, Optional

from app import clock
from app.fields import (
    AllergensField,
    KnownField,
    LastDayField,
    LineField,
    PaperField,
    RecordField,
)
from app.filters import Where
from app.models import Diet, SchoolClass, SchoolYear, TariffCategory
from app.records import Choices
from app.rules.passwords import SHORTEST, is_easy_to_guess
from app.vocabulary import Language, Severity
from app.widgets import Checkbox, CheckList, Choose, WordField

MOST_HOLDERS, MOST_PUPILS = 2, 4


# -- rules of generated forms ----------------------------------------------------------------------


class After:
    """The range ends after it begins: `valid_until` names the field of its beginning."""

    def __init__(self, beginning: str, longest: timedelta | None = None) -> None:
        self.beginning = beginning
        self.longest = longest

    def __call__(self, form: Any, field: Any) -> None:
        begins = form[self.beginning].data
        if begins is None or field.data is None:
            return
        if field.data <= begins:
            raise ValidationError(_("The last day must not lie before the first day."))
        if self.longest is not None and field.data - begins > self.longest:
            raise ValidationError(_("These dates are too far apart."))


class NotBefore:
    """A day that is `first()` or later."""

    def __init__(self, first: Callable[[], date], sentence: Any) -> None:
        self.first = first
        self.sentence = sentence

    def __call__(self, form: Any, field: Any) -> None:  # noqa: ARG002
        if field.data is not None and field.data < self.first():
            raise ValidationError(str(self.sentence))


def is_born(form: Any, field: Any) -> None:  # noqa: ARG001
    """A birth date of somebody who goes to school."""
    if field.data is not None and not date(1990, 1, 1) <= field.data < clock.today():
        raise ValidationError(_("Enter the birth date with its year, for example 12.03.2017."))


def last_day_field(label: Any, beginning: str, longest: timedelta | None = None) -> Any:
    """The last day of a range whose first day is another field."""
    return LastDayField(label, validators=[DataRequired(), After(beginning, longest)])


def record_field(
    label: Any,
    model: type[Any],
    condition: Callable[[], Any] | None = None,
    **options: Any,
) -> Any:
    """A select of the records in use that the condition holds for."""

    def offered() -> list[Any]:
        rows = Choices(model)
        filters = None if condition is None else rows.get_filters()
        if filters is not None:
            filters.add_filter("id", Where, condition)
        return rows.query(filters)[1]

    options.setdefault("validators", [DataRequired()])
    return RecordField(
        label, query_func=offered, get_pk_func=lambda each: each.id, widget=Choose(), **options
    )


def class_field(label: Any, **options: Any) -> Any:
    """A class of this year or a later one, with its year."""
    return record_field(
        label,
        SchoolClass,
        lambda: SchoolClass.school_year.has(SchoolYear.ends_on > clock.today()),
        get_label=lambda each: f"{each.name} · {each.school_year.name}",
        **options,
    )


def another_field() -> Any:
    """Whoever adds one person says that it is nobody who looks the same."""
    return Checkbox(
        _l("It is another person than the one who looks the same"),
        description=_l(
            "Only if somebody of that name, birth date or telephone is registered already. If it "
            "is the same person, link them instead."
        ),
    )


# -- registration ----------------------------------------------------------------------------------


class Part(FlaskForm):
    """A block of a larger form, which carries the token for all."""

    class Meta:
        csrf = False

    def is_blank(self) -> bool:
        """Whether nothing was typed: blocks after the first may stay so."""
        return not any(field.data for field in self if isinstance(field, LineField | DateField))


class PartField(FormField):  # type: ignore[type-arg]  # generic in the stubs only
    """A block of the form; only the first must be filled in."""

    def is_left_out(self) -> bool:
        return not self.name.endswith("-0") and self.form.is_blank()

    def validate(self, form: Any, extra_validators: Any = ()) -> bool:
        return self.is_left_out() or bool(super().validate(form, extra_validators))


class HolderPart(Part):
    """A parent."""

    first_name = LineField(_l("First name"), [DataRequired(), Length(max=64)])
    last_name = LineField(_l("Last name"), [DataRequired(), Length(max=64)])
    email = LineField(
        _l("Mail address"),
        [Optional(), Email(_l("Enter a mail address such as anne@example.ch."))],
        description=_l("Leave empty for a family without mail."),
        render_kw={"inputmode": "email", "autocapitalize": "none"},
    )
    phone = LineField(_l("Telephone"), [Length(max=30)], render_kw={"inputmode": "tel"})
    street = LineField(_l("Street and number"), [Length(max=80)])
    postal_code = LineField(_l("Postal code"), [Length(max=10)])
    town = LineField(_l("Town"), [Length(max=80)])
    language = WordField(
        label=_l("Language"),
        enum_class=Language,
        default=Language.FRENCH,
        validators=[DataRequired()],
    )
    known = KnownField(_l("Is it one of these?"))


class PupilPart(Part):
    """A child."""

    first_name = LineField(_l("First name"), [DataRequired(), Length(max=80)])
    last_name = LineField(_l("Last name"), [DataRequired(), Length(max=80)])
    birth_date = DateField(_l("Birth date"), [DataRequired(), is_born])
    school_class = class_field(_l("Class"))
    diet = record_field(_l("Diet"), Diet)
    category = record_field(_l("Tariff category"), TariffCategory)
    allergens = AllergensField(_l("Allergens"), widget=CheckList())
    severity = WordField(label=_l("Severity"), enum_class=Severity, default=Severity.ALLERGY)
    note = LineField(_l("Note for the kitchen"), [Length(max=500)])
    certificate = PaperField(
        _l("Medical certificate"),
        description=_l("PDF, PNG, JPEG, Word (.docx) or OpenDocument (.odt), 10 MB at most."),
    )
    known = KnownField(_l("Is it one of these?"))


class RegistrationForm(DynamicForm):
    """A whole family."""

    label = LineField(
        _l("Name of the account"),
        [Length(max=80)],
        description=_l("Leave empty to use the first holder’s name."),
    )
    starts_on = DateField(_l("First day at the canteen"), [DataRequired()], default=clock.today)
    paper = PaperField(
        _l("Signed registration form"),
        description=_l("PDF, PNG, JPEG, Word (.docx) or OpenDocument (.odt), 10 MB at most."),
    )
    holders = FieldList(PartField(HolderPart), min_entries=MOST_HOLDERS, max_entries=MOST_HOLDERS)
    pupils = FieldList(PartField(PupilPart), min_entries=MOST_PUPILS, max_entries=MOST_PUPILS)

    def validate_holders(self, field: Any) -> None:
        """Two people do not share a mail address."""
        mails = [h.form.email.data.lower() for h in field if h.form.email.data]
        if len(set(mails)) < len(mails):
            field[1].form.email.errors = [_("Each holder needs a mail address of their own.")]
            raise ValidationError(_("Each holder needs a mail address of their own."))


# -- passwords -------------------------------------------------------------------------------------


def is_good_password(form: Any, field: Any) -> None:
    """Ten characters at least, not the identifier, not among those that everybody tries."""
    typed = field.data or ""
    if len(typed) < SHORTEST:
        raise ValidationError(_("Use at least %(count)s characters.", count=SHORTEST))
    if form.username and form.username.lower() in typed.lower():
        raise ValidationError(_("The password must not contain the identifier."))
    if is_easy_to_guess(typed):
        raise ValidationError(_("This password is too easy to guess. Choose another."))


class NewPasswordForm(DynamicForm):
    """A password of one's own, typed twice."""

    username = ""  # whose password it becomes; set by the view

    password = PasswordField(
        _l("New password"),
        [DataRequired(), Length(max=200), is_good_password],
        description=_l("At least 10 characters; a short sentence is easy to remember."),
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _l("New password, once more"),
        [DataRequired(), EqualTo("password", _l("The two passwords differ."))],
        render_kw={"autocomplete": "new-password"},
    )


class ChangePasswordForm(NewPasswordForm):
    """The same by somebody who is logged in."""

    current = PasswordField(
        _l("Current password"), [DataRequired()], render_kw={"autocomplete": "current-password"}
    )


class ForgottenForm(DynamicForm):
    """Who forgot their password."""

    identifier = LineField(
        _l("Identifier or mail address"),
        [DataRequired(), Length(max=200)],
        render_kw={"autocomplete": "username", "autocapitalize": "none"},
    )
