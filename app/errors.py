"""What the program refuses, named by cause.

The text is one sentence that says what to do next. It is an English message id; whoever shows it
translates it and fills in the facts. Anything that is not a `Refusal` is a fault.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from app.money import Cents, format_chf

# The facts that are amounts.
MONEY = frozenset({"balance", "amount", "minimum", "maximum", "price", "step", "total", "fees"})


def N_(text: str) -> str:  # noqa: N802 - the marker that Babel looks for
    """Mark a message id for the catalogue."""
    return text


class Refusal(Exception):
    """A user's mistake or bad luck; `sentence` % `facts` is shown to them."""

    sentence: ClassVar[str] = N_("This is not possible.")
    status: ClassVar[int] = 409

    @property
    def facts(self) -> dict[str, Any]:
        """The values that the sentence names."""
        return vars(self)

    def __str__(self) -> str:
        return self.sentence % {
            name: format_chf(value) if name in MONEY else value
            for name, value in self.facts.items()
        }


class NotFound(Refusal):
    """The record does not exist, or is not this person's to see."""

    sentence = N_("We cannot find that record. Go back to the list and choose again.")
    status = 404


class NotAllowed(Refusal):
    """The person may see the record but not do this with it."""

    sentence = N_("You may not do that. Ask the school secretariat.")
    status = 403


class BadInput(Refusal):
    """A value that no page of ours sends."""

    sentence = N_("We could not read this request. Reload the page and try again.")
    status = 400


class ChangedMeanwhile(Refusal):
    """Somebody else changed the same record first."""

    sentence = N_("Somebody has just changed this. Look at the page again, then decide.")


class ReasonMissing(Refusal):
    """A change after the last call without a reason."""

    sentence = N_("Choose a reason: after the last call every change needs one.")
    status = 400


class NoServiceDay(Refusal):
    """The canteen does not serve on that date."""

    sentence = N_("The canteen serves no meals on that day. Choose another day.")


@dataclass(eq=False)
class CanteenClosed(Refusal):
    """A day on which the canteen would serve, but is closed."""

    day: date
    reason: str
    sentence = N_("The canteen is closed on %(day)s (%(reason)s). Choose another day.")


@dataclass(eq=False)
class BookingClosed(Refusal):
    """Too late to book; the deadline is the first instant that is too late."""

    day: date
    deadline: datetime
    sentence = N_(
        "Too late: meals of %(day)s could be booked until %(deadline)s. Call the canteen."
    )


@dataclass(eq=False)
class CancellingClosed(Refusal):
    """Too late for a parent to cancel."""

    day: date
    deadline: datetime
    sentence = N_(
        "Too late: meals of %(day)s could be cancelled until %(deadline)s. Call the canteen."
    )


@dataclass(eq=False)
class DayFull(Refusal):
    """Every seat of the day is taken."""

    day: date
    sentence = N_("All seats of %(day)s are taken. Choose another day or call the canteen.")


@dataclass(eq=False)
class NotEnrolled(Refusal):
    """The pupil is in no class of the school on that day."""

    day: date
    sentence = N_("The child is not enrolled on %(day)s. Ask the school secretariat.")


@dataclass(eq=False)
class Excluded(Refusal):
    """The committee excluded the pupil; `last` is the last day without meals."""

    last: date
    sentence = N_(
        "The child is excluded from the canteen up to and including %(last)s. Ask the committee."
    )


class MealTypeNotOpen(Refusal):
    """The pupil's diet does not allow that meal type, or only staff may give it."""

    sentence = N_("That kind of meal is not open to this child. Ask the school secretariat.")


class AccountNotOpen(Refusal):
    """The account does not pay for that pupil, or is closed."""

    sentence = N_("That account cannot pay for this child. Choose another account.")


class AccountArchived(Refusal):
    """The account was put away: money would lie there unseen."""

    sentence = N_(
        "This account is archived and takes no cash. Search for the family’s present account, or "
        "ask the school secretariat to bring this one back."
    )


class AccountOverdrawn(Refusal):
    """The bank took money back; new bookings wait until it is made good."""

    sentence = N_("A payment was taken back by the bank. Top up the account, then book.")


@dataclass(eq=False)
class InsufficientFunds(Refusal):
    """The balance would go below what was agreed."""

    balance: Cents
    amount: Cents
    sentence = N_("The balance is CHF %(balance)s, this costs CHF %(amount)s. Top up the account.")


class NoPrice(Refusal):
    """The price list has no price for that meal type, category and day."""

    sentence = N_("There is no price for this meal yet. Ask the school secretariat.")


class CannotChange(Refusal):
    """The booking is in a state that does not allow this."""

    sentence = N_("This meal can no longer be changed that way. Call the canteen.")


class CannotDecide(Refusal):
    """A bank payment that was decided already, or that this is no decision for."""

    sentence = N_("This payment is no longer waiting for that decision. Look at it again.")


class NotFunded(Refusal):
    """A meal that is not paid for is not served."""

    sentence = N_("This meal is not paid for. Take a top-up first, or refuse the meal.")


class ServiceOver(Refusal):
    """The service of that day is over or has not begun."""

    sentence = N_("This is only possible during today’s service.")


class DayStillOpen(Refusal):
    """A day cannot be closed before its last call."""

    sentence = N_("This day can still be booked. Close it after the last call.")


class BadAmount(Refusal):
    """An amount that the till does not take."""

    sentence = N_("Enter an amount in francs, in steps of 5 centimes, for example 20 or 12.50.")
    status = 400


@dataclass(eq=False)
class AmountOutOfRange(Refusal):
    """An amount below the minimum or above the maximum."""

    minimum: Cents
    maximum: Cents
    sentence = N_("Enter an amount from CHF %(minimum)s to CHF %(maximum)s.")
    status = 400


@dataclass(eq=False)
class AmountNotInSteps(Refusal):
    """An amount between two that are allowed."""

    step: Cents
    sentence = N_("Enter an amount in steps of CHF %(step)s.")
    status = 400


class NoBankDetails(Refusal):
    """The canteen's IBAN or address is missing or of the wrong kind: there is no QR-bill."""

    sentence = N_(
        "The canteen cannot make QR-bills yet. Pay in cash at the till, or ask the secretariat."
    )


class NotOnItsWay(Refusal):
    """A top-up that was credited or cancelled meanwhile."""

    sentence = N_("This top-up is no longer on its way. Look at your top-ups.")


class SentBefore(Refusal):
    """A form that was sent already comes again with something else in it."""

    sentence = N_("This form was sent already with another amount. Open the account again.")


class ReceiptNotToday(Refusal):
    """Cash is paid out only to cancel a receipt of the same day."""

    sentence = N_("Only a receipt of today can be cancelled. Ask the accountant for a refund.")


class AlreadyReversed(Refusal):
    """A transfer is reversed once."""

    sentence = N_("This operation has been reversed already. Nothing more to do.")


class NothingToUndo(Refusal):
    """The changes to undo were changed again, or are undone."""

    sentence = N_("There is nothing left to undo. Look at the agenda.")


class PeriodClosed(Refusal):
    """No open accounting day was found."""

    sentence = N_("The accounting month is closed. Ask the accountant.")


class InUse(Refusal):
    """Something refers to the record."""

    sentence = N_("This is in use and cannot be deleted. Archive it instead.")


class Duplicate(Refusal):
    """The database holds the same thing already."""

    sentence = N_("This exists already. Look for it in the list.")


class DatabaseNotEmpty(Refusal):
    """The demo canteen was asked for in a database that holds something."""

    sentence = N_("This database is not empty. Load the demo canteen into an empty one.")
