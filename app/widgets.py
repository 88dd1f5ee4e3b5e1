"""How Flask-AppBuilder's generated forms and searches look: native controls, no script.

`install()` is called once by `create_app`; importing this module changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from flask import request
from flask_appbuilder import fieldwidgets, forms
from flask_appbuilder.models.sqla.interface import SQLAInterface
from flask_appbuilder.widgets import FormWidget
from flask_babel import gettext as _
from markupsafe import Markup
from wtforms import (
    BooleanField,
    DateField,
    DateTimeLocalField,
    DecimalField,
    FloatField,
    SelectField,
    TimeField,
    widgets,
)
from wtforms.fields.choices import SelectFieldBase
from wtforms.validators import InputRequired
from wtforms.widgets import html_params

from app import labels
from app.fields import (
    AllergensField,
    InstantField,
    LineField,
    MoneyField,
    NumberField,
    ParagraphField,
    RecordField,
    RecordsField,
)
from app.vocabulary import Channel

_stock_value = SQLAInterface._get_attr_value  # noqa: SLF001


class Checkbox(BooleanField):
    """A yes or no that may stay unticked: a NOT NULL column does not make the tick compulsory."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        kept = [each for each in validators or [] if not isinstance(each, InputRequired)]
        super().__init__(label, kept, **options)


class WordField(SelectField):
    """One word of a stored enum, shown in the reader's language."""

    def __init__(self, *, enum_class: type[StrEnum], enums: Any = None, **options: Any) -> None:  # noqa: ARG002
        super().__init__(
            choices=lambda: labels.choices(enum_class),
            coerce=lambda sent: enum_class(sent) if sent else None,
            **options,
        )

    def pre_validate(self, form: Any) -> None:
        """Whether none may be chosen is for the validators to say."""
        if self.data is not None:
            super().pre_validate(form)


class Choose(widgets.Select):
    """A select that takes nothing for granted: its first option is to choose."""

    def __call__(self, field: Any, **attributes: Any) -> Markup:
        written = super().__call__(field, **attributes)
        if 'value="__None"' in written:
            return written
        tag, _sign, options = written.partition(">")
        return Markup('{}><option value="">{}…</option>{}').format(tag, _("Choose"), options)


class CheckList:
    """Several choices as ticks: a multiple select needs a keyboard and explains itself poorly."""

    is_group = True

    def __call__(self, field: SelectFieldBase, **attributes: Any) -> Markup:
        attributes.pop("required", None)
        return Markup("<ul>{}</ul>").format(Markup("").join(self._items(field, attributes)))

    def _items(self, field: SelectFieldBase, attributes: dict[str, Any]) -> Iterator[Markup]:
        for value, label, selected, *_rest in field.iter_choices():
            control = html_params(
                type="checkbox", name=field.name, value=value, checked=selected, **attributes
            )
            yield Markup("<li><label><input {}> <span>{}</span></label></li>").format(
                Markup(control),  # noqa: S704 - html_params escapes
                label,
            )


def native_select(**_styles: Any) -> Choose:
    """In the place of Select2Widget, whose styles it leaves out."""
    return Choose()


def decimal_input() -> widgets.NumberInput:
    """A number with decimals."""
    return widgets.NumberInput(step="any")


CONVERSIONS = (
    ("is_cents", MoneyField, None),
    ("is_text", ParagraphField, None),
    ("is_json", AllergensField, CheckList),
    ("is_string", LineField, None),
    ("is_integer", NumberField, None),
    ("is_numeric", DecimalField, decimal_input),
    ("is_float", FloatField, decimal_input),
    ("is_boolean", Checkbox, None),
    ("is_datetime", InstantField, None),
    ("is_date", DateField, widgets.DateInput),
    ("is_time", TimeField, widgets.TimeInput),
)


def is_time(interface: SQLAInterface, column: str) -> bool:
    """Whether the column holds a time of day, a type that Flask-AppBuilder does not know."""
    found = interface.list_columns.get(column)
    return found is not None and isinstance(found.type, sa.Time)


def value_to_show(item: Any, column: str) -> Any:
    """The stored value as lists and records show it; a word of an enum in the reader's language."""
    found = getattr(item, column, None)
    if isinstance(found, Channel):
        return labels.way(found)
    if isinstance(found, StrEnum) and type(found) in labels.LABELS:
        return labels.label(found)
    return _stock_value(item, column)


def install() -> None:
    """Make generated forms native. The same however often it is called."""
    SQLAInterface.is_time = is_time
    SQLAInterface._get_attr_value = staticmethod(value_to_show)  # noqa: SLF001
    forms.FieldConverter.conversion_table = CONVERSIONS
    forms.EnumField = WordField
    forms.QuerySelectField = RecordField
    forms.QuerySelectMultipleField = RecordsField
    forms.Select2Widget = native_select
    forms.Select2ManyWidget = CheckList
    for stock, plain in (
        (fieldwidgets.BS3TextFieldWidget, widgets.TextInput),
        (fieldwidgets.BS3TextAreaFieldWidget, widgets.TextArea),
        (fieldwidgets.BS3PasswordFieldWidget, widgets.PasswordInput),
    ):
        stock.__call__ = plain.__call__


@dataclass(frozen=True)
class SearchControl:
    """One control of a search form; choices is None for an input."""

    name: str
    label: str
    type: str
    choices: list[tuple[str, str]] | None
    value: str

    @property
    def id(self) -> str:
        return f"search{self.name}"


class SearchWidget(FormWidget):
    """A plain GET form: one control a column, two for a range of dates.

    Names are Flask-AppBuilder's `_flt_<index>_<column>`; see `filters.SentFilters` for blank ones.
    """

    template = "appbuilder/general/widgets/search.html"

    def __call__(self, **options: Any) -> Any:
        form, filters = self.template_args["form"], self.template_args["filters"]
        possible = filters.get_search_filters()
        controls = [
            control
            for column in self.template_args["include_cols"]
            if column in possible
            for control in search_controls(
                form[column], [each.arg_name for each in possible[column]]
            )
        ]
        return super().__call__(
            controls=controls,
            active=any(control.value for control in controls),
            kept=[
                pair
                for pair in request.args.items()
                if pair[0].startswith(("_oc_", "_od_", "psize_"))
            ],
            **options,
        )


def search_controls(field: Any, operators: list[str]) -> Iterator[SearchControl]:
    """The controls that search one field; operators are the filters' names in their order."""

    def control(operator: str, suffix: str = "", **options: Any) -> SearchControl:
        name = f"_flt_{operators.index(operator)}_{field.name}"
        label = f"{field.label.text}{suffix}"
        return SearchControl(name, label, value=request.args.get(name, ""), **options)

    if isinstance(field, BooleanField):
        yield control("eq", type="", choices=[("y", _("Yes")), ("n", _("No"))])
    elif isinstance(field, SelectFieldBase):
        choices = [
            (str(value), str(label))
            for value, label, *_rest in field.iter_choices()
            if value != "__None"
        ]
        yield control(operators[0], type="", choices=choices)
    elif isinstance(field, DateField | DateTimeLocalField):
        yield control("gt", " – " + _("from"), type="date", choices=None)
        yield control("lt", " – " + _("until"), type="date", choices=None)
    elif "ct" in operators:
        yield control("ct", type="search", choices=None)
    else:
        yield control("eq", type="text", choices=None)
