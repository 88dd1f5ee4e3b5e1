"""The till: find a family in two keystrokes, take its cash, hand out a receipt."""

from typing import Any
from uuid import uuid4

from flask import redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import gettext
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.clock import local
from app.context import service_rules
from app.errors import AccountArchived, AmountOutOfRange, BadAmount, BadInput, Refusal
from app.extensions import db
from app.models import Account, Pupil, Receipt
from app.money import Cents, format_chf, parse_chf
from app.pages.asked import record_asked
from app.pages.finding import find
from app.pages.purse import accounts_for, made_good, purse_of, takings_of
from app.payments.till import cancel_receipt, record_cash
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import Channel
from app.web_errors import is_fetch, sentence_of

_USUAL_AMOUNTS = (2000, 5000, 10_000)
_LAST_RECEIPTS = 8
_LONGEST_REQUEST_ID = 64


class TillView(BaseView):
    """Cash top-ups, for the till and the secretariat."""

    route_base = "/caisse"
    default_view = "search"

    @expose("/", methods=["GET"])
    @has_access
    def search(self) -> Any:
        """Pupils and families that ?q= means, and what was taken today."""
        text = request.args.get("q", "")
        found = find(db.session(), text, clock.today())
        if is_fetch():
            return self.render_template("till/_results.html", found=found, text=text)
        if len(found) == 1:
            return redirect(found[0].url)
        takings = takings_of(db.session(), clock.today(), _LAST_RECEIPTS)
        return self.render_template(
            "till/search.html", title=gettext("Till"), found=found, text=text, takings=takings
        )

    @expose("/pupil/<pk>", methods=["GET"])
    @has_access
    def pupil(self, pk: str) -> Any:
        """On to the account that the pupil's cash goes to; the till asks if that is not clear."""
        pupil = record_asked(Pupil, pk)
        accounts = accounts_for(db.session(), pupil.id, clock.today())
        if len(accounts) == 1:
            return redirect(url_for("TillView.account", pk=accounts[0].id))
        return self.render_template(
            "till/choose.html", title=pupil.full_name, pupil=pupil, accounts=accounts
        )

    @expose("/account/<pk>", methods=["GET"])
    @has_access
    def account(self, pk: str) -> Any:
        """The account, and the form for its cash."""
        return self._form(record_asked(Account, pk))

    @expose("/account/<pk>", methods=["POST"])
    @has_access
    def record(self, pk: str) -> Any:
        """Take the cash, then show its receipt; a form sent twice shows the same one."""
        account = record_asked(Account, pk)
        try:
            receipt_id = _record(account.id, request.form)
        except (BadAmount, AmountOutOfRange) as refused:
            return self._form(record_asked(Account, pk), refused), refused.status
        return _to_receipt(receipt_id)

    @expose("/receipt/<pk>", methods=["GET"])
    @has_access
    def receipt(self, pk: str) -> Any:
        """What was taken, the new balance, the papers to print, what became of today's meals."""
        receipt = record_asked(Receipt, pk)
        return self.render_template(
            "till/receipt.html",
            title=gettext("Receipt %(number)s", number=receipt.label),
            receipt=receipt,
            made_good=made_good(db.session(), receipt),
            purse=purse_of(db.session(), receipt.top_up.account, clock.today()),
            can_cancel=receipt.cancelled_at is None and _is_of_today(receipt),
        )

    @expose("/receipt/<pk>/cancel", methods=["POST"])
    @has_access
    def cancel(self, pk: str) -> AnyResponse:
        """Pay the cash of a receipt of today back."""
        receipt_id = record_asked(Receipt, pk).id
        with transaction(current_actor(Channel.TILL)) as session:
            cancel_receipt(session, receipt_id, clock.now)
        return _to_receipt(receipt_id)

    def _form(self, account: Account, refused: Refusal | None = None) -> str:
        purse = purse_of(db.session(), account, clock.today())
        usual = [purse.missing, *_USUAL_AMOUNTS] if purse.missing else _USUAL_AMOUNTS
        html: str = self.render_template(
            "till/account.html",
            title=purse.label,
            purse=purse,
            usual=[format_chf(amount) for amount in usual],
            typed=request.form.get("amount", ""),
            error=sentence_of(refused) if refused else "",
            closed=sentence_of(AccountArchived()) if account.archived_at else "",
            request_id=uuid4().hex,
        )
        return html


def _record(account_id: int, form: Any) -> int:
    amount = _amount(form.get("amount", ""))
    request_id = form.get("request_id", "")
    if not request_id.isalnum() or len(request_id) > _LONGEST_REQUEST_ID:
        raise BadInput
    rules = service_rules()
    with transaction(current_actor(Channel.TILL)) as session:
        receipt = record_cash(session, account_id, amount, request_id, rules, clock.now)
        receipt_id: int = receipt.id
    return receipt_id


def _amount(text: str) -> Cents:
    try:
        return parse_chf(text)
    except ValueError:
        raise BadAmount from None


def _to_receipt(receipt_id: int) -> AnyResponse:
    return redirect(url_for("TillView.receipt", pk=receipt_id), 303)


def _is_of_today(receipt: Receipt) -> bool:
    return local(receipt.issued_at).date() == clock.today()
