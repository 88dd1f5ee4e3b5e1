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
    RESTORED = "restored"
    NO_FUNDS = "no_funds"
    MISTAKE = "mistake"
    OTHER = "other"


class InterruptionKind(StrEnum):
    """Who has no meals: everybody, or some classes."""

    CLOSURE = "closure"
    OUTING = "outing"


class DecisionState(StrEnum):
    """A decision that takes meals away: without effect until it is in force, and once lifted."""

    PREPARED = "prepared"
    IN_FORCE = "in_force"
    LIFTED = "lifted"


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
    BANK_QUEUED = "bank_queued"
    PAYOUT = "payout"
    DEPOSIT = "deposit"
    CHARGEBACK = "chargeback"
    PAID_TWICE = "paid_twice"
    CASH_DIFFERENCE = "cash_difference"
    REVERSAL = "reversal"


class TopUpChannel(StrEnum):
    """The ways for money to come in."""

    CASH = "cash"
    BANK = "bank"
    ONLINE = "online"


class TopUpState(StrEnum):
    """Announced by the parent, validated by the provider, credited, cancelled, or never come."""

    ANNOUNCED = "announced"
    VALIDATED = "validated"
    CREDITED = "credited"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class PaymentState(StrEnum):
    """One attempt at the online provider, as the provider last told it.

    Created here, started there; paid twice and refunding wait to be refunded to the card;
    mismatched was paid with another amount, currency, merchant or order than ours, and waits for a
    person; charged back was taken back by the card's owner after it was credited.
    """

    CREATED = "created"
    STARTED = "started"
    VALIDATED = "validated"
    FAILED = "failed"
    ABANDONED = "abandoned"
    EXPIRED = "expired"
    PAID_TWICE = "paid_twice"
    REFUNDING = "refunding"
    REFUNDED = "refunded"
    MISMATCHED = "mismatched"
    CHARGED_BACK = "charged_back"


class BankMessage(StrEnum):
    """The messages of a bank: a statement of the account, or a notification of movements."""

    STATEMENT = "camt.053"
    NOTIFICATION = "camt.054"


class BankFileState(StrEnum):
    """A file of the bank: received and previewed, then to be booked, then booked."""

    RECEIVED = "received"
    BOOKING = "booking"
    BOOKED = "booked"


class BankEntryState(StrEnum):
    """What has become of one payment of a bank file; settled is whatever no family is credited."""

    QUEUED = "queued"
    CREDITED = "credited"
    SETTLED = "settled"
    RETURNED = "returned"
    IGNORED = "ignored"


class EntryReason(StrEnum):
    """Why that has become of it."""

    REFERENCE = "reference"
    NO_REFERENCE = "no_reference"
    UNKNOWN_REFERENCE = "unknown_reference"
    SEVERAL_ACCOUNTS = "several_accounts"
    ARCHIVED_ACCOUNT = "archived_account"
    BATCH = "batch"
    NOT_ADDING_UP = "not_adding_up"
    CAME_BACK = "came_back"
    AWAITS_NOTICE = "awaits_notice"
    POSSIBLY_KNOWN = "possibly_known"
    DEBIT = "debit"
    REVERSAL = "reversal"
    KNOWN = "known"
    KNOWN_BATCH = "known_batch"
    REPLACED = "replaced"
    OTHER_CHANNEL = "other_channel"
    NOT_BOOKED = "not_booked"
    NO_AMOUNT = "no_amount"
    UNDONE = "undone"
    REFUND = "refund"
    PAID_BACK = "paid_back"
    ASSIGNED = "assigned"
    PAYOUT = "payout"
    DEPOSIT = "deposit"
    FEE = "fee"
    BY_HAND = "by_hand"


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
    TAKEN_BACK = "taken_back"
    LATE_CANCELLATION = "late_cancellation"
    KITCHEN_LIST = "kitchen_list"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a word, not a secret
    PRICE_CHANGED = "price_changed"
    PAYMENT_VALIDATED = "payment_validated"
    PAYMENT_REFUNDED = "payment_refunded"
    QR_BILL = "qr_bill"
    LOW_BALANCE = "low_balance"
    MEAL_UNCOVERED = "meal_uncovered"
    REFUND_REQUESTED = "refund_requested"
    REFUND_VERIFIED = "refund_verified"
    REFUND_SENT = "refund_sent"
    REFUND_PAID = "refund_paid"
    REFUND_REFUSED = "refund_refused"
    REFUND_WITHDRAWN = "refund_withdrawn"
    BALANCE_QUESTION = "balance_question"
    MESSAGE = "message"
    DEPARTED = "departed"
    NEW_YEAR = "new_year"
    EXCLUDED = "excluded"
    EXCLUSION_LIFTED = "exclusion_lifted"


