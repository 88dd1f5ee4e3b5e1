"""The stored words of vocabulary.py as people read them: one table for forms, lists and mails."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

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
        words.Reason.NO_FUNDS: _l("Balance not sufficient"),
        words.Reason.MISTAKE: _l("Mistake"),
        words.Reason.OTHER: _l("Other reason"),
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
        words.TransferKind.CHARGEBACK: _l("Chargeback"),
        words.TransferKind.CASH_DIFFERENCE: _l("Cash difference"),
        words.TransferKind.ASSIGNMENT: _l("Assignment"),
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
        words.FactKind.RECEIPT_CANCELLED: _l("Receipt cancelled"),
        words.FactKind.LATE_CANCELLATION: _l("Late cancellation"),
        words.FactKind.PASSWORD_RESET: _l("Forgotten password"),
        words.FactKind.PRICE_CHANGED: _l("Price changed"),
        words.FactKind.REFUND_REQUESTED: _l("Refund requested"),
        words.FactKind.REFUND_VERIFIED: _l("Refund verified"),
        words.FactKind.REFUND_SENT: _l("Refund ordered at the bank"),
        words.FactKind.REFUND_PAID: _l("Refund paid"),
        words.FactKind.REFUND_REFUSED: _l("Refund refused"),
        words.FactKind.REFUND_WITHDRAWN: _l("Refund withdrawn"),
        words.FactKind.BALANCE_QUESTION: _l("What to do with the balance"),
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


def choices(members: Iterable[StrEnum]) -> list[tuple[str, str]]:
    """Value and label of each, for a select."""
    return [(member.value, label(member)) for member in members]


def channel_choices() -> list[tuple[str, str]]:
    """How a family can reach staff."""
    return choices(FAMILIES_ASK_BY)


def reason_choices() -> list[tuple[str, str]]:
    """Why staff change a day after the last call."""
    return choices(STAFF_GIVE)
