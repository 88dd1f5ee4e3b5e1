"""An online payment that was not paid as ordered: looked at with the provider, then settled."""

from dataclasses import dataclass
from typing import Any

from flask import flash, g, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from wtforms import HiddenField, RadioField
from wtforms.validators import DataRequired, InputRequired, Length

from app import clock
from app.context import service_rules
from app.declared.base import FormView
from app.enquiries import enquire, standing_of
from app.errors import ChangedMeanwhile
from app.fields import LineField
from app.models import OnlinePayment
from app.pages.asked import record_asked
from app.payments.gateway import ProviderNotSet, ProviderSilent, Standing
from app.payments.mismatch import LONGEST_REASON, Decision, decide, decisions
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import PaymentState

_WORDS = {
    Decision.REFUND: _l("Refund it to the card"),
    Decision.CREDIT: _l("Credit what was really received"),
    Decision.CLOSE: _l("Close it: the provider holds no money of ours"),
}


@dataclass(frozen=True)
class Seen:
    """What the provider said of a payment when it was looked at, and what may follow."""

    payment: OnlinePayment
    standing: Standing | None

    @property
    def choices(self) -> list[tuple[str, Any]]:
        """What may be decided."""
        if self.standing is None:
            return []
        return [(each.value, _WORDS[each]) for each in decisions(self.payment, self.standing)]

    @property
    def mark(self) -> str:
        """The same for as long as the provider says the same."""
        said = self.standing
        return f"{said.outcome.value}:{said.amount}:{said.currency}" if said else ""


class MismatchForm(DynamicForm):
    """What to do, and why."""

    decision = RadioField(_l("Decision"), [InputRequired()], choices=[])
    reason = LineField(
        _l("Reason"),
        [DataRequired(), Length(max=LONGEST_REASON)],
        description=_l("It stays on the payment, with your name."),
    )
    seen = HiddenField()


class MismatchView(FormView):
    route_base = "/online-payments/settle"
    form = MismatchForm
    form_title = _l("Settle the payment")
    form_template = "payment/mismatch.html"
    submit_label = _l("Settle it")

    def get_redirect(self) -> str:
        """The payment."""
        return url_for("OnlinePaymentView.show", pk=_asked().id)

    def prepare(self, form: Any) -> None:
        """Ask the provider what it says now."""
        payment = _asked()
        payment_id = payment.id
        try:
            standing = standing_of(payment_id)
        except (ProviderSilent, ProviderNotSet):
            standing = None
        g.mismatch = Seen(_asked(), standing)
        form.decision.choices = g.mismatch.choices

    def form_get(self, form: Any) -> None:
        """What was seen goes along, so that nobody decides of something else."""
        form.seen.data = g.mismatch.mark

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """What was ordered, and what the provider says."""
        return {"seen": g.mismatch}

    def form_post(self, form: Any) -> None:
        """Decide; then the card is refunded at once, or by the worker once the provider answers."""
        seen, payment_id, rules = g.mismatch, _asked().id, service_rules()
        if form.seen.data != seen.mark:
            raise ChangedMeanwhile
        decision, reason = Decision(form.decision.data), form.reason.data
        with transaction(current_actor()) as session:
            state = decide(session, payment_id, decision, seen.standing, reason, rules, clock.now)
        if state is PaymentState.REFUNDING:
            _refund_now(payment_id)
        flash(gettext("Settled."), "success")


def _refund_now(payment_id: int) -> None:
    try:
        enquire(payment_id)
    except (ProviderSilent, ProviderNotSet):
        flash(
            gettext("The payment service does not answer. The program asks for the refund again."),
            "warning",
        )


def _asked() -> OnlinePayment:
    found: OnlinePayment = record_asked(OnlinePayment, request.args.get("payment"))
    return found
