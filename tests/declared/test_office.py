"""Staff see every mail and its state."""

import pytest
import sqlalchemy as sa
from flask import Flask

from app import outbox
from app.access import SYSTEM
from app.delivery.gather import gather
from app.models import OutboxMail
from app.transaction import transaction
from app.vocabulary import FactKind, MailState
from tests.conftest import FrozenClock
from tests.delivery.mailing import deliver_all, looking, mails, make_mails
from tests.factories import make_family
from tests.web import logged_in, text_of


def fail(mail_id: int) -> None:
    with transaction(SYSTEM) as session:
        session.execute(
            sa.update(OutboxMail)
            .where(OutboxMail.id == mail_id)
            .values(state=MailState.FAILED, last_error="refused 550 5.1.1")
        )


def test_the_secretariat_reads_what_a_mail_says_and_sends_a_failed_one_again(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    with app.app_context():
        failed, sent = make_mails(2, frozen_clock.now())
        deliver_all()
        fail(failed)
    browser = logged_in(app, "secretariat")

    listed = browser.get("/courriels/list/?_flt_0_state=failed")
    shown = browser.get(f"/courriels/show/{failed}")
    other = browser.get(f"/courriels/show/{sent}")
    again = browser.post(f"/courriels/action/send_again/{failed}")
    nothing = browser.post(f"/courriels/action/send_again/{sent}")

    assert listed.text.count("/courriels/show/") >= 1
    assert f"/courriels/show/{sent}" not in listed.text
    assert "CHF 50.00 credited to your account" in text_of(shown.text)
    assert "(550 5.1.1)" in text_of(shown.text)
    assert "send_again" in shown.text
    assert "send_again" not in other.text
    assert (again.status_code, nothing.status_code) == (302, 302)
    with app.app_context(), looking() as session:
        assert [mail.state for mail in mails(session)] == [MailState.QUEUED, MailState.SENT]


def test_a_mail_with_a_secret_link_is_shown_without_it(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    with app.app_context(), transaction(SYSTEM) as session:
        user_id = make_family(session).user_id
        now = frozen_clock.now()
        outbox.tell(session, FactKind.PASSWORD_RESET, now=now, user_id=user_id)
        session.flush()
        gather(session, now)

    shown = logged_in(app, "admin").get("/courriels/show/1")

    assert "/mot-de-passe/nouveau/…" in shown.text


@pytest.mark.parametrize("username", ["till", "kitchen", "accounting", "committee", "parent"])
def test_nobody_else_reads_mails(app: Flask, frozen_clock: FrozenClock, username: str) -> None:
    with app.app_context():
        (mail_id,) = make_mails(1, frozen_clock.now())
        with transaction(SYSTEM) as session:
            family = make_family(session)
    browser = logged_in(app, family.username if username == "parent" else username)

    answers = [
        browser.get("/courriels/list/"),
        browser.get(f"/courriels/show/{mail_id}"),
        browser.post(f"/courriels/action/send_again/{mail_id}"),
    ]

    assert all("CHF 50.00" not in answer.text for answer in answers)
    assert all(answer.status_code in {302, 403, 404} for answer in answers)
