"""Refunds as families ask for them: the form, what it would mean, and what becomes of it.

Works without a script in two steps: what was typed is shown back with the bank's name and the meals
that the balance would no longer cover; then it is sent.
"""

from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder import expose, has_access
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.access import accounts_of
from app.bank.iban import bank_name, format_iban, parse_payout_iban
from app.booking.forecast import Meal, uncovered_meals
from app.context import canteen_settings, service_rules
from app.declared.base import FormView
from app.declared.refund_form import RefundForm
from app.errors import NotFound, Refusal
from app.extensions import db
from app.models import Account, BalanceQuestion, RefundRequest
from app.money import Cents, format_chf
from app.pages.asked import code_asked, id_asked
from app.payments.questions import carry_over
from app.payments.refunds import (
    Ask,
    Payee,
    cleaned_payee,
    refundable,
    request_refund,
    withdraw_refund,
)
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import OPEN_REFUNDS, RefundState
from app.web_errors import sentence_of

_SHOWN: Final = 20


@dataclass(frozen=True)
class Shown:
    """A refund as its family reads it."""

    refund: RefundRequest
    iban: str
    bank: str
    can_withdraw: bool
    is_open: bool


class MyRefundView(FormView):
    route_base = "/remboursement"
    form = RefundForm
    form_title = _l("Refund of the balance")
    form_template = "refunds/ask.html"
    submit_label = _l("Continue")

    def get_redirect(self) -> str:
        """Back to this page, where the refund stands."""
        return url_for("MyRefundView.this_form_get")

    def form_get(self, form: Any) -> None:
        """The parent's own name and address, and a number for the form."""
        form.request_id.data = uuid4().hex
        form.holder_name.data = current_user.get_full_name()
        form.street.data = current_user.street
        form.postal_code.data = current_user.postal_code
        form.town.data = current_user.town

    def about(self, form: Any) -> dict[str, Any]:
        """What is on its way, what was asked at the end of the year, whether there is any money."""
        return {
            "refunds": _refunds(),
            "questions": _questions(),
            "has_money": bool(form.account.choices),
            "days": canteen_settings().refund_days,
        }

    def form_post(self, form: Any) -> Any:
        """First show what it would mean, then do it."""
        ask = _ask_of(form)
        step = request.form.get("step", "")
        if step == "edit":
            return self._page(form)
        if step != "send":
            return self._preview(form, ask)
        days = canteen_settings().refund_days
        with transaction(current_actor()) as session:
            amount = request_refund(session, ask, days, clock.now).amount
        flash(
            _("Requested: CHF %(amount)s. It is set aside.", amount=format_chf(amount)), "success"
        )
        return None

    def _preview(self, form: Any, ask: Ask) -> str:
        account = form.chosen()
        amount = refundable(account, ask.amount)
        return str(
            self.render_template(
                "refunds/confirm.html",
                title=_("Check the refund"),
                form=form,
                account=account,
                amount=amount,
                rest=account.balance - amount,
                payee=cleaned_payee(ask.payee),
                iban=format_iban(cleaned_payee(ask.payee).iban),
                bank=bank_name(cleaned_payee(ask.payee).iban),
                uncovered=_uncovered(account, amount),
            )
        )

    @expose("/iban", methods=["POST"])
    @has_access
    def iban(self) -> str:
        """The bank of an IBAN that is being typed, or what is wrong with it."""
        typed = request.form.get("iban", "")[:60]
        sentence, bank = "", ""
        try:
            bank = bank_name(parse_payout_iban(typed))
        except Refusal as refused:
            sentence = sentence_of(refused)
        return str(
            self.render_template("refunds/_bank.html", sentence=sentence, bank=bank, typed=typed)
        )

    @expose("/withdraw/<pk>", methods=["POST"])
    @has_access
    def withdraw(self, pk: str) -> AnyResponse:
        """Keep the balance after all."""
        refund_id = _own(RefundRequest, pk)
        rules = service_rules()
        with transaction(current_actor()) as session:
            withdraw_refund(session, refund_id, rules, clock.now)
        flash(_("Withdrawn. The amount is back on your account."), "success")
        return redirect(self.get_redirect(), 303)

    @expose("/carry-over/<pk>", methods=["POST"])
    @has_access
    def carry_over(self, pk: str) -> AnyResponse:
        """The answer to the question at the end of the year: keep the balance."""
        question_id = _own(BalanceQuestion, pk)
        with transaction(current_actor()) as session:
            carry_over(session, question_id, clock.now)
        flash(_("Thank you. The balance is carried over to the next school year."), "success")
        return redirect(self.get_redirect(), 303)


def _ask_of(form: Any) -> Ask:
    payee = Payee(
        form.iban.data,
        form.holder_name.data,
        form.street.data or "",
        form.postal_code.data,
        form.town.data,
    )
    request_id = code_asked((form.request_id.data or "")[:64])
    return Ask(int(form.account.data), payee, request_id, form.amount.data)


def _own(model: type[Any], pk: str) -> int:
    query = sa.select(model.id).where(
        model.id == id_asked(pk), model.account_id.in_(accounts_of(current_user.id))
    )
    found: int | None = db.session().scalar(query)
    if found is None:
        raise NotFound
    return found


def _uncovered(account: Account, amount: Cents) -> list[Meal]:
    """The meals that become uncovered by the refund, without those that are already."""
    session, today = db.session(), clock.today()
    before = account.balance + account.tolerance
    after = uncovered_meals(session, account.id, before - amount, today)
    return after[: len(after) - len(uncovered_meals(session, account.id, before, today))]


def _refunds() -> list[Shown]:
    query = (
        sa.select(RefundRequest)
        .where(RefundRequest.account_id.in_(accounts_of(current_user.id)))
        .options(joinedload(RefundRequest.account))
        .order_by(RefundRequest.id.desc())
        .limit(_SHOWN)
    )
    return [
        Shown(
            refund=each,
            iban=format_iban(each.iban),
            bank=bank_name(each.iban),
            can_withdraw=each.state is RefundState.REQUESTED,
            is_open=each.state in OPEN_REFUNDS,
        )
        for each in db.session().scalars(query)
    ]


def _questions() -> list[BalanceQuestion]:
    """Those of this year that nobody has answered, for accounts that still have money."""
    query = (
        sa.select(BalanceQuestion)
        .join(BalanceQuestion.account)
        .where(
            BalanceQuestion.account_id.in_(accounts_of(current_user.id)),
            BalanceQuestion.answer.is_(None),
            Account.balance > 0,
        )
        .options(joinedload(BalanceQuestion.account), joinedload(BalanceQuestion.school_year))
        .order_by(BalanceQuestion.id)
    )
    return list(db.session().scalars(query))
