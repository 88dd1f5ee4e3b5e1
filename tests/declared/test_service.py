"""Today's list, the kitchen's week and the list of bookings, as staff use them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import ledger
from app.booking import Wish, book_meal
from app.errors import ChangedMeanwhile
from app.models import Booking, BookingChange, HealthAccess, HealthRecord, OutboxFact, Pupil
from app.vocabulary import Attendance, BookingState, Channel, FactKind, Reason, Severity
from tests.booking.acting import LONG_BEFORE, MONDAY, RULES, balance_of, close_day
from tests.conftest import FrozenClock
from tests.declared.acting import in_french
from tests.documents.reading import text_of as pdf_text
from tests.factories import NORMAL, Family, make_family
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

TUESDAY = date(2026, 11, 17)


@pytest.fixture(autouse=True)
def noon(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-16 12:00")
    return frozen_clock


@pytest.fixture
def till(app: Flask) -> Browser:
    return logged_in(app, "till")


def coming(app: Flask, day: date = MONDAY, **more: Any) -> Family:
    """A family whose children are booked on the day."""
    with writing(app) as session:
        household = make_family(session, **more)
        for pupil_id in household.pupil_ids:
            book_meal(session, Wish(pupil_id, day), RULES, LONG_BEFORE)
    return household


def lunch(app: Flask, *balances: int, diet: str = "Normal") -> list[Family]:
    """Families with these balances whose children eat today, and the closing of the day."""
    households = [coming(app, balance=balance, diet=diet) for balance in balances]
    with writing(app) as session:
        close_day(session, MONDAY)
    return households


def covered(app: Flask, diet: str = "Normal") -> Family:
    """A family whose meal of today is paid."""
    return lunch(app, 2000, diet=diet)[0]


def unfunded(app: Flask) -> Family:
    """A family whose meal of today is not covered."""
    return lunch(app, 0)[0]


def booking_of(app: Flask, household: Family) -> Booking:
    with reading(app) as session:
        return session.scalars(
            sa.select(Booking).where(Booking.pupil_id == household.pupil_id)
        ).one()


def row_of(page: str, household: Family, app: Flask) -> str:
    """The family's row on the list."""
    key = booking_of(app, household).id
    return page.partition(f'id="meal-{key}"')[2].partition("</li>")[0]


def tap(app: Flask, household: Family) -> str:
    """What a button of the family's row sends now."""
    booking = booking_of(app, household)
    return f"{booking.id}.{booking.version}"


def mark(browser: Browser, app: Flask, household: Family, attendance: str) -> Any:
    return browser.fetch("/service/mark", {attendance: tap(app, household)})


def allergic(app: Flask, household: Family, *allergens: str, note: str = "") -> None:
    with writing(app) as session:
        session.add(
            HealthRecord(
                pupil_id=household.pupil_id,
                allergens=list(allergens),
                severity=Severity.ANAPHYLAXIS,
                note=note,
            )
        )


def logged_views(app: Flask) -> list[tuple[int, str]]:
    with reading(app) as session:
        query = sa.select(HealthAccess.pupil_id, HealthAccess.page).order_by(HealthAccess.id)
        return [(pupil_id, page) for pupil_id, page in session.execute(query)]


# -- the list ------------------------------------------------------------------------------------


def test_one_tap_marks_served_another_takes_it_back(app: Flask, till: Browser) -> None:
    household = covered(app)

    for attendance in ("served", "expected", "absent", "expected"):
        answer = mark(till, app, household, attendance)

        assert answer.status_code == 200
        assert booking_of(app, household).attendance == attendance


def test_a_tap_brings_its_row_the_figures_and_a_sentence_only(app: Flask, till: Browser) -> None:
    household, other = lunch(app, 2000, 2000)

    answer = mark(till, app, household, "served")

    assert "data-announce" in answer.text
    assert 'id="counts"' in answer.text
    assert answer.text.count('id="meal-') == 1
    assert f'id="meal-{booking_of(app, other).id}"' not in answer.text
    assert len(answer.data) < 4096


def test_without_the_script_a_tap_leads_back_to_its_row(app: Flask, till: Browser) -> None:
    household = covered(app)
    key = booking_of(app, household).id

    answer = till.post("/service/mark", {"served": tap(app, household)})

    assert answer.location == f"/service/#meal-{key}"
    assert booking_of(app, household).attendance is Attendance.SERVED


def test_marking_twice_writes_one_change(app: Flask, till: Browser) -> None:
    household = covered(app)

    for _ in range(2):
        mark(till, app, household, "served")

    with reading(app) as session:
        served = BookingChange.attendance == Attendance.SERVED
        assert session.scalar(sa.select(sa.func.count(BookingChange.id)).where(served)) == 1


