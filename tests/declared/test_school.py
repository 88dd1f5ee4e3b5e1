"""School, prices, settings, documents and staff: what may be changed, and what must stay."""

from datetime import date, timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.bank.references import account_reference
from app.booking import Wish, book_meal
from app.models import (
    Account,
    CanteenSettings,
    CanteenUser,
    Diet,
    Document,
    MealType,
    OutboxFact,
    Price,
    SchoolYear,
    ServiceDay,
    StoredFile,
    TariffCategory,
)
from app.rules.deadlines import ServiceRules
from app.vocabulary import FactKind
from tests.conftest import FrozenClock
from tests.declared.acting import (
    count,
    family,
    in_french,
    one,
)
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

FRIDAY = date(2026, 11, 20)
PDF = b"%PDF-1.7\n%fake\n"


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


@pytest.fixture
def office(app: Flask) -> Browser:
    return logged_in(app, "secretariat")


@pytest.fixture
def admin(app: Flask) -> Browser:
    return logged_in(app, "admin")


def named(app: Flask, model: type[Any], name: str) -> int:
    found: int = one(app, sa.select(model.id).where(model.name == name))
    return found


def booked_on_friday(app: Flask, now: FrozenClock) -> int:
    household = family(app)
    with writing(app) as session:
        wish = Wish(household.pupil_id, FRIDAY)
        booking = book_meal(session, wish, ServiceRules(), now.now)
        return booking.id


def price(app: Flask, begins: str, amount: str = "9.50") -> dict[str, Any]:
    return {
        "meal_type": named(app, MealType, "Normal"),
        "category": named(app, TariffCategory, "Élèves"),
        "valid_from": begins,
        "amount": amount,
    }


