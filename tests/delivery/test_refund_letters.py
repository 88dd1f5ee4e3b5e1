"""What the mails about refunds say, to every holder of the account."""

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.access import SYSTEM, Actor
from app.delivery.compose import Composed, compose
from app.delivery.gather import gather
from app.models import AccountHolder, BalanceQuestion, CanteenUser, SchoolYear
from app.payments.questions import ask_families
from app.payments.refund_office import mark_paid, pay_refunds, refuse_refund, verify_refund
from app.payments.refunds import Payee, request_refund, withdraw_refund
from app.transaction import transaction
from app.vocabulary import Channel, FactKind, Language, Role
from tests.booking.acting import MONDAY, NOON, RULES, parent
from tests.delivery.mailing import english_family, looking, mails
from tests.factories import YEAR_STARTS, Family, make_user
from tests.payments.refunding import DAYS, DEBTOR, OTHER_IBAN, ask

PAYEE = Payee(OTHER_IBAN, "Anna Martin", "Rue du Lac 3", "1854", "Leysin")


@pytest.fixture(autouse=True)
def context(app: Flask) -> Iterator[None]:
    with app.app_context():
        yield


def family_of(balance: int = 5000) -> Family:
    with transaction(SYSTEM) as session:
        return english_family(session, balance=balance)


def clerk() -> Actor:
    with transaction(SYSTEM) as session:
        return Actor(make_user(session, Role.ACCOUNTING).id, is_staff=True, channel=Channel.DESK)


def letters() -> list[Composed]:
    """Every mail that the facts make, in their order."""
    with transaction(SYSTEM) as session:
        gather(session, NOON())
    with looking() as session:
        return [compose(session, mail, NOON()) for mail in mails(session)]


def letter(kind: FactKind) -> Composed:
    with transaction(SYSTEM) as session:
        gather(session, NOON())
    with looking() as session:
        found = [mail for mail in mails(session) if mail.kind is kind]
        return compose(session, found[0], NOON())


def do(actor: Actor, act: Any) -> Any:
    with transaction(actor) as session:
        done = act(session)
        return done.id


def requested(family: Family) -> int:
    form = ask(family, 1250, payee=PAYEE)
    refund_id: int = do(parent(family), lambda s: request_refund(s, form, DAYS, NOON))
    return refund_id


def test_a_request_is_confirmed_to_every_holder() -> None:
    family = family_of()
    with transaction(SYSTEM) as session:
        second = make_user(session, Role.PARENT)
        second.language = Language.ENGLISH
        session.add(
            AccountHolder(user_id=second.id, account_id=family.account_id, valid_from=YEAR_STARTS)
        )
    requested(family)

    sent = letters()

    assert len({mail.address for mail in sent}) == 2
    for mail in sent:
        assert mail.subject == "Refund requested: CHF 12.50"
        for said in (
            "set aside",
            "CHF 12.50 to Anna Martin",
            "CH56 … 8009, UBS Switzerland AG",
            "To be paid by Tuesday 1 December 2026",
            "the balance is CHF 37.50",
            "/remboursement/",
        ):
            assert said in mail.text
        assert "4835012345678" not in mail.text + mail.html, "no whole IBAN in a mail"


def test_each_state_has_its_mail() -> None:
    family, first, second = family_of(), clerk(), clerk()
    refund_id = requested(family)
    do(first, lambda s: verify_refund(s, refund_id, NOON))
    do(second, lambda s: pay_refunds(s, [refund_id], DEBTOR, NOON))
    do(second, lambda s: mark_paid(s, refund_id, NOON))

    subjects = [mail.subject for mail in letters()]

    assert subjects == [
        f"Refund {state}: CHF 12.50" for state in ("requested", "verified", "on its way", "paid")
    ]
    assert "Paid on Monday 16 November 2026" in letter(FactKind.REFUND_PAID).text


def test_a_refusal_says_why_and_shows_what_was_typed_as_text() -> None:
    family = family_of()
    refund_id = requested(family)
    do(clerk(), lambda s: refuse_refund(s, refund_id, "<b>not</b> yours", RULES, NOON))

    mail = letter(FactKind.REFUND_REFUSED)

    assert "Reason: <b>not</b> yours" in mail.text
    assert "&lt;b&gt;not&lt;/b&gt; yours" in mail.html
    assert "the balance is CHF 50.00" in mail.text


def test_a_withdrawal_is_told_to_the_other_holders_too() -> None:
    family = family_of()
    refund_id = requested(family)
    do(parent(family), lambda s: withdraw_refund(s, refund_id, RULES, NOON))

    assert "back on the account" in letter(FactKind.REFUND_WITHDRAWN).text


@pytest.mark.parametrize(
    ("is_leaving", "said"),
    [(True, "to which bank account we may pay"), (False, "You need do nothing")],
)
def test_the_question_of_the_year_by_who_stays_and_who_leaves(
    *, is_leaving: bool, said: str
) -> None:
    family_of()
    with transaction(clerk()) as session:
        year_id = session.scalars(sa.select(SchoolYear.id)).one()
        ask_families(session, year_id, MONDAY, NOON)
        session.scalars(sa.select(BalanceQuestion)).one().is_leaving = is_leaving

    mail = letter(FactKind.BALANCE_QUESTION)

    assert said in mail.text
    assert "the balance is CHF 50.00" in mail.text
    assert "/remboursement/" in mail.html


def test_in_french_too() -> None:
    family = family_of()
    with transaction(SYSTEM) as session:
        session.get_one(CanteenUser, family.user_id).language = Language.FRENCH
    requested(family)

    (mail,) = letters()

    assert mail.subject == "Remboursement demandé : CHF 12.50"
    assert "CHF 12.50 à Anna Martin" in mail.text
