"""Letters about what the bank did after it had paid."""

import sqlalchemy as sa
from flask_babel import gettext as _

from app.delivery.balance import balance_notes
from app.delivery.letter import Letter, Link, Section, in_full
from app.delivery.telling import Telling
from app.models import Account, Transfer
from app.money import format_chf
from app.vocabulary import FactKind, TransferKind


def taken_back(told: Telling) -> Letter:
    """Money that was credited and is gone again, and what follows for bookings."""
    wanted = Transfer.id.in_(told.records(FactKind.TAKEN_BACK))
    transfers = told.session.scalars(sa.select(Transfer).where(wanted).order_by(Transfer.id)).all()
    total = format_chf(sum(transfer.amount for transfer in transfers))
    account = told.session.get_one(Account, told.mail.account_id)
    notes = balance_notes(told)
    if account.taken_back:
        notes.append(
            _(
                "CHF %(amount)s are missing. Until they are paid, no new meals can be booked; "
                "those that are booked stay.",
                amount=format_chf(account.taken_back),
            )
        )
    return Letter(
        subject=_("CHF %(amount)s taken off your account", amount=total),
        opening=_("This had been credited to the account, and was taken off it again."),
        sections=(Section(_("Taken back"), tuple(map(_line, transfers))),),
        notes=tuple(notes),
        link=Link(_("Open the agenda"), told.url("/agenda/")),
    )


def _line(transfer: Transfer) -> str:
    amount, day = format_chf(transfer.amount), in_full(transfer.booked_on)
    if transfer.kind is TransferKind.CHARGEBACK:
        return _("CHF %(amount)s, by the bank, on %(day)s", amount=amount, day=day)
    return _("CHF %(amount)s, put right by the canteen, on %(day)s", amount=amount, day=day)