class PaperKind(StrEnum):
    """What a paper is that the office keeps of a family; a medical one is health data."""

    REGISTRATION = "registration"
    MEDICAL = "medical"
    OTHER = "other"


class Audience(StrEnum):
    """To whom a message goes."""

    CLASS = "class"
    DAY = "day"
    EVERYONE = "everyone"
    LOW_BALANCE = "low_balance"


class ImportState(StrEnum):
    """What has become of a list of pupils; undone: of every line that could be."""

    RECEIVED = "received"
    ENTERED = "entered"
    UNDONE = "undone"


class ImportFate(StrEnum):
    """What becomes of a line of an import."""

    NEW = "new"
    UPDATED = "updated"
    SAME = "same"
    ASKED = "asked"
    LEFT_OUT = "left_out"
    FAULTY = "faulty"


class SheetColumn(StrEnum):
    """What a column of an imported list says, of the pupil or of one of two holders."""

    LAST_NAME = "last_name"
    FIRST_NAME = "first_name"
    BIRTH_DATE = "birth_date"
    SCHOOL_CLASS = "school_class"
    DIET = "diet"
    CATEGORY = "category"
    LAST_NAME_1 = "last_name_1"
    FIRST_NAME_1 = "first_name_1"
    EMAIL_1 = "email_1"
    PHONE_1 = "phone_1"
    STREET_1 = "street_1"
    POSTAL_CODE_1 = "postal_code_1"
    TOWN_1 = "town_1"
    LANGUAGE_1 = "language_1"
    LAST_NAME_2 = "last_name_2"
    FIRST_NAME_2 = "first_name_2"
    EMAIL_2 = "email_2"
    PHONE_2 = "phone_2"
    STREET_2 = "street_2"
    POSTAL_CODE_2 = "postal_code_2"
    TOWN_2 = "town_2"
    LANGUAGE_2 = "language_2"


class LineProblem(StrEnum):
    """What is wrong with a line of an imported list, or worth a look; see `REMARKS`."""

    NO_NAME = "no_name"
    NO_BIRTH_DATE = "no_birth_date"
    BAD_BIRTH_DATE = "bad_birth_date"
    ODD_BIRTH_DATE = "odd_birth_date"
    NO_CLASS = "no_class"
    UNKNOWN_CLASS = "unknown_class"
    UNKNOWN_DIET = "unknown_diet"
    UNKNOWN_CATEGORY = "unknown_category"
    NO_HOLDER = "no_holder"
    HALF_A_NAME = "half_a_name"
    BAD_MAIL = "bad_mail"
    MAIL_TAKEN = "mail_taken"
    TOO_LONG = "too_long"
    TWICE = "twice"
    SEVERAL = "several"
    MAIL_SHARED = "mail_shared"
    UNKNOWN_LANGUAGE = "unknown_language"
    STAFF = "staff"


REMARKS: Final = frozenset(
    {LineProblem.MAIL_SHARED, LineProblem.UNKNOWN_LANGUAGE, LineProblem.STAFF}
)
"""What does not keep a line from being entered."""


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
