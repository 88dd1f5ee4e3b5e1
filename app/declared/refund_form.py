"""What a family fills in to have a balance paid back."""

from typing import Any

from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField, SelectField, ValidationError
from wtforms.validators import DataRequired, Length

from app.bank.iban import parse_payout_iban
from app.errors import Refusal
from app.fields import LineField, MoneyField
from app.models import Account
from app.money import format_chf
from app.pages.own import own_accounts
from app.payments.refunds import refundable
from app.web_errors import sentence_of

_WHOLE, _PART = "whole", "part"


def _account_choices() -> list[tuple[str, str]]:
    return [
        (str(each.id), f"{each.label} (CHF {format_chf(each.balance)})")
        for each in own_accounts()
        if each.balance > 0
    ]


class RefundForm(DynamicForm):
    """How much, from which account, to whom."""

    account = SelectField(_l("Account"), [DataRequired()], choices=_account_choices)
    part = RadioField(
        _l("How much"),
        [DataRequired()],
        choices=lambda: [(_WHOLE, _("The whole balance")), (_PART, _("An amount"))],
        default=_WHOLE,
    )
    amount = MoneyField(_l("Amount in francs"), description=_l("Only if not the whole balance."))
    iban = LineField(
        _l("IBAN"),
        [DataRequired(), Length(max=60)],
        description=_l("Of your account in Switzerland or Liechtenstein: CH or LI, 21 characters."),
        render_kw={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"},
    )
    holder_name = LineField(
        _l("Holder of the bank account"),
        [DataRequired(), Length(max=70)],
        render_kw={"autocomplete": "name"},
    )
    street = LineField(
        _l("Street and number"),
        [Length(max=70)],
        render_kw={"autocomplete": "street-address"},
    )
    postal_code = LineField(
        _l("Postal code"),
        [DataRequired(), Length(max=10)],
        render_kw={"autocomplete": "postal-code"},
    )
    town = LineField(
        _l("Town"), [DataRequired(), Length(max=35)], render_kw={"autocomplete": "address-level2"}
    )
    request_id = HiddenField()

    def validate_iban(self, field: Any) -> None:
        """An account that money can be sent to."""
        try:
            parse_payout_iban(field.data or "")
        except Refusal as refused:
            raise ValidationError(sentence_of(refused)) from None

    def validate_amount(self, field: Any) -> None:
        """An amount where one is wanted, no more than there is."""
        if self.part.data != _PART:
            field.data = None
            return
        if field.data is None:
            raise ValidationError(_("Enter an amount in francs, for example 20 or 12.50."))
        account = self.chosen()
        if account is not None:
            try:
                refundable(account, field.data)
            except Refusal as refused:
                raise ValidationError(sentence_of(refused)) from None

    def chosen(self) -> Account | None:
        """The account, if it is the reader's."""
        return next((a for a in own_accounts() if str(a.id) == self.account.data), None)
