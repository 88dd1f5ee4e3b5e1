"""What families are told of their online payments, in the language of the message ids."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from flask import Flask

from app.access import SYSTEM
from app.delivery.compose import compose
from app.delivery.gather import gather
from app.models import OnlinePayment, OutboxMail, TopUp
from app.outbox import tell
from app.transaction import transaction
from app.vocabulary import FactKind, PaymentState, TopUpChannel, TopUpState
from tests.delivery.mailing import english_family, looking

NOW = datetime(2026, 11, 16, 19, 0, tzinfo=UTC)


def told(app: Flask, kind: FactKind) -> tuple[str, str]:
    """Subject and text of the mail about one payment of CHF 50."""
    with app.app_context():
        with transaction(SYSTEM) as session:
            family = english_family(session)
            top_up = TopUp(
                account_id=family.account_id,
                channel=TopUpChannel.ONLINE,
                state=TopUpState.VALIDATED,
                amount=5000,
                made_at=NOW,
                credit_at=NOW + timedelta(hours=24),
                request_id="letter",
            )
            session.add(top_up)
            session.flush()
            payment = OnlinePayment(
                top_up_id=top_up.id,
                provider="simulated",
                order_number="order1",
                provider_reference="sim-order1",
                state=PaymentState.VALIDATED,
                terms_version=1,
                terms_accepted_at=NOW,
            )
            session.add(payment)
            session.flush()
            tell(session, kind, now=NOW, account_id=family.account_id, record_id=payment.id)
            gather(session, NOW)
        with looking() as session:
            mail = session.scalars(sa.select(OutboxMail)).one()
            composed = compose(session, mail, NOW)
    return composed.subject, composed.text


def test_a_validated_payment_is_told_with_the_day_it_counts(app: Flask) -> None:
    subject, text = told(app, FactKind.PAYMENT_VALIDATED)

    assert subject == "Online payment received: CHF 50.00"
    assert "counts from Tuesday 17 November 2026 at 20:00" in text
    assert "order1" in text


def test_a_payment_made_twice_is_told_to_go_back_to_the_card(app: Flask) -> None:
    subject, text = told(app, FactKind.PAYMENT_REFUNDED)

    assert subject == "Paid twice: CHF 50.00 refunded to your card"
    assert "There is nothing to do" in text
