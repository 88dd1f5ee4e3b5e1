"""The permanent payment reference of an account: a QR reference (QRR) or a creditor one (SCOR)."""

import re
from enum import StrEnum
from typing import Final

from stdnum import iso11649
from stdnum.ch import esr
from stdnum.iso7064 import mod_97_10

from app.bank.characters import grouped
from app.bank.refusals import ReferenceWrong

NO_PREFIX: Final = "000000"
SCOR_BODY: Final = "CANT"
"""Sets our references apart from those that the school's other programs give its invoices."""

_QR_BANKS: Final = range(30000, 32000)
_DIGITS: Final = 27
_PREFIX = re.compile(r"[0-9]{6}")
_QRR = re.compile(r"[0-9]{27}")
_SCOR = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}")
_MOST = {"QRR": 10**20, "SCOR": 10**17}
_IGNORED = re.compile(r"[\s.\-/]+")


class ReferenceType(StrEnum):
    """The two structured references of the Swiss QR code."""

    QRR = "QRR"
    SCOR = "SCOR"


def is_qr_iban(iban: str) -> bool:
    """Whether a compact CH or LI IBAN takes QR-bills only: its bank number is 30000 to 31999.

    Source: Swiss guidelines for the QR-bill 2.3, QR-IBAN (QR-IID).
    """
    return iban[4:9].isdigit() and int(iban[4:9]) in _QR_BANKS


def type_for(iban: str) -> ReferenceType:
    """The type of reference that goes with the creditor's IBAN.

    Source: Swiss guidelines for the QR-bill 2.3, data element Tp of RmtInf.
    """
    return ReferenceType.QRR if is_qr_iban(iban) else ReferenceType.SCOR


def account_reference(account_id: int, creditor_iban: str, prefix: str = NO_PREFIX) -> str:
    """The reference of an account for ever, never that of another; without spaces.

    `prefix`: the 6 digits that some banks assign to the creditor, for QR references only.
    Raises: ValueError for an id or prefix that no account or bank has.
    """
    kind = type_for(creditor_iban)
    if not 0 < account_id < _MOST[kind]:
        raise ValueError(account_id)
    return _scor(account_id) if kind is ReferenceType.SCOR else _qrr(account_id, prefix)


def goes_with(reference: str, iban: str) -> bool:
    """Whether the reference is of the type that the creditor's IBAN wants."""
    return type_of(reference) is type_for(iban)


def _qrr(account_id: int, prefix: str) -> str:
    """26 digits and their check digit. Source: the same, modulo 10 recursive."""
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(prefix)
    body = f"{prefix}{account_id:020d}"
    return body + esr.calc_check_digit(body)


def _scor(account_id: int) -> str:
    """RF, two check digits, and at most 21 characters. Source: ISO 11649."""
    body = f"{SCOR_BODY}{account_id:08d}"
    return f"RF{mod_97_10.calc_check_digits(f'{body}RF')}{body}"


def compact_reference(text: str) -> str:
    """A reference as it is stored and compared, right or not; digits alone fill 27 places."""
    compact = _IGNORED.sub("", text).upper()
    is_digits = compact.isascii() and compact.isdigit() and len(compact) <= _DIGITS
    return compact.zfill(_DIGITS) if is_digits else compact


def type_of(reference: str) -> ReferenceType | None:
    """The type of a compact reference; None if it is neither, or if its check fails."""
    if _QRR.fullmatch(reference) and int(reference) and esr.is_valid(reference):
        return ReferenceType.QRR
    if _SCOR.fullmatch(reference) and iso11649.is_valid(reference):
        return ReferenceType.SCOR
    return None


def parse_reference(typed: str) -> str:
    """The compact reference that a person typed, in groups or not, leading zeros or not.

    Raises: ReferenceWrong.
    """
    reference = compact_reference(typed)
    if type_of(reference) is None:
        raise ReferenceWrong
    return reference


def format_reference(reference: str) -> str:
    """A compact reference in groups: « 21 00000 00003 … », « RF18 5390 0754 7034 ».

    Source: Swiss guidelines for the QR-bill 2.3, §3.6.2.
    """
    if _QRR.fullmatch(reference):
        return grouped(reference, 5, first=2)
    return grouped(reference, 4)
