"""Form fields that give what the models keep: centimes, aware instants, clean text.

Whatever is typed becomes a value or a sentence beside the field, never a fault.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from flask_appbuilder.fields import QuerySelectField, QuerySelectMultipleField
from flask_babel import gettext as _
from flask_wtf.file import FileField
from wtforms import (
    DateField,
    DateTimeLocalField,
    Field,
    IntegerField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
    ValidationError,
    widgets,
)
from wtforms.fields.choices import Choice  # type: ignore[attr-defined] # newer than the stubs
from wtforms.validators import DataRequired, InputRequired, Optional

from app.clock import ZURICH, local
from app.labels import choices
from app.money import format_chf, parse_chf
from app.rules.files import LARGEST as LARGEST_FILE
from app.rules.files import FileKind, kind_of
from app.vocabulary import Allergen

LARGEST: Final = 2**31 - 1


def _asked(validators: Any, options: dict[str, Any]) -> list[Any]:
    """A column whose default is the empty text may stay empty; blanks alone are no text."""
    kept = list(validators or [])
    if not any(isinstance(each, InputRequired) for each in kept):
        return kept
    needed = Optional() if options.get("default") == "" else DataRequired()
    return [needed if isinstance(each, InputRequired) else each for each in kept]


def clean_text(text: str | None) -> str:
    """Without control characters, which PostgreSQL refuses, and without blanks at its ends."""
    kept = (sign for sign in text or "" if sign == "\n" or unicodedata.category(sign)[0] != "C")
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def clean_line(text: str | None) -> str:
    """A text on one line."""
    return " ".join(clean_text(text).split())


class LineField(StringField):
    """One line of text."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        filters = [clean_line, *options.pop("filters", ())]
        super().__init__(label, _asked(validators, options), filters=filters, **options)


class ParagraphField(TextAreaField):
    """Text of several lines."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, _asked(validators, options), filters=[clean_text], **options)


class NumberField(IntegerField):
    """A whole number that an INTEGER column can keep."""

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if self.data is not None and abs(self.data) > LARGEST:
            self.data = None
            raise ValueError(_("This number is too large."))


class MoneyField(Field):
    """Centimes, typed and shown as francs: « 4,50 » is 450."""

    widget = widgets.TextInput()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        attributes = {"inputmode": "decimal", **(options.pop("render_kw", None) or {})}
        super().__init__(label, validators, render_kw=attributes, **options)

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else format_chf(self.data)

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        self.data = None
        if not valuelist[0].strip():
            return
        try:
            self.data = parse_chf(valuelist[0])
        except ValueError:
            raise ValueError(_("Enter an amount in francs, for example 20 or 12.50.")) from None


class InstantField(DateTimeLocalField):
    """An aware instant, shown and typed as a Zurich clock shows it."""

    def process_data(self, value: datetime | None) -> None:
        self.data = None if value is None else local(value).replace(tzinfo=None)

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if self.data is not None:
            self.data = self.data.replace(tzinfo=ZURICH)


class LastDayField(DateField):
    """The last day of a range: people count it in, the half-open range ends a day later."""

    def process_data(self, value: date | None) -> None:
        self.data = value

    def _value(self) -> str:
        if self.raw_data:
            return str(self.raw_data[0])
        return "" if self.data is None else last_day(self.data).isoformat()

    def process_formdata(self, valuelist: list[str]) -> None:
        super().process_formdata(valuelist)
        if self.data is None:
            return
        try:
            self.data += timedelta(days=1)
        except OverflowError:
            self.data = None
            raise ValueError(self.gettext("Not a valid date value.")) from None


def last_day(until: date) -> date:
    """The last day of a half-open range."""
    return until - timedelta(days=1)


class AllergensField(SelectMultipleField):
    """Some of the 14 allergens, as the list of words that the database keeps."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        kept = [each for each in validators or [] if not isinstance(each, InputRequired)]
        super().__init__(label, kept, choices=lambda: choices(Allergen), **options)

    def process_data(self, value: Any) -> None:
        self.data = list(value or [])


class RecordField(QuerySelectField):
    """One record of those that may be chosen, or the one that is chosen already."""

    _object_list: list[tuple[str, Any]] | None

    def _get_object_list(self) -> list[tuple[str, Any]]:
        if self._object_list is None:
            found = list(self.query_func())
            chosen = self.object_data
            if chosen is not None and chosen not in found:
                found.append(chosen)
            self._object_list = [(str(self.get_pk_func(each)), each) for each in found]
        return self._object_list

    def choose(self, key: int) -> None:
        """Choose a record by its key; nothing, if it is not on offer."""
        self.data = dict(self._get_object_list()).get(str(key))

    def iter_choices(self) -> Iterator[Any]:
        for value, label, *rest in super().iter_choices():
            yield Choice(value, str(label), *rest)


def read_upload(field: Any) -> tuple[bytes, FileKind]:
    """The content of an uploaded file and what it is; nothing that could act in a browser.

    Raises: ValidationError.
    """
    with field.data.stream as uploaded:
        content: bytes = uploaded.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise ValidationError(_("This file is too large. Choose one of 10 MB at most."))
    kind = kind_of(content)
    if kind is None:
        raise ValidationError(
            _("This is not a PDF, PNG, JPEG, Word or OpenDocument file. Choose another.")
        )
    return content, kind


class PaperField(FileField):
    """A paper, if one is chosen: read and looked at here, before any lock is taken."""

    content = b""
    kind: FileKind | None = None

    def pre_validate(self, form: Any) -> None:  # noqa: ARG002
        """Nothing that could act in a reader’s browser."""
        if self.data:
            self.content, self.kind = read_upload(self)

    def populate_obj(self, obj: Any, name: str) -> None:
        """The view keeps what was read."""


ANOTHER: Final = "another"


class KnownField(RadioField):
    """Which of those who look known it is, by number, or another person."""

    def __init__(self, label: Any = None, **options: Any) -> None:
        super().__init__(label, [Optional()], choices=[], validate_choice=False, **options)

    def propose(self, people: Sequence[tuple[int, str]], *, may_be_another: bool) -> None:
        """Offer these; none is chosen beforehand."""
        offered = [(str(key), name) for key, name in people]
        if may_be_another:
            offered.append((ANOTHER, _("Somebody else: register a new person")))
        self.choices = offered
        if self.data not in dict(offered):
            self.data = None

    @property
    def known_id(self) -> int | None:
        """Who it is; None for nobody who was proposed."""
        return None if self.data in {None, ANOTHER} else int(self.data)

    @property
    def is_another(self) -> bool:
        """Whether the proposal was refused."""
        return self.data == ANOTHER


class RecordsField(QuerySelectMultipleField):
    """Several records of those that may be chosen."""

    def pre_validate(self, form: Any) -> None:
        """What was not offered is refused: the stock one looks before it has read the choices."""
        _read = self.data
        super().pre_validate(form)
