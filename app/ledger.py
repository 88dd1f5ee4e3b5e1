"""Double entry, append-only: the only writer of transfers and of balances.

A transfer moves an amount from the ledger account it credits to the one it debits. A wallet is what
the canteen owes a family: crediting it raises its balance. Accounts that are not wallets keep no
balance on a row; they are summed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.access import actor_of
from app.bank.references import account_reference, goes_with
from app.bank.refusals import IbanOfOtherKind
from app.clock import local
from app.errors import AlreadyReversed, AmountOutOfRange, InsufficientFunds
from app.models import Account, CanteenSettings, LedgerAccount, Transfer
from app.money import MAX_CENTS, Cents
from app.periods import open_days
from app.vocabulary import LedgerKind, TransferKind

CODES: Final = {
    LedgerKind.CASH: "1000",
    LedgerKind.BANK: "1020",
    LedgerKind.CLEARING: "1090",
    LedgerKind.SUSPENSE: "2000",
    LedgerKind.REFUNDS_DUE: "2010",
    LedgerKind.MEAL_INCOME: "3000",
    LedgerKind.FEES: "6800",
    LedgerKind.CASH_DIFFERENCE: "6810",
}


@dataclass(frozen=True)
class Entry:
    """A transfer to post; ids are those of ledger accounts, amount in centimes."""

    kind: TransferKind
    operation_id: str
    debit_id: int
    credit_id: int
    amount: Cents
    booked_on: date
    booking_id: int | None = None
    reverses_id: int | None = None


def open_chart(session: Session) -> None:
    """Make every account of the chart that is not a wallet. Idempotent."""
    present = set(session.scalars(sa.select(LedgerAccount.code)))
    session.add_all(
        LedgerAccount(kind=kind, code=code) for kind, code in CODES.items() if code not in present
    )
    session.flush()


def open_account(session: Session, label: str) -> Account:
    """A new client account with its wallet, empty, and its payment reference."""
    (account,) = open_accounts(session, [label])
    return account


def open_accounts(session: Session, labels: Iterable[str]) -> list[Account]:
    """The same for many at once."""
    accounts = [Account(label=each, balance=0, tolerance=0, taken_back=0) for each in labels]
    session.add_all(accounts)
    session.flush()
    canteen = session.get(CanteenSettings, 1)
    for account in accounts:
        give_reference(account, canteen)
        session.add(
            LedgerAccount(kind=LedgerKind.WALLET, code=f"W{account.id}", account_id=account.id)
        )
    session.flush()
    return accounts


def give_reference(account: Account, canteen: CanteenSettings | None) -> None:
    """The reference that the account keeps for ever; none before the canteen has an IBAN."""
    if account.reference is None and canteen is not None and canteen.creditor_iban:
        account.reference = account_reference(
            account.id, canteen.creditor_iban, canteen.reference_prefix
        )


def give_references(session: Session, canteen: CanteenSettings) -> None:
    """A reference to every account that was opened before the canteen had an IBAN.

    Raises: IbanOfOtherKind where others have a reference that does not go with it.
    """
    given = session.scalar(
        sa.select(Account.reference).where(Account.reference.is_not(None)).limit(1)
    )
    if given and canteen.creditor_iban and not goes_with(given, canteen.creditor_iban):
        raise IbanOfOtherKind
    without = sa.select(Account).where(Account.reference.is_(None)).order_by(Account.id)
    for account in session.scalars(without):
        give_reference(account, canteen)


def wallet_id(session: Session, account_id: int) -> int:
    """The ledger account of a client account."""
    return session.scalars(
        sa.select(LedgerAccount.id).where(LedgerAccount.account_id == account_id)
    ).one()


def wallet_ids(session: Session, account_ids: Iterable[int]) -> dict[int, int]:
    """The ledger accounts of several client accounts, by account."""
    query = sa.select(LedgerAccount.account_id, LedgerAccount.id).where(
        LedgerAccount.account_id.in_(set(account_ids))
    )
    return {owner: line for owner, line in session.execute(query) if owner is not None}


def chart_id(session: Session, kind: LedgerKind) -> int:
    """The ledger account of a kind of which there is one."""
    return session.scalars(sa.select(LedgerAccount.id).where(LedgerAccount.kind == kind)).one()


def lock_accounts(session: Session, account_ids: Iterable[int]) -> dict[int, Account]:
    """Client accounts by id, locked in the order of their ids and read afresh."""
    query = (
        sa.select(Account)
        .where(Account.id.in_(set(account_ids)))
        .order_by(Account.id)
        .with_for_update(of=Account)
        .execution_options(populate_existing=True)
    )
    return {account.id: account for account in session.scalars(query)}


def transfer(session: Session, entry: Entry, *, now: datetime) -> int:
    """Post one entry and return its id. Raises as `post_many` does."""
    return post_many(session, [entry], now=now)[0]


def post_many(session: Session, entries: Sequence[Entry], *, now: datetime) -> list[int]:
    """Post entries together: wallets locked in id order, one multi-row insert, their ids in order.

    Raises: InsufficientFunds when anything but a chargeback would take a wallet below its
    tolerance; ValueError for an amount that is not from 1 to MAX_CENTS; IntegrityError for an
    operation that was posted before.
    """
    if not entries:
        return []
    for entry in entries:
        if type(entry.amount) is not int or not 0 < entry.amount <= MAX_CENTS:
            raise ValueError(entry.amount)
    wallets = _lock_wallets(session, {i for e in entries for i in (e.debit_id, e.credit_id)})
    for entry in entries:
        _move(wallets.get(entry.debit_id), -entry.amount, entry.kind)
        _move(wallets.get(entry.credit_id), entry.amount, entry.kind)
    for account in wallets.values():
        measure_taken_back(account)
    session.flush()
    return _insert(session, entries, now)


def _lock_wallets(session: Session, ledger_ids: Iterable[int]) -> dict[int, Account]:
    """The client accounts behind those of the ledger accounts that are wallets, locked."""
    query = sa.select(LedgerAccount.id, LedgerAccount.account_id).where(
        LedgerAccount.id.in_(set(ledger_ids)), LedgerAccount.account_id.is_not(None)
    )
    owners = {line: owner for line, owner in session.execute(query) if owner is not None}
    accounts = lock_accounts(session, owners.values())
    return {line: accounts[owner] for line, owner in owners.items()}


def _move(account: Account | None, change: Cents, kind: TransferKind) -> None:
    if account is None:
        return
    after = account.balance + change
    may_overdraw = change > 0 or kind is TransferKind.CHARGEBACK
    if not may_overdraw and after < -account.tolerance:
        raise InsufficientFunds(account.balance, -change)
    account.balance = after


def measure_taken_back(account: Account) -> None:
    """What the bank took back is how far the balance lies below the tolerance."""
    account.taken_back = max(0, -account.balance - account.tolerance)


def set_tolerance(session: Session, account_id: int, tolerance: Cents) -> None:
    """Agree how far below zero meals may take an account. Raises: AmountOutOfRange."""
    if not 0 <= tolerance <= MAX_CENTS:
        raise AmountOutOfRange(0, MAX_CENTS)
    account = lock_accounts(session, [account_id])[account_id]
    account.tolerance = tolerance
    measure_taken_back(account)
    session.flush()


def _insert(session: Session, entries: Sequence[Entry], now: datetime) -> list[int]:
    days = open_days(session, {entry.booked_on for entry in entries})
    actor_id = actor_of(session).user_id
    rows = [
        {
            **vars(entry),
            "booked_on": days[entry.booked_on],
            "recorded_at": now,
            "actor_id": actor_id,
        }
        for entry in entries
    ]
    statement = sa.insert(Transfer).returning(Transfer.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, rows))


def posted(session: Session, kind: TransferKind, operation_id: str) -> int:
    """The transfer of an operation that was posted."""
    return session.scalars(
        sa.select(Transfer.id).where(Transfer.kind == kind, Transfer.operation_id == operation_id)
    ).one()


def reverse(
    session: Session, transfer_id: int, *, now: datetime, booked_on: date | None = None
) -> int:
    """Undo a transfer by its opposite, dated today unless a day is named; the original stays.

    Raises: AlreadyReversed the second time; InsufficientFunds when the money is spent.
    """
    original = session.get_one(Transfer, transfer_id)
    _lock_wallets(session, [original.debit_id, original.credit_id])
    query = sa.select(Transfer.id).where(Transfer.reverses_id == transfer_id)
    if session.scalar(query) is not None:
        raise AlreadyReversed
    entry = Entry(
        kind=TransferKind.REVERSAL,
        operation_id=f"reversal:{transfer_id}",
        debit_id=original.credit_id,
        credit_id=original.debit_id,
        amount=original.amount,
        booked_on=booked_on or local(now).date(),
        booking_id=original.booking_id,
        reverses_id=transfer_id,
    )
    return transfer(session, entry, now=now)


def moves(ledger_account_id: int) -> sa.ColumnElement[bool]:
    """Transfers on either side of a ledger account."""
    return sa.or_(Transfer.debit_id == ledger_account_id, Transfer.credit_id == ledger_account_id)


def gained(ledger_account_id: int) -> sa.ColumnElement[int]:
    """What such a transfer adds to the account: below zero where it is debited."""
    is_credit = Transfer.credit_id == ledger_account_id
    return sa.case((is_credit, Transfer.amount), else_=-Transfer.amount)


def balance(session: Session, ledger_account_id: int, *conditions: sa.ColumnElement[bool]) -> Cents:
    """What the transfers of a ledger account sum up to: credits less debits, in centimes."""
    total = sa.func.coalesce(sa.func.sum(gained(ledger_account_id)), 0)
    query = sa.select(total).where(moves(ledger_account_id), *conditions)
    return int(session.scalars(query).one())


@dataclass(frozen=True)
class Discrepancy:
    """An account whose balance is not what its transfers say."""

    account_id: int
    balance: Cents
    transfers: Cents


def discrepancies(session: Session) -> list[Discrepancy]:
    """Prove every account: its balance equals the sum of its transfers. Empty when all is well."""
    credit, debit = sa.func.sum(Transfer.amount), -sa.func.sum(Transfer.amount)
    sides = sa.union_all(
        sa.select(Transfer.credit_id.label("line"), credit.label("sum")).group_by(
            Transfer.credit_id
        ),
        sa.select(Transfer.debit_id.label("line"), debit.label("sum")).group_by(Transfer.debit_id),
    ).subquery()
    total = sa.func.coalesce(sa.func.sum(sides.c.sum), 0)
    query = (
        sa.select(Account.id, Account.balance, total)
        .select_from(Account)
        .outerjoin(LedgerAccount, LedgerAccount.account_id == Account.id)
        .outerjoin(sides, sides.c.line == LedgerAccount.id)
        .group_by(Account.id, Account.balance)
        .having(Account.balance != total)
    )
    return [Discrepancy(i, kept, int(summed)) for i, kept, summed in session.execute(query)]
