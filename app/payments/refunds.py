"""Refunds: the balance goes back to a bank account, set aside at once and paid by two people.

Requested by a holder, verified by one person, paid by another, within the days of the settings. Who
asks for the money neither verifies nor pays it. Locks: today's service day, the wallet, the
request. Source: DESIGN.md §3, Refunds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app import booking, ledger, outbox
from app.access import Actor, actor_of, holds_account
from app.bank.iban import parse_payout_iban
from app.bank.qrbill import Address, cleaned_address, country_of
from app.clock import Now, local
from app.errors import AmountOutOfRange, NotFound, SentBefore
from app.ledger import Entry
from app.models import Account, RefundRequest
from app.money import Cents
from app.payments.credit import hold_today
from app.payments.questions import answer_with_refund
from app.refusals import NothingToRefund, RefundMoved, RefundOpen
from app.rules.deadlines import ServiceRules
from app.vocabulary import OPEN_REFUNDS, FactKind, LedgerKind, RefundState, TransferKind


@dataclass(frozen=True)
class Payee:
    """Whose bank account it is, as the bank must be told."""

    iban: str
    name: str
    street: str
    postal_code: str
    town: str


@dataclass(frozen=True)
class Ask:
    """What the form asks for; without an amount the whole balance. `request_id` names the form."""

    account_id: int
    payee: Payee
    request_id: str
    amount: Cents | None = None


def cleaned_payee(payee: Payee) -> Payee:
    """The payee in the characters and lengths of Swiss payments.

    Raises: IbanWrong, IbanForeign, IbanForBills; AddressIncomplete; TextTooLong.
    """
    iban = parse_payout_iban(payee.iban)
    clean = cleaned_address(address_of(payee))
    return Payee(iban, clean.name, clean.street, clean.postal_code, clean.town)


def address_of(payee: Payee | RefundRequest) -> Address:
    """The payee's address; the number stands behind the street."""
    name = payee.name if isinstance(payee, Payee) else payee.holder_name
    country = country_of(payee.postal_code)
    return Address(name, payee.street, "", payee.postal_code, payee.town, country)


# -- the family ------------------------------------------------------------------------------------


def request_refund(session: Session, ask: Ask, days: int, now: Now) -> RefundRequest:
    """Set the balance, or a part of it, aside to be paid back within so many calendar days.

    The same form sent twice gives the same request. Booked meals stay booked.
    Raises: NotFound for who does not hold the account; SentBefore; RefundOpen while another is on
    its way; NothingToRefund; AmountOutOfRange; as `cleaned_payee`.
    """
    actor, payee = actor_of(session), cleaned_payee(ask.payee)
    if not _may_ask(session, actor, ask.account_id):
        raise NotFound
    hold_today(session, now())
    account = ledger.lock_accounts(session, [ask.account_id])[ask.account_id]
    known = session.scalar(
        sa.select(RefundRequest).where(RefundRequest.request_id == ask.request_id)
    )
    if known is not None:
        return _same(known, ask, payee)
    if open_refund(session, account.id) is not None:
        raise RefundOpen
    instant = now()
    request = RefundRequest(
        account_id=account.id,
        amount=refundable(account, ask.amount),
        iban=payee.iban,
        holder_name=payee.name,
        street=payee.street,
        postal_code=payee.postal_code,
        town=payee.town,
        state=RefundState.REQUESTED,
        request_id=ask.request_id,
        requested_at=instant,
        requested_by_id=actor.user_id,
        due_on=local(instant).date() + timedelta(days=days),
    )
    session.add(request)
    session.flush()
    _set_aside(session, request, instant)
    answer_with_refund(session, account.id, instant)
    tell(session, request, FactKind.REFUND_REQUESTED, instant)
    return request


def _may_ask(session: Session, actor: Actor, account_id: int) -> bool:
    return actor.user_id is not None and holds_account(session, actor.user_id, account_id)


def _same(known: RefundRequest, ask: Ask, payee: Payee) -> RefundRequest:
    is_other_amount = ask.amount is not None and ask.amount != known.amount
    if (known.account_id, known.iban) != (ask.account_id, payee.iban) or is_other_amount:
        raise SentBefore
    return known


def refundable(account: Account, amount: Cents | None) -> Cents:
    """The amount, or the whole balance; a tolerance is no money of the family's.

    Raises: NothingToRefund; AmountOutOfRange.
    """
    if account.balance <= 0:
        raise NothingToRefund
    if amount is None:
        return account.balance
    if not 0 < amount <= account.balance:
        raise AmountOutOfRange(1, account.balance)
    return amount


