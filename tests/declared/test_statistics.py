"""The statistics as the committee sees them: the page, the same figures as CSV, who may look."""

import csv
import re
from collections.abc import Iterator
from datetime import date
from io import StringIO

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app import ledger
from app.booking import Wish, cancel_meal, mark_attendance, refuse_unfunded
from app.models import BankEntry, BankFile, SchoolClass, StoredFile
from app.sheets.workbook import rows_of_workbook
from app.transaction import transaction
from app.vocabulary import (
    Attendance,
    BankEntryState,
    BankFileState,
    BankMessage,
    EntryReason,
    LedgerKind,
    Reason,
)
from tests.booking.acting import (
    END_OF_SERVICE,
    MONDAY,
    NOON,
    RULES,
    STAFF,
    TUESDAY,
    book,
    booking_of,
    close_day,
    on,
    the_day,
)
from tests.conftest import A_SCHOOL_MORNING, FrozenClock
from tests.factories import NORMAL, make_family
from tests.sessions import writing
from tests.web import Browser, logged_in, text_of

MEALS, ABSENCES, LATE, INCOME, YEARS = (
    f"/statistics/{name}" for name in ("meals", "absences", "late-changes", "income", "years")
)
OVERVIEW = "/accounting"
ALL = [MEALS, ABSENCES, LATE, INCOME, YEARS]
OCTOBER = date(2026, 10, 5)
HOSTILE = "=1+1"


