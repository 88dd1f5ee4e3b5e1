"""What a backup is compared by: rows of every table, and money. Asked of a database, and of a file.

They are counted twice, in two ways, so that a fault of one is not also the other's.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.backup.refusals import BackupDamaged
from app.extensions import db
from app.ledger import discrepancies
from app.models import Account, Transfer
from app.money import Cents

_COUNTED: Final = {
    "account": ("id", "balance"),
    "ledger_account": ("id", "account_id"),
    "transfer": ("debit_id", "credit_id", "amount"),
}


@dataclass(frozen=True)
class Figures:
    """Rows by table; the sum of all balances; that of all transfers; accounts that differ."""

    rows: dict[str, int]
    balances: Cents
    transfers: Cents
    wrong: int


def figures_of(connection: sa.Connection) -> Figures:
    """The figures of what the connection's transaction sees."""
    tables = db.metadata.sorted_tables
    counts = [sa.select(sa.func.count()).select_from(table).scalar_subquery() for table in tables]
    rows = connection.execute(sa.select(*counts)).one()
    sums = [
        connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(column), 0))) or 0
        for column in (Account.balance, Transfer.amount)
    ]
    with Session(connection) as session:
        wrong = len(discrepancies(session))
    named = {table.name: count for table, count in zip(tables, rows, strict=True)}
    return Figures(named, int(sums[0]), int(sums[1]), wrong)


class Tally:
    """The same figures, of lines as they are read."""

    def __init__(self) -> None:
        self._rows: dict[str, int] = {}
        self._places: dict[str, list[int]] = {}
        self._balances: dict[int, Cents] = {}
        self._wallets: dict[int, int] = {}
        self._moved: defaultdict[int, Cents] = defaultdict(int)
        self._transfers = 0

    def begin(self, table: str, columns: Any) -> list[str]:
        """A table of these columns follows, once. Raises: BackupDamaged."""
        wanted = _COUNTED.get(table, ())
        if table in self._rows or not isinstance(columns, list) or not set(wanted) <= set(columns):
            raise BackupDamaged
        self._rows[table] = 0
        self._places[table] = [columns.index(name) for name in wanted]
        return columns

    def count(self, table: str, rows: Any) -> None:
        """Raises: BackupDamaged for rows that no table was announced for."""
        if table not in self._rows or not isinstance(rows, list):
            raise BackupDamaged
        self._rows[table] += len(rows)
        if table in _COUNTED:
            places = self._places[table]
            for row in rows:
                self._add(table, [row[place] for place in places])

    def _add(self, table: str, values: Sequence[Any]) -> None:
        if table == "account":
            self._balances[values[0]] = values[1]
        elif table == "ledger_account":
            self._wallets[values[0]] = values[1]
        else:
            debit, credit, amount = values
            self._moved[debit] -= amount
            self._moved[credit] += amount
            self._transfers += amount

    def figures(self) -> Figures:
        """Raises nothing: an account without a wallet holds nothing."""
        summed: defaultdict[int, Cents] = defaultdict(int)
        for line, account in self._wallets.items():
            summed[account] += self._moved[line]
        wrong = sum(balance != summed[account] for account, balance in self._balances.items())
        return Figures(self._rows, sum(self._balances.values()), self._transfers, wrong)
