"""What a bank says of an account: statements (camt.053) and notifications (camt.054)."""

from dataclasses import dataclass
from datetime import date

from app.money import Cents


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account holds at the end of a day; below 0 if it is overdrawn."""

    amount: Cents
    currency: str
    on: date


@dataclass(frozen=True, slots=True)
class Statement:
    """The head of a statement or notification; `iban` is compact, texts not given are empty.

    `kind` is « camt.053 » or « camt.054 »; a notification has no balances. Both days are included.
    """

    file: str
    kind: str
    version: str
    message_id: str
    id: str
    created_on: date
    iban: str
    currency: str
    opening: Balance | None
    closing: Balance | None
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True, slots=True)
class Payment:
    """One transaction of an entry, or the entry itself where the bank gives no details.

    `fingerprint` (64 hexadecimal digits) is the same wherever this money comes again: in a file
    sent twice, in camt.053 and camt.054, in every version. Without a `bank_reference` (its own, or
    its entry's), two payments that are alike in two files cannot be told from one that came twice:
    a person must look.
    `references` are compact. The counterparty is who paid a credit, who received a debit.
    `end_to_end_id`, `batch_id` (PmtInfId) and `message_id` are those of the order, if it was ours;
    `return_reason` says that the money of an order came back.
    """

    fingerprint: str
    amount: Cents
    currency: str
    is_credit: bool
    bank_reference: str
    references: tuple[str, ...]
    message: str
    counterparty: str
    counterparty_iban: str
    end_to_end_id: str
    batch_id: str
    message_id: str
    return_reason: str

    @property
    def signed(self) -> Cents:
        """What it adds to the account."""
        return self.amount if self.is_credit else -self.amount


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the account: one payment, or a batch of them.

    `status` is BOOK once the money is there. `batch_size` is what the bank says, 0 if nothing;
    with `has_details` False, `payments` is the entry itself, which may be a batch's total.
    """

    statement: Statement
    line: int
    amount: Cents
    currency: str
    is_credit: bool
    status: str
    is_reversal: bool
    booked_on: date
    value_on: date | None
    bank_reference: str
    text: str
    batch_size: int
    has_details: bool
    payments: tuple[Payment, ...]

    @property
    def is_booked(self) -> bool:
        """Whether it is final."""
        return self.status == "BOOK"

    @property
    def adds_up(self) -> bool:
        """Whether its payments, in its currency, make up its amount and direction."""
        total = sum(payment.signed for payment in self.payments)
        same = all(payment.currency == self.currency for payment in self.payments)
        return same and total == (self.amount if self.is_credit else -self.amount)
