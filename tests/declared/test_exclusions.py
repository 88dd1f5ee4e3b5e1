"""Exclusions by the committee: previewed, in force, told, shortened and lifted."""

from datetime import date
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader

from app.booking import Wish, book_meal
from app.models import (
    AccountHolder,
    Booking,
    CanteenUser,
    Exclusion,
    OutboxFact,
    Pupil,
    PupilAccount,
    StoredFile,
)
from app.rules.deadlines import ServiceRules
from app.vocabulary import BookingState, DecisionState, FactKind
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, in_french, one
from tests.declared.test_interruptions import press
from tests.factories import Family
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

TUESDAY, THURSDAY, FRIDAY = date(2026, 11, 17), date(2026, 11, 19), date(2026, 11, 20)
SECRET = "Secret du comité"


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    return frozen_clock


@pytest.fixture
def committee(app: Flask) -> Browser:
    return logged_in(app, "committee")


@pytest.fixture
def household(app: Flask, morning: FrozenClock) -> Family:
    made = family(app)
    with writing(app) as session:
        for day in (TUESDAY, THURSDAY, FRIDAY):
            book_meal(session, Wish(made.pupil_id, day), ServiceRules(), morning.now)
    return made


def states(app: Flask) -> list[BookingState]:
    with reading(app) as session:
        return list(session.scalars(sa.select(Booking.state).order_by(Booking.id)))


