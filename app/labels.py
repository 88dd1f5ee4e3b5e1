"""The stored words of vocabulary.py as people read them: one table for forms, lists and mails."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

from flask_babel import gettext
from flask_babel import lazy_gettext as _l

from app import vocabulary as words
from app.vocabulary import Channel, Reason

# By enum, because members of two enums with the same value are equal.
LABELS: Final[Mapping[type[StrEnum], Mapping[Any, Any]]] = {
    words.Language: {
        words.Language.FRENCH: _l("French"),
        words.Language.ENGLISH: _l("English"),
    },
    words.Channel: {
        words.Channel.PORTAL: _l("Portal"),
        words.Channel.MAIL: _l("Mail"),
        words.Channel.TELEPHONE: _l("Telephone"),
        words.Channel.DESK: _l("Desk"),
        words.Channel.TILL: _l("Till"),
        words.Channel.SYSTEM: _l("Automatic"),
    },
    words.MealKind: {
        words.MealKind.NORMAL: _l("Normal"),
        words.MealKind.VEGETARIAN: _l("Vegetarian"),
        words.MealKind.SPECIAL: _l("Special"),
    },
    words.BookingState: {
        words.BookingState.BOOKED: _l("Booked"),
        words.BookingState.CANCELLED: _l("Cancelled"),
        words.BookingState.CHARGED: _l("Paid"),
        words.BookingState.UNFUNDED: _l("Not covered"),
        words.BookingState.REFUSED: _l("Refused"),
        words.BookingState.GIVEN_BACK: _l("Given back"),
    },
    words.Attendance: {
        words.Attendance.EXPECTED: _l("Expected"),
        words.Attendance.SERVED: _l("Served"),
        words.Attendance.ABSENT: _l("Absent"),
    },
    words.Reason: {
        words.Reason.ILLNESS: _l("Illness"),
        words.Reason.OUTING: _l("Class outing"),
        words.Reason.CLOSED_DAY: _l("Canteen closed"),
        words.Reason.EXCLUSION: _l("Exclusion"),
        words.Reason.DEPARTURE: _l("Departure"),
        words.Reason.RESTORED: _l("Takes place after all"),
        words.Reason.NO_FUNDS: _l("Balance not sufficient"),
        words.Reason.MISTAKE: _l("Mistake"),
        words.Reason.OTHER: _l("Other reason"),
    },
    words.InterruptionKind: {
        words.InterruptionKind.CLOSURE: _l("Closed day"),
        words.InterruptionKind.OUTING: _l("Class outing"),
    },
    words.DecisionState: {
        words.DecisionState.PREPARED: _l("Prepared"),
        words.DecisionState.IN_FORCE: _l("In force"),
        words.DecisionState.LIFTED: _l("Lifted"),
    },
    words.LedgerKind: {
        words.LedgerKind.WALLET: _l("Client account"),
        words.LedgerKind.CASH: _l("Cash"),
        words.LedgerKind.BANK: _l("Bank"),
        words.LedgerKind.CLEARING: _l("Online payments on their way"),
        words.LedgerKind.MEAL_INCOME: _l("Meals sold"),
        words.LedgerKind.FEES: _l("Fees"),
        words.LedgerKind.REFUNDS_DUE: _l("Refunds due"),
        words.LedgerKind.SUSPENSE: _l("Not matched"),
        words.LedgerKind.CASH_DIFFERENCE: _l("Cash difference"),
    },
    words.TransferKind: {
        words.TransferKind.TOP_UP: _l("Top-up"),
        words.TransferKind.MEAL: _l("Meal"),
        words.TransferKind.REFUND: _l("Refund"),
        words.TransferKind.REFUND_PAID: _l("Refund paid"),
        words.TransferKind.FEE: _l("Fee"),
        words.TransferKind.BANK_QUEUED: _l("Bank payment that waits"),
        words.TransferKind.PAYOUT: _l("Payout of online payments"),
        words.TransferKind.DEPOSIT: _l("Cash taken to the bank"),
        words.TransferKind.CHARGEBACK: _l("Chargeback"),
        words.TransferKind.PAID_TWICE: _l("Online payment to give back"),
        words.TransferKind.CASH_DIFFERENCE: _l("Cash difference"),
        words.TransferKind.REVERSAL: _l("Reversal"),
    },
    words.TopUpChannel: {
        words.TopUpChannel.CASH: _l("Cash"),
        words.TopUpChannel.BANK: _l("Bank"),
        words.TopUpChannel.ONLINE: _l("Online"),
    },
    words.TopUpState: {
        words.TopUpState.ANNOUNCED: _l("Announced"),
        words.TopUpState.VALIDATED: _l("On its way"),
        words.TopUpState.CREDITED: _l("Credited"),
        words.TopUpState.CANCELLED: _l("Cancelled"),
        words.TopUpState.EXPIRED: _l("Not arrived"),
    },
    words.PaymentState: {
        words.PaymentState.CREATED: _l("Prepared"),
        words.PaymentState.STARTED: _l("Begun"),
        words.PaymentState.VALIDATED: _l("Paid"),
        words.PaymentState.FAILED: _l("Failed"),
        words.PaymentState.ABANDONED: _l("Given up"),
        words.PaymentState.EXPIRED: _l("Expired"),
        words.PaymentState.PAID_TWICE: _l("Paid twice"),
        words.PaymentState.REFUNDING: _l("To be refunded to the card"),
        words.PaymentState.REFUNDED: _l("Refunded to the card"),
        words.PaymentState.MISMATCHED: _l("Not as ordered"),
        words.PaymentState.CHARGED_BACK: _l("Charged back"),
    },
    words.ImportState: {
        words.ImportState.RECEIVED: _l("To be looked at"),
        words.ImportState.ENTERED: _l("Entered"),
        words.ImportState.UNDONE: _l("Undone"),
    },
    words.ImportFate: {
        words.ImportFate.NEW: _l("New pupil"),
        words.ImportFate.UPDATED: _l("Changes"),
        words.ImportFate.SAME: _l("Nothing to change"),
        words.ImportFate.ASKED: _l("Who is it?"),
        words.ImportFate.LEFT_OUT: _l("Left out"),
        words.ImportFate.FAULTY: _l("Not readable"),
    },
    words.SheetColumn: {
        words.SheetColumn.LAST_NAME: _l("Pupil: last name"),
        words.SheetColumn.FIRST_NAME: _l("Pupil: first name"),
        words.SheetColumn.BIRTH_DATE: _l("Pupil: birth date"),
        words.SheetColumn.SCHOOL_CLASS: _l("Pupil: class"),
        words.SheetColumn.DIET: _l("Pupil: diet"),
        words.SheetColumn.CATEGORY: _l("Pupil: tariff category"),
        words.SheetColumn.LAST_NAME_1: _l("Holder 1: last name"),
        words.SheetColumn.FIRST_NAME_1: _l("Holder 1: first name"),
        words.SheetColumn.EMAIL_1: _l("Holder 1: mail address"),
        words.SheetColumn.PHONE_1: _l("Holder 1: telephone"),
        words.SheetColumn.STREET_1: _l("Holder 1: street and number"),
        words.SheetColumn.POSTAL_CODE_1: _l("Holder 1: postal code"),
        words.SheetColumn.TOWN_1: _l("Holder 1: town"),
        words.SheetColumn.LANGUAGE_1: _l("Holder 1: language"),
        words.SheetColumn.LAST_NAME_2: _l("Holder 2: last name"),
        words.SheetColumn.FIRST_NAME_2: _l("Holder 2: first name"),
        words.SheetColumn.EMAIL_2: _l("Holder 2: mail address"),
        words.SheetColumn.PHONE_2: _l("Holder 2: telephone"),
        words.SheetColumn.STREET_2: _l("Holder 2: street and number"),
        words.SheetColumn.POSTAL_CODE_2: _l("Holder 2: postal code"),
        words.SheetColumn.TOWN_2: _l("Holder 2: town"),
        words.SheetColumn.LANGUAGE_2: _l("Holder 2: language"),
    },
    words.LineProblem: {
        words.LineProblem.NO_NAME: _l("The pupil’s name is missing."),
        words.LineProblem.NO_BIRTH_DATE: _l("The birth date is missing."),
        words.LineProblem.BAD_BIRTH_DATE: _l("The birth date is not a date."),
        words.LineProblem.ODD_BIRTH_DATE: _l("The birth date is not that of a pupil."),
        words.LineProblem.NO_CLASS: _l("The class is missing."),
        words.LineProblem.UNKNOWN_CLASS: _l("There is no such class in that school year."),
        words.LineProblem.UNKNOWN_DIET: _l("There is no such diet."),
        words.LineProblem.UNKNOWN_CATEGORY: _l("There is no such tariff category."),
        words.LineProblem.NO_HOLDER: _l("There is nobody to hold the account."),
        words.LineProblem.HALF_A_NAME: _l("Only half of the holder’s name is there."),
        words.LineProblem.BAD_MAIL: _l("The mail address is not one."),
        words.LineProblem.MAIL_TAKEN: _l("The mail address is that of somebody else."),
        words.LineProblem.TOO_LONG: _l("The text is too long."),
        words.LineProblem.TWICE: _l("The pupil is in the file already, on another line."),
        words.LineProblem.SEVERAL: _l("Several pupils bear that name. Edit them by hand."),
        words.LineProblem.MAIL_SHARED: _l(
            "Both holders have one mail address: the first keeps it."
        ),
        words.LineProblem.UNKNOWN_LANGUAGE: _l("Mails are in French or English: French."),
        words.LineProblem.STAFF: _l("The holder works here: their own page is not changed."),
    },
    words.MailState: {
        words.MailState.QUEUED: _l("Waiting"),
        words.MailState.SENT: _l("Sent"),
        words.MailState.FAILED: _l("Failed"),
    },
    words.FactKind: {
        words.FactKind.BOOKING_CHANGED: _l("Bookings changed"),
        words.FactKind.MEAL_UNFUNDED: _l("Meal not covered"),
        words.FactKind.MEAL_REFUSED: _l("Meal refused"),
        words.FactKind.CREDITED: _l("Account credited"),
        words.FactKind.PAYMENT_VALIDATED: _l("Online payment validated"),
        words.FactKind.PAYMENT_REFUNDED: _l("Online payment refunded"),
        words.FactKind.RECEIPT_CANCELLED: _l("Receipt cancelled"),
        words.FactKind.TAKEN_BACK: _l("Money taken back"),
        words.FactKind.LATE_CANCELLATION: _l("Late cancellation"),
        words.FactKind.KITCHEN_LIST: _l("Final list of the kitchen"),
        words.FactKind.PASSWORD_RESET: _l("Forgotten password"),
        words.FactKind.PRICE_CHANGED: _l("Price changed"),
        words.FactKind.QR_BILL: _l("QR-bill"),
        words.FactKind.LOW_BALANCE: _l("Balance running low"),
        words.FactKind.MEAL_UNCOVERED: _l("Next meal not covered"),
        words.FactKind.REFUND_REQUESTED: _l("Refund requested"),
        words.FactKind.REFUND_VERIFIED: _l("Refund verified"),
        words.FactKind.REFUND_SENT: _l("Refund ordered at the bank"),
        words.FactKind.REFUND_PAID: _l("Refund paid"),
        words.FactKind.REFUND_REFUSED: _l("Refund refused"),
        words.FactKind.REFUND_WITHDRAWN: _l("Refund withdrawn"),
        words.FactKind.BALANCE_QUESTION: _l("What to do with the balance"),
        words.FactKind.MESSAGE: _l("Message of the canteen"),
        words.FactKind.EXCLUDED: _l("Exclusion"),
        words.FactKind.EXCLUSION_LIFTED: _l("Exclusion lifted"),
        words.FactKind.DEPARTED: _l("Departure"),
        words.FactKind.NEW_YEAR: _l("New school year"),
    },
    words.PaperKind: {
        words.PaperKind.REGISTRATION: _l("Registration form"),
        words.PaperKind.MEDICAL: _l("Medical certificate"),
        words.PaperKind.OTHER: _l("Other paper"),
    },
    words.Audience: {
        words.Audience.CLASS: _l("The families of a class"),
        words.Audience.DAY: _l("The families with a meal on a day"),
        words.Audience.EVERYONE: _l("Every family"),
        words.Audience.LOW_BALANCE: _l("Families with little balance left"),
    },
    words.RefundState: {
        words.RefundState.REQUESTED: _l("Requested"),
        words.RefundState.VERIFIED: _l("Verified"),
        words.RefundState.SENT: _l("Sent to the bank"),
        words.RefundState.PAID: _l("Paid out"),
        words.RefundState.REFUSED: _l("Refused"),
        words.RefundState.WITHDRAWN: _l("Withdrawn"),
    },
    words.BalanceAnswer: {
        words.BalanceAnswer.CARRIED_OVER: _l("Carried over"),
        words.BalanceAnswer.REFUND: _l("To be paid back"),
    },
    words.BankMessage: {
        words.BankMessage.STATEMENT: _l("Account statements (camt.053)"),
        words.BankMessage.NOTIFICATION: _l("Credit notifications (camt.054)"),
    },
    words.BankFileState: {
        words.BankFileState.RECEIVED: _l("To be checked"),
        words.BankFileState.BOOKING: _l("Being booked"),
        words.BankFileState.BOOKED: _l("Imported"),
    },
    words.BankEntryState: {
        words.BankEntryState.QUEUED: _l("To decide"),
        words.BankEntryState.CREDITED: _l("Credited"),
        words.BankEntryState.SETTLED: _l("Done"),
        words.BankEntryState.RETURNED: _l("To be sent back"),
        words.BankEntryState.IGNORED: _l("Ignored"),
    },
    words.EntryReason: {
        words.EntryReason.REFERENCE: _l("The reference is that of an account."),
        words.EntryReason.NO_REFERENCE: _l("There is no reference."),
        words.EntryReason.UNKNOWN_REFERENCE: _l("No account has this reference."),
        words.EntryReason.SEVERAL_ACCOUNTS: _l("The references are those of several accounts."),
        words.EntryReason.ARCHIVED_ACCOUNT: _l("The account of this reference is archived."),
        words.EntryReason.BATCH: _l("This is a total; the bank does not say who paid."),
        words.EntryReason.NOT_ADDING_UP: _l("The payments do not add up to the bank’s total."),
        words.EntryReason.CAME_BACK: _l("A payment of ours came back."),
        words.EntryReason.AWAITS_NOTICE: _l("Credits come from camt.054: import that file."),
        words.EntryReason.POSSIBLY_KNOWN: _l(
            "An equal payment came in another file, and the bank numbers neither of them."
        ),
        words.EntryReason.DEBIT: _l("A debit that the program does not know."),
        words.EntryReason.REVERSAL: _l("A reversal, and it is not clear of which payment."),
        words.EntryReason.KNOWN: _l("Imported already."),
        words.EntryReason.KNOWN_BATCH: _l("Imported already, payment by payment."),
        words.EntryReason.REPLACED: _l("Came again in detail, and was booked there."),
        words.EntryReason.OTHER_CHANNEL: _l("Booked from the account statement (camt.053)."),
        words.EntryReason.NOT_BOOKED: _l("The bank has not booked this yet."),
        words.EntryReason.NO_AMOUNT: _l("There is no amount."),
        words.EntryReason.UNDONE: _l("Undoes another payment."),
        words.EntryReason.REFUND: _l("A refund to a family."),
        words.EntryReason.PAID_BACK: _l("Sends a payment back."),
        words.EntryReason.ASSIGNED: _l("Assigned by a person."),
        words.EntryReason.PAYOUT: _l("Payout of online payments"),
        words.EntryReason.DEPOSIT: _l("Cash taken to the bank"),
        words.EntryReason.FEE: _l("Fee or interest of the bank"),
        words.EntryReason.BY_HAND: _l("Decided by a person."),
    },
    words.Allergen: {
        words.Allergen.GLUTEN: _l("Gluten"),
        words.Allergen.CRUSTACEANS: _l("Crustaceans"),
        words.Allergen.EGGS: _l("Eggs"),
        words.Allergen.FISH: _l("Fish"),
        words.Allergen.PEANUTS: _l("Peanuts"),
        words.Allergen.SOY: _l("Soy"),
        words.Allergen.MILK: _l("Milk"),
        words.Allergen.NUTS: _l("Nuts"),
        words.Allergen.CELERY: _l("Celery"),
        words.Allergen.MUSTARD: _l("Mustard"),
        words.Allergen.SESAME: _l("Sesame"),
        words.Allergen.SULPHITES: _l("Sulphites"),
        words.Allergen.LUPIN: _l("Lupin"),
        words.Allergen.MOLLUSCS: _l("Molluscs"),
    },
    words.Severity: {
        words.Severity.INTOLERANCE: _l("Intolerance"),
        words.Severity.ALLERGY: _l("Allergy"),
        words.Severity.ANAPHYLAXIS: _l("Severe allergy"),
    },
    words.PeriodState: {
        words.PeriodState.OPEN: _l("Open"),
        words.PeriodState.CLOSED: _l("Closed"),
    },
}
FAMILIES_ASK_BY: Final = (Channel.TELEPHONE, Channel.MAIL, Channel.DESK)
STAFF_GIVE: Final = (Reason.ILLNESS, Reason.OUTING, Reason.MISTAKE, Reason.OTHER)


def label(word: StrEnum) -> str:
    """One stored word in the reader's language."""
    return str(LABELS[type(word)][word])


def way(channel: Channel) -> str:
    """How a change reached us; whatever came to staff, for a family or not, says so."""
    if channel in {Channel.PORTAL, Channel.SYSTEM}:
        return label(channel)
    return str(gettext("%(way)s, by staff", way=label(channel)))


def choices(members: Iterable[StrEnum]) -> list[tuple[str, str]]:
    """Value and label of each, for a select."""
    return [(member.value, label(member)) for member in members]


def channel_choices() -> list[tuple[str, str]]:
    """How a family can reach staff."""
    return choices(FAMILIES_ASK_BY)


def reason_choices() -> list[tuple[str, str]]:
    """Why staff change a day after the last call."""
    return choices(STAFF_GIVE)
