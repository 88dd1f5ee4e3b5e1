"""The letters about refunds, and the question at the end of the school year."""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.bank.iban import bank_name, format_iban
from app.delivery.balance import balance_notes
from app.delivery.letter import Letter, Link, Section, in_full
from app.delivery.telling import Telling
from app.models import BalanceQuestion, RefundRequest
from app.money import format_chf
from app.vocabulary import FactKind

# Subject and opening of each; the subject takes the amount.
_SAID: Final[Mapping[FactKind, tuple[Any, Any]]] = {
    FactKind.REFUND_REQUESTED: (
        _l("Refund requested: CHF %(amount)s"),
        _l(
            "We have received this request. The amount is set aside: it can no longer pay for "
            "meals. As long as nobody has verified the request you can withdraw it."
        ),
    ),
    FactKind.REFUND_VERIFIED: (
        _l("Refund verified: CHF %(amount)s"),
        _l("We have verified this request. Another person will now order the payment."),
    ),
    FactKind.REFUND_SENT: (
        _l("Refund on its way: CHF %(amount)s"),
        _l("We have ordered this payment. It takes the bank a few working days."),
    ),
    FactKind.REFUND_PAID: (
        _l("Refund paid: CHF %(amount)s"),
        _l("This amount has left our bank account and will reach yours."),
    ),
    FactKind.REFUND_REFUSED: (
        _l("Refund refused: CHF %(amount)s"),
        _l("We could not pay this refund. The amount is back on the account of the canteen."),
    ),
    FactKind.REFUND_WITHDRAWN: (
        _l("Refund withdrawn: CHF %(amount)s"),
        _l("This request was withdrawn. The amount is back on the account of the canteen."),
    ),
}
_HIDDEN_BEHIND: Final = 4
PAGE: Final = "/remboursement/"


def refund_told(told: Telling) -> Letter:
    """One refund, or several of an account, in one of its states."""
    kind = told.mail.kind
    subject, opening = _SAID[kind]
    query = (
        sa.select(RefundRequest)
        .where(RefundRequest.id.in_(told.records(kind)))
        .order_by(RefundRequest.id)
    )
    refunds = told.session.scalars(query).all()
    total = format_chf(sum(each.amount for each in refunds))
    return Letter(
        subject=str(subject) % {"amount": total},
        opening=str(opening),
        sections=tuple(Section(each.account.label, _lines(each, kind)) for each in refunds),
        notes=tuple(balance_notes(told)),
        link=Link(_("See the refund"), told.url(PAGE)),
    )


def _lines(refund: RefundRequest, kind: FactKind) -> tuple[str, ...]:
    lines = [
        _("CHF %(amount)s to %(name)s", amount=format_chf(refund.amount), name=refund.holder_name),
        ", ".join(filter(None, (masked_iban(refund.iban), bank_name(refund.iban)))),
    ]
    if kind is FactKind.REFUND_REFUSED and refund.reason:
        lines.append(_("Reason: %(reason)s", reason=refund.reason))
    if kind in {FactKind.REFUND_REQUESTED, FactKind.REFUND_VERIFIED}:
        lines.append(_("To be paid by %(day)s", day=in_full(refund.due_on)))
    if kind is FactKind.REFUND_PAID and refund.paid_on:
        lines.append(_("Paid on %(day)s", day=in_full(refund.paid_on)))
    return tuple(lines)


def masked_iban(iban: str) -> str:
    """Enough to recognise one's own account: « CH93 … 2957 ». A mail may be read by others."""
    return f"{format_iban(iban[:_HIDDEN_BEHIND])} … {iban[-_HIDDEN_BEHIND:]}"


def balance_question(told: Telling) -> Letter:
    """What becomes of the balance: no answer carries it over; who leaves is asked for an IBAN."""
    wanted = BalanceQuestion.id.in_(told.records(FactKind.BALANCE_QUESTION))
    question = told.session.scalars(
        sa.select(BalanceQuestion).where(wanted).order_by(BalanceQuestion.id.desc())
    ).first()
    is_leaving = question is not None and question.is_leaving
    return Letter(
        subject=_("End of the school year: your balance at the canteen"),
        opening=_leaving() if is_leaving else _staying(),
        notes=tuple(balance_notes(told)),
        link=Link(_("Enter an IBAN") if is_leaving else _("Choose what to do"), told.url(PAGE)),
    )


def _leaving() -> str:
    return _(
        "According to our records none of your children will come to the canteen after this "
        "school year. Please tell us to which bank account we may pay the balance back. Without "
        "an answer it stays on your account."
    )


def _staying() -> str:
    return _(
        "The school year is ending. You need do nothing: the balance is carried over to the next "
        "year. If you prefer to have it paid back, tell us to which bank account."
    )