def decide(committee: Browser, household: Family, **more: Any) -> Any:
    sent = {
        "pupil": household.pupil_id,
        "decided_on": "2026-11-16",
        "valid_from": "2026-11-18",
        "valid_until": "2026-11-20",
        "reason": SECRET,
        **more,
    }
    answer = committee.post("/exclusionview/add", sent, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()
    return answer


def pronounced(committee: Browser, household: Family, **more: Any) -> str:
    page = str(decide(committee, household, **more).location)
    press(committee, page, "begin")
    return page


def lift(committee: Browser, page: str, opens_on: str, *, for_real: bool = True) -> Any:
    address = f"/exclusion/lift/?exclusion={page.rpartition('/')[2]}"
    committee.get(address)
    step = {"step": "lift"} if for_real else {}
    return committee.post(address, {"opens_on": opens_on, **step})


def test_its_effects_are_seen_before_it_is_in_force(
    app: Flask, committee: Browser, household: Family
) -> None:
    page = str(decide(committee, household).location)
    preview = text_of(committee.get(page).text)
    before = states(app)

    press(committee, page, "begin")

    assert before == [BookingState.BOOKED] * 3
    assert "19 nov. 2026" in preview
    assert "17 nov. 2026" not in preview
    assert states(app) == [BookingState.BOOKED, BookingState.CANCELLED, BookingState.CANCELLED]
    assert count(app, OutboxFact, OutboxFact.kind == FactKind.EXCLUDED) == 1


def test_parents_read_until_when_and_never_why(
    app: Flask, committee: Browser, household: Family
) -> None:
    parent = logged_in(app, household.username)
    page = str(decide(committee, household).location)
    prepared = parent.get("/agenda/?date=2026-11-20").text
    press(committee, page, "begin")

    agenda = parent.get("/agenda/?date=2026-11-20").text

    assert ["is-excluded" in each for each in (prepared, agenda)] == [False, True]
    assert "20 novembre" in text_of(agenda)
    assert SECRET not in agenda


def test_what_changed_since_the_preview_is_previewed_again(
    app: Flask, committee: Browser, household: Family, morning: FrozenClock
) -> None:
    page = str(decide(committee, household).location)
    with writing(app) as session:
        day = date(2026, 11, 18)
        book_meal(session, Wish(household.pupil_id, day), ServiceRules(), morning.now)

    key = page.rpartition("/")[2]
    answer = committee.post(f"/exclusionview/action/begin/{key}", {"mark": "old"})

    assert answer.status_code == 302
    assert one(app, sa.select(Exclusion.state)) is DecisionState.PREPARED
    assert set(states(app)) == {BookingState.BOOKED}


def test_shortened_it_books_again_what_it_had_cancelled_after_that_day(
    app: Flask, committee: Browser, household: Family
) -> None:
    page = pronounced(committee, household)

    planned = lift(committee, page, "2026-11-20", for_real=False)
    after_looking = states(app)
    done = lift(committee, page, "2026-11-20")

    assert planned.status_code == 200
    assert in_french(app, "booked again") in text_of(planned.text)
    assert after_looking[1:] == [BookingState.CANCELLED] * 2
    assert done.status_code == 302
    assert states(app)[1:] == [BookingState.CANCELLED, BookingState.BOOKED]
    kept = one(app, sa.select(Exclusion))
    assert (kept.valid_until, kept.decided_until) == (FRIDAY, date(2026, 11, 21))
    assert count(app, OutboxFact, OutboxFact.kind == FactKind.EXCLUSION_LIFTED) == 1


def test_lifted_from_its_first_day_on_it_is_gone_as_a_whole(
    app: Flask, committee: Browser, household: Family
) -> None:
    page = pronounced(committee, household)

    lift(committee, page, "2026-11-18")

    assert one(app, sa.select(Exclusion.state)) is DecisionState.LIFTED
    assert states(app) == [BookingState.BOOKED] * 3
    agenda = logged_in(app, household.username).get("/agenda/?date=2026-11-20").text
    assert "is-excluded" not in agenda


def test_it_is_shortened_to_a_day_of_its_own_only(
    app: Flask, committee: Browser, household: Family
) -> None:
    page = pronounced(committee, household)

    for opens_on in ("2026-11-17", "2026-11-21", "2026-11-01", "", "x"):
        assert lift(committee, page, opens_on).status_code == 200

    assert states(app)[1:] == [BookingState.CANCELLED] * 2


def test_it_ends_by_itself_and_is_history(
    app: Flask, committee: Browser, household: Family, morning: FrozenClock
) -> None:
    page = pronounced(committee, household)
    key = page.rpartition("/")[2]
    committee.post(f"/exclusionview/edit/{key}", {"reason": "Autre"})
    committee.post(f"/exclusionview/delete/{key}")
    morning.set("2026-11-23 07:30")

    shown = text_of(committee.get(page).text)
    with writing(app) as session:
        wish = Wish(household.pupil_id, date(2026, 11, 23))
        state = book_meal(session, wish, ServiceRules(), morning.now).state

    assert state is BookingState.BOOKED
    assert " ".join(in_french(app, "It is over: the child eats again.").split()) in shown
    assert one(app, sa.select(Exclusion.reason)) == SECRET


def test_the_decision_is_kept_as_a_file(app: Flask, committee: Browser, household: Family) -> None:
    file = BytesIO(b"%PDF-1.7\n%decision\n"), "../Décision.pdf"
    page = str(decide(committee, household, file=file).location)

    kept = committee.get(page.replace("/show/", "/file/"))
    refused = decide(committee, household, file=(BytesIO(b"<html>"), "x.pdf"))

    assert kept.data.startswith(b"%PDF-1.7")
    assert kept.headers["Content-Disposition"].startswith("attachment;")
    assert refused.status_code == 200
    assert (count(app, Exclusion), count(app, StoredFile)) == (1, 1)


def test_the_letter_tells_the_reason_to_those_who_may_read_it(
    app: Flask, committee: Browser, household: Family
) -> None:
    other = family(app)
    with writing(app) as session:
        session.add(PupilAccount(pupil_id=household.pupil_id, account_id=other.account_id))
    page = pronounced(committee, household, account=household.account_id)

    letter = committee.get(page.replace("/show/", "/letter/"))
    pages = [sheet.extract_text() for sheet in PdfReader(BytesIO(letter.data)).pages]

    with reading(app) as session:
        child = session.get_one(Pupil, household.pupil_id).full_name
        names = [
            user.get_full_name()
            for user in session.scalars(
                sa.select(CanteenUser).join(AccountHolder).order_by(AccountHolder.account_id)
            )
        ]
    assert [name in text for name, text in zip(names, pages, strict=True)] == [True, True]
    assert all(child in text for text in pages)
    assert [SECRET in text for text in pages] == [True, False]
    assert count(app, OutboxFact, OutboxFact.kind == FactKind.EXCLUDED) == 2


def test_a_decision_that_cannot_be_is_refused(
    app: Flask, committee: Browser, household: Family
) -> None:
    stranger = family(app)

    reversed_days = decide(committee, household, valid_until="2026-11-17")
    of_others = decide(committee, household, account=stranger.account_id)

    sentence = in_french(app, "The last day must not lie before the first day.")
    assert sentence in text_of(reversed_days.text)
    assert of_others.status_code == 200
    assert count(app, Exclusion) == 0
