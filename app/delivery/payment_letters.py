"""Letters about online payments: on their way with the day they count, or back on the card."""

from collections.abc import Sequence

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload

from app.delivery.balance import balance_notes
from app.delivery.letter import Letter, Link, Section, moment
from app.delivery.telling import Telling
from app.models import OnlinePayment
from app.money import format_chf
from app.vocabulary import FactKind


def payment_validated(told: Telling) -> Letter:
    """The provider has the money; when each payment will count."""
    payments = _payments(told, FactKind.PAYMENT_VALIDATED)
    return Letter(
        subject=_("Online payment received: CHF %(amount)s", amount=_total(payments)),
        opening=_("Thank you. The payment is validated and will count from the time named."),
        sections=(Section(_("On its way"), tuple(map(_counts_line, payments))),),
        notes=(
            _("Should a meal of today not be covered, pay it in cash at the till."),
            *balance_notes(told),
        ),
        link=Link(_("My top-ups"), told.url("/my/top-ups/list/")),
    )


def _counts_line(payment: OnlinePayment) -> str:
    top_up = payment.top_up
    amount = format_chf(top_up.amount)
    if top_up.credit_at is None:
        return _("CHF %(amount)s, order %(number)s", amount=amount, number=payment.order_number)
    return _(
        "CHF %(amount)s, order %(number)s, counts from %(when)s",
        amount=amount,
        number=payment.order_number,
        when=moment(top_up.credit_at),
    )


def payment_refunded(told: Telling) -> Letter:
    """A top-up was paid twice, or not as ordered: the payment goes back to the card."""
    payments = _payments(told, FactKind.PAYMENT_REFUNDED)
    if all(payment.decided_by_id is None for payment in payments):
        subject = _("Paid twice: CHF %(amount)s refunded to your card", amount=_total(payments))
        opening = _(
            "A top-up was paid twice. The second payment was sent back the way it came; your bank "
            "shows it within a few days. There is nothing to do."
        )
    else:
        subject = _("CHF %(amount)s refunded to your card", amount=_total(payments))
        opening = _(
            "A payment was not as it had been ordered, so that it could not be credited. It was "
            "sent back the way it came; your bank shows it within a few days. You can top up again."
        )
    return Letter(
        subject=subject,
        opening=opening,
        sections=(Section(_("Refunded"), tuple(map(_refund_line, payments))),),
        notes=tuple(balance_notes(told)),
        link=Link(_("My top-ups"), told.url("/my/top-ups/list/")),
    )


def _refund_line(payment: OnlinePayment) -> str:
    amount = format_chf(payment.amount)
    return _("CHF %(amount)s, order %(number)s", amount=amount, number=payment.order_number)


def _payments(told: Telling, kind: FactKind) -> Sequence[OnlinePayment]:
    query = (
        sa.select(OnlinePayment)
        .where(OnlinePayment.id.in_(told.records(kind)))
        .options(joinedload(OnlinePayment.top_up))
        .order_by(OnlinePayment.id)
    )
    return told.session.scalars(query).all()


def _total(payments: Sequence[OnlinePayment]) -> str:
    return format_chf(sum(payment.amount for payment in payments))
