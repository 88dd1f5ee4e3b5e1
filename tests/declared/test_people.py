"""The secretariat's work: families, holders, children, and the letters that let parents in."""

import re
from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader

from app.booking import Wish, book_meal
from app.models import (
    Account,
    Booking,
    BookingChange,
    CanteenUser,
    Diet,
    Enrolment,
    Exclusion,
    HealthAccess,
    HealthRecord,
    Pupil,
    PupilAccount,
    SchoolClass,
    TariffCategory,
)
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, Reason, Severity
from tests.conftest import FrozenClock
from tests.declared.acting import (
    count,
    family,
    in_french,
    one,
)
from tests.factories import PASSWORD, Family
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

LONG_BEFORE = datetime(2026, 11, 2, 9, tzinfo=UTC)
TUESDAY = date(2026, 11, 17)
FRIDAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


def first(app: Flask, model: type[Any]) -> int:
    found: int = one(app, sa.select(model.id).order_by(model.id).limit(1))
    return found


def form(app: Flask, **changes: str) -> dict[str, Any]:
    """Anne Müller and her daughter Zoé, unless the test says otherwise."""
    return {
        "starts_on": "2026-11-16",
        "holders-0-first_name": "Anne",
        "holders-0-last_name": "Müller",
        "holders-0-email": "anne@example.ch",
        "holders-0-street": "Rue du Lac 3",
        "holders-0-postal_code": "1854",
        "holders-0-town": "Leysin",
        "holders-0-language": "fr",
        "pupils-0-first_name": "Zoé",
        "pupils-0-last_name": "Müller",
        "pupils-0-birth_date": "2017-03-12",
        "pupils-0-school_class": first(app, SchoolClass),
        "pupils-0-diet": first(app, Diet),
        "pupils-0-category": first(app, TariffCategory),
        **changes,
    }


def printed(office: Browser, page: str) -> str:
    """The text of the letters that a page offers."""
    found = re.search(r'name="sealed" value="([^"]+)"', page)
    assert found is not None
    answer = office.post("/letter/", {"sealed": found[1]})
    assert answer.mimetype == "application/pdf"
    return "\n".join(each.extract_text() for each in PdfReader(BytesIO(answer.data)).pages)


def book(app: Flask, household: Family, day: date) -> None:
    with writing(app) as session:
        book_meal(session, Wish(household.pupil_id, day), ServiceRules(), lambda: LONG_BEFORE)


def states(app: Flask, household: Family) -> list[BookingState]:
    with reading(app) as session:
        query = sa.select(Booking.state).where(Booking.pupil_id == household.pupil_id)
        return list(session.scalars(query.order_by(Booking.service_day_id)))


def test_a_family_is_registered_and_its_letter_opens_the_door(app: Flask, office: Browser) -> None:
    office.get("/registration/")

    answer = office.post("/registration/", form(app))
    letter = printed(office, answer.text)

    password = re.search(r"\b([a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4})\b", letter)
    assert password is not None
    assert "anne.muller" in letter
    assert "Zoé Müller" in letter
    assert "Rue du Lac 3" in letter
    assert password[1] not in text_of(answer.text)
    parent = Browser(app)
    assert parent.log_in("anne.muller", password[1]).status_code == 302
    assert parent.get("/agenda/").location == "/mot-de-passe/"


def test_the_readable_password_is_stored_nowhere(app: Flask, office: Browser) -> None:
    office.get("/registration/")

    letter = printed(office, office.post("/registration/", form(app)).text)

    password = re.search(r"\b[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\b", letter)
    assert password is not None
    with app.app_context():
        from app.extensions import db

        dump = "\n".join(
            str(row)
            for table in db.metadata.sorted_tables
            for row in db.session.connection().execute(sa.select(table))
        )
    assert password[0] not in dump


def test_the_account_is_called_after_its_holder(app: Flask, office: Browser) -> None:
    office.get("/registration/")

    office.post("/registration/", form(app))

    label = in_french(app, "Family %(name)s") % {"name": "Müller"}
    assert one(app, sa.select(Account.label)) == label


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("holders-0-last_name", " "),
        ("holders-0-email", "no mail"),
        ("holders-0-language", "xx"),
        ("pupils-0-first_name", ""),
        ("pupils-0-birth_date", "yesterday"),
        ("pupils-0-birth_date", "2026-11-16"),
        ("pupils-0-birth_date", "0217-03-12"),
        ("pupils-0-school_class", "999"),
        ("pupils-0-school_class", str(2**65)),
        ("pupils-0-diet", "abc"),
        ("pupils-0-category", ""),
        ("pupils-0-allergens", "plutonium"),
        ("pupils-1-first_name", "Half a child"),
        ("holders-1-first_name", "Half a parent"),
        ("starts_on", ""),
    ],
)
def test_what_is_missing_is_asked_for_and_nothing_is_made(
    app: Flask, office: Browser, field: str, typed: str
) -> None:
    office.get("/registration/")

    answer = office.post("/registration/", form(app, **{field: typed}))

    assert answer.status_code == 200
    assert 'class="error"' in answer.text
    assert count(app, Account) == count(app, Pupil) == 0