def test_a_new_price_tells_the_families_it_touches(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    booked_on_friday(app, morning)

    answer = office.post("/priceview/add", price(app, "2026-11-18", "9,50"))

    assert answer.status_code == 302
    assert one(app, sa.select(Price.amount).where(Price.valid_from == date(2026, 11, 18))) == 950
    assert count(app, OutboxFact, OutboxFact.kind == FactKind.PRICE_CHANGED) == 1


@pytest.mark.parametrize("begins", ["2026-11-16", "2026-09-01"])
def test_a_price_does_not_begin_on_a_day_that_was_charged(
    app: Flask, office: Browser, begins: str
) -> None:
    answer = office.post("/priceview/add", price(app, begins))

    sentence = "A price in force stays as it is. Add a new price that begins on a later day."
    assert in_french(app, sentence) in text_of(answer.text)
    assert count(app, Price, Price.valid_from == date.fromisoformat(begins)) == 0


def test_a_price_in_force_is_not_corrected_and_one_to_come_is(app: Flask, office: Browser) -> None:
    office.post("/priceview/add", price(app, "2027-01-01"))
    in_force = one(app, sa.select(Price.id).where(Price.valid_from < date(2026, 12, 1)).limit(1))
    to_come = one(app, sa.select(Price.id).where(Price.valid_from == date(2027, 1, 1)))

    refused = office.post(f"/priceview/edit/{in_force}", {"amount": "1"})
    kept = office.post(f"/priceview/edit/{to_come}", {"amount": "10"})

    assert (refused.status_code, kept.status_code) == (200, 302)
    assert one(app, sa.select(Price.amount).where(Price.id == in_force)) != 100
    assert one(app, sa.select(Price.amount).where(Price.id == to_come)) == 1_000


@pytest.mark.parametrize("amount", ["-1", "abc", "9.999", "", str(2**65)])
def test_a_price_that_is_no_amount_is_refused(app: Flask, office: Browser, amount: str) -> None:
    answer = office.post("/priceview/add", price(app, "2027-01-01", amount))

    assert 'class="error"' in answer.text


def test_a_meal_type_that_a_diet_needs_is_not_archived(app: Flask, office: Browser) -> None:
    key = named(app, MealType, "Normal")

    office.post(f"/mealtypeview/action/archive/{key}")

    assert one(app, sa.select(MealType.archived_at).where(MealType.id == key)) is None


def test_a_diet_that_nobody_has_is_archived_and_brought_back(app: Flask, office: Browser) -> None:
    key = named(app, Diet, "Spécial")
    archived_at = sa.select(Diet.archived_at).where(Diet.id == key)

    office.post(f"/dietview/action/archive/{key}")
    archived = one(app, archived_at)
    lists = office.get("/dietview/list/").text, office.get("/dietview/list/?aside=1").text
    office.post(f"/dietview/action/restore/{key}")

    assert archived is not None
    assert ["Spécial</a>" in page for page in lists] == [False, True]
    assert one(app, archived_at) is None


def test_a_day_never_has_fewer_seats_than_meals(
    app: Flask, office: Browser, morning: FrozenClock
) -> None:
    booked_on_friday(app, morning)
    key = one(app, sa.select(ServiceDay.id).where(ServiceDay.date == FRIDAY))

    refused = office.post(f"/servicedayview/edit/{key}", {"capacity": "0"})
    kept = office.post(f"/servicedayview/edit/{key}", {"capacity": "1"})

    assert (refused.status_code, kept.status_code) == (200, 302)
    assert one(app, sa.select(ServiceDay.capacity).where(ServiceDay.id == key)) == 1


def test_the_days_of_a_year_are_made_once(app: Flask, office: Browser) -> None:
    office.post(
        "/schoolyearview/add",
        {"name": "2027-2028", "starts_on": "2027-08-23", "ends_on": "2027-09-24"},
    )
    year = one(app, sa.select(SchoolYear).where(SchoolYear.name == "2027-2028"))
    sent = {
        "weekdays": ["0", "1", "3", "4"],
        "capacity": "60",
        "holidays": "06.09.2027 - 10.09.2027 Camp",
    }

    for _twice in range(2):
        office.get(f"/service-days/?year={year.id}")
        office.post(f"/service-days/?year={year.id}", sent)

    with reading(app) as session:
        query = sa.select(ServiceDay).where(ServiceDay.date >= date(2027, 8, 23))
        days = {day.date: day.closure for day in session.scalars(query)}
    assert year.ends_on == date(2027, 9, 25)
    assert len(days) == 20
    assert days[date(2027, 9, 6)] == "Camp"
    assert days[date(2027, 9, 20)] is not None
    assert date(2027, 8, 25) not in days


@pytest.mark.parametrize(
    ("begins", "ends"),
    [("2026-09-01", "2027-08-01"), ("2028-08-20", "2028-08-01"), ("2028-01-01", "2030-01-01")],
)
def test_school_years_follow_each_other(
    app: Flask, office: Browser, begins: str, ends: str
) -> None:
    answer = office.post(
        "/schoolyearview/add", {"name": "Autre", "starts_on": begins, "ends_on": ends}
    )

    assert answer.status_code == 200
    assert count(app, SchoolYear) == 1


def upload(office: Browser, content: bytes, name: str = "Règlement.pdf") -> Any:
    office.get("/documentview/add")
    answer = office.post(
        "/documentview/add",
        {"title": "Règlement", "position": "1", "file": (BytesIO(content), name)},
        content_type="multipart/form-data",
    )
    # Werkzeug's client spools a large form to disk and leaves it open.
    answer.request.environ["wsgi.input"].close()
    return answer


def test_a_document_is_seen_by_families_once_it_is_published(app: Flask, office: Browser) -> None:
    upload(office, PDF, "../evil/Règlement.exe")
    key = one(app, sa.select(Document.id))
    parent = logged_in(app, family(app).username)

    before = parent.get(f"/my/documents/file/{key}").status_code
    office.post(f"/documentview/action/publish/{key}")
    published = parent.get(f"/my/documents/file/{key}")
    office.post(f"/documentview/action/withdraw/{key}")
    after = parent.get(f"/my/documents/file/{key}").status_code

    assert (before, published.status_code, after) == (404, 200, 404)
    assert published.data == PDF
    assert published.mimetype == "application/pdf"
    assert published.headers["Content-Disposition"].startswith("attachment;")
    assert published.headers["X-Content-Type-Options"] == "nosniff"
    assert one(app, sa.select(Document.file_name)) == "Règlement.pdf"


def test_the_same_content_is_stored_once(app: Flask, office: Browser) -> None:
    upload(office, PDF)
    upload(office, PDF, "copie.pdf")

    assert (count(app, Document), count(app, StoredFile)) == (2, 1)


@pytest.mark.parametrize(
    "content", [b"", b"<html><script>alert(1)</script>", b"<svg/>", b"%PDF-" + b"0" * 10_485_760]
)
def test_what_is_no_document_is_refused(app: Flask, office: Browser, content: bytes) -> None:
    answer = upload(office, content)

    assert answer.status_code == 200
    assert 'class="error"' in answer.text
    assert count(app, StoredFile) == 0


def settings(app: Flask) -> dict[str, Any]:
    """The form of the settings as it stands."""
    return {
        "name": "Cantine",
        "street": "Rue 1",
        "postal_code": "1854",
        "town": "Leysin",
        "phone": "024 000 00 00",
        "email": "cantine@example.ch",
        "last_call": "08:15",
        "end_of_service": "14:00",
        "special_notice_days": "3",
        "default_capacity": "200",
        "low_balance_meals": "5",
        "top_up_minimum": "5",
        "top_up_maximum": "1’000",
        "top_up_step": "0.05",
        "refund_days": "15",
        "bank_channel": "camt.054",
        "creditor_iban": "CH93 0076 2011 6238 5295 7",
        "reference_prefix": "000000",
        "announced_days": "30",
        "health_days": "90",
        "mail_months": "24",
        "leaver_years": "2",
    }


def test_the_settings_are_kept(app: Flask, admin: Browser) -> None:
    admin.get("/settingsview/edit/1")

    answer = admin.post("/settingsview/edit/1", settings(app))

    kept = one(app, sa.select(CanteenSettings))
    assert answer.status_code == 302
    assert (kept.creditor_iban, kept.top_up_maximum) == ("CH9300762011623852957", 100_000)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("last_call", "25:00"),
        ("last_call", "14:30"),
        ("special_notice_days", "31"),
        ("special_notice_days", str(2**65)),
        ("default_capacity", "many"),
        ("top_up_minimum", "0"),
        ("top_up_maximum", "4"),
        ("top_up_step", "0.00"),
        ("top_up_step", "3"),
        ("creditor_iban", "CH93 0076 2011 6238 5295 8"),
        ("creditor_iban", "FR7630006000011234567890189"),
        ("reference_prefix", "12345a"),
        ("name", " "),
    ],
)
def test_a_setting_that_cannot_be_is_refused_beside_its_field(
    app: Flask, admin: Browser, field: str, typed: str
) -> None:
    admin.get("/settingsview/edit/1")

    answer = admin.post("/settingsview/edit/1", settings(app) | {field: typed})

    assert answer.status_code == 200
    assert 'class="error"' in answer.text


