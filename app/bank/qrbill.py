"""What a QR-bill says: the content of the Swiss QR code, nothing drawn.

Source: Swiss Implementation Guidelines QR-bill, version 2.3, Swiss QR code data structure.
"""

import re
from dataclasses import dataclass, replace
from typing import Final

from app.bank.characters import fit
from app.bank.iban import parse_iban
from app.bank.references import compact_reference, type_for, type_of
from app.bank.refusals import AddressIncomplete, ReferenceMismatch
from app.errors import AmountOutOfRange
from app.money import Cents, decimal_chf

LEAST: Final[Cents] = 1
MOST: Final[Cents] = 99_999_999_999
LONGEST_MESSAGE: Final = 140

_COUNTRY = re.compile(r"[A-Z]{2}")
_NOBODY: Final = ("",) * 7
"""The lines of an address that is not given."""


@dataclass(frozen=True)
class Address:
    """A structured address; the number may also stand behind the street. `country`: 2 letters."""

    name: str
    street: str
    number: str
    postal_code: str
    town: str
    country: str = "CH"


def country_of(postal_code: str) -> str:
    """The country of a postal code of ours: those of Liechtenstein are 9485 to 9498."""
    is_number = postal_code.isascii() and postal_code.isdigit()
    return "LI" if is_number and 9485 <= int(postal_code) <= 9498 else "CH"  # noqa: PLR2004


@dataclass(frozen=True)
class QrBill:
    """Who pays what to whom; without an amount or debtor, the payer writes them in.

    A standing order is a bill with the proposed amount, or with none.
    """

    iban: str
    creditor: Address
    reference: str
    amount: Cents | None = None
    debtor: Address | None = None
    message: str = ""


def cleaned_address(address: Address) -> Address:
    """The address in the characters and lengths of Swiss payments.

    Raises: AddressIncomplete without name, postal code, town or country; TextTooLong.
    """
    clean = Address(
        fit(address.name, 70),
        fit(address.street, 70),
        fit(address.number, 16),
        fit(address.postal_code, 16),
        fit(address.town, 35),
        address.country.strip().upper(),
    )
    needed = (clean.name, clean.postal_code, clean.town, _COUNTRY.fullmatch(clean.country))
    if not all(needed):
        raise AddressIncomplete
    return clean


def cleaned(bill: QrBill) -> QrBill:
    """The bill as the standard allows it: what is printed and what the code holds are the same.

    Raises: IbanWrong, IbanForeign; ReferenceMismatch; AmountOutOfRange; AddressIncomplete;
    TextTooLong.
    """
    iban, reference = parse_iban(bill.iban), compact_reference(bill.reference)
    if type_of(reference) is not type_for(iban):
        raise ReferenceMismatch(reference, iban)
    if bill.amount is not None and not LEAST <= bill.amount <= MOST:
        raise AmountOutOfRange(LEAST, MOST)
    return replace(
        bill,
        iban=iban,
        reference=reference,
        creditor=cleaned_address(bill.creditor),
        debtor=bill.debtor and cleaned_address(bill.debtor),
        message=fit(bill.message, LONGEST_MESSAGE),
    )


def payload(bill: QrBill) -> str:
    """The 31 lines of the Swiss QR code, to be encoded in UTF-8 with error correction M.

    Raises: as `cleaned`.
    """
    bill = cleaned(bill)
    amount = "" if bill.amount is None else decimal_chf(bill.amount)
    head = ("SPC", "0200", "1", bill.iban)
    ultimate_creditor = _NOBODY
    tail = (type_for(bill.iban), bill.reference, bill.message, "EPD")
    lines = [*head, *_lines(bill.creditor), *ultimate_creditor]
    lines += [amount, "CHF", *_lines(bill.debtor), *tail]
    return "\r\n".join(lines)


def _lines(address: Address | None) -> tuple[str, ...]:
    if address is None:
        return _NOBODY
    place = (address.postal_code, address.town, address.country)
    return ("S", address.name, address.street, address.number, *place)
