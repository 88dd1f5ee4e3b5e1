"""The office's part of refunds: one person verifies, another pays, or refuses with a reason.

Refunds that are paid together leave as one payment order, which the bank's file later confirms.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import holds_account, staff_id
from app.bank.pain001 import Batch, Order, build_pain001
from app.bank.references import is_qr_iban
from app.clock import Now, local
from app.errors import BadInput, ReasonMissing
from app.models import CanteenSettings, RefundBatch, RefundRequest
from app.payments.refunds import (
    address_of,
    book_paid,
    check_state,
    give_back,
    hold,
    tell,
)
from app.refusals import NoRefundAccount, OwnRefund, SamePerson
from app.rules.deadlines import ServiceRules
from app.rules.weeks import weekday_after
from app.stored_files import keep_file
from app.vocabulary import OPEN_REFUNDS, FactKind, RefundState

LONGEST_REASON: Final = 200
MOST_IN_A_BATCH: Final = 500
CONTENT_TYPE: Final = "application/xml"


def verify_refund(session: Session, refund_id: int, now: Now) -> RefundRequest:
    """Somebody has compared balance, holder and IBAN; another person may pay now.

    Verifying again what one verified changes nothing.
    Raises: NotAllowed for who is not staff; OwnRefund; NotFound; RefundMoved.
    """
    user_id = staff_id(session)
    (request,) = hold(session, [refund_id], now)
    _check_not_own(session, request, user_id)
    if request.state is RefundState.VERIFIED and request.verified_by_id == user_id:
        return request
    check_state(request, RefundState.REQUESTED)
    request.state, request.verified_by_id = RefundState.VERIFIED, user_id
    tell(session, request, FactKind.REFUND_VERIFIED, now())
    return request


def refuse_refund(
    session: Session, refund_id: int, reason: str, rules: ServiceRules, now: Now
) -> RefundRequest:
    """Give the money back to the account, with a reason that the family reads.

    Also for an order that the bank rejected. Refusing twice changes nothing.
    Raises: NotAllowed; OwnRefund; NotFound; ReasonMissing; RefundMoved for one that is paid or
    withdrawn.
    """
    user_id = staff_id(session)
    text = reason.strip()[:LONGEST_REASON]
    if not text:
        raise ReasonMissing
    (request,) = hold(session, [refund_id], now)
    _check_not_own(session, request, user_id)
    if request.state is RefundState.REFUSED:
        return request
    check_state(request, *OPEN_REFUNDS)
    request.state, request.reason = RefundState.REFUSED, text
    give_back(session, request, rules, FactKind.REFUND_REFUSED, now())
    return request


def hold_to_pay(session: Session, refund_ids: Iterable[int], now: Now) -> list[RefundRequest]:
    """Refunds, locked, that whoever acts may pay.

    Raises: NotAllowed; NotFound; OwnRefund; SamePerson for who verified one of them.
    """
    user_id = staff_id(session)
    requests = hold(session, refund_ids, now)
    for request in requests:
        _check_not_own(session, request, user_id)
        if request.verified_by_id == user_id and request.paid_by_id is None:
            raise SamePerson
    return requests


def mark_paid(session: Session, refund_id: int, now: Now) -> RefundRequest:
    """Paid at the bank by hand, or seen on its statement; books it today.

    Marking twice changes nothing. Raises: as `hold_to_pay`; RefundMoved.
    """
    (request,) = hold_to_pay(session, [refund_id], now)
    if request.state is RefundState.PAID:
        return request
    check_state(request, RefundState.VERIFIED, RefundState.SENT)
    request.paid_by_id = request.paid_by_id or staff_id(session)
    book_paid(session, request, local(now()).date(), now())
    return request


def _check_not_own(session: Session, request: RefundRequest, user_id: int) -> None:
    """Staff who are parents as well leave their own money to others."""
    is_own = request.requested_by_id == user_id
    if is_own or holds_account(session, user_id, request.account_id):
        raise OwnRefund


# -- one payment order for several ----------------------------------------------------------------


@dataclass(frozen=True)
class Debtor:
    """The canteen's account that refunds are paid from."""

    name: str
    iban: str


def debtor_of(settings: CanteenSettings) -> Debtor:
    """The account of the settings, else the one that families pay into if it can send money.

    Raises: NoRefundAccount. Source: Swiss Payment Standards: a QR-IBAN cannot be debited.
    """
    receives = settings.creditor_iban
    iban = settings.refund_iban or ("" if is_qr_iban(receives) else receives)
    if not iban:
        raise NoRefundAccount
    return Debtor(settings.creditor_name or settings.name, iban)


def pay_refunds(
    session: Session, refund_ids: Iterable[int], debtor: Debtor, now: Now
) -> RefundBatch:
    """Make one pain.001 file of verified refunds; each is booked when the bank has sent it.

    All of them or none. Each order is a line of its own on the statement, found again by its
    identification. Raises: BadInput for none or too many; as `hold_to_pay` and `build_pain001`;
    RefundMoved for one that is not verified, or was sent by somebody else meanwhile.
    """
    wanted = set(refund_ids)
    if not 0 < len(wanted) <= MOST_IN_A_BATCH:
        raise BadInput
    requests = hold_to_pay(session, wanted, now)
    for request in requests:
        check_state(request, RefundState.VERIFIED)
    instant = now()
    message_id = _message_id(session, instant)
    for place, request in enumerate(requests, 1):
        request.end_to_end_id = f"{message_id}-{place}"
    content = build_pain001(_order(message_id, debtor, requests, instant))
    batch = RefundBatch(
        message_id=message_id,
        made_at=instant,
        made_by_id=staff_id(session),
        execute_on=_execute_on(instant),
        stored_file_id=keep_file(session, content, CONTENT_TYPE).id,
    )
    session.add(batch)
    session.flush()
    for request in requests:
        request.state, request.batch_id = RefundState.SENT, batch.id
        request.paid_by_id = batch.made_by_id
        tell(session, request, FactKind.REFUND_SENT, instant)
    return batch


def _message_id(session: Session, now: datetime) -> str:
    """REMB-20261124-093012-7: never given again, even where a backup was restored between."""
    last = session.scalar(sa.select(sa.func.max(RefundBatch.id))) or 0
    return f"REMB-{local(now):%Y%m%d-%H%M%S}-{last + 1}"


def _execute_on(now: datetime) -> date:
    """The next day that is no weekend: the file is still to be uploaded and released."""
    return weekday_after(local(now).date() + timedelta(days=1))


def _order(
    message_id: str, debtor: Debtor, requests: Sequence[RefundRequest], now: datetime
) -> Batch:
    return Batch(
        id=message_id,
        created_at=now,
        execute_on=_execute_on(now),
        debtor=debtor.name,
        debtor_iban=debtor.iban,
        orders=[
            Order(
                request.end_to_end_id or "",
                request.amount,
                request.iban,
                address_of(request),
                f"{debtor.name}: {request.account.label}"[:140],
            )
            for request in requests
        ],
        is_single_booking=True,
    )
