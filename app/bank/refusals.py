"""What the formats of the bank refuse, named by cause; see `app.errors`."""

from dataclasses import dataclass

from app.errors import N_, Refusal


class IbanWrong(Refusal):
    """Too short, too long, letters where digits belong, or a check that fails."""

    sentence = N_(
        "This is not an IBAN: it begins with CH or LI and has 21 characters. Compare each of them."
    )
    status = 400


@dataclass(eq=False)
class IbanForeign(Refusal):
    """An IBAN of another country; `country` is its two letters."""

    country: str
    sentence = N_(
        "Accounts in %(country)s are not possible. Enter an IBAN that begins with CH or LI."
    )
    status = 400


class IbanForBills(Refusal):
    """A QR-IBAN takes QR-bills only."""

    sentence = N_(
        "This IBAN takes QR-bills only. Enter the account’s ordinary IBAN, from a bank statement."
    )
    status = 400


class ReferenceWrong(Refusal):
    """Neither a QR reference nor a creditor reference."""

    sentence = N_(
        "This reference is not right: 27 digits, or RF and up to 23 characters. Compare them all."
    )
    status = 400


@dataclass(eq=False)
class ReferenceMismatch(Refusal):
    """A QR reference goes with a QR-IBAN only, a creditor reference with an ordinary one."""

    reference: str
    iban: str
    sentence = N_(
        "The reference %(reference)s does not go with the IBAN %(iban)s."
        " Ask the administrator to check the settings."
    )


class IbanOfOtherKind(Refusal):
    """The references, which accounts keep for ever, go with a QR-IBAN or with an ordinary one."""

    sentence = N_(
        "The accounts’ references do not go with this IBAN: enter one of the same kind as before,"
        " QR-IBAN or ordinary."
    )


class AddressIncomplete(Refusal):
    """Name, postal code, town or country is missing."""

    sentence = N_("A payment needs name, postal code, town and country. Complete the address.")
    status = 400


@dataclass(eq=False)
class TextTooLong(Refusal):
    """A text longer than the standard allows; `most` in characters."""

    text: str
    most: int
    sentence = N_("“%(text)s” is too long for a payment: shorten it to %(most)s characters.")
    status = 400


@dataclass(eq=False)
class BankFileRefused(Refusal):
    """A bank file of which nothing is taken; `file` is its name."""

    file: str
    sentence = N_("%(file)s cannot be read. Download it again from the bank.")
    status = 400


@dataclass(eq=False)
class BankFileTooLarge(BankFileRefused):
    """More bytes or payments than are read at once."""

    sentence = N_("%(file)s is too large. Ask the bank for files of shorter periods.")
    status = 413


@dataclass(eq=False)
class BankFileSuspect(BankFileRefused):
    """Definitions of entities, or a flood of parts: nothing that a bank writes."""

    sentence = N_(
        "%(file)s holds what no bank sends, so it was not read. Download it again from the bank."
    )


@dataclass(eq=False)
class BankFileDamaged(BankFileRefused):
    """Cut off, or not well formed."""

    line: int
    sentence = N_(
        "%(file)s is cut off or damaged at line %(line)s. Download it again from the bank."
    )


@dataclass(eq=False)
class NotABankFile(BankFileRefused):
    """Something else; `found` says what it seems to be."""

    found: str
    sentence = N_(
        "%(file)s is no camt.053 or camt.054 file of version 02, 04 or 08, but %(found)s."
        " Choose that format at the bank."
    )


@dataclass(eq=False)
class ArchiveUnreadable(BankFileRefused):
    """A ZIP that is damaged, encrypted or without any XML."""

    sentence = N_(
        "%(file)s is damaged, has a password or holds no XML file. Download it again from the bank."
    )


@dataclass(eq=False)
class BankValueUnreadable(BankFileRefused):
    """An amount, date or direction that is missing or unreadable is never guessed."""

    line: int
    element: str
    value: str
    sentence = N_(
        "%(file)s, line %(line)s: %(element)s “%(value)s” cannot be read,"
        " so nothing of this file is booked. Ask the bank for a new one."
    )


@dataclass(eq=False)
class WrongBankAccount(BankFileRefused):
    """A file of an account that is not the canteen's; `iban` as the file says it."""

    iban: str
    sentence = N_(
        "%(file)s is of the account %(iban)s, which is not in the settings. Choose the files of"
        " the canteen’s account, or correct the settings."
    )


@dataclass(eq=False)
class WrongBankCurrency(BankFileRefused):
    """A file of an account in another currency."""

    currency: str
    sentence = N_(
        "%(file)s is of an account in %(currency)s; the canteen’s account is in CHF. Choose"
        " another file."
    )


@dataclass(eq=False)
class BankAccountMissing(BankFileRefused):
    """The settings do not say which account is the canteen's."""

    sentence = N_(
        "%(file)s was not read: the settings name no IBAN of the canteen. Enter it there first."
    )
