"""IBANs of Switzerland and Liechtenstein, as people type and read them."""

import re

from stdnum.iso7064 import mod_97_10

from app.bank.characters import grouped
from app.bank.references import is_qr_iban
from app.bank.refusals import IbanForBills, IbanForeign, IbanWrong

COUNTRIES = ("CH", "LI")
_SHAPE = re.compile(r"(?:CH|LI)(?:0[2-9]|[1-8][0-9]|9[0-8])[0-9]{5}[0-9A-Z]{12}")
_FOREIGN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}")
_IGNORED = re.compile(r"[^0-9A-Za-z]+", re.ASCII)
_ANNOUNCED = re.compile(r"^IBAN(?=[A-Z]{2}[0-9])")


def compact_iban(text: str) -> str:
    """Letters and digits alone, in capitals, whether it is an IBAN or not."""
    return _ANNOUNCED.sub("", _IGNORED.sub("", text).upper())


def parse_iban(typed: str) -> str:
    """The compact CH or LI IBAN that a person typed, with spaces, hyphens or « IBAN: » or not.

    Raises: IbanForeign for a right one of another country, IbanWrong for anything else.
    Source: ISO 13616; registry entries CH and LI (5-digit bank, 12-character account).
    """
    iban = compact_iban(typed)
    country = iban[:2]
    if country not in COUNTRIES and _FOREIGN.fullmatch(iban) and _checks(iban):
        raise IbanForeign(country)
    if not _SHAPE.fullmatch(iban) or not _checks(iban):
        raise IbanWrong
    return iban


def parse_payout_iban(typed: str) -> str:
    """The same for an account that money is to be sent to, or sent from.

    Raises: IbanForBills for a QR-IBAN; IbanForeign, IbanWrong.
    Source: Swiss Payment Standards, pain.001 (debtor account); QR-IBAN in those of the QR-bill.
    """
    iban = parse_iban(typed)
    if is_qr_iban(iban):
        raise IbanForBills
    return iban


def _checks(iban: str) -> bool:
    return mod_97_10.is_valid(iban[4:] + iban[:4])


def format_iban(iban: str) -> str:
    """A compact IBAN in groups of 4: « CH93 0076 2011 6238 5295 7 »."""
    return grouped(iban, 4)


def clearing_number(iban: str) -> str:
    """The bank's number (IID) in a compact CH or LI IBAN, without leading zeros."""
    return str(int(iban[4:9]))


def bank_name(iban: str) -> str:
    """The bank of a compact CH or LI IBAN, to show back to who typed it; « » if it is unknown."""
    # 0.1 s: only who enters an IBAN waits for it.
    from schwifty import IBAN  # noqa: PLC0415

    return IBAN(iban, allow_invalid=True).bank_name or ""
