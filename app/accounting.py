"""The ledger for the accountant's own program: the journal of a range of days, and its balances.

By accounting day (`booked_on`), not by the day of recording. All wallets are one account there,
what the canteen owes to families; the document reference names the wallet by its code, so that no
name leaves the canteen. Formats: PAYMENTS.md, « Accounting exports ».
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import Session, aliased

from app.labels import label
from app.ledger import CODES
from app.models import LedgerAccount, Transfer
from app.money import Cents, decimal_chf
from app.refusals import DatesReversed
from app.vocabulary import LedgerKind, TransferKind

WALLETS: Final = "2100"
_FORMULA: Final = ("=", "+", "-", "@")


class JournalFormat(StrEnum):
    """The programs that read the journal."""

    CSV = "csv"
    BANANA = "banana"
    CRESUS = "cresus"


ENCODINGS: Final = {
    JournalFormat.CSV: "utf-8-sig",
    JournalFormat.BANANA: "utf-8",
    JournalFormat.CRESUS: "cp1252",
}
SUFFIXES: Final = {
    JournalFormat.CSV: "csv",
    JournalFormat.BANANA: "txt",
    JournalFormat.CRESUS: "txt",
}


@dataclass(frozen=True)
class JournalLine:
    """One transfer: the accounts' numbers, what it is, where it is found again."""

    on: date
    debit: str
    credit: str
    document: str
    description: str
    amount: Cents


def code_of(kind: LedgerKind) -> str:
    """The account's number in the accountant's chart."""
    return WALLETS if kind is LedgerKind.WALLET else CODES[kind]


def journal(session: Session, first: date, last: date) -> list[JournalLine]:
    """The transfers booked from the first to the last day, both included.

    Raises: DatesReversed.
    """
    DatesReversed.check(first, last)
    debit, credit = aliased(LedgerAccount), aliased(LedgerAccount)
    query = (
        sa.select(
            Transfer.id,
            Transfer.booked_on,
            Transfer.kind,
            Transfer.amount,
            debit.kind.label("debit"),
            debit.code.label("debit_code"),
            credit.kind.label("credit"),
            credit.code.label("credit_code"),
        )
        .join(debit, Transfer.debit_id == debit.id)
        .join(credit, Transfer.credit_id == credit.id)
        .where(Transfer.booked_on.between(first, last))
        .order_by(Transfer.booked_on, Transfer.id)
    )
    names = {kind: str(label(kind)) for kind in TransferKind}
    return [_line(row, names[row.kind]) for row in session.execute(query)]


def _line(row: Any, description: str) -> JournalLine:
    sides = ((row.debit, row.debit_code), (row.credit, row.credit_code))
    wallets = [code for kind, code in sides if kind is LedgerKind.WALLET]
    return JournalLine(
        on=row.booked_on,
        debit=code_of(row.debit),
        credit=code_of(row.credit),
        document=" ".join([str(row.id), *wallets]),
        description=description,
        amount=row.amount,
    )


def text_cell(text: str) -> str:
    """One cell of text on one line, which no spreadsheet takes for a formula."""
    flat = " ".join(text.split())
    return f"'{flat}" if flat.startswith(_FORMULA) else flat


def _cells(line: JournalLine) -> list[str]:
    return [
        line.on.isoformat(),
        text_cell(line.document),
        text_cell(line.description),
        line.debit,
        line.credit,
        decimal_chf(line.amount),
    ]


def as_csv(lines: Iterable[JournalLine]) -> bytes:
    """For a spreadsheet: semicolons, and a mark by which Excel knows the encoding."""
    heads = [_("Date"), _("Voucher"), _("Description"), _("Debit"), _("Credit"), _("Amount")]
    return _written([heads, *map(_cells, lines)], ";", "\r\n").encode(ENCODINGS[JournalFormat.CSV])