def user(app: Flask, username: str) -> CanteenUser:
    found: CanteenUser = one(app, sa.select(CanteenUser).where(CanteenUser.username == username))
    return found


def role(app: Flask, name: str) -> int:
    from flask_appbuilder.security.sqla.models import Role as StoredRole

    return named(app, StoredRole, name)


def staff_form(app: Flask, *roles: str) -> dict[str, Any]:
    return {
        "first_name": "Nadia",
        "last_name": "Rey",
        "email": "",
        "language": "fr",
        "roles": [role(app, each) for each in roles],
    }


def test_a_member_of_staff_begins_with_a_letter(app: Flask, admin: Browser) -> None:
    answer = admin.post("/staffuserview/add", staff_form(app, "Caisse"))

    with reading(app) as session:
        added = session.scalars(
            sa.select(CanteenUser).where(CanteenUser.username == "nadia.rey")
        ).one()
        assert [each.name for each in added.roles] == ["Caisse"]
        assert added.must_change_password
        assert answer.location == f"/letter/?user={added.id}"
    letter = admin.post("/letter/pdf", {"user": str(added.id)})
    assert letter.mimetype == "application/pdf"


@pytest.mark.parametrize("roles", [(), ("Parent",), ("Caisse", "Parent")])
def test_only_staff_roles_are_given_here(
    app: Flask, admin: Browser, roles: tuple[str, ...]
) -> None:
    answer = admin.post("/staffuserview/add", staff_form(app, *roles))

    assert 'class="error"' in answer.text
    assert count(app, CanteenUser, CanteenUser.username == "nadia.rey") == 0


