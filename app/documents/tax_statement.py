"""Tax statement: a calendar year's meals of each child by service date; it gives no advice."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from reportlab.lib.units import mm

from app.documents.letterhead import Gettext, Letterhead, Paper, Sheet
from app.documents.table import Column, Table
from app.documents.text import Face, format_day, format_signed
from app.money import Cents, format_chf


@dataclass(frozen=True)
class TaxMeal:
    """What a meal came to in the end, by the day on which it was served."""

    day: date
    meal: str
    amount: Cents


@dataclass(frozen=True)
class TaxChild:
    """A child's meals, by day."""

    name: str
    meals: tuple[TaxMeal, ...]

    @property
    def total(self) -> Cents:
        """What the child's meals came to."""
        return sum(meal.amount for meal in self.meals)


@dataclass(frozen=True)
class TaxStatement:
    """An account's year. What moved it beside meals is shown apart, below zero when it went out."""

    account: str
    reference: str
    year: int
    children: tuple[TaxChild, ...]
    top_ups: Cents
    refunds: Cents
    others: Cents
    printed_on: date
    locale: str = "fr"

    @property
    def total(self) -> Cents:
        """What all meals came to."""
        return sum(child.total for child in self.children)


def render_tax_statement(content: TaxStatement, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The statement as an A4 PDF: totals first, then every meal."""
    return render_tax_statements([content], letterhead, gettext)


def render_tax_statements(
    contents: Iterable[TaxStatement], letterhead: Letterhead, gettext: Gettext
) -> bytes:
    """The statements of several accounts, of the same year, as one PDF to print: each numbered.

    At least one.
    """
    sheet: Sheet | None = None
    for content in contents:
        title = gettext("Tax statement %(year)s") % {"year": content.year}
        if sheet is None:
            sheet = Sheet(letterhead, gettext, title, Paper(content.locale))
        else:
            sheet.next_document()
        _write(sheet, title, content, gettext)
    if sheet is None:
        raise ValueError
    return sheet.pdf()


def _write(sheet: Sheet, title: str, content: TaxStatement, gettext: Gettext) -> None:
    _ = gettext
    sheet.title(title, content.account, _("Meals charged less meals given back, by service date"))
    for text in _notes(content, gettext):
        sheet.paragraph(text, Face(9))
    sheet.skip(4 * mm)
    _totals(sheet, content, gettext)
    for child in content.children:
        sheet.skip(8 * mm)
        _meals(sheet, child, gettext)


def _notes(content: TaxStatement, gettext: Gettext) -> Iterator[str]:
    _ = gettext
    if content.reference:
        yield _("Payment reference: %(value)s") % {"value": content.reference}
    yield _("Printed on %(value)s") % {"value": format_day(content.printed_on)}
    yield _("Amounts in Swiss francs")
    yield _("This paper lists amounts. Whether they count for your taxes, your tax office says.")


def _totals(sheet: Sheet, content: TaxStatement, gettext: Gettext) -> None:
    _ = gettext
    columns = (Column(_("Total"), 74), Column(_("Amount"), 13, "right"))
    table = Table(sheet, columns, Face(9), caption=_("Meals"))
    for child in content.children:
        table.row((child.name, format_chf(child.total)))
    table.row((_("All meals"), format_chf(content.total)), bold=True)
    sheet.skip(6 * mm)
    apart = Table(sheet, columns, Face(9), caption=_("Apart: not meals"))
    for text, amount in (
        (_("Top-ups"), content.top_ups),
        (_("Refunds"), content.refunds),
        (_("Others"), content.others),
    ):
        apart.row((text, format_signed(amount)))


def _meals(sheet: Sheet, child: TaxChild, gettext: Gettext) -> None:
    _ = gettext
    columns = (
        Column(_("Service date"), 16),
        Column(_("Meal"), 58),
        Column(_("Amount"), 13, "right"),
    )
    table = Table(sheet, columns, Face(9), caption=child.name)
    for meal in child.meals:
        table.row((format_day(meal.day), meal.meal, format_chf(meal.amount)))
    table.row(("", _("Total"), format_chf(child.total)), bold=True)
