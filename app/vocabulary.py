"""Closed lists of words that are stored: the value is what the database keeps."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """Who somebody is in the program; the names are what Flask-AppBuilder stores."""

    PARENT = "Parent"
    SECRETARIAT = "Secrétariat"
    TILL = "Caisse"
    KITCHEN = "Cuisine"
    ACCOUNTING = "Comptabilité"
    COMMITTEE = "Comité"
    ADMIN = "Admin"


class Language(StrEnum):
    """Languages of mails and pages."""

    FRENCH = "fr"
    ENGLISH = "en"


class Channel(StrEnum):
    """How a change reached us."""

    PORTAL = "portal"
    MAIL = "mail"
    TELEPHONE = "telephone"
    DESK = "desk"
    TILL = "till"
    SYSTEM = "system"


class MealKind(StrEnum):
    """Special meals are produced apart and assigned by staff only."""

    NORMAL = "normal"
    VEGETARIAN = "vegetarian"
    SPECIAL = "special"


class BookingState(StrEnum):
    """What has become of one pupil's meal on one day."""

    BOOKED = "booked"
    CANCELLED = "cancelled"
    CHARGED = "charged"
    UNFUNDED = "unfunded"
    REFUSED = "refused"
    GIVEN_BACK = "given_back"


TRANSITIONS: Final[Mapping[BookingState | None, frozenset[BookingState]]] = {
    None: frozenset({BookingState.BOOKED, BookingState.CHARGED}),
    BookingState.BOOKED: frozenset(
        {
            BookingState.BOOKED,
            BookingState.CANCELLED,
            BookingState.CHARGED,
            BookingState.UNFUNDED,
        }
    ),
    BookingState.CANCELLED: frozenset({BookingState.BOOKED, BookingState.CHARGED}),
    BookingState.UNFUNDED: frozenset(
        {BookingState.CHARGED, BookingState.REFUSED, BookingState.CANCELLED}
    ),
    BookingState.CHARGED: frozenset({BookingState.GIVEN_BACK}),
    BookingState.GIVEN_BACK: frozenset({BookingState.CHARGED}),
    BookingState.REFUSED: frozenset(),
}

HOLDS_A_SEAT: Final = frozenset(
    {BookingState.BOOKED, BookingState.CHARGED, BookingState.UNFUNDED, BookingState.REFUSED}
)


class Attendance(StrEnum):
    """Whether the child came; apart from what was paid."""

    EXPECTED = "expected"
    SERVED = "served"
    ABSENT = "absent"


class Reason(StrEnum):
    """Why staff changed a day after the last call, or why a meal went away."""

    ILLNESS = "illness"
    OUTING = "outing"
    CLOSED_DAY = "closed_day"
    EXCLUSION = "exclusion"
    DEPARTURE = "departure"
    NO_FUNDS = "no_funds"
    MISTAKE = "mistake"
    OTHER = "other"


class LedgerKind(StrEnum):
    """Kinds of account in the chart; only wallets keep a balance on a row."""

    WALLET = "wallet"
    CASH = "cash"
    BANK = "bank"
    CLEARING = "clearing"
    MEAL_INCOME = "meal_income"
    FEES = "fees"
    REFUNDS_DUE = "refunds_due"
    SUSPENSE = "suspense"
    CASH_DIFFERENCE = "cash_difference"


class TransferKind(StrEnum):
    """What a transfer is for; unique together with its operation id."""

    TOP_UP = "top_up"
    MEAL = "meal"
    REFUND = "refund"
    REFUND_PAID = "refund_paid"
    FEE = "fee"
    CHARGEBACK = "chargeback"
    CASH_DIFFERENCE = "cash_difference"
    ASSIGNMENT = "assignment"
    REVERSAL = "reversal"


class TopUpChannel(StrEnum):
    """The ways for money to come in."""

    CASH = "cash"
    BANK = "bank"
    ONLINE = "online"


class TopUpState(StrEnum):
    """Announced by the parent, validated by the provider, credited, or cancelled."""

    ANNOUNCED = "announced"
    VALIDATED = "validated"
    CREDITED = "credited"
    CANCELLED = "cancelled"


class PaymentState(StrEnum):
    """One attempt at the online provider."""

    STARTED = "started"
    VALIDATED = "validated"
    FAILED = "failed"
    ABANDONED = "abandoned"
    REFUNDED = "refunded"


class BankEntryState(StrEnum):
    """What has become of one line of a bank file."""

    QUEUED = "queued"
    CREDITED = "credited"
    IGNORED = "ignored"
    RETURNED = "returned"


class RefundState(StrEnum):
    """A refund request, from the form to the bank."""

    REQUESTED = "requested"
    VERIFIED = "verified"
    SENT = "sent"
    PAID = "paid"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


OPEN_REFUNDS: Final = frozenset({RefundState.REQUESTED, RefundState.VERIFIED, RefundState.SENT})


class BalanceAnswer(StrEnum):
    """What becomes of a balance at the end of a school year."""

    CARRIED_OVER = "carried_over"
    REFUND = "refund"


class PeriodState(StrEnum):
    """An accounting month."""

    OPEN = "open"
    CLOSED = "closed"


class FactKind(StrEnum):
    """What there is to tell the holders of an account, or the kitchen."""

    BOOKING_CHANGED = "booking_changed"
    MEAL_UNFUNDED = "meal_unfunded"
    MEAL_REFUSED = "meal_refused"
    CREDITED = "credited"
    RECEIPT_CANCELLED = "receipt_cancelled"
    LATE_CANCELLATION = "late_cancellation"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a word, not a secret
    PRICE_CHANGED = "price_changed"
    REFUND_REQUESTED = "refund_requested"
    REFUND_VERIFIED = "refund_verified"
    REFUND_SENT = "refund_sent"
    REFUND_PAID = "refund_paid"
    REFUND_REFUSED = "refund_refused"
    REFUND_WITHDRAWN = "refund_withdrawn"
    BALANCE_QUESTION = "balance_question"


class MailState(StrEnum):
    """A mail in the outbox."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"


class Allergen(StrEnum):
    """The 14 that Swiss law makes a kitchen declare (LIDAl annex 6)."""

    GLUTEN = "gluten"
    CRUSTACEANS = "crustaceans"
    EGGS = "eggs"
    FISH = "fish"
    PEANUTS = "peanuts"
    SOY = "soy"
    MILK = "milk"
    NUTS = "nuts"
    CELERY = "celery"
    MUSTARD = "mustard"
    SESAME = "sesame"
    SULPHITES = "sulphites"
    LUPIN = "lupin"
    MOLLUSCS = "molluscs"


class Severity(StrEnum):
    """How a pupil's allergy must be treated."""

    INTOLERANCE = "intolerance"
    ALLERGY = "allergy"
    ANAPHYLAXIS = "anaphylaxis"
