"""What the columns of a list mean, and what holds for all of its lines."""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any, Final

from flask import redirect, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response as AnyResponse
from wtforms import DateField, FieldList, SelectField, ValidationError
from wtforms.validators import DataRequired

from app import clock
from app.declared.base import FormView
from app.errors import BadInput, ChangedMeanwhile
from app.extensions import db
from app.forms import record_field
from app.import_jobs import table_of
from app.imports.files import choices_of, is_complete
from app.labels import choices
from app.models import Diet, Import, SchoolYear, TariffCategory
from app.pages.asked import record_asked
from app.security import current_actor
from app.sheets.cells import line_of
from app.sheets.reading import MOST_COLUMNS, Table
from app.transaction import transaction
from app.vocabulary import ImportState, SheetColumn
from app.widgets import Checkbox

SHOWN: Final = 3


class ColumnField(SelectField):
    """What one column means."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(
            label,
            validators,
            choices=lambda: [("", _("Leave out")), *choices(SheetColumn)],
            **options,
        )


class ImportColumnsForm(DynamicForm):
    """A select for each column of the list."""

    school_year = record_field(
        _l("School year"), SchoolYear, lambda: SchoolYear.ends_on > clock.today()
    )
    starts_on = DateField(
        _l("Enrolled from"),
        [DataRequired()],
        description=_l("Pupils who change class change it on that day."),
    )
    diet = record_field(_l("Diet, where the list says none"), Diet)
    category = record_field(_l("Tariff category, where the list says none"), TariffCategory)
    makes_classes = Checkbox(_l("Make the classes that do not exist yet"))
    columns = FieldList(ColumnField(), max_entries=MOST_COLUMNS)

    def validate_starts_on(self, field: Any) -> None:
        """A day of the year, or before it."""
        year = self.school_year.data
        if year is not None and field.data is not None and field.data >= year.ends_on:
            raise ValidationError(_("The school year is over by then."))

    def validate_columns(self, field: Any) -> None:
        """The pupil's names and birth date, and nothing twice."""
        said = Counter(each.data for each in field if each.data)
        for each in field:
            if said[each.data] > 1:
                each.errors = [_("Another column says this already.")]
        if any(count > 1 for count in said.values()) or not is_complete(list(said)):
            raise ValidationError(
                _("Say once each: the last name, the first name and the birth date of the pupil.")
            )


class ImportColumnsView(FormView):
    route_base = "/importcolumns"
    form = ImportColumnsForm
    form_title = _l("Columns of the list")
    form_template = "people/import_columns.html"
    submit_label = _l("Show what would become of it")

    def prepare(self, form: Any) -> None:
        """The columns have the names that the list gives them, and what it says first."""
        item = _list_asked()
        table = table_of(db.session(), item)
        if not form.is_submitted():
            for word in item.columns:
                form.columns.append_entry(word)
        if len(form.columns) != len(table.headers):
            raise BadInput
        for field, (name, sample) in zip(form.columns, _columns(table), strict=True):
            field.label.text = name
            field.description = sample

    def form_get(self, form: Any) -> None:
        """As it was said last."""
        said, session = _list_asked().choices, db.session()
        form.school_year.data = session.get(SchoolYear, said["year"])
        form.starts_on.process_data(date.fromisoformat(said["starts_on"]))
        form.diet.data = session.get(Diet, said["diet"])
        form.category.data = session.get(TariffCategory, said["category"])
        form.makes_classes.data = said["makes_classes"]

    def form_post(self, form: Any) -> AnyResponse:
        """Keep it: for this list, and for the next with the same columns."""
        import_id = _list_asked().id
        said = choices_of(
            form.school_year.data,
            form.starts_on.data,
            form.diet.data.id,
            form.category.data.id,
            makes_classes=form.makes_classes.data,
        )
        columns = [field.data for field in form.columns]
        with transaction(current_actor()) as session:
            item = session.get_one(Import, import_id, with_for_update=True)
            if item.state is not ImportState.RECEIVED:
                raise ChangedMeanwhile
            item.columns, item.choices = columns, said
        return redirect(url_for("ImportView.show", pk=import_id))

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """The list."""
        return {"item": _list_asked()}


def _list_asked() -> Import:
    item = record_asked(Import, request.args.get("list"))
    if item.state is not ImportState.RECEIVED:
        raise ChangedMeanwhile
    return item


def _columns(table: Table) -> Iterator[tuple[str, str]]:
    """The name of each column, and the first values that it has."""
    for position, header in enumerate(table.headers):
        cells = (row.cells[position] for row in table.rows if position < len(row.cells))
        texts = dict.fromkeys(text for cell in cells if (text := line_of(cell)))
        name = header or _("Column %(number)s", number=position + 1)
        yield name, ", ".join(text[:30] for text, _n in zip(texts, range(SHOWN), strict=False))
