"""Letters that help to top up: the QR-bill asked for, a balance that runs low."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date

import sqlalchemy as sa
from flask_babel import get_locale
from flask_babel import gettext as _

from app.booking.forecast import meals_by_account
from app.booking.prices import price_list
from app.delivery.balance import balance_notes
from app.delivery.letter import Attachment, Letter, Link, in_full
from app.delivery.telling import Telling
from app.documents.letterhead import letterhead_of
from app.documents.qr_bill import render_qr_bill
from app.errors import NoBankDetails
from app.models import Account, BalanceNotice, QrBill
from app.money import Cents, decimal_chf, format_chf
from app.payments.limits import limits_of
from app.payments.qr_bills import BillTerms, arrival, bill_content, first_holder
from app.rules.top_ups import proposals
from app.vocabulary import FactKind


def qr_bill(told: Telling) -> Letter:
    """The bills that were asked for, as PDF, and what to do with them."""
    query = sa.select(QrBill).where(QrBill.id.in_(told.records(FactKind.QR_BILL)))
    bills = told.session.scalars(query.order_by(QrBill.id)).all()
    return Letter(
        subject=_("Your QR-bill: %(what)s", what=", ".join(map(_what, bills))),
        opening=_("Here is your QR-bill, as a PDF. Scan its code in your e-banking, or print it."),
        notes=(*_how(told, bills), *balance_notes(told)),
        link=_recharge(told, None),
        attachments=tuple(_attached(told, _terms(bill), bill.account) for bill in bills),
    )


def _what(bill: QrBill) -> str:
    if bill.amount is None:
        return _("open amount")
    amount = format_chf(bill.amount)
    if bill.is_standing:
        return _("CHF %(amount)s every month", amount=amount)
    return _("CHF %(amount)s", amount=amount)


def _terms(bill: QrBill) -> BillTerms:
    return BillTerms(bill.amount, is_monthly=bill.is_standing)


def _how(told: Telling, bills: Sequence[QrBill]) -> list[str]:
    """When the money counts, and that the reference stays."""
    earliest, latest = arrival(told.today)
    notes = [
        _(
            "Paid today, the money counts between %(first)s and %(last)s.",
            first=in_full(earliest),
            last=in_full(latest),
        ),
        _("The reference stays the same for ever and is this account’s alone."),
    ]
    if any(bill.is_standing for bill in bills):
        notes.append(_("For the standing order, choose “monthly” in your e-banking."))
    return notes


def low_balance(told: Telling) -> Letter:
    """Once a week at most: few meals are covered, and what to pay for the rest."""
    return Letter(
        subject=_("The balance of your canteen account is running low"),
        opening=_("The balance covers only a few of the meals that are booked."),
        notes=(*balance_notes(told), *_what_to_pay(told)),
        link=_recharge(told, _missing(told)),
        attachments=_proposed(told),
    )


def meal_uncovered(told: Telling) -> Letter:
    """Urgent: two service days before the first meal that is not covered."""
    query = sa.select(BalanceNotice.day).where(
        BalanceNotice.id.in_(told.records(FactKind.MEAL_UNCOVERED))
    )
    day = min(told.session.scalars(query))
    return Letter(
        subject=_("The balance does not cover the meal of %(day)s", day=in_full(day)),
        opening=_(
            "Please top up the account before that day. A meal that is not covered at the closing "
            "of the day is not served, unless cash is brought to the till."
        ),
        notes=(*balance_notes(told), *_what_to_pay(told)),
        link=_recharge(told, _missing(told)),
        is_urgent=True,
        attachments=_proposed(told),
    )


def _what_to_pay(told: Telling) -> list[str]:
    amount = _missing(told)
    if not amount:
        return []
    return [
        _("We propose CHF %(amount)s.", amount=format_chf(amount)),
        _(
            "The attached QR-bill takes 3 to 7 working days. If that is too late, pay online or in "
            "cash at the till."
        ),
    ]


def _missing(told: Telling) -> Cents:
    """What the top-up page proposes; the maximum where that is not enough."""
    account = told.session.get_one(Account, told.mail.account_id)
    prices, limits = price_list(told.session), limits_of(told.canteen)
    meals = meals_by_account(told.session, [account.id], told.today, prices).get(account.id, [])
    found = proposals(account.balance + account.tolerance, meals, told.today, limits)
    return (found.month or limits.maximum) if found.gap else 0


def _proposed(told: Telling) -> tuple[Attachment, ...]:
    """The QR-bill for what we propose; none where nothing lacks, or there is no IBAN."""
    amount = _missing(told)
    account = told.session.get_one(Account, told.mail.account_id)
    with suppress(NoBankDetails):
        if amount:
            return (_attached(told, BillTerms(amount), account),)
    return ()


def _attached(told: Telling, terms: BillTerms, account: Account) -> Attachment:
    payer = told.mail.user or first_holder(told.session, account.id, told.today)
    content = bill_content(
        told.session, account, terms, payer, told.today, str(get_locale().language)
    )
    pdf = render_qr_bill(content, letterhead_of(told.canteen), _)
    return Attachment(file_name(terms, told.today), pdf)


def file_name(terms: BillTerms, today: date) -> str:
    """As it is saved: qr-2026-11-24-57.00.pdf."""
    amount = "" if terms.amount is None else f"-{decimal_chf(terms.amount)}"
    return f"qr-{today.isoformat()}{amount}.pdf"


def _recharge(told: Telling, amount: Cents | None) -> Link:
    """The top-up page, of this account and for this amount."""
    wanted = f"&amount={decimal_chf(amount)}" if amount else ""
    path = f"/recharge/?account={told.mail.account_id}{wanted}"
    return Link(_("Top up"), told.url(path))