def test_a_parent_who_works_here_stays_a_parent(app: Flask, admin: Browser) -> None:
    from app.registration import stored_role
    from app.vocabulary import Role

    till = user(app, "till")
    with writing(app) as session:
        both = session.get_one(CanteenUser, till.id)
        both.roles.append(stored_role(session, Role.PARENT))

    admin.post(f"/staffuserview/edit/{till.id}", staff_form(app, "Cuisine"))

    with reading(app) as session:
        names = {each.name for each in session.get_one(CanteenUser, till.id).roles}
    assert names == {"Cuisine", "Parent"}


def test_an_administrator_does_not_lock_oneself_out(app: Flask, admin: Browser) -> None:
    me = user(app, "admin").id

    admin.post(f"/staffuserview/edit/{me}", staff_form(app, "Caisse"))
    admin.post(f"/staffuserview/action/archive/{me}")

    assert admin.get("/staffuserview/list/").status_code == 200
    assert user(app, "admin").active


def test_who_no_longer_works_here_cannot_log_in(app: Flask, admin: Browser) -> None:
    till = logged_in(app, "till")

    admin.post(f"/staffuserview/action/archive/{user(app, 'till').id}")

    assert not till.is_logged_in
    assert Browser(app).log_in("till").status_code == 200


def test_the_audit_shows_what_was_changed_by_whom(app: Flask, admin: Browser) -> None:
    logged_in(app, "secretariat").post("/categoryview/add", {"name": "Hôtes"})

    page = admin.get("/auditview/list/", query_string={"_flt_0_entity": "TariffCategory"}).text
    key = page.partition("/auditview/show/")[2].partition('"')[0]
    shown = text_of(admin.get(f"/auditview/show/{key}").text)

    assert "Prénom Secretariat" in text_of(page)
    assert "Hôtes" in shown
    assert in_french(app, "Tariff category") in shown


def test_a_year_has_a_last_day(app: Flask, office: Browser) -> None:
    ends_on: date = one(app, sa.select(SchoolYear.ends_on))

    page = office.get("/schoolyearview/edit/1").text

    assert f'value="{ends_on - timedelta(days=1)}"' in page


def test_the_first_iban_gives_every_account_its_reference_and_keeps_its_kind(
    app: Flask, admin: Browser
) -> None:
    account_id = family(app).account_id
    admin.get("/settingsview/edit/1")

    first = admin.post("/settingsview/edit/1", settings(app))
    other_kind = admin.post(
        "/settingsview/edit/1", settings(app) | {"creditor_iban": "CH44 3199 9123 0008 8901 2"}
    )

    kept = one(app, sa.select(CanteenSettings))
    reference = one(app, sa.select(Account.reference).where(Account.id == account_id))
    assert first.status_code == 302
    assert reference == account_reference(account_id, "CH9300762011623852957")
    assert other_kind.status_code == 200
    assert kept.creditor_iban == "CH9300762011623852957"
