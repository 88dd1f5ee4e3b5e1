"""A bank file as lines to book one by one; nothing is kept of one that is refused."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from app.bank.bank_file import read_bank_file
from app.bank.camt import Balance, Entry, Payment, Statement
from app.bank.iban import compact_iban
from app.bank.refusals import (
    BankAccountMissing,
    BankValueUnreadable,
    WrongBankAccount,
    WrongBankCurrency,
)
from app.vocabulary import BankMessage

CURRENCY: Final = "CHF"
FIRST_DAY: Final = date(2000, 1, 1)
MOST_DAYS_AHEAD: Final = timedelta(days=31)


@dataclass(frozen=True)
class BankRules:
    """What the settings say of the bank: our account's IBANs, and what credits are read from."""

    ibans: frozenset[str]
    channel: BankMessage


@dataclass(frozen=True, slots=True)
class Line:
    """One payment, with the line of the bank account that it is part of.

    `is_whole`: it stands for that whole line, because its payments do not make it up.
    `statement` names the bank's message, the same in every file that holds it.
    """

    position: int
    statement: str
    entry: Entry
    payment: Payment
    is_whole: bool

    @property
    def message_kind(self) -> BankMessage:
        return BankMessage(self.entry.statement.kind)

    @property
    def is_plain_credit(self) -> bool:
        return self.payment.is_credit and not self.entry.is_reversal


@dataclass(frozen=True)
class DayEnd:
    """What the account held at the end of a day, and at the beginning of the statement."""

    opening: Balance
    closing: Balance


@dataclass
class Reading:
    """All that a file holds."""

    lines: list[Line] = field(default_factory=list)
    day_ends: list[DayEnd] = field(default_factory=list)


def read_lines(source: bytes | Path, name: str, rules: BankRules, today: date) -> Reading:
    """Read a file to its end, so that nothing is booked of one that is refused.

    Raises: BankFileRefused, by its subclasses: also for another account or currency than ours.
    """
    if not rules.ibans:
        raise BankAccountMissing(name)
    reading, statement = Reading(), ""
    for part in read_bank_file(source, name):
        if isinstance(part, Statement):
            _check_account(part, rules)
            statement = _name_of(part)
            _add_day_end(reading, part)
        else:
            _check_entry(part, today)
            for payment, is_whole in _payments(part):
                line = Line(len(reading.lines), statement, part, payment, is_whole)
                reading.lines.append(line)
    return reading


def _check_account(statement: Statement, rules: BankRules) -> None:
    if statement.iban not in rules.ibans:
        raise WrongBankAccount(statement.file, statement.iban or "?")
    if statement.currency not in {"", CURRENCY}:
        raise WrongBankCurrency(statement.file, statement.currency)


def _check_entry(entry: Entry, today: date) -> None:
    if entry.currency != CURRENCY:
        raise WrongBankCurrency(entry.statement.file, entry.currency)
    if not FIRST_DAY <= entry.booked_on <= today + MOST_DAYS_AHEAD:
        shown = entry.booked_on.isoformat()
        raise BankValueUnreadable(entry.statement.file, entry.line, "BookgDt", shown)


def _name_of(statement: Statement) -> str:
    parts = (
        statement.kind,
        statement.iban,
        statement.id,
        statement.message_id,
        statement.created_on.isoformat(),
    )
    return sha256("\n".join(parts).encode()).hexdigest()


def _add_day_end(reading: Reading, statement: Statement) -> None:
    opening, closing = statement.opening, statement.closing
    if opening is not None and closing is not None:
        reading.day_ends.append(DayEnd(opening, closing))


def _payments(entry: Entry) -> Iterator[tuple[Payment, bool]]:
    """Its payments, if they are what the bank says they are together; otherwise their total."""
    one_way = all(payment.is_credit is entry.is_credit for payment in entry.payments)
    if entry.adds_up and one_way:
        yield from ((payment, False) for payment in entry.payments)
        return
    marks = "\n".join(payment.fingerprint for payment in entry.payments)
    yield (
        replace(
            entry.payments[0],
            fingerprint=sha256(marks.encode()).hexdigest(),
            amount=entry.amount,
            currency=entry.currency,
            is_credit=entry.is_credit,
            bank_reference=entry.bank_reference,
            references=(),
        ),
        True,
    )


def bank_rules(creditor_iban: str, refund_iban: str, channel: BankMessage) -> BankRules:
    """As the settings have them."""
    ibans = frozenset(filter(None, map(compact_iban, (creditor_iban, refund_iban))))
    return BankRules(ibans, channel)
