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
from app.credentials import hand_out
from app.declared.papers import Paper, keep_papers
from app.models import (
    Account,
    Booking,
    BookingChange,
    CanteenUser,
    Diet,
    Enrolment,
    FamilyPaper,
    HealthAccess,
    HealthRecord,
    PrintedLetter,
    Pupil,
    PupilAccount,
    SchoolClass,
    StoredFile,
    TariffCategory,
)
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, PaperKind, Reason, Severity
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


def printed(office: Browser, path: str) -> str:
    """The text of the letters that a page offers."""
    page = office.get(path).text
    sent = {"user": re.findall(r'name="user" value="(\d+)"', page)}
    return text_of_pdf(office.post("/letter/pdf", sent).data)


def text_of_pdf(content: bytes) -> str:
    return "\n".join(each.extract_text() for each in PdfReader(BytesIO(content)).pages)


PRINTED_PASSWORD = re.compile(r"\b[a-z2-9]{4}-[a-z2-9]{4}-[a-z2-9]{4}\b")


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
    letter = printed(office, answer.location)

    (password,) = PRINTED_PASSWORD.findall(letter)
    assert "anne.muller" in letter
    assert "Zoé Müller" in letter
    assert "Rue du Lac 3" in letter
    parent = Browser(app)
    assert parent.log_in("anne.muller", password).status_code == 302
    assert parent.get("/agenda/").location == "/mot-de-passe/"


def test_nobody_logs_in_before_the_letter_is_printed(app: Flask, office: Browser) -> None:
    office.get("/registration/")
    office.post("/registration/", form(app))

    answers = [Browser(app).log_in("anne.muller", typed) for typed in ("", "!", "None")]

    assert [each.status_code for each in answers] == [200] * 3


def test_the_readable_password_is_stored_nowhere(app: Flask, office: Browser) -> None:
    office.get("/registration/")

    letter = printed(office, office.post("/registration/", form(app)).location)

    (password,) = PRINTED_PASSWORD.findall(letter)
    with app.app_context():
        from app.extensions import db

        dump = "\n".join(
            str(row)
            for table in db.metadata.sorted_tables
            for row in db.session.connection().execute(sa.select(table))
        )
    assert "anne.muller" in dump
    assert password not in dump


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
    user_id = one(app, sa.select(CanteenUser.id).where(CanteenUser.username == "anne.muller"))

    again = office.post("/registration/", form(app))
    decided = {"holders-0-known": str(user_id), "pupils-0-known": str(first(app, Pupil))}
    confirmed = office.post("/registration/", form(app, **decided))

    assert f'name="holders-0-known" type="radio" value="{user_id}"' in again.text
    assert 'name="holders-0-known" type="radio" value="another"' not in again.text
    assert 'name="pupils-0-known" type="radio" value="another"' in again.text
    assert "12 mars 2017" in text_of(again.text)
    assert confirmed.location.startswith("/familyview/show/")
    assert count(app, Account) == 2
    assert count(app, Pupil) == 1
    assert count(app, CanteenUser, CanteenUser.username.startswith("anne.muller")) == 1


@pytest.mark.parametrize(
    "near",
    [
        {"holders-0-email": "", "holders-0-phone": "+41 79 123 45 67"},
        {"holders-0-email": "", "holders-0-last_name": "Mueller"},
    ],
)
def test_a_near_spelling_or_the_telephone_is_proposed_and_may_be_another(
    app: Flask, office: Browser, near: dict[str, str]
) -> None:
    office.get("/registration/")
    office.post("/registration/", form(app, **{"holders-0-phone": "079 123 45 67"}))
    other_child = {"pupils-0-first_name": "Balthazar"}

    asked = office.post("/registration/", form(app, **near, **other_child))
    decided = {"holders-0-known": "another"}
    office.post("/registration/", form(app, **near, **other_child, **decided))

    assert 'name="holders-0-known" type="radio" value="another"' in asked.text
    assert count(app, Account) == 2
    assert count(app, CanteenUser, CanteenUser.first_name == "Anne") == 2


@pytest.mark.parametrize("typed", ["999999", "0", "x", str(2**65)])
def test_only_who_was_proposed_can_be_chosen(app: Flask, office: Browser, typed: str) -> None:
    office.get("/registration/")
    office.post("/registration/", form(app))

    answer = office.post("/registration/", form(app, **{"holders-0-known": typed}))

    assert answer.status_code == 200
    assert count(app, Account) == 1