def open_refund(session: Session, account_id: int) -> RefundRequest | None:
    """The refund of an account that is on its way: there is at most one."""
    found: RefundRequest | None = session.scalar(
        sa.select(RefundRequest).where(
            RefundRequest.account_id == account_id, RefundRequest.state.in_(OPEN_REFUNDS)
        )
    )
    return found


def _set_aside(session: Session, request: RefundRequest, now: datetime) -> None:
    entry = Entry(
        kind=TransferKind.REFUND,
        operation_id=f"refund:{request.id}",
        debit_id=ledger.wallet_id(session, request.account_id),
        credit_id=ledger.chart_id(session, LedgerKind.REFUNDS_DUE),
        amount=request.amount,
        booked_on=local(now).date(),
    )
    ledger.transfer(session, entry, now=now)


def withdraw_refund(
    session: Session, refund_id: int, rules: ServiceRules, now: Now
) -> RefundRequest:
    """The family keeps its balance after all, as long as nobody has verified the refund.

    Withdrawing twice changes nothing. Raises: NotFound for who does not hold the account;
    RefundMoved.
    """
    (request,) = hold(session, [refund_id], now)
    if not _may_ask(session, actor_of(session), request.account_id):
        raise NotFound
    if request.state is RefundState.WITHDRAWN:
        return request
    check_state(request, RefundState.REQUESTED)
    request.state = RefundState.WITHDRAWN
    give_back(session, request, rules, FactKind.REFUND_WITHDRAWN, now())
    return request


# -- the bank --------------------------------------------------------------------------------------


def settle_refund(
    session: Session, request: RefundRequest, *, booked_on: date, now: datetime
) -> int:
    """Book a refund that left the bank on a day; the transfer's id, once and for all.

    Raises: RefundMoved for one that was not sent, or was refused meanwhile: that debit waits for a
    person.
    """
    (held,) = _lock(session, RefundRequest.id == request.id)
    if held.state is RefundState.PAID:
        return ledger.posted(session, TransferKind.REFUND_PAID, f"refund-paid:{held.id}")
    check_state(held, RefundState.SENT)
    return book_paid(session, held, booked_on, now)


def book_paid(session: Session, request: RefundRequest, booked_on: date, now: datetime) -> int:
    """Move what was set aside out of the bank, and tell the family; the transfer's id."""
    entry = Entry(
        kind=TransferKind.REFUND_PAID,
        operation_id=f"refund-paid:{request.id}",
        debit_id=ledger.chart_id(session, LedgerKind.REFUNDS_DUE),
        credit_id=ledger.chart_id(session, LedgerKind.BANK),
        amount=request.amount,
        booked_on=booked_on,
    )
    transfer_id = ledger.transfer(session, entry, now=now)
    request.state, request.paid_on = RefundState.PAID, booked_on
    tell(session, request, FactKind.REFUND_PAID, now)
    return transfer_id


# -- what they share -------------------------------------------------------------------------------


def hold(session: Session, refund_ids: Iterable[int], now: Now) -> list[RefundRequest]:
    """The requests as they are now, locked after the day and the wallets that may get money back.

    Raises: NotFound for one that does not exist.
    """
    wanted = set(refund_ids)
    hold_today(session, now())
    is_wanted = RefundRequest.id.in_(wanted)
    accounts = session.scalars(sa.select(RefundRequest.account_id).where(is_wanted)).all()
    ledger.lock_accounts(session, accounts)
    requests = _lock(session, is_wanted)
    if not requests or len(requests) < len(wanted):
        raise NotFound
    return requests


def _lock(session: Session, condition: sa.ColumnElement[bool]) -> list[RefundRequest]:
    query = (
        sa.select(RefundRequest)
        .where(condition)
        .order_by(RefundRequest.id)
        .with_for_update(of=RefundRequest)
        .execution_options(populate_existing=True)
    )
    return list(session.scalars(query))


def check_state(request: RefundRequest, *states: RefundState) -> None:
    """Raises: RefundMoved unless the request is in one of the states."""
    if request.state not in states:
        raise RefundMoved


def give_back(
    session: Session, request: RefundRequest, rules: ServiceRules, kind: FactKind, now: datetime
) -> None:
    """A credit like any other: it makes today's unfunded meals good."""
    transfer_id = ledger.posted(session, TransferKind.REFUND, f"refund:{request.id}")
    ledger.reverse(session, transfer_id, now=now)
    booking.fund_today(session, request.account_id, rules, now)
    tell(session, request, kind, now)


def tell(session: Session, request: RefundRequest, kind: FactKind, now: datetime) -> None:
    """Every holder of the account gets a mail."""
    session.flush()
    outbox.tell(session, kind, now=now, account_id=request.account_id, record_id=request.id)
