"""What the office is refused: families, school, prices, passwords; in the manner of errors.py."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.errors import N_, Refusal
from app.money import Cents


@dataclass(eq=False)
class AlreadyRegistered(Refusal):
    """A person who looks known was not decided upon."""

    name: str
    sentence = N_("%(name)s is registered already. Say below whether it is the same person.")


@dataclass(eq=False)
class LooksKnown(Refusal):
    """Somebody who is added looks like somebody who is registered."""

    name: str
    sentence = N_(
        "%(name)s is registered already. If it is the same person, link them on the page of the "
        "family; if not, tick that it is another."
    )


@dataclass(eq=False)
class AccountNotEmpty(Refusal):
    """An account that holds or owes money cannot be put away."""

    balance: Cents
    sentence = N_("The balance is CHF %(balance)s. Bring it to zero, then archive the account.")


class MealsBooked(Refusal):
    """Meals are booked that depend on what should go away."""

    sentence = N_("Meals are still booked. Cancel them in the agenda first.")


@dataclass(eq=False)
class SeatsTaken(Refusal):
    """Fewer seats than meals are booked already."""

    seats: int
    sentence = N_("%(seats)s meals are booked on that day. Enter at least as many seats.")


@dataclass(eq=False)
class SeatsTakenOn(Refusal):
    """The same, on one day of several."""

    day: date
    seats: int
    sentence = N_("%(seats)s meals are booked on %(day)s. Enter at least as many seats.")


class DaysBetween(Refusal):
    """Days that were ticked with others between them, which are not meant."""

    sentence = N_("Tick days that follow each other: there are service days between these.")
    status = 400


class PriceInForce(Refusal):
    """Meals were charged at that price."""

    sentence = N_("A price in force stays as it is. Add a new price that begins on a later day.")


class OwnAccess(Refusal):
    """Administrators do not lock themselves out."""

    sentence = N_("You cannot take your own access away. Ask another administrator.")


class RangesOverlap(Refusal):
    """Two ranges of dates that must follow each other share a day."""

    sentence = N_("These dates overlap with others that are entered already. Correct the dates.")


class OutsideYear(Refusal):
    """Dates that the school year of a class does not hold."""

    sentence = N_("These dates lie outside the school year of the class. Correct the dates.")


class YearOffered(Refusal):
    """Families were told of the new year."""

    sentence = N_(
        "The families were written to about this school year: it stays. Correct it instead."
    )


class NoLetters(Refusal):
    """Nobody of those who were meant waits for a letter any more."""

    sentence = N_("There is no letter to print: a colleague has just done it. Reload the page.")


@dataclass(eq=False)
class UsedBy(Refusal):
    """Records need the one that should go."""

    uses: str
    sentence = N_("This is still in use. %(uses)s. Change or remove that first.")


class WrongPassword(Refusal):
    """Not the password of who is logged in, or too many wrong ones."""

    sentence = N_("The current password is wrong. Try again, or wait a few minutes.")


class LinkTooOld(Refusal):
    """The link of a mail is used once, within the hour."""

    sentence = N_("This link is no longer valid. Ask for a new mail on the login page.")
    status = 410


class NothingToRefund(Refusal):
    """An account without money."""

    sentence = N_("There is no balance to pay back on this account.")


class RefundOpen(Refusal):
    """One refund of an account at a time."""

    sentence = N_("A refund of this account is on its way already. Wait until it is paid.")


class RefundMoved(Refusal):
    """The refund is in another state by now."""

    sentence = N_("This refund has moved on meanwhile. Look at its state, then decide.")


class OwnRefund(Refusal):
    """Nobody decides about money of their own."""

    sentence = N_("This is your own account: a colleague must decide about its refund.")
    status = 403


class SamePerson(Refusal):
    """Four eyes: who verified does not pay."""

    sentence = N_("You verified one of these refunds: another person must pay it.")
    status = 403


class NoRefundAccount(Refusal):
    """No account of the canteen from which money can be sent."""

    sentence = N_(
        "Refunds need an account to be paid from. Ask the administrator to enter an ordinary IBAN"
        " in the settings."
    )


class TermsNotAccepted(Refusal):
    """Nobody pays online without having accepted the terms."""

    sentence = N_("Read the terms of online payment and accept them, then continue.")
    status = 400


class TermsChanged(Refusal):
    """Other terms were published since the form was opened."""

    sentence = N_("The terms of online payment have changed. Open the form again and read them.")


class AlreadyPaid(Refusal):
    """The top-up of this form was paid."""

    sentence = N_("This top-up is paid already. Look at your top-ups.")


@dataclass(eq=False)
class PayoutOff(Refusal):
    """The payments of a payout, less its fees, are not what the bank received."""

    total: Cents
    fees: Cents
    amount: Cents
    sentence = N_(
        "The payments chosen come to CHF %(total)s; less CHF %(fees)s of fees, that is not the"
        " CHF %(amount)s of the bank. Compare them with the provider’s list."
    )


class DatesReversed(Refusal):
    """A range of days that ends before it begins."""

    sentence = N_("The last day lies before the first one. Correct the dates.")
    status = 400

    @classmethod
    def check(cls, first: date, last: date) -> None:
        """Raises: DatesReversed."""
        if last < first:
            raise cls


class YearWithoutStatement(Refusal):
    """A calendar year that has not begun, or long before the canteen kept accounts."""

    sentence = N_("There is no tax statement of that year. Choose this year or an earlier one.")
    status = 400


class ArchiveNotReady(Refusal):
    """Papers that the worker has not made to their end, or that were deleted after a week."""

    sentence = N_("This file is not ready. Have it made on this page, then wait until it is there.")


class CountAhead(Refusal):
    """Nobody counts the till of a day to come."""

    sentence = N_("This day is still to come. Count the till in its evening.")
    status = 400


class MonthIncomplete(Refusal):
    """Something is missing before the accounting month can be closed."""

    sentence = N_("This month cannot be closed yet. Settle what is marked below first.")


@dataclass(eq=False)
class OnOuting(Refusal):
    """The pupil's class is away on that day."""

    day: date
    reason: str
    sentence = N_(
        "The class is away on %(day)s (%(reason)s): no meal is needed. Choose another day."
    )


class DayPast(Refusal):
    """What was cancelled on a day that is over stays cancelled."""

    sentence = N_("The service of this day is over: the meal stays cancelled.")


class ExclusionOver(Refusal):
    """A day on which the exclusion does not hold, or that is past."""

    sentence = N_("Choose a day from today on that lies within the exclusion.")
    status = 400


class NothingToImport(Refusal):
    """Pupils are enrolled in a school year, with a diet and a tariff category."""

    sentence = N_("Enter a school year that is not over, a diet and a tariff category first.")


class MenusChanged(Refusal):
    """Menus that were typed over what somebody else has saved meanwhile."""

    sentence = N_("Somebody has changed these menus meanwhile. Look at the marked rows, then save.")

    def __init__(self, places: Sequence[tuple[date, int]]) -> None:
        super().__init__()
        self.places = frozenset(places)


class AlreadyDecided(Refusal):
    """What is in force is lifted, not changed: families were told of it."""

    sentence = N_("This is in force or was lifted: it is not changed any more. Lift it instead.")


@dataclass(eq=False)
class ListTooLong(Refusal):
    """More rows than a file is made of while somebody waits."""

    rows: int
    sentence = N_("This list has more than %(rows)s lines. Search for some of them, save those.")


class SayColumns(Refusal):
    """A list whose columns nobody has explained."""

    sentence = N_("The columns of this list are unknown. Open it on the page of the imports once.")