def test_a_tablet_that_is_behind_overwrites_nothing(app: Flask, till: Browser) -> None:
    household = covered(app)
    seen = tap(app, household)
    mark(logged_in(app, "kitchen"), app, household, "absent")

    answer = till.fetch("/service/mark", {"served": seen})
    same = till.fetch("/service/mark", {"absent": seen})

    assert (answer.status_code, same.status_code) == (409, 200)
    assert in_french(app, ChangedMeanwhile.sentence) in text_of(answer.text)
    assert f'value="{tap(app, household)}"' in answer.text
    assert booking_of(app, household).attendance is Attendance.ABSENT


def test_a_meal_that_is_not_covered_is_not_served(app: Flask, till: Browser) -> None:
    household = unfunded(app)

    answer = mark(till, app, household, "served")

    assert answer.status_code == 409
    assert "data-announce" in answer.text
    assert 'id="meal-' in answer.text
    assert booking_of(app, household).attendance is Attendance.EXPECTED


def test_what_is_owed_is_a_mark_that_children_do_not_read(app: Flask, till: Browser) -> None:
    owing, paying = lunch(app, 0, 2000)

    page = till.get("/service/").text

    owing_row, paying_row = row_of(page, owing, app), row_of(page, paying, app)
    assert 'class="open"' in owing_row
    assert 'class="open"' not in paying_row
    assert 'class="badge"' not in owing_row
    assert page.count("meal is-expected") == 2
    assert 'name="served"' not in owing_row


def test_the_figures_count_who_is_still_to_come(app: Flask, till: Browser) -> None:
    households = lunch(app, 2000, 2000, 2000, 0)
    mark(till, app, households[0], "served")

    answer = mark(till, app, households[1], "absent")

    figures = text_of(answer.text.split('id="counts"')[1])
    assert [part for part in figures.split() if part.isdigit()][:4] == ["2", "1", "1", "1"]


def test_names_are_searched_by_the_server_too(app: Flask, till: Browser) -> None:
    one, other = lunch(app, 2000, 2000)
    with writing(app) as session:
        session.get_one(Pupil, one.pupil_id).first_name = "Élodie"

    page = till.get("/service/?q=elo").text

    assert f'id="meal-{booking_of(app, one).id}"' in page
    assert f'id="meal-{booking_of(app, other).id}"' not in page


def test_another_day_is_only_read(app: Flask, till: Browser, noon: FrozenClock) -> None:
    household = covered(app)
    noon.set("2026-11-17 12:00")

    page = till.get("/service/?date=2026-11-16").text
    answers = [
        mark(till, app, household, "served"),
        till.post(f"/service/meal/{booking_of(app, household).id}/excuse", {"reason": "illness"}),
        till.post(f"/service/meal/{booking_of(app, household).id}/refuse"),
    ]

    assert f'id="meal-{booking_of(app, household).id}"' in page
    assert "<button" not in row_of(page, household, app)
    assert booking_of(app, household).state is BookingState.CHARGED
    assert all(answer.status_code >= 400 for answer in answers)


def test_bad_input_is_never_a_fault(app: Flask, till: Browser) -> None:
    bad = ["abc", "-1", "0", "999999", str(2**65), "9" * 5000, "😀", "\x00"]

    answers = [
        *(till.get(f"/service/?date={each}") for each in bad),
        *(till.get(f"/cuisine/?date={each}") for each in [*bad, "9999-12-31", "0001-01-01"]),
        *(till.get(f"/service/meal/{each}") for each in bad if each != "\x00"),
        *(till.fetch("/service/mark", {"served": each}) for each in bad),
        till.fetch("/service/mark", {}),
    ]

    assert all(400 <= answer.status_code < 500 for answer in answers)


# -- what staff decide ---------------------------------------------------------------------------


def test_an_excused_absence_is_given_back(app: Flask, till: Browser) -> None:
    household = covered(app)
    booking = booking_of(app, household)
    assert 'name="version"' in till.get(f"/service/meal/{booking.id}").text

    answer = till.post(
        f"/service/meal/{booking.id}/excuse", {"reason": "illness", "version": booking.version}
    )

    assert answer.status_code == 303
    assert booking_of(app, household).state is BookingState.GIVEN_BACK
    with reading(app) as session:
        assert balance_of(session, household.account_id) == 2000
        assert ledger.discrepancies(session) == []
        change = session.scalars(sa.select(BookingChange).order_by(BookingChange.id.desc())).first()
        assert change is not None
        assert (change.reason, change.channel) == (Reason.ILLNESS, Channel.DESK)


