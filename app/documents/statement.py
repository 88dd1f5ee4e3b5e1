"""Statement of a client account between two dates: every operation, totals per child."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate

from reportlab.lib.units import mm

from app.documents.letterhead import Gettext, Letterhead, Paper, Sheet
from app.documents.table import Column, Table
from app.documents.text import Face, format_day, format_signed
from app.money import Cents, format_chf


@dataclass(frozen=True)
class StatementLine:
    """One operation: its amount is below zero when it takes money from the account."""

    day: date
    label: str
    child: str
    amount: Cents


@dataclass(frozen=True)
class AccountStatement:
    """An account from `since` to the day before `until`; lines in the order they count.

    Balances follow from `opening` and the lines. `child` is empty for what concerns none.
    """

    account: str
    reference: str
    since: date
    until: date
    opening: Cents
    lines: tuple[StatementLine, ...]
    printed_on: date
    locale: str = "fr"

    @property
    def balances(self) -> tuple[Cents, ...]:
        """The balance after each line."""
        return tuple(accumulate((line.amount for line in self.lines), initial=self.opening))[1:]

    @property
    def closing(self) -> Cents:
        """The balance after the last line."""
        return self.opening + sum(line.amount for line in self.lines)

    @property
    def totals(self) -> dict[str, Cents]:
        """The sum of the lines of each child, in order of first appearance."""
        totals: dict[str, Cents] = {}
        for line in self.lines:
            totals[line.child] = totals.get(line.child, 0) + line.amount
        return totals


def render_statement(content: AccountStatement, letterhead: Letterhead, gettext: Gettext) -> bytes:
    """The statement as an A4 PDF, the balance running along its lines."""
    _ = gettext
    sheet = Sheet(letterhead, gettext, _("Account statement"), Paper(content.locale))
    _introduction(sheet, content, gettext)
    _operations(sheet, content, gettext)
    sheet.skip(8 * mm)
    _totals(sheet, content, gettext)
    return sheet.pdf()


def _introduction(sheet: Sheet, content: AccountStatement, gettext: Gettext) -> None:
    _ = gettext
    period = _("From %(first)s to %(last)s") % {
        "first": format_day(content.since),
        "last": format_day(content.until - timedelta(days=1)),
    }
    sheet.title(_("Account statement"), content.account, period)
    if content.reference:
        sheet.paragraph(_("Payment reference: %(value)s") % {"value": content.reference}, Face(9))
    sheet.paragraph(_("Printed on %(value)s") % {"value": format_day(content.printed_on)}, Face(9))
    sheet.paragraph(_("Amounts in Swiss francs"), Face(9))
    sheet.skip(4 * mm)


def _operations(sheet: Sheet, content: AccountStatement, gettext: Gettext) -> None:
    _ = gettext
    columns = (
        Column(_("Date"), 12),
        Column(_("Operation"), 36),
        Column(_("Child"), 26),
        Column(_("Amount"), 13, "right"),
        Column(_("Balance"), 13, "right"),
    )
    table = Table(sheet, columns, Face(9))
    first, last = format_day(content.since), format_day(content.until - timedelta(days=1))
    table.row((first, _("Opening balance"), "", "", format_chf(content.opening)), bold=True)
    for line, balance in zip(content.lines, content.balances, strict=True):
        amount = format_signed(line.amount)
        table.row((format_day(line.day), line.label, line.child, amount, format_chf(balance)))
    table.row((last, _("Closing balance"), "", "", format_chf(content.closing)), bold=True)


def _totals(sheet: Sheet, content: AccountStatement, gettext: Gettext) -> None:
    _ = gettext
    columns = (Column(_("Total"), 74), Column(_("Amount"), 13, "right"), Column("", 13))
    table = Table(sheet, columns, Face(9), caption=_("Totals over the period"))
    for child, total in content.totals.items():
        if child:
            table.row((child, format_signed(total), ""))
    table.row((_("Top-ups, refunds and others"), format_signed(content.totals.get("", 0)), ""))
    change = format_signed(content.closing - content.opening)
    table.row((_("Change over the period"), change, ""), bold=True)
