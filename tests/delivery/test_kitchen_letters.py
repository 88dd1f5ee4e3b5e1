"""The final list as the kitchen gets it: once, at its own address, with the paper."""

from collections.abc import Iterator
from io import BytesIO

import pytest
from flask import Flask

from app.access import SYSTEM
from app.models import CanteenSettings, HealthRecord, Pupil
from app.transaction import transaction
from app.vocabulary import FactKind
from app.worker import Worker
from tests.booking.acting import LONG_BEFORE, MONDAY, book
from tests.conftest import FrozenClock
from tests.delivery.mailing import files_of, looking, mails, text_of
from tests.documents.reading import text_of as pdf_text
from tests.factories import make_family


@pytest.fixture
def closing(app_on: Flask, frozen_clock: FrozenClock) -> Iterator[Flask]:
    """The last call of a Monday on which one child eats apart."""
    with app_on.app_context():
        with transaction(SYSTEM) as session:
            family = make_family(session, balance=2000, diet="Spécial")
            book(session, family.pupil_id, MONDAY, LONG_BEFORE)
            session.get_one(Pupil, family.pupil_id).first_name = "Zoé"
            session.add(HealthRecord(pupil_id=family.pupil_id, note="Sans gluten"))
            session.get_one(CanteenSettings, 1).kitchen_email = "chef@example.ch"
        frozen_clock.set("2026-11-16 08:15")
        yield app_on


def test_the_kitchen_gets_the_list_once_with_the_paper(closing: Flask) -> None:
    for _ in range(2):
        assert Worker(closing).run_once()

    (mail,) = [m for m in files_of(closing) if "chef@example.ch" in str(m["To"])]
    (paper,) = mail.iter_attachments()
    assert "16 novembre" in mail["Subject"]
    assert paper.get_filename() == "cuisine-2026-11-16.pdf"
    content = paper.get_content()
    assert isinstance(content, bytes)
    assert "Sans gluten" in pdf_text(BytesIO(content).getvalue())


def test_what_is_health_data_stands_in_the_paper_only(closing: Flask) -> None:
    assert Worker(closing).run_once()

    (mail,) = [m for m in files_of(closing) if "chef@example.ch" in str(m["To"])]
    assert "Spécial" in text_of(mail)
    assert all("Zoé" not in text_of(mail, kind) for kind in ("plain", "html"))


def test_without_an_address_of_its_own_the_cooks_get_it(closing: Flask) -> None:
    with transaction(SYSTEM) as session:
        session.get_one(CanteenSettings, 1).kitchen_email = ""

    assert Worker(closing).run_once()

    with looking() as session:
        (mail,) = [m for m in mails(session) if m.kind is FactKind.KITCHEN_LIST]
        assert mail.user is not None
        assert mail.user.username == "kitchen"
