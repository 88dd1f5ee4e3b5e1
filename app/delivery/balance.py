"""What a letter says of the money: the balance, and how far it reaches."""

from flask_babel import gettext as _

from app.booking.forecast import coverage
from app.delivery.letter import in_full
from app.delivery.telling import Telling
from app.models import Account
from app.money import format_chf
from app.rules.coverage import Coverage


def balance_notes(told: Telling) -> list[str]:
    """The balance of the account that pays, and how far it reaches."""
    if told.mail.account_id is None:
        return []
    account = told.session.get_one(Account, told.mail.account_id)
    balance = format_chf(account.balance)
    return [
        _("%(account)s: the balance is CHF %(balance)s.", account=account.label, balance=balance),
        _reach(coverage(told.session, account.id, told.today)),
    ]


def _reach(reach: Coverage) -> str:
    until, gap, missing = reach.last_covered, reach.first_uncovered, format_chf(reach.missing)
    if until is None and gap is None:
        return _("No other meals are booked.")
    if until is None:
        return _(
            "The balance does not cover the next meal. Top up CHF %(missing)s to cover them all.",
            missing=missing,
        )
    if gap is None:
        return _(
            "The balance is sufficient until %(day)s, the last meal booked.", day=in_full(until)
        )
    return _(
        "The balance is sufficient until %(day)s. Top up CHF %(missing)s to cover all meals.",
        day=in_full(until),
        missing=missing,
    )