def test_two_holders_cannot_share_a_mail_address(app: Flask, office: Browser) -> None:
    second = {
        "holders-1-first_name": "Paul",
        "holders-1-last_name": "Müller",
        "holders-1-email": "ANNE@example.ch",
        "holders-1-language": "fr",
    }
    office.get("/registration/")

    answer = office.post("/registration/", form(app, **second))

    assert in_french(app, "Each holder needs a mail address of their own.") in text_of(answer.text)
    assert count(app, Account) == 0


def test_who_is_known_is_proposed_before_anybody_is_made_twice(app: Flask, office: Browser) -> None:
    office.get("/registration/")
    office.post("/registration/", form(app))

    again = office.post("/registration/", form(app))
    confirmed = office.post(
        "/registration/", form(app, **{"holders-0-is_known": "y", "pupils-0-known": "same"})
    )

    assert 'name="holders-0-is_known"' in again.text
    assert 'name="pupils-0-known"' in again.text
    known = in_french(app, "%(name)s (birth date: %(day)s) is registered already.")
    assert text_of(known % {"name": "Zoé Müller", "day": "12 mars 2017"}) in text_of(again.text)
    assert 'name="sealed"' in confirmed.text
    assert count(app, Account) == 2
    assert count(app, Pupil) == 1
    assert count(app, CanteenUser, CanteenUser.username.startswith("anne.muller")) == 1