def test_the_papers_of_the_form_are_kept_and_each_look_at_a_certificate_is_noted(
    app: Flask, office: Browser
) -> None:
    office.get("/registration/")
    papers = {
        "paper": (BytesIO(b"%PDF-1.7 signed"), "formulaire.pdf"),
        "pupils-0-certificate": (BytesIO(b"%PDF-1.7 allergy"), "../certificat.pdf"),
    }

    office.post("/registration/", {**form(app), **papers}, content_type="multipart/form-data")

    pupil_id = first(app, Pupil)
    with reading(app) as session:
        kept = {paper.kind: paper for paper in session.scalars(sa.select(FamilyPaper))}
    assert kept[PaperKind.REGISTRATION].account_id == first(app, Account)
    assert kept[PaperKind.MEDICAL].pupil_id == pupil_id
    assert kept[PaperKind.MEDICAL].file_name == "certificat.pdf"
    files = [office.get(f"/papers/file/{paper.id}").data for paper in kept.values()]
    assert sorted(files) == [b"%PDF-1.7 allergy", b"%PDF-1.7 signed"]
    assert count(app, HealthAccess, HealthAccess.pupil_id == pupil_id) == 1


def test_a_paper_that_could_act_in_a_browser_is_refused(app: Flask, office: Browser) -> None:
    office.get("/registration/")
    paper = {"paper": (BytesIO(b"<html>"), "formulaire.pdf")}

    answer = office.post(
        "/registration/", {**form(app), **paper}, content_type="multipart/form-data"
    )

    assert 'class="error"' in answer.text
    assert count(app, Account) == 0


def test_a_paper_is_added_and_deleted_with_its_content(app: Flask, office: Browser) -> None:
    household = family(app)
    sent = {"kind": "other", "paper": (BytesIO(b"%PDF-1.7 x"), "lettre.pdf")}
    path = f"/papers/add?account={household.account_id}"
    office.get(path)

    added = office.post(path, sent, content_type="multipart/form-data")
    key = first(app, FamilyPaper)
    deleted = office.post(f"/papers/delete/{key}")

    assert added.location == deleted.location == f"/familyview/show/{household.account_id}"
    assert count(app, FamilyPaper) == count(app, StoredFile) == 0


def test_a_certificate_of_a_whole_family_is_refused_with_the_form(
    app: Flask, office: Browser
) -> None:
    household = family(app)
    sent = {"kind": "medical", "paper": (BytesIO(b"%PDF-1.7 x"), "certificat.pdf")}
    path = f"/papers/add?account={household.account_id}"
    office.get(path)

    refused = office.post(path, sent, content_type="multipart/form-data")

    assert refused.status_code == 200
    assert 'name="paper"' in refused.text
    assert count(app, FamilyPaper) == count(app, StoredFile) == 0


def test_only_the_secretariat_sees_papers(app: Flask, office: Browser) -> None:
    household = family(app)
    with writing(app) as session:
        keep_papers(
            session,
            [Paper(PaperKind.MEDICAL, "c.pdf", b"%PDF-1.7", "application/pdf")],
            pupil_id=household.pupil_id,
        )
    key = first(app, FamilyPaper)

    others = ["till", "kitchen", "accounting", "committee", household.username]
    statuses = [logged_in(app, name).get(f"/papers/file/{key}").status_code for name in others]

    assert statuses == [403] * 5
    assert count(app, HealthAccess) == 0


def test_a_child_who_looks_known_is_not_added_twice_by_oversight(
    app: Flask, office: Browser
) -> None:
    household = family(app)
    with reading(app) as session:
        known = session.get_one(Pupil, household.pupil_id)
        sent = {
            "account": household.account_id,
            "first_name": known.first_name.upper(),
            "last_name": known.last_name,
            "birth_date": known.birth_date.isoformat(),
            "diet": known.diet_id,
        }
    office.get("/pupilview/add")

    asked = office.post("/pupilview/add", sent)
    added = office.post("/pupilview/add", {**sent, "is_another": "y"})

    assert (asked.status_code, added.status_code) == (200, 302)
    assert count(app, Pupil) == 2


def test_a_holder_who_looks_known_is_not_added_twice_by_oversight(
    app: Flask, office: Browser
) -> None:
    office.get("/registration/")
    office.post("/registration/", form(app))
    sent = {
        "account": first(app, Account),
        "first_name": "Anne",
        "last_name": "Mueller",
        "language": "fr",
    }

    asked = office.post("/holderview/add", sent)
    added = office.post("/holderview/add", {**sent, "is_another": "y"})

    assert (asked.status_code, added.status_code) == (200, 302)
    assert count(app, CanteenUser, CanteenUser.first_name == "Anne") == 2


