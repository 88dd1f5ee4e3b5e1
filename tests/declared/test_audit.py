"""The audit as it is read: who changed what, from what to what, found by whatever one knows."""

import re
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask

from app.access import Actor
from app.booking import Wish, book_meal
from app.models import AuditEntry, CanteenUser, Diet, Enrolment, Pupil, SchoolYear
from app.transaction import transaction
from app.vocabulary import Channel, Role
from tests.booking.acting import MONDAY, RULES, TUESDAY, parent, weeks_before
from tests.conftest import A_SCHOOL_MORNING, FrozenClock
from tests.declared.acting import one
from tests.factories import Family, make_family
from tests.web import Browser, logged_in, text_of


@pytest.fixture(scope="module")
def app(shared_app_on: Flask) -> Iterator[Flask]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.clock.now", FrozenClock(A_SCHOOL_MORNING).now)
        yield shared_app_on


@pytest.fixture(scope="module")
def admin(app: Flask) -> Browser:
    return logged_in(app, "admin")


@pytest.fixture(scope="module")
def family(app: Flask) -> Family:
    """A child that the office has renamed, given another diet, and enrolled for longer."""
    with app.app_context():
        with transaction(office(app)) as session:
            made = make_family(session, balance=5000)
        with transaction(office(app)) as session:
            diet = session.scalars(sa.select(Diet).where(Diet.name == "Végétarien")).one()
            pupil = session.get_one(Pupil, made.pupil_id)
            pupil.first_name, pupil.diet_id = "Zoé-Lou", diet.id
            enrolment = session.scalars(
                sa.select(Enrolment).where(Enrolment.pupil_id == pupil.id)
            ).one()
            enrolment.valid_from = MONDAY
    return made


def office(app: Flask, channel: Channel = Channel.DESK) -> Actor:
    query = sa.select(CanteenUser.id).where(CanteenUser.username == Role.SECRETARIAT.name.lower())
    with app.app_context():
        return Actor(one(app, query), is_staff=True, channel=channel)


def found(admin: Browser, **searched: str) -> list[int]:
    page = admin.get(
        "/auditview/list/",
        query_string={"psize_AuditView": "100", **searched},
    ).text
    return [int(key) for key in dict.fromkeys(re.findall(r"/auditview/show/(\d+)", page))]


def last_edit(app: Flask, entity: str, key: int) -> int:
    query = sa.select(sa.func.max(AuditEntry.id)).where(
        AuditEntry.entity == entity, AuditEntry.entity_id == key, AuditEntry.action == "edit"
    )
    found: int = one(app, query)
    return found


def test_values_are_said_as_people_know_them(app: Flask, admin: Browser, family: Family) -> None:
    edit = last_edit(app, "Pupil", family.pupil_id)

    said = text_of(admin.get(f"/auditview/show/{edit}").text)

    assert "Prénom Secretariat" in said
    assert "Régime Normal Végétarien" in said
    assert "Zoé-Lou" in said
    assert "Guichet, par le personnel" in said


def test_a_form_says_from_what_and_a_range_ends_on_its_last_day(app: Flask, admin: Browser) -> None:
    ends_on = one(app, sa.select(SchoolYear.ends_on))
    admin.get("/schoolyearview/edit/1")
    admin.post(
        "/schoolyearview/edit/1",
        {"name": "2026-2027", "starts_on": "2026-08-17", "ends_on": "2027-07-09"},
    )
    edit = last_edit(app, "SchoolYear", 1)

    said = text_of(admin.get(f"/auditview/show/{edit}").text)

    assert ends_on.isoformat() == "2027-07-03"
    assert "Après Dernier jour 2 juil. 2027 9 juil. 2027" in said, "the rest is as it was"


def test_from_the_audit_to_the_record_and_back(app: Flask, admin: Browser, family: Family) -> None:
    edit = last_edit(app, "Pupil", family.pupil_id)
    record = f"/pupilview/show/{family.pupil_id}"

    assert f'href="{record}">Zoé-Lou Essai' in admin.get(f"/auditview/show/{edit}").text
    back = f"/auditview/list/?_flt_0_entity=Pupil&amp;_flt_0_entity_id={family.pupil_id}"
    assert back in admin.get(record).text
    assert back not in logged_in(app, "secretariat").get(record).text


def test_changes_are_found_by_child_family_and_value(
    app: Flask, admin: Browser, family: Family
) -> None:
    edit = last_edit(app, "Pupil", family.pupil_id)
    enrolment_id = one(app, sa.select(Enrolment.id).where(Enrolment.pupil_id == family.pupil_id))
    enrolled = last_edit(app, "Enrolment", enrolment_id)

    assert {edit, enrolled} <= set(found(admin, _flt_0_pupil="zoe lou"))
    assert found(admin, _flt_0_pupil="personne") == []
    assert edit in found(admin, _flt_0_value="zoé-L")
    assert found(admin, _flt_0_value="100%_") == []
    opened = {
        *map(int, found(admin, _flt_0_family="zoe-lou", _flt_0_entity="Account")),
        *map(int, found(admin, _flt_0_family="zoe-lou", _flt_0_entity="AccountHolder")),
    }
    assert len(opened) == 2


def test_the_list_says_what_each_record_is_called(admin: Browser, family: Family) -> None:
    listed = admin.get("/auditview/list/", query_string={"_flt_0_pupil": "zoe lou"})
    saved = admin.get("/auditview/export", query_string={"_flt_0_pupil": "zoe lou"})

    assert "Guichet, par le personnel Élève Zoé-Lou Essai Modifié" in text_of(listed.text)
    assert ";Élève;Zoé-Lou Essai;Modifié" in saved.data.decode("utf-8-sig")


def test_every_kind_that_is_noted_can_be_searched_for(admin: Browser) -> None:
    page = admin.get("/auditview/list/").text

    for entity in ("QrBill", "BankEntry", "Receipt", "OnlinePayment", "OutboxMail", "Pupil"):
        assert f'<option value="{entity}">' in page


def test_a_meal_booked_by_staff_says_so_wherever_it_is_shown(
    app: Flask, admin: Browser, family: Family
) -> None:
    with app.app_context():
        by_telephone = office(app, Channel.TELEPHONE)
        for day, actor in ((MONDAY, parent(family)), (TUESDAY, by_telephone)):
            with transaction(actor) as session:
                wish = Wish(family.pupil_id, day)
                booking_id = book_meal(session, wish, RULES, weeks_before(day)).id

    pages = [
        admin.get(address).text
        for address in (
            "/bookinghistoryview/list/?_flt_0_pupil=zoe",
            f"/bookinglistview/show/{booking_id}",
            f"/familyview/show/{family.account_id}",
        )
    ]

    for page in map(text_of, pages):
        assert "Téléphone, par le personnel" in page
        assert "Prénom Secretariat" in page
    assert "Portail, par le personnel" not in pages[0]
    assert "Portail" in pages[0]


def test_only_the_administrator_reads_the_audit(app: Flask, family: Family) -> None:
    for who in ("secretariat", "till", "kitchen", "accounting", "committee", family.username):
        assert logged_in(app, who).get("/auditview/list/").status_code == 403, who