def as_banana(lines: Iterable[JournalLine]) -> bytes:
    """Banana's import of transactions: tabs, and the names of its columns on the first line.

    The names are those of the program (NameXml), capitals included; days as yyyy-mm-dd, a decimal
    point and no mark of thousands, UTF-8. Source: https://www.banana.ch/doc/en/node/9947 (double
    entry) and https://www.banana.ch/doc/en/node/9966 (text file with column headers).
    """
    heads = ["Date", "Doc", "Description", "AccountDebit", "AccountCredit", "Amount"]
    return _written([heads, *map(_cells, lines)], "\t", "\n").encode(
        ENCODINGS[JournalFormat.BANANA]
    )


def as_cresus(lines: Iterable[JournalLine]) -> bytes:
    """Crésus's import of entries: tabs, no heading; date, debit, credit, document, text, amount.

    Lines end with CR and LF. Source: manual of Crésus Comptabilité, 19.2,
    https://support.cresus.ch/manuels/cresus-comptabilite/importer-des-donnees-236. It names neither
    the days' form nor the characters: dd.mm.yyyy, and those of Windows, as its maker's own reader
    takes them (github.com/epsitec-sa/creative-docs, CrésusCompta.cs: `Encoding.Default`).
    """
    rows = [
        [
            each.on.strftime("%d.%m.%Y"),
            each.debit,
            each.credit,
            text_cell(each.document),
            text_cell(each.description),
            decimal_chf(each.amount),
        ]
        for each in lines
    ]
    return _written(rows, "\t", "\r\n").encode(ENCODINGS[JournalFormat.CRESUS], "replace")


def _written(rows: Sequence[Sequence[str]], separator: str, end: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=separator, lineterminator=end).writerows(rows)
    return buffer.getvalue()


WRITERS: Final[dict[JournalFormat, Callable[[Iterable[JournalLine]], bytes]]] = {
    JournalFormat.CSV: as_csv,
    JournalFormat.BANANA: as_banana,
    JournalFormat.CRESUS: as_cresus,
}


@dataclass(frozen=True)
class BalanceLine:
    """An account over a range of days; opening and closing are debits less credits."""

    kind: LedgerKind
    opening: Cents
    debits: Cents
    credits: Cents

    @property
    def code(self) -> str:
        """Its number."""
        return code_of(self.kind)

    @property
    def name(self) -> str:
        """What it is called; the wallets are what is owed to families."""
        return (
            _("Balances of families") if self.kind is LedgerKind.WALLET else str(label(self.kind))
        )

    @property
    def closing(self) -> Cents:
        """What it holds in the end."""
        return self.opening + self.debits - self.credits


def trial_balance(session: Session, first: date, last: date) -> list[BalanceLine]:
    """Each account of the chart, in order; debits and credits sum up to the same.

    Raises: DatesReversed.
    """
    DatesReversed.check(first, last)
    sides = _sides(last)
    within, before = sides.c.booked_on >= first, sides.c.booked_on < first
    query = (
        sa.select(
            LedgerAccount.kind,
            _sum(before, sides.c.debit - sides.c.credit),
            _sum(within, sides.c.debit),
            _sum(within, sides.c.credit),
        )
        .outerjoin(sides, sides.c.line == LedgerAccount.id)
        .group_by(LedgerAccount.kind)
    )
    found = [BalanceLine(kind, *map(int, sums)) for kind, *sums in session.execute(query)]
    return sorted(found, key=lambda each: each.code)


def _sides(last: date) -> sa.Subquery:
    """Every transfer up to the day twice: from the debited and from the credited account."""
    zero = sa.literal(0)
    until = Transfer.booked_on <= last
    debits = sa.select(
        Transfer.debit_id.label("line"),
        Transfer.booked_on,
        Transfer.amount.label("debit"),
        zero.label("credit"),
    )
    credits_ = sa.select(Transfer.credit_id, Transfer.booked_on, zero, Transfer.amount)
    return sa.union_all(debits.where(until), credits_.where(until)).subquery()


def _sum(condition: sa.ColumnElement[bool], amount: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(sa.func.sum(sa.case((condition, amount), else_=0)), 0)
