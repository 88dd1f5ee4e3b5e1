"""Messages of staff: to whom they go, once, and what each reader gets."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import clock, messages
from app.access import SYSTEM, Actor
from app.delivery.compose import compose
from app.delivery.gather import gather
from app.errors import BadInput, NotAllowed
from app.messages import Draft, NobodyToWrite, send_message
from app.models import (
    Account,
    AccountHolder,
    Booking,
    CanteenUser,
    Message,
    OutboxFact,
    OutboxMail,
    PupilAccount,
    SchoolClass,
)
from app.transaction import transaction
from app.vocabulary import Audience, BookingState, Channel, Language
from tests.conftest import FrozenClock
from tests.delivery.mailing import deliver_all, files_of, looking, mails, text_of
from tests.factories import Family, make_family, make_pupil
from tests.households import make_household

TODAY = date(2026, 11, 16)


def draft(audience: Audience = Audience.EVERYONE, **more: Any) -> Draft:
    given = {"subject": "Sortie", "text": "Bonjour à tous.", "request_id": "a1", **more}
    return Draft(audience=audience, **given)


def office(session: Session) -> Actor:
    query = sa.select(CanteenUser.id).where(CanteenUser.username == "secretariat")
    return Actor(session.scalars(query).one(), is_staff=True, channel=Channel.DESK)


def send(written: Draft) -> int:
    with looking() as session:
        actor = office(session)
    with transaction(actor) as session:
        return send_message(session, written, clock.now).id


def families(count: int, **more: Any) -> list[Family]:
    with transaction(SYSTEM) as session:
        return [make_family(session, **more) for _ in range(count)]


def accounts(written: Draft) -> list[int]:
    with looking() as session:
        return list(messages.households(session, written, TODAY))


@pytest.fixture(autouse=True)
def _in_the_app(request: pytest.FixtureRequest, frozen_clock: FrozenClock) -> Any:
    """On SQLite; on both where a test asks for `app_on`."""
    name = "app_on" if "app_on" in request.fixturenames else "app"
    app: Flask = request.getfixturevalue(name)
    with app.app_context():
        yield


def test_each_audience_is_the_households_that_it_names(app_on: Flask) -> None:
    poor, rich = families(1)[0], families(1, balance=5000)[0]
    with transaction(SYSTEM) as session:
        eating = make_household(session, "Mangeur")
        school_class = session.scalars(sa.select(SchoolClass)).one()
        other = SchoolClass(school_year_id=school_class.school_year_id, name="6P")
        session.add(other)
        session.flush()
        class_id, empty_id = school_class.id, other.id
        archived = make_family(session)
        session.get_one(Account, archived.account_id).archived_at = clock.now()
    eats = eating.ids[Account]

    assert accounts(draft()) == sorted([poor.account_id, rich.account_id, eats])
    assert accounts(draft(Audience.CLASS, school_class_id=class_id)) == accounts(draft())
    assert accounts(draft(Audience.CLASS, school_class_id=empty_id)) == []
    assert accounts(draft(Audience.DAY, day=TODAY)) == [eats]
    assert accounts(draft(Audience.DAY, day=TODAY + timedelta(days=30))) == []
    assert accounts(draft(Audience.LOW_BALANCE, below=5000)) == [poor.account_id]
    for audience in (Audience.CLASS, Audience.DAY, Audience.LOW_BALANCE):
        with pytest.raises(BadInput):
            accounts(draft(audience))


def test_a_meal_that_was_cancelled_or_refused_makes_nobody_a_reader() -> None:
    with transaction(SYSTEM) as session:
        eating = make_household(session, "Mangeur")
        booking = session.get_one(Booking, eating.ids[Booking])

    for state in (BookingState.CANCELLED, BookingState.REFUSED):
        with transaction(SYSTEM) as session:
            session.execute(
                sa.update(Booking.__table__)
                .where(Booking.__table__.c.id == booking.id)
                .values(state=state)
            )
        assert accounts(draft(Audience.DAY, day=TODAY)) == []


def test_a_class_reaches_both_households_of_a_shared_child() -> None:
    first, second = families(2, children=0)
    with transaction(SYSTEM) as session:
        make_pupil(session, first.account_id, second.account_id)
        class_id = session.scalars(sa.select(SchoolClass.id)).one()

    found = accounts(draft(Audience.CLASS, school_class_id=class_id))

    assert found == [first.account_id, second.account_id]


def test_a_double_click_sends_once_and_every_reader_gets_one_mail(app_on: Flask) -> None:
    first, second, shared = families(3)
    with transaction(SYSTEM) as session:
        session.add(
            AccountHolder(
                user_id=first.user_id, account_id=second.account_id, valid_from=date(2020, 1, 1)
            )
        )
        session.get_one(CanteenUser, shared.user_id).email = "x@sans-courriel.invalid"

    sent = [send(draft()), send(draft())]
    with transaction(SYSTEM) as session:
        gather(session, clock.now())
    deliver_all()

    assert sent[0] == sent[1]
    written = files_of(app_on)
    addresses = [str(each["To"]) for each in written]
    assert len(written) == 2
    assert all("," not in each for each in addresses)
    assert {first.username in each for each in addresses} == {True, False}
    assert all(
        other not in text_of(m) for m, other in zip(written, reversed(addresses), strict=True)
    )
    with looking() as session:
        message = session.scalars(sa.select(Message)).one()
        assert (message.households, message.readers) == (3, 3)
        assert session.scalar(sa.select(sa.func.count(OutboxFact.id))) == 3


def test_two_messages_at_once_are_two_mails() -> None:
    families(1)
    send(draft(subject="Première"))
    send(draft(subject="Seconde", request_id="a2"))

    with transaction(SYSTEM) as session:
        gather(session, clock.now())

    with looking() as session:
        subjects = [compose(session, mail, clock.now()).subject for mail in mails(session)]
    assert subjects == ["Première", "Seconde"]


def test_a_reader_gets_the_text_of_their_language() -> None:
    _french, english = families(2)
    with transaction(SYSTEM) as session:
        session.get_one(CanteenUser, english.user_id).language = Language.ENGLISH

    send(draft(english_subject="Outing", english_text="See you soon."))
    with transaction(SYSTEM) as session:
        gather(session, clock.now())

    with looking() as session:
        subjects = [compose(session, mail, clock.now()).subject for mail in mails(session)]
    assert subjects == ["Sortie", "Outing"]


def test_what_was_typed_stays_text_in_html_and_in_headers() -> None:
    families(1)
    typed = "Bonjour 😀 <script>alert(1)</script>\nà demain\n\n{{ 7 * 7 }} & <b>"
    send(draft(subject="Sortie\r\nBcc: everybody@example.ch 🚌", text=typed))
    with transaction(SYSTEM) as session:
        gather(session, clock.now())

    deliver_all()

    with looking() as session:
        mail: OutboxMail = mails(session)[0]
        composed = compose(session, mail, clock.now())
    assert composed.subject == "Sortie Bcc: everybody@example.ch 🚌"
    assert "<script>" not in composed.html
    assert "Bonjour 😀 &lt;script&gt;alert(1)&lt;/script&gt;<br>à demain</p>" in composed.html
    assert "{{ 7 * 7 }} &amp; &lt;b&gt;" in composed.html
    assert "à demain\n\n{{ 7 * 7 }} & <b>" in composed.text
    assert mail.sent_at is not None


def test_nobody_is_told_where_nobody_is_meant_and_no_parent_writes() -> None:
    (family,) = families(1)
    parent = Actor(family.user_id, is_staff=False, channel=Channel.PORTAL)

    with pytest.raises(NobodyToWrite):
        send(draft(Audience.DAY, day=TODAY))
    with pytest.raises(NotAllowed), transaction(parent) as session:
        send_message(session, draft(), clock.now)

    with looking() as session:
        assert session.scalar(sa.select(sa.func.count(Message.id))) == 0
        assert session.scalar(sa.select(sa.func.count(PupilAccount.id))) == 1