# -- letters ---------------------------------------------------------------------------------------


def test_all_new_families_are_printed_in_one_go_and_once(app: Flask, office: Browser) -> None:
    office.get("/registration/")
    for name in ("anne", "paul"):
        names = {"holders-0-first_name": name.title(), "holders-0-email": f"{name}@example.ch"}
        child = {"pupils-0-first_name": f"Enfant de {name}", "pupils-0-birth_date": "2018-01-02"}
        office.post(
            "/registration/",
            form(app, **names, **child, **{"holders-0-known": "another"}),
        )
    office.get("/letter/")

    letters = office.post("/letter/pdf")
    again = office.post("/letter/pdf")

    assert letters.mimetype == "application/pdf"
    assert len(PdfReader(BytesIO(letters.data)).pages) == 2
    assert len(set(PRINTED_PASSWORD.findall(text_of_pdf(letters.data)))) == 2
    assert again.status_code == 409
    with reading(app) as session:
        notes = session.scalars(sa.select(PrintedLetter)).all()
        assert len({note.printed_at for note in notes}) == 1
        assert {note.printed_by and note.printed_by.username for note in notes} == {"secretariat"}


def test_printing_again_sets_another_password_for_who_has_not_used_theirs(
    app: Flask, office: Browser
) -> None:
    office.get("/registration/")
    first_letter = printed(office, office.post("/registration/", form(app)).location)
    (before,) = PRINTED_PASSWORD.findall(first_letter)
    page = office.get("/letter/").text
    batch = re.search(r'name="batch" value="([^"]+)"', page)
    assert batch is not None

    second_letter = text_of_pdf(office.post("/letter/pdf", {"batch": batch[1]}).data)

    (after,) = PRINTED_PASSWORD.findall(second_letter)
    assert before != after
    assert Browser(app).log_in("anne.muller", before).status_code == 200
    assert Browser(app).log_in("anne.muller", after).status_code == 302
    assert count(app, PrintedLetter) == 2


def test_whoever_has_a_password_of_their_own_keeps_it(app: Flask, office: Browser) -> None:
    office.get("/registration/")
    printed(office, office.post("/registration/", form(app)).location)
    with writing(app) as session:
        user = session.scalars(
            sa.select(CanteenUser).where(CanteenUser.username == "anne.muller")
        ).one()
        user.must_change_password = False
        printed_at = session.scalars(sa.select(PrintedLetter.printed_at)).one()

    answer = office.post("/letter/pdf", {"batch": printed_at.isoformat()})

    assert answer.status_code == 409


@pytest.mark.parametrize("batch", ["x", "2026-01-01T00:00:00+00:00", ""])
def test_a_batch_that_never_was_is_refused(app: Flask, office: Browser, batch: str) -> None:
    office.get("/letter/")

    assert office.post("/letter/pdf", {"batch": batch}).status_code == 400


def test_two_who_print_at_once_do_not_spoil_each_others_paper(app_on: Flask) -> None:
    household = family(app_on)
    with writing(app_on) as session:
        session.get_one(CanteenUser, household.user_id).must_change_password = True
    hashes, today = {household.user_id: "first"}, date(2026, 11, 16)
    with writing(app_on) as session:
        given = [
            hand_out(session, hashes, lambda: LONG_BEFORE, today, only_new=True),
            hand_out(session, {household.user_id: "x"}, lambda: LONG_BEFORE, today, only_new=True),
        ]

    assert given == [[household.user_id], []]
    kept = sa.select(CanteenUser.password).where(CanteenUser.id == household.user_id)
    assert one(app_on, kept) == "first"


def test_a_new_letter_ends_the_old_password_and_its_sessions(app: Flask, office: Browser) -> None:
    household = family(app)
    parent = logged_in(app, household.username)

    answer = office.post(f"/holderview/action/new_letter/{household.user_id}")

    assert parent.is_logged_in
    assert household.username in printed(office, answer.location)
    assert not parent.is_logged_in
    assert Browser(app).log_in(household.username, PASSWORD).status_code == 200


def test_the_secretariat_prints_no_letter_for_staff_and_a_parent_none(
    app: Flask, office: Browser
) -> None:
    admin_id = one(app, sa.select(CanteenUser.id).where(CanteenUser.username == "admin"))
    parent = logged_in(app, family(app).username)
    office.get("/letter/")

    answer = office.post("/letter/pdf", {"user": str(admin_id)})

    assert answer.status_code == 409
    assert parent.post("/letter/pdf", {"user": str(admin_id)}).status_code == 403
    assert Browser(app).log_in("admin", PASSWORD).status_code == 302


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