@pytest.mark.parametrize("reason", ["", "hunger", "ILLNESS"])
def test_an_excuse_needs_a_reason(app: Flask, till: Browser, reason: str) -> None:
    household = covered(app)

    answer = till.post(f"/service/meal/{booking_of(app, household).id}/excuse", {"reason": reason})

    assert answer.status_code == 400
    assert booking_of(app, household).state is BookingState.CHARGED


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(app: Flask, till: Browser) -> None:
    household = covered(app)
    seen = booking_of(app, household)
    mark(logged_in(app, "kitchen"), app, household, "served")

    answer = till.post(
        f"/service/meal/{seen.id}/excuse", {"reason": "illness", "version": seen.version}
    )

    assert answer.status_code == 409
    assert booking_of(app, household).attendance is Attendance.SERVED


def test_a_served_meal_is_not_excused(app: Flask, till: Browser) -> None:
    household = covered(app)
    mark(till, app, household, "served")

    answer = till.post(
        f"/service/meal/{booking_of(app, household).id}/excuse", {"reason": "illness"}
    )

    assert answer.status_code == 409
    assert booking_of(app, household).state is BookingState.CHARGED


def test_the_till_refuses_a_meal_and_the_family_is_told(app: Flask, till: Browser) -> None:
    household = unfunded(app)

    answer = till.post(
        f"/service/meal/{booking_of(app, household).id}/refuse", {"reason": "no_funds"}
    )

    assert answer.status_code == 303
    assert booking_of(app, household).state is BookingState.REFUSED
    with reading(app) as session:
        told = sa.select(OutboxFact.account_id).where(OutboxFact.kind == FactKind.MEAL_REFUSED)
        assert session.scalars(told).all() == [household.account_id]


def test_a_meal_that_is_paid_is_not_refused(app: Flask, till: Browser) -> None:
    household = covered(app)

    answer = till.post(f"/service/meal/{booking_of(app, household).id}/refuse")

    assert answer.status_code == 409
    assert booking_of(app, household).state is BookingState.CHARGED


def test_two_tills_decide_about_the_same_meal_once(app: Flask, till: Browser) -> None:
    household = covered(app)
    booking = booking_of(app, household)
    cookie = till.client.get_cookie("session")
    assert cookie is not None
    path, sent = f"/service/meal/{booking.id}/excuse", {"csrf_token": till.token}
    tap_value = tap(app, household)

    def decide(turn: int) -> int:
        browser = app.test_client()
        browser.set_cookie("session", cookie.value)
        if turn % 2:
            return browser.post("/service/mark", data={**sent, "served": tap_value}).status_code
        excuse = {**sent, "reason": "illness", "version": booking.version}
        return browser.post(path, data=excuse).status_code

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(decide, range(6)))

    after = booking_of(app, household)
    is_served = after.attendance is Attendance.SERVED
    assert set(answers) <= {303, 409}
    assert after.state is (BookingState.CHARGED if is_served else BookingState.GIVEN_BACK)
    with reading(app) as session:
        left = balance_of(session, household.account_id)
        assert left == (2000 - NORMAL if is_served else 2000)


# -- health data ---------------------------------------------------------------------------------


def test_allergies_are_plain_to_see_and_each_view_is_logged(app: Flask, till: Browser) -> None:
    household, _ = lunch(app, 2000, 2000)
    allergic(app, household, "peanuts", note="Stylo dans le cartable")

    page = till.get("/service/").text

    row = row_of(page, household, app)
    assert 'class="allergy severe"' in row
    assert "Stylo dans le cartable" in row
    assert logged_views(app) == [(household.pupil_id, "today")]


def test_looking_without_health_data_writes_nothing(app: Flask, till: Browser) -> None:
    covered(app)

    till.get("/service/")
    till.get("/cuisine/")
    till.get("/service/pdf")

    assert logged_views(app) == []


def test_the_row_the_page_and_the_papers_are_logged_too(app: Flask, till: Browser) -> None:
    household = covered(app, diet="Spécial")
    allergic(app, household, "milk")
    key = booking_of(app, household).id

    till.get("/service/pdf")
    till.get(f"/service/meal/{key}")
    mark(till, app, household, "served")
    secretariat = logged_in(app, "secretariat")
    secretariat.get("/cuisine/")
    secretariat.post("/cuisine/pdf")

    pages = ["today.pdf", "meal", "today", "production", "production.pdf"]
    assert logged_views(app) == [(household.pupil_id, page) for page in pages]


def test_health_data_that_has_expired_is_not_shown(app: Flask, till: Browser) -> None:
    household = covered(app)
    allergic(app, household, "peanuts")
    with writing(app) as session:
        session.scalars(sa.select(HealthRecord)).one().expires_on = MONDAY

    assert 'class="allergy' not in till.get("/service/").text
    assert logged_views(app) == []


# -- papers and the kitchen ----------------------------------------------------------------------