def test_a_letter_is_worth_nothing_to_others_nor_after_an_hour(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    office.get("/registration/")
    page = office.post("/registration/", form(app)).text
    sealed = re.search(r'name="sealed" value="([^"]+)"', page)
    assert sealed is not None
    parent = logged_in(app, family(app).username)

    by_parent = parent.post("/letter/", {"sealed": sealed[1]})
    forged = office.post("/letter/", {"sealed": sealed[1][:-2] + "xx"})
    morning.set("2026-11-16 08:31")
    too_late = office.post("/letter/", {"sealed": sealed[1]})

    assert [by_parent.status_code, forged.status_code, too_late.status_code] == [403, 409, 409]


def test_a_new_letter_ends_the_old_password_and_its_sessions(app: Flask, office: Browser) -> None:
    household = family(app)
    parent = logged_in(app, household.username)

    page = office.post(f"/holderview/action/new_letter/{household.user_id}").text

    letter = printed(office, page)
    assert household.username in letter
    assert not parent.is_logged_in
    assert Browser(app).log_in(household.username, PASSWORD).status_code == 200


def test_the_secretariat_reaches_no_account_of_staff(app: Flask, office: Browser) -> None:
    admin_id = one(app, sa.select(CanteenUser.id).where(CanteenUser.username == "admin"))
    with writing(app) as session:
        from app.registration import stored_role
        from app.vocabulary import Role

        admin = session.get_one(CanteenUser, admin_id)
        admin.roles.append(stored_role(session, Role.PARENT))

    answers = [
        office.get(f"/holderview/show/{admin_id}"),
        office.get(f"/holderview/edit/{admin_id}"),
        office.post(f"/holderview/edit/{admin_id}", {"email": "evil@example.ch"}),
        office.post(f"/holderview/action/new_letter/{admin_id}"),
        office.get("/staffuserview/list/"),
    ]

    assert [each.status_code for each in answers] == [404, 404, 404, 404, 403]


def test_the_family_page_says_who_they_are_and_what_they_have(app: Flask, office: Browser) -> None:
    household = family(app, balance=5_000, children=2)

    page = text_of(office.get(f"/familyview/show/{household.account_id}").text)

    assert "50.00" in page
    assert all(str(i) for i in household.pupil_ids)
    assert page.count("5P") == 2


@pytest.mark.parametrize(("typed", "found"), [("prenom user", 1), ("PRÉNOM", 1), ("nobody", 0)])
def test_a_family_is_found_by_the_names_of_its_people(
    app: Flask, office: Browser, typed: str, found: int
) -> None:
    family(app)

    page = office.get("/familyview/list/", query_string={"_flt_0_person": typed}).text

    assert page.count('class="title"') == found


def test_a_tolerance_moves_what_the_bank_took_back(app: Flask, office: Browser) -> None:
    household = family(app)
    with writing(app) as session:
        account = session.get_one(Account, household.account_id)
        account.balance, account.taken_back = -3_000, 3_000

    answer = office.post(
        f"/familyview/edit/{household.account_id}", {"label": "Famille", "tolerance": "10,00"}
    )

    assert answer.status_code == 302
    with reading(app) as session:
        account = session.get_one(Account, household.account_id)
        assert (account.tolerance, account.taken_back) == (1_000, 2_000)


def test_an_account_with_money_is_not_archived(app: Flask, office: Browser) -> None:
    household = family(app, balance=500)

    answer = office.post(
        f"/familyview/action/archive/{household.account_id}", follow_redirects=True
    )

    assert "CHF 5.00" in text_of(answer.text)
    archived_at = sa.select(Account.archived_at).where(Account.id == household.account_id)
    assert one(app, archived_at) is None


def test_a_child_who_leaves_eats_no_more(app: Flask, office: Browser) -> None:
    household = family(app)
    book(app, household, FRIDAY)

    office.post(f"/pupilview/action/archive/{household.pupil_id}")

    assert states(app, household) == [BookingState.CANCELLED]
    reasons = sa.select(BookingChange.reason).order_by(BookingChange.id.desc())
    assert one(app, reasons) is Reason.DEPARTURE


def test_a_shorter_enrolment_cancels_the_meals_that_it_leaves_outside(
    app: Flask, office: Browser
) -> None:
    household = family(app)
    book(app, household, TUESDAY)
    book(app, household, FRIDAY)
    key = one(app, sa.select(Enrolment.id).where(Enrolment.pupil_id == household.pupil_id))

    answer = office.post(
        f"/enrolmentview/edit/{key}",
        {
            "school_class": first(app, SchoolClass),
            "category": first(app, TariffCategory),
            "valid_from": "2026-08-17",
            "valid_until": "2026-11-19",
        },
    )

    assert answer.status_code == 302
    assert states(app, household) == [BookingState.BOOKED, BookingState.CANCELLED]


@pytest.mark.parametrize(
    ("begins", "ends"), [("2026-10-01", "2026-12-01"), ("2027-08-01", "2027-09-01")]
)
def test_enrolments_neither_overlap_nor_leave_their_year(
    app: Flask, office: Browser, begins: str, ends: str
) -> None:
    household = family(app)
    before = count(app, Enrolment)

    answer = office.post(
        "/enrolmentview/add",
        {
            "pupil": household.pupil_id,
            "school_class": first(app, SchoolClass),
            "category": first(app, TariffCategory),
            "valid_from": begins,
            "valid_until": ends,
        },
    )

    assert 'class="alert' in answer.text
    assert count(app, Enrolment) == before


def test_an_exclusion_cancels_the_meals_in_its_range(app: Flask) -> None:
    household = family(app)
    book(app, household, TUESDAY)
    book(app, household, FRIDAY)
    committee = logged_in(app, "committee")

    answer = committee.post(
        "/exclusionview/add",
        {
            "pupil": household.pupil_id,
            "decided_on": "2026-11-16",
            "valid_from": "2026-11-18",
            "valid_until": "2026-11-20",
            "reason": "Décision du comité",
        },
    )

    assert answer.status_code == 302
    assert states(app, household) == [BookingState.BOOKED, BookingState.CANCELLED]
    assert one(app, sa.select(Exclusion.valid_until)) == date(2026, 11, 21)


def test_an_exclusion_that_ends_before_it_begins_is_refused(app: Flask) -> None:
    household = family(app)

    answer = logged_in(app, "committee").post(
        "/exclusionview/add",
        {
            "pupil": household.pupil_id,
            "decided_on": "2026-11-16",
            "valid_from": "2026-11-18",
            "valid_until": "2026-11-17",
            "reason": "x",
        },
    )

    sentence = in_french(app, "The last day must not lie before the first day.")
    assert sentence in text_of(answer.text)
    assert count(app, Exclusion) == 0


def record_of(app: Flask) -> tuple[int, int]:
    household = family(app)
    with writing(app) as session:
        record = HealthRecord(
            pupil_id=household.pupil_id, allergens=["nuts"], severity=Severity.ANAPHYLAXIS
        )
        session.add(record)
        session.flush()
        return record.id, household.pupil_id


@pytest.mark.parametrize("page", ["show", "edit", "list"])
def test_each_look_at_health_data_is_noted(app: Flask, office: Browser, page: str) -> None:
    key, pupil_id = record_of(app)
    path = "/healthrecordview/list/" if page == "list" else f"/healthrecordview/{page}/{key}"

    answer = office.get(path)

    assert answer.status_code == 200
    with reading(app) as session:
        (noted,) = session.scalars(sa.select(HealthAccess)).all()
        who = session.get_one(CanteenUser, noted.user_id)
        assert (who.username, noted.pupil_id) == ("secretariat", pupil_id)


def test_health_is_not_for_the_committee(app: Flask) -> None:
    key, _pupil_id = record_of(app)
    committee = logged_in(app, "committee")

    statuses = [
        committee.get(path).status_code
        for path in ("/healthrecordview/list/", f"/healthrecordview/show/{key}")
    ]

    assert statuses == [403, 403]
    assert count(app, HealthAccess) == 0


def test_a_child_is_linked_to_a_second_account_once(app: Flask, office: Browser) -> None:
    mother, father = family(app), family(app)
    sent = {"account": father.account_id, "pupil": mother.pupil_id}

    first_answer = office.post("/pupilaccountview/add", sent)
    second_answer = office.post("/pupilaccountview/add", sent)

    assert (first_answer.status_code, second_answer.status_code) == (302, 200)
    assert count(app, PupilAccount, PupilAccount.pupil_id == mother.pupil_id) == 2