@pytest.fixture(scope="module", autouse=True)
def _today() -> Iterator[None]:
    """A Monday in November."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.clock.now", FrozenClock(A_SCHOOL_MORNING).now)
        yield


@pytest.fixture(scope="module")
def eaten(_today: None, shared_app_on: Flask) -> Flask:
    """A meal in October; on Monday one eaten, one missed, one excused, one refused."""
    with shared_app_on.app_context(), transaction(STAFF) as session:
        session.scalars(sa.select(SchoolClass)).one().name = HOSTILE
        family = make_family(session, balance=10 * NORMAL, children=3)
        poor = make_family(session, diet="Végétarien")
        first, second, third = family.pupil_ids
        book(session, first, OCTOBER)
        close_day(session, OCTOBER)
        for pupil_id in (*family.pupil_ids, poor.pupil_id):
            book(session, pupil_id, MONDAY)
        book(session, first, TUESDAY)
        close_day(session)
        mark(session, first, Attendance.SERVED)
        mark(session, second, Attendance.ABSENT)
        excuse(session, third)
        refuse_unfunded(session, the_day(session, MONDAY), RULES, END_OF_SERVICE)
        queue(session, 12_300)
    return shared_app_on


def mark(session: Session, pupil_id: int, attendance: Attendance) -> None:
    booking = booking_of(session, pupil_id, MONDAY)
    mark_attendance(session, booking.id, attendance, MONDAY, NOON)


def excuse(session: Session, pupil_id: int) -> None:
    cancel_meal(session, Wish(pupil_id, MONDAY, reason=Reason.ILLNESS), RULES, on(MONDAY, "09:00"))


@pytest.fixture(scope="module")
def committee(eaten: Flask) -> Browser:
    return logged_in(eaten, "committee")


def table(browser: Browser, address: str) -> list[list[str]]:
    """The figures as a spreadsheet reads them."""
    answer = browser.get(address)
    assert answer.status_code == 200, answer.text
    return list(csv.reader(StringIO(answer.data.decode("utf-8-sig")), delimiter=";"))


def test_meals_are_counted_by_month_and_kind(committee: Browser) -> None:
    assert table(committee, f"{MEALS}/export/0") == [
        ["Mois", "Repas", "Normal", "Végétarien", "Spécial"],
        ["oct. 2026", "1", "1", "0", "0"],
        ["nov. 2026", "2", "2", "0", "0"],
    ]


@pytest.mark.parametrize(
    ("position", "rows"),
    [
        (1, [["lun. 05.10.26", "1"], ["lun. 16.11.26", "2"]]),
        (2, [["lundi", "3"]]),
        (3, [[f"'{HOSTILE}", "3"]]),
        (4, [["Normal", "3"], ["Végétarien", "0"]]),
    ],
)
def test_meals_are_counted_by_every_group(
    committee: Browser, position: int, rows: list[list[str]]
) -> None:
    assert [row[:2] for row in table(committee, f"{MEALS}/export/{position}")[1:]] == rows


def test_absences_are_excused_or_not_and_a_meal_may_be_refused(committee: Browser) -> None:
    assert table(committee, f"{ABSENCES}/export/0") == [
        ["Mois", "Sans excuse", "Excusées", "Repas refusés"],
        ["oct. 2026", "0", "0", "0"],
        ["nov. 2026", "1", "1", "1"],
    ]


def test_late_changes_have_their_reason(committee: Browser) -> None:
    assert table(committee, f"{LATE}/export/5") == [
        ["Motif", "Réservés tard", "Annulés tard", "Excusées"],
        ["Maladie", "0", "0", "1"],
    ]


def test_the_income_is_what_the_ledger_has(eaten: Flask, committee: Browser) -> None:
    with writing(eaten) as session:
        booked = ledger.balance(session, ledger.chart_id(session, LedgerKind.MEAL_INCOME))

    rows = table(committee, f"{INCOME}/export/0")

    assert rows == [["Mois", "Recettes"], ["oct. 2026", "9.00"], ["nov. 2026", "18.00"]]
    assert booked == 2700


def test_this_year_stands_beside_the_year_before(committee: Browser) -> None:
    rows = table(committee, f"{YEARS}/export/0")

    assert rows == [
        ["Mois", "Cette année", "Année précédente"],
        ["octobre", "1", "0"],
        ["novembre", "2", "0"],
    ]
    assert table(committee, f"{YEARS}/export/3")[1:] == [["2026-2027", "3", "1"]]


def test_the_page_says_what_the_file_says(committee: Browser) -> None:
    for address in ALL:
        said = text_of(committee.get(f"{address}/chart/").text)

        for row in table(committee, f"{address}/export/0"):
            assert " ".join(row) in said


def test_a_search_chooses_days_and_goes_along_to_the_file(committee: Browser) -> None:
    november = "?_flt_0_day=2026-11-01&_flt_1_day=2026-11-30"

    page = committee.get(f"{MEALS}/chart/0{november}").text

    assert "oct. 2026" not in page
    assert (
        f"{MEALS}/export/0?format=csv&amp;_flt_0_day=2026-11-01&amp;_flt_1_day=2026-11-30" in page
    )
    assert table(committee, f"{MEALS}/export/0{november}")[1:] == [
        ["nov. 2026", "2", "2", "0", "0"]
    ]
    assert table(committee, f"{MEALS}/export/0?_flt_0_meal_type=2") == [
        ["Mois", "Repas", "Normal", "Végétarien", "Spécial"],
        ["nov. 2026", "0", "0", "0", "0"],
    ]


def test_an_earlier_year_counts_only_where_it_is_asked_for(
    committee: Browser, frozen_clock: FrozenClock
) -> None:
    frozen_clock.set("2028-10-02 09:00")
    with_none = table(committee, f"{MEALS}/export/0")
    assert "17 août 2026" in text_of(committee.get(f"{MEALS}/chart/").text)

    frozen_clock.set("2026-08-16 09:00")  # no year has begun yet: nothing is left out

    assert table(committee, f"{MEALS}/export/0") == with_none


def test_the_same_figures_are_a_workbook(committee: Browser) -> None:
    answer = committee.get(f"{INCOME}/export/0?format=xlsx")

    assert list(rows_of_workbook(answer.data)) == [
        ("Mois", "Recettes"),
        ("oct. 2026", 9),
        ("nov. 2026", 18),
    ]
    assert committee.get(f"{INCOME}/export/0?format=exe").status_code == 404


def test_what_else_stands_in_the_address_leads_nowhere(committee: Browser) -> None:
    page = committee.get(f"{MEALS}/chart/0?_external=1&_scheme=javascript&x=1").text

    assert "javascript" not in page
    assert committee.get(f"{MEALS}/chart/5").status_code == 404
    assert committee.get(f"{MEALS}/export/{10**30}").status_code == 404
    assert committee.get(f"{MEALS}/export/-1").status_code == 404
    assert committee.get(f"{MEALS}/chart/?_flt_0_day=hier&_flt_0_school_class=x").status_code == 200


def test_statistics_are_open_to_those_who_decide(eaten: Flask) -> None:
    addresses = [f"{view}/{page}" for view in ALL for page in ("chart/", "export/0")]
    with writing(eaten) as session:
        family = make_family(session).username
    allowed = {"committee", "accounting", "admin"}

    for who in ("committee", "accounting", "admin", "secretariat", "till", "kitchen", family):
        browser = logged_in(eaten, who)
        statuses = {browser.get(each).status_code for each in addresses}

        assert statuses == ({200} if who in allowed else {403}), who


# -- the accountant's overview ---------------------------------------------------------------------


def test_the_overview_leads_to_what_waits_and_draws_the_top_ups(eaten: Flask) -> None:
    accountant = logged_in(eaten, "accounting")

    page = accountant.get(f"{OVERVIEW}/chart/").text

    said = text_of(page)
    assert "CHF 63.00 · 1 compte" in said
    assert "CHF 123.00 · 1 paiement, le plus ancien du 16 nov. 2026" in said
    assert "CHF 0.00 · 0 demande" in said
    assert "août 2026 0.00 90.00 0.00" in said
    for view in ("family", "bankentry", "refund"):
        assert re.search(f'href="/{view}[^"]*/list/"><b>CHF', page)
    assert table(accountant, f"{OVERVIEW}/export/0") == [
        ["Mois", "Espèces", "Banque", "En ligne"],
        ["août 2026", "0.00", "90.00", "0.00"],
    ]


def test_the_overview_looks_back_twelve_months(eaten: Flask, frozen_clock: FrozenClock) -> None:
    frozen_clock.set("2027-07-31 12:00")
    accountant = logged_in(eaten, "accounting")
    assert len(table(accountant, f"{OVERVIEW}/export/0")) == 2

    frozen_clock.set("2027-08-01 12:00")

    assert len(table(accountant, f"{OVERVIEW}/export/0")) == 1
    assert len(table(accountant, f"{OVERVIEW}/export/0?_flt_0_day=2026-01-01")) == 2


def queue(session: Session, amount: int) -> None:
    stored = StoredFile(sha256="0" * 64, content_type="text/xml", size=1, content=b"x")
    session.add(stored)
    session.flush()
    file = BankFile(
        stored_file_id=stored.id,
        file_name="camt.xml",
        state=BankFileState.RECEIVED,
        received_at=NOON(),
    )
    session.add(file)
    session.flush()
    session.add(
        BankEntry(
            bank_file_id=file.id,
            position=1,
            message_kind=BankMessage.STATEMENT,
            statement="1",
            fingerprint="1",
            is_counted=True,
            state=BankEntryState.QUEUED,
            reason=EntryReason.NO_REFERENCE,
            amount=amount,
            entry_amount=amount,
            is_credit=True,
            is_reversal=False,
            booked_on=MONDAY,
        )
    )