def test_the_list_to_print_names_who_is_still_to_come(app: Flask, till: Browser) -> None:
    first, second = lunch(app, 2000, 2000)
    mark(till, app, first, "absent")
    with reading(app) as session:
        names = [session.get_one(Pupil, each.pupil_id).full_name for each in (first, second)]

    answer = till.get("/service/pdf")

    printed = pdf_text(answer.data)
    assert answer.mimetype == "application/pdf"
    assert names[0] not in printed
    assert names[1] in printed


def test_the_kitchen_counts_what_it_cooks(app: Flask) -> None:
    coming(app, TUESDAY)
    _, owing, given_back = lunch(app, 2000, 0, 2000)
    booking = booking_of(app, given_back)
    logged_in(app, "till").post(f"/service/meal/{booking.id}/excuse", {"reason": "illness"})

    page = logged_in(app, "kitchen").get("/cuisine/").text

    rows = [text_of(row).split() for row in page.split("<tr")[2:6]]
    figures = [[part for part in row if part.isdigit()] for row in rows]
    assert figures[0] == ["2", "1", "0", "0", "0"]
    assert figures[3] == ["2", "1", "0", "0", "0"]
    assert booking_of(app, owing).state is BookingState.UNFUNDED


def test_a_special_tray_says_for_whom_and_what_it_respects(app: Flask) -> None:
    household = covered(app, diet="Spécial")
    allergic(app, household, note="Sans gluten ni lactose")
    with reading(app) as session:
        name = session.get_one(Pupil, household.pupil_id).full_name

    kitchen = logged_in(app, "kitchen")
    said = text_of(kitchen.get("/cuisine/").text)
    printed = " ".join(pdf_text(kitchen.post("/cuisine/pdf").data).split())

    for paper in (said, printed):
        assert name in paper
        assert "Sans gluten ni lactose" in paper


def test_the_kitchen_marks_and_decides_nothing(app: Flask) -> None:
    household, owing = lunch(app, 2000, 0)
    kitchen = logged_in(app, "kitchen")
    key = booking_of(app, owing).id

    marked = mark(kitchen, app, household, "served")
    refused = [
        kitchen.get(f"/service/meal/{key}"),
        kitchen.post(f"/service/meal/{key}/refuse", {"reason": "no_funds"}),
        kitchen.post(f"/service/meal/{key}/excuse", {"reason": "illness"}),
    ]

    assert marked.status_code == 200
    assert {answer.status_code for answer in refused} == {403}
    assert booking_of(app, owing).state is BookingState.UNFUNDED


@pytest.mark.parametrize("role", ["accounting", "committee", "parent"])
def test_others_see_neither_list_nor_kitchen(app: Flask, role: str) -> None:
    household = covered(app)
    browser = logged_in(app, household.username if role == "parent" else role)
    key = booking_of(app, household).id

    answers = [
        browser.get("/service/"),
        browser.get("/service/pdf"),
        browser.get("/cuisine/"),
        browser.post("/cuisine/pdf"),
        browser.get("/cuisine/labels"),
        browser.get("/cuisine/screen"),
        browser.get(f"/service/meal/{key}"),
        browser.post("/service/mark", {"served": tap(app, household)}),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert booking_of(app, household).attendance is Attendance.EXPECTED


# -- every booking -------------------------------------------------------------------------------


def found(browser: Browser, query: str) -> int:
    """How many rows the list of bookings shows."""
    page = browser.get(f"/bookinglistview/list/?{query}").text
    return page.count("/bookinglistview/show/")


def test_bookings_are_found_by_day_class_state_and_type(app: Flask) -> None:
    lunch(app, 2000, 0)
    coming(app, TUESDAY, diet="Végétarien")
    browser = logged_in(app, "secretariat")

    assert found(browser, "") == 3
    assert found(browser, "_flt_0_day=2026-11-17&_flt_1_day=2026-11-17") == 1
    assert found(browser, "_flt_1_day=2026-11-16") == 2
    assert found(browser, "_flt_0_state=unfunded") == 1
    assert found(browser, "_flt_0_meal_type=2") == 1
    assert found(browser, "_flt_0_school_class=1") == 3
    assert found(browser, "_flt_0_school_class=2") == 0


def test_a_search_for_nonsense_finds_nothing_and_is_no_fault(app: Flask) -> None:
    covered(app)
    browser = logged_in(app, "secretariat")
    bad = ["abc", "-1", str(2**65), "9" * 5000, "😀", "2026-13-45"]

    answers = [
        browser.get(f"/bookinglistview/list/?_flt_0_{column}={each}")
        for column in ("day", "school_class", "state", "meal_type")
        for each in bad
    ]

    assert {answer.status_code for answer in answers} == {200}


def test_a_booking_tells_its_history(app: Flask, till: Browser) -> None:
    household = covered(app)
    mark(till, app, household, "served")

    said = text_of(till.get(f"/bookinglistview/show/{booking_of(app, household).id}").text)

    assert "Prénom Till" in said
