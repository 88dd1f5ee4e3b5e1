"""The secretariat writes to families: first shown, then sent, then looked after."""

from typing import Any

import sqlalchemy as sa
from flask import Flask

from app.models import Message, OutboxFact, OutboxMail
from app.vocabulary import MailState
from app.worker import Worker
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, in_french, one
from tests.web import Browser, forms_of, logged_in, text_of

WRITE = "/messages/write/"


def typed(office: Browser, **more: Any) -> dict[str, Any]:
    """The form as the page sends it, filled in."""
    page = office.get(WRITE)
    sent = next(form for form in forms_of(page.text) if "request_id" in form.names)
    request_id = dict(sent.fields)["request_id"]
    given = {"audience": "everyone", "school_class": "__None", "day": "", "below": ""}
    given |= {"subject": "Sortie", "text": "Bonjour.\n\nÀ demain.", "request_id": request_id}
    return {**given, "english_subject": "", "english_text": "", **more}


def test_a_message_is_shown_before_it_is_sent_and_a_double_click_sends_once(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    known = [family(app), family(app)]
    office = logged_in(app, "secretariat")
    form = typed(office)

    preview = office.post(WRITE, form)
    unsent = count(app, Message)
    again = office.post(WRITE, {**form, "step": "edit"})
    answers = [office.post(WRITE, {**form, "step": "send"}) for _ in range(2)]
    Worker(app).run_once()
    shown = office.get(answers[0].location)

    assert (preview.status_code, unsent) == (200, 0)
    assert "À demain." in preview.text
    assert all(each.username not in text_of(preview.text) for each in known[1:])
    assert "Sortie" in again.text
    assert {answer.location for answer in answers} == {"/messages/show/1"}
    assert (count(app, Message), count(app, OutboxFact)) == (1, 2)
    assert count(app, OutboxMail, OutboxMail.state == MailState.SENT) == 2
    assert text_of(shown.text).count(in_french(app, "Sent")) >= 3
    assert "Sortie" in office.get("/messages/list/").text


def test_what_is_missing_is_said_and_nothing_is_sent(app: Flask, frozen_clock: FrozenClock) -> None:
    family(app)
    office = logged_in(app, "secretariat")
    for more, sentence in (
        ({"audience": "class"}, "Choose the class."),
        ({"audience": "day"}, "Choose the day."),
        ({"audience": "low_balance"}, "Enter an amount in francs, for example 20."),
        (
            {"english_subject": "Outing"},
            "Enter both the subject and the text in English, or neither.",
        ),
        (
            {"audience": "day", "day": "2026-11-17"},
            "No household is meant by this choice. Choose other readers.",
        ),
    ):
        answer = office.post(WRITE, typed(office, **more, step="send"))

        assert answer.status_code == 200
        assert in_french(app, sentence) in text_of(answer.text)
        assert count(app, Message) == 0


def test_who_has_no_mail_address_is_named_with_a_telephone_number(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    from app.models import CanteenUser
    from tests.sessions import writing

    reached, unreached = family(app), family(app)
    with writing(app) as session:
        user = session.get_one(CanteenUser, unreached.user_id)
        user.email, user.phone = "x@sans-courriel.invalid", "024 111 22 33"
    office = logged_in(app, "secretariat")
    form = typed(office)

    preview = office.post(WRITE, form)
    office.post(WRITE, {**form, "step": "send"})
    Worker(app).run_once()
    shown = office.get("/messages/show/1")

    assert "024 111 22 33" in preview.text
    assert in_french(app, "No mail address") in text_of(shown.text)
    assert one(app, sa.select(OutboxMail.user_id)) == reached.user_id
