"""The money: receipts of the till, top-ups of every channel, the ledger's journal."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from flask import Response, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_appbuilder.actions import action
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse
from wtforms import StringField

from app import clock
from app.context import letterhead, pdf_answer
from app.documents.receipt import CashReceipt, render_receipt
from app.extensions import db
from app.filters import Condition, search_by
from app.labels import label
from app.models import LedgerAccount, Pupil, PupilAccount, Receipt, TopUp, Transfer
from app.money import format_chf
from app.pages.finding import accounts_meant
from app.payments.till import cancel_receipt
from app.rows import ACT, READ, Rows, TableView

_ACCOUNT_FIELD: Final = {"account": StringField(_l("Account"))}


def _receipts_of(text: str) -> Condition:
    return Receipt.top_up.has(TopUp.account_id.in_(accounts_meant(db.session(), text)))


class ReceiptView(TableView):
    """Every receipt, cancelled ones too: their numbers have no gap."""

    datamodel = Rows(
        Receipt,
        load=[
            joinedload(Receipt.top_up).joinedload(TopUp.account),
            joinedload(Receipt.cashier),
        ],
        searches={"account": [search_by("ct", _receipts_of)]},
    )
    include_route_methods = READ | ACT | {"pdf"}
    list_title = _l("Receipts")
    show_title = _l("Cash receipt")
    show_template = "till/receipt_record.html"
    base_order = ("id", "desc")
    list_columns = [
        "label",
        "issued_at",
        "top_up.account",
        "top_up.amount",
        "cashier",
        "cancelled_at",
    ]
    show_columns = [*list_columns[:4], "balance_after", *list_columns[4:]]
    search_columns = ["number", "issued_at", "account"]
    search_form_extra_fields = _ACCOUNT_FIELD
    order_columns = ["issued_at"]
    label_columns = {
        "label": _l("Number"),
        "number": _l("Number"),
        "issued_at": _l("Date"),
        "top_up.account": _l("Account"),
        "top_up.amount": _l("Amount"),
        "balance_after": _l("Balance after this operation"),
        "cashier": _l("Received by"),
        "cancelled_at": _l("Cancelled"),
    }
    formatters_columns = {"top_up.amount": format_chf, "balance_after": format_chf}

    @expose("/pdf/<pk>", methods=["GET"])
    @has_access
    def pdf(self, pk: str) -> Response:
        """The receipt on a page of A5, or with ?roll=1 on the till's roll."""
        receipt: Receipt = self._item(pk)
        paper = render_receipt(
            receipt_content(receipt), letterhead(), gettext, roll="roll" in request.args
        )
        return pdf_answer(paper, receipt.label)

    @action(
        "cancel_receipt",
        _l("Cancel the receipt"),
        _l("Pay the cash back and cancel this receipt?"),
        multiple=False,
    )
    def cancel_receipt(self, items: Sequence[Receipt]) -> AnyResponse:
        """Pay the cash of today's receipt back."""
        ids = [receipt.id for receipt in items]

        def write() -> None:
            for receipt_id in ids:
                cancel_receipt(db.session(), receipt_id, clock.now)

        self._write(write, _l("Cancelled. Pay the cash back."))
        return redirect(url_for("ReceiptView.show", pk=ids[0]))


def receipt_content(receipt: Receipt) -> CashReceipt:
    """What the receipt says, whoever prints it."""
    account = receipt.top_up.account
    children = (
        sa.select(Pupil)
        .join(PupilAccount, PupilAccount.pupil_id == Pupil.id)
        .where(PupilAccount.account_id == account.id)
        .order_by(Pupil.birth_date)
    )
    return CashReceipt(
        number=receipt.label,
        issued_at=receipt.issued_at,
        cashier=receipt.cashier.get_full_name(),
        account=account.label,
        reference=account.reference or "",
        children=tuple(pupil.full_name for pupil in db.session().scalars(children)),
        amount=receipt.top_up.amount,
        balance=receipt.balance_after,
        cancelled=receipt.cancelled_at is not None,
        locale=get_locale().language,
    )


def _top_ups_of(text: str) -> Condition:
    return TopUp.account_id.in_(accounts_meant(db.session(), text))


class TopUpView(TableView):
    """Money that came in, or is on its way, with the day from which it counts."""

    datamodel = Rows(
        TopUp,
        load=[joinedload(TopUp.account)],
        searches={"account": [search_by("ct", _top_ups_of)]},
    )
    list_title = _l("Top-ups")
    show_title = _l("Top-up")
    base_order = ("id", "desc")
    list_columns = ["made_at", "account", "channel", "amount", "state", "credit_at", "credited_at"]
    show_columns = list_columns
    search_columns = ["state", "channel", "made_at", "account"]
    search_form_extra_fields = _ACCOUNT_FIELD
    order_columns = ["made_at", "amount", "credit_at", "credited_at"]
    label_columns = {
        "made_at": _l("Date"),
        "credit_at": _l("Counts from"),
        "credited_at": _l("Credited"),
    }
    formatters_columns = {"amount": format_chf}


def _line(line: LedgerAccount) -> str:
    """A ledger account as the journal names it: 1000 Cash, or W12 Famille Favre."""
    return f"{line.code} {line.account.label if line.account else label(line.kind)}"


def _transfers_of(text: str) -> Condition:
    wallets = sa.select(LedgerAccount.id).where(
        LedgerAccount.account_id.in_(accounts_meant(db.session(), text))
    )
    return sa.or_(Transfer.debit_id.in_(wallets), Transfer.credit_id.in_(wallets))


class TransferView(TableView):
    """The journal: append-only, so there is nothing to change here."""

    datamodel = Rows(
        Transfer,
        load=[
            joinedload(Transfer.debit).joinedload(LedgerAccount.account),
            joinedload(Transfer.credit).joinedload(LedgerAccount.account),
        ],
        searches={"account": [search_by("ct", _transfers_of)]},
    )
    list_title = _l("Journal")
    show_title = _l("Entry")
    base_order = ("id", "desc")
    list_columns = ["booked_on", "kind", "debit", "credit", "amount", "recorded_at"]
    show_columns = ["id", *list_columns, "operation_id", "booking_id", "reverses_id"]
    search_columns = ["booked_on", "kind", "amount", "account"]
    search_form_extra_fields = _ACCOUNT_FIELD
    order_columns = ["booked_on", "recorded_at", "amount"]
    label_columns = {
        "id": _l("Number"),
        "booked_on": _l("Date"),
        "debit": _l("Debit"),
        "credit": _l("Credit"),
        "recorded_at": _l("Recorded"),
        "operation_id": _l("Operation"),
        "booking_id": _l("Booking"),
        "reverses_id": _l("Reverses"),
    }
    formatters_columns = {"debit": _line, "credit": _line, "amount": format_chf}
