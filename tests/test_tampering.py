"""What a logged-in parent with a valid token may send: nothing that is not theirs comes of it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app import clock, models, outbox
from app.booking import begin_closing, charge_next, mark_attendance
from app.models import Booking, BookingChange, ServiceDay
from app.rules.deadlines import ServiceRules
from app.vocabulary import Attendance, BookingState, Channel, MealKind, Role
from tests.conftest import FrozenClock
from tests.database import contents
from tests.factories import NORMAL, Family, make_family, make_pupil
from tests.sessions import reading, writing
from tests.web import Browser, logged_in, text_of

MONDAY, TUESDAY, FRIDAY = date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 20)
CHANGE = "/agenda/change"
NONSENSE = [
    "",
    "abc",
    "-1",
    "1.5",
    "0",
    "٣",
    "²",
    str(2**63),
    str(2**65),
    "9" * 5000,
    "😀",
    "\x00",
    "1\x00",
    "../1",
    "' OR 1=1 --",
]

pytestmark = pytest.mark.usefixtures("frozen_clock")


def new_family(app: Flask, **more: Any) -> Family:
    with writing(app) as session:
        return make_family(session, **more)


def meal_type_id(app: Flask, kind: MealKind) -> int:
    with reading(app) as session:
        found = session.scalars(sa.select(models.MealType.id).where(models.MealType.kind == kind))
        return found.one()


def tap(
    browser: Browser, pupil_id: object, day: object = TUESDAY, action: str = "book", **more: object
) -> TestResponse:
    """A tap as our script sends it."""
    return browser.fetch(CHANGE, {"pupil": pupil_id, "date": day, "action": action, **more})


def meals(app: Flask) -> list[tuple[int, date, BookingState, int]]:
    """Every booking: pupil, day, state, version."""
    query = (
        sa.select(Booking.pupil_id, ServiceDay.date, Booking.state, Booking.version)
        .join(ServiceDay, Booking.service_day_id == ServiceDay.id)
        .order_by(Booking.id)
    )
    with reading(app) as session:
        return [
            (pupil, day, state, version) for pupil, day, state, version in session.execute(query)
        ]


def close(app: Flask, day: date) -> None:
    """What the worker does at the last call."""
    with writing(app) as session:
        found = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == day)).one()
        begin_closing(session, found, ServiceRules(), lambda: clock.instant_of(day, AFTER))
        while charge_next(session, found, clock.now):
            pass


AFTER = ServiceRules().last_call


def is_one_sentence(answer: TestResponse) -> bool:
    """Whether a refusal says what to do, in words and without a trace of the program."""
    said = text_of(answer.text)
    return "." in said and "Traceback" not in said and "Error" not in said


def at_once(calls: Sequence[Callable[[], TestResponse]]) -> list[TestResponse]:
    """Send the requests at the same moment."""
    together = Barrier(len(calls))

    def send(call: Callable[[], TestResponse]) -> TestResponse:
        together.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(send, calls))


@pytest.fixture
def mine(app: Flask) -> Family:
    return new_family(app, balance=10_000)


@pytest.fixture
def theirs(app: Flask) -> Family:
    return new_family(app, balance=10_000)


@pytest.fixture
def me(app: Flask, mine: Family) -> Browser:
    return logged_in(app, mine.username)


# -- other people's records ------------------------------------------------------------------------


@pytest.mark.parametrize("action", ["book", "cancel"])
def test_another_familys_child_is_not_found(
    app: Flask, me: Browser, theirs: Family, action: str
) -> None:
    before = contents(app)

    answer = tap(me, theirs.pupil_id, action=action)

    assert answer.status_code == 404
    assert is_one_sentence(answer)
    assert contents(app) == before


def test_another_familys_booking_stays_booked(app: Flask, me: Browser, theirs: Family) -> None:
    tap(logged_in(app, theirs.username), theirs.pupil_id)
    before = contents(app)

    answers = [tap(me, theirs.pupil_id, action="cancel", version=v) for v in ("", "0", "1", "2")]

    assert {answer.status_code for answer in answers} == {404}
    assert contents(app) == before


def test_a_child_that_does_not_exist_looks_like_another_familys(
    me: Browser, theirs: Family
) -> None:
    answers = [tap(me, pupil_id) for pupil_id in (theirs.pupil_id, 987_654)]

    assert answers[0].status_code == answers[1].status_code
    assert answers[0].text == answers[1].text


def test_another_familys_account_does_not_pay(
    app: Flask, me: Browser, mine: Family, theirs: Family
) -> None:
    before = contents(app)

    answer = tap(me, mine.pupil_id, account=theirs.account_id)

    assert answer.status_code == 409
    assert contents(app) == before


def test_the_other_households_account_does_not_pay_for_a_shared_child(
    app: Flask, me: Browser, mine: Family, theirs: Family
) -> None:
    with writing(app) as session:
        child_id = make_pupil(session, mine.account_id, theirs.account_id).id
    before = contents(app)

    answer = tap(me, child_id, account=theirs.account_id)

    assert answer.status_code == 409
    assert contents(app) == before


def test_what_the_other_household_booked_for_a_shared_child_is_theirs_to_cancel(
    app: Flask, me: Browser, mine: Family, theirs: Family
) -> None:
    with writing(app) as session:
        child_id = make_pupil(session, mine.account_id, theirs.account_id).id
    tap(logged_in(app, theirs.username), child_id)
    before = contents(app)

    cancelled = tap(me, child_id, action="cancel", version=1)
    changed = tap(me, child_id, meal_type=meal_type_id(app, MealKind.VEGETARIAN), version=1)
    again = tap(me, child_id, version=0)

    assert cancelled.status_code == 403
    assert changed.status_code == 403
    assert again.status_code == 409
    assert contents(app) == before


def test_who_no_longer_holds_the_account_reaches_nothing_of_it(
    app: Flask, me: Browser, mine: Family
) -> None:
    tap(me, mine.pupil_id)
    with writing(app) as session:
        holding = session.scalars(
            sa.select(models.AccountHolder).where(models.AccountHolder.user_id == mine.user_id)
        ).one()
        holding.valid_until = clock.today()
    before = contents(app)

    answer = tap(me, mine.pupil_id, action="cancel")

    assert answer.status_code == 404
    assert contents(app) == before


def test_an_archived_account_pays_for_nothing(app: Flask, me: Browser, mine: Family) -> None:
    with writing(app) as session:
        session.get_one(models.Account, mine.account_id).archived_at = clock.now()
    before = contents(app)

    answer = tap(me, mine.pupil_id)

    assert answer.status_code in {404, 409}
    assert contents(app) == before


# -- prices, kinds of meal, words that are not a parent's ------------------------------------------


@pytest.mark.parametrize("price", ["1", "0", "-900", "0.01"])
def test_the_price_comes_from_the_price_list(
    app: Flask, me: Browser, mine: Family, price: str
) -> None:
    answer = tap(me, mine.pupil_id, MONDAY, price=price, amount=price, state="charged")
    close(app, MONDAY)

    assert answer.status_code == 200
    with reading(app) as session:
        booking = session.scalars(sa.select(Booking)).one()
        assert booking.price == NORMAL
        assert session.get_one(models.Account, mine.account_id).balance == 10_000 - NORMAL


@pytest.mark.parametrize("kind", [MealKind.SPECIAL, None])
def test_a_special_meal_or_an_unknown_one_is_not_open_to_an_ordinary_child(
    app: Flask, me: Browser, mine: Family, kind: MealKind | None
) -> None:
    wanted = 987_654 if kind is None else meal_type_id(app, kind)
    before = contents(app)

    answer = tap(me, mine.pupil_id, FRIDAY, meal_type=wanted)

    assert answer.status_code == 409
    assert contents(app) == before


def test_a_child_with_special_meals_gets_no_other(app: Flask) -> None:
    family = new_family(app, diet="Spécial")
    browser = logged_in(app, family.username)
    before = contents(app)

    answer = tap(browser, family.pupil_id, FRIDAY, meal_type=meal_type_id(app, MealKind.NORMAL))

    assert answer.status_code == 409
    assert contents(app) == before


def test_channel_and_reason_are_for_staff_to_say(app: Flask, me: Browser, mine: Family) -> None:
    tap(me, mine.pupil_id, channel="telephone", reason="illness")

    with reading(app) as session:
        change = session.scalars(sa.select(BookingChange)).one()
        assert (change.channel, change.reason) == (Channel.PORTAL, None)
        assert change.actor_id == mine.user_id


def test_a_reason_opens_no_closed_day_to_a_parent(app: Flask, me: Browser, mine: Family) -> None:
    close(app, MONDAY)
    before = contents(app)

    answer = tap(me, mine.pupil_id, MONDAY, channel="telephone", reason="illness")

    assert answer.status_code == 409
    assert contents(app) == before


# -- days ------------------------------------------------------------------------------------------


def past(session: Session, mine: Family) -> date:
    return MONDAY - timedelta(days=3)


def weekend(session: Session, mine: Family) -> date:
    return MONDAY + timedelta(days=5)


def closed(session: Session, mine: Family) -> date:
    day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == TUESDAY)).one()
    day.closure = "Journée pédagogique"
    return TUESDAY


def full(session: Session, mine: Family) -> date:
    session.scalars(sa.select(ServiceDay).where(ServiceDay.date == TUESDAY)).one().capacity = 0
    return TUESDAY


def after_the_enrolment(session: Session, mine: Family) -> date:
    session.scalars(sa.select(models.Enrolment)).one().valid_until = TUESDAY
    return TUESDAY


def before_the_enrolment(session: Session, mine: Family) -> date:
    session.scalars(sa.select(models.Enrolment)).one().valid_from = FRIDAY
    return TUESDAY


def excluded(session: Session, mine: Family) -> date:
    session.add(
        models.Exclusion(
            pupil_id=mine.pupil_id,
            valid_from=TUESDAY,
            valid_until=FRIDAY,
            decided_on=MONDAY,
            reason="décision",
        )
    )
    return FRIDAY - timedelta(days=1)


def next_year(session: Session, mine: Family) -> date:
    return date(2027, 9, 6)


def without_a_price(session: Session, mine: Family) -> date:
    session.execute(sa.delete(models.Price))
    return TUESDAY


@pytest.mark.parametrize(
    "forbidden",
    [
        past,
        weekend,
        closed,
        full,
        after_the_enrolment,
        before_the_enrolment,
        excluded,
        next_year,
        without_a_price,
    ],
)
def test_a_day_that_cannot_be_booked_stays_free(
    app: Flask,
    me: Browser,
    mine: Family,
    forbidden: Callable[[Session, Family], date],
) -> None:
    with writing(app) as session:
        day = forbidden(session, mine)
    before = contents(app)

    answer = tap(me, mine.pupil_id, day)

    assert answer.status_code == 409
    assert is_one_sentence(answer)
    assert contents(app) == before


@pytest.mark.parametrize(
    ("diet", "in_time", "too_late"),
    [
        ("Normal", "2026-11-20 08:14:59", "2026-11-20 08:15:00"),
        ("Spécial", "2026-11-17 08:14:59", "2026-11-17 08:15:00"),
    ],
)
def test_the_deadline_is_the_servers(
    app: Flask, frozen_clock: FrozenClock, diet: str, in_time: str, too_late: str
) -> None:
    family = new_family(app, children=2, diet=diet)
    browser = logged_in(app, family.username)

    frozen_clock.set(in_time)
    first = tap(browser, family.pupil_ids[0], FRIDAY)
    frozen_clock.set(too_late)
    second = tap(browser, family.pupil_ids[1], FRIDAY)

    assert (first.status_code, second.status_code) == (200, 409)
    assert [pupil_id for pupil_id, *_ in meals(app)] == [family.pupil_ids[0]]


def test_cancelling_ends_with_the_last_call_even_if_the_worker_is_late(
    app: Flask, frozen_clock: FrozenClock, me: Browser, mine: Family
) -> None:
    frozen_clock.set("2026-11-17 08:14:59")
    tap(me, mine.pupil_id)
    frozen_clock.set("2026-11-17 08:15:00")
    before = contents(app)

    answer = tap(me, mine.pupil_id, action="cancel", version=1)

    assert answer.status_code == 409
    assert contents(app) == before


@pytest.mark.parametrize("attendance", [Attendance.EXPECTED, Attendance.SERVED])
def test_a_charged_or_served_meal_is_not_taken_away(
    app: Flask, me: Browser, mine: Family, attendance: Attendance
) -> None:
    tap(me, mine.pupil_id, MONDAY)
    close(app, MONDAY)
    with writing(app) as session:
        booking = session.scalars(sa.select(Booking)).one()
        mark_attendance(session, booking.id, attendance, MONDAY, clock.now)
    before = contents(app)

    refused = [
        tap(me, mine.pupil_id, MONDAY, "cancel", version=version) for version in ("", 1, 2, 3)
    ]
    another = tap(me, mine.pupil_id, MONDAY, meal_type=meal_type_id(app, MealKind.VEGETARIAN))
    fulfilled = tap(me, mine.pupil_id, MONDAY, version=2)

    assert {answer.status_code for answer in refused} == {409}
    assert another.status_code == 409
    assert fulfilled.status_code in {200, 409}
    assert contents(app) == before


# -- the same thing twice, and two people at once --------------------------------------------------


def test_the_same_request_replayed_changes_nothing_more(
    app: Flask, me: Browser, mine: Family
) -> None:
    tap(me, mine.pupil_id, version=0)
    before = contents(app)

    answers = [tap(me, mine.pupil_id, version=0) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert contents(app) == before


def test_a_booking_replayed_after_the_meal_was_cancelled_does_not_bring_it_back(
    app: Flask, me: Browser, mine: Family
) -> None:
    tap(me, mine.pupil_id, version=0)
    tap(me, mine.pupil_id, action="cancel", version=1)
    before = contents(app)

    replayed = tap(me, mine.pupil_id, version=0)
    cancelled_again = tap(me, mine.pupil_id, action="cancel", version=1)

    assert replayed.status_code == 409
    assert cancelled_again.status_code == 200
    assert contents(app) == before


def test_a_double_tap_books_once(app_on: Flask) -> None:
    family = new_family(app_on)
    browsers = [logged_in(app_on, family.username) for _ in range(2)]

    answers = at_once([partial(tap, b, family.pupil_id, version=0) for b in browsers])

    assert [answer.status_code for answer in answers] == [200, 200]
    assert meals(app_on) == [(family.pupil_id, TUESDAY, BookingState.BOOKED, 1)]
    with reading(app_on) as session:
        assert session.scalar(sa.select(sa.func.count(BookingChange.id))) == 1
        assert session.scalar(sa.select(sa.func.count(models.OutboxFact.id))) == 1


def test_of_eight_parents_on_the_last_place_one_gets_it(app_on: Flask) -> None:
    with writing(app_on) as session:
        families = [make_family(session) for _ in range(8)]
        day = session.scalars(sa.select(ServiceDay).where(ServiceDay.date == TUESDAY)).one()
        day.capacity = 1
    browsers = [logged_in(app_on, family.username) for family in families]

    answers = at_once(
        [partial(tap, b, f.pupil_id, version=0) for b, f in zip(browsers, families, strict=True)]
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert len(meals(app_on)) == 1
    with reading(app_on) as session:
        assert (
            session.scalars(
                sa.select(ServiceDay.seats_taken).where(ServiceDay.date == TUESDAY)
            ).one()
            == 1
        )
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert "is-full" in refused.text


def secretariat(app: Flask) -> Browser:
    return logged_in(app, Role.SECRETARIAT.name.lower())


def test_a_parent_does_not_overwrite_what_staff_just_changed(
    app: Flask, me: Browser, mine: Family
) -> None:
    tap(me, mine.pupil_id, version=0)
    vegetarian = meal_type_id(app, MealKind.VEGETARIAN)
    changed = tap(
        secretariat(app), mine.pupil_id, version=1, meal_type=vegetarian, channel="telephone"
    )
    before = contents(app)

    answer = tap(me, mine.pupil_id, action="cancel", version=1)

    assert changed.status_code == 200
    assert answer.status_code == 409
    assert "Végétarien" in answer.text
    assert 'name="version" value="2"' in answer.text
    assert contents(app) == before


def test_staff_do_not_overwrite_what_a_parent_just_changed(
    app: Flask, me: Browser, mine: Family
) -> None:
    tap(me, mine.pupil_id, version=0)
    tap(me, mine.pupil_id, action="cancel", version=1)
    staff = secretariat(app)
    before = contents(app)

    answer = tap(staff, mine.pupil_id, version=1, channel="telephone")

    assert answer.status_code == 409
    assert "is-bookable" in answer.text
    assert contents(app) == before


def test_of_staff_and_parent_at_the_same_moment_one_is_told(app_on: Flask) -> None:
    family = new_family(app_on)
    parent, staff = logged_in(app_on, family.username), secretariat(app_on)
    special = meal_type_id(app_on, MealKind.SPECIAL)
    tap(parent, family.pupil_id, FRIDAY, version=0)

    answers = at_once(
        [
            lambda: tap(parent, family.pupil_id, FRIDAY, "cancel", version=1),
            lambda: tap(
                staff, family.pupil_id, FRIDAY, version=1, meal_type=special, channel="desk"
            ),
        ]
    )

    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert [version for *_, version in meals(app_on)] == [2]


# -- faults ----------------------------------------------------------------------------------------


def test_a_failing_save_leaves_nothing_behind(
    app_on: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = new_family(app_on)
    browser = logged_in(app_on, family.username)
    before = contents(app_on)

    fault = "the disk is full"

    def fail(*_: object, **__: object) -> None:
        raise OSError(fault)

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "tell", fail)
        fragment = tap(browser, family.pupil_id, version=0)
        page = browser.post(
            CHANGE, {"pupil": family.pupil_id, "date": TUESDAY, "action": "book", "version": 0}
        )

    assert (fragment.status_code, page.status_code) == (500, 500)
    assert is_one_sentence(fragment)
    assert "disk" not in fragment.text + page.text
    assert contents(app_on) == before
    assert tap(browser, family.pupil_id, version=0).status_code == 200


# -- nonsense --------------------------------------------------------------------------------------


def test_nonsense_is_refused_in_one_sentence_and_changes_nothing(app_on: Flask) -> None:
    family = new_family(app_on)
    browser = logged_in(app_on, family.username)
    asked = {"pupil": family.pupil_id, "date": TUESDAY, "action": "book"}
    required = [(field, nonsense) for field in asked for nonsense in NONSENSE]
    optional = [
        (field, nonsense)
        for field in ("version", "meal_type", "account")
        for nonsense in NONSENSE
        if nonsense not in {"", "0"}
    ]
    before = contents(app_on)

    for number, (field, nonsense) in enumerate(required + optional):
        send = browser.fetch if number % 2 else browser.post
        answer = send(CHANGE, {**asked, field: nonsense})

        assert answer.status_code in {400, 404, 409}, (field, nonsense)
        assert is_one_sentence(answer)
    assert contents(app_on) == before


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1999-12-31"])
@pytest.mark.parametrize("action", ["book", "cancel"])
def test_a_day_of_another_age_is_refused(
    app: Flask, me: Browser, mine: Family, day: str, action: str
) -> None:
    before = contents(app)

    answers = [
        tap(me, mine.pupil_id, day, action),
        me.post(CHANGE, {"pupil": mine.pupil_id, "date": day, "action": action}),
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert contents(app) == before


def test_a_body_that_is_no_form_is_refused(app: Flask, me: Browser, mine: Family) -> None:
    before = contents(app)

    answer = me.client.post(
        CHANGE,
        json={"pupil": mine.pupil_id, "date": "2026-11-17", "action": "book"},
        headers={"X-CSRFToken": me.token},
    )

    assert answer.status_code in {400, 404}
    assert contents(app) == before


def test_a_body_that_is_too_long_is_refused(app: Flask, me: Browser) -> None:
    answer = tap(me, "1", operation="x" * 13 * 1024 * 1024)

    assert answer.status_code == 413


def test_a_get_changes_no_meal(app: Flask, me: Browser, mine: Family) -> None:
    before = contents(app)

    answer = me.get(f"{CHANGE}?pupil={mine.pupil_id}&date=2026-11-17&action=book")

    assert answer.status_code == 405
    assert contents(app) == before


# -- repeating meals -------------------------------------------------------------------------------

REPEAT, UNDO = "/agenda/repeat/", "/agenda/repeat/undo"


def pattern(pupil_id: object, **more: object) -> dict[str, object]:
    return {
        "pupil": pupil_id,
        "first": "2026-11-23",
        "last": "2026-12-04",
        "weekday": ["0", "3"],
        "step": "book",
        **more,
    }


@pytest.mark.parametrize("step", ["preview", "book", "edit", "", "delete"])
def test_a_pattern_for_another_familys_child_is_not_found(
    app: Flask, me: Browser, theirs: Family, step: str
) -> None:
    before = contents(app)

    answer = me.post(REPEAT, pattern(theirs.pupil_id, step=step))

    assert answer.status_code == 404
    assert contents(app) == before


def test_a_pattern_is_not_paid_by_another_familys_account(
    app: Flask, me: Browser, mine: Family, theirs: Family
) -> None:
    before = contents(app)

    answer = me.post(REPEAT, pattern(mine.pupil_id, account=theirs.account_id))

    assert answer.status_code == 200
    assert contents(app) == before


def test_undoing_another_familys_pattern_undoes_nothing(
    app: Flask, me: Browser, theirs: Family
) -> None:
    booked = logged_in(app, theirs.username).post(REPEAT, pattern(theirs.pupil_id))
    with reading(app) as session:
        operation = session.scalars(sa.select(BookingChange.operation_id).distinct()).one()
    before = contents(app)

    answer = me.post(UNDO, {"operation": operation})

    assert booked.status_code == 200
    assert answer.status_code == 409
    assert contents(app) == before


def test_a_pattern_of_nonsense_books_nothing(app_on: Flask) -> None:
    family = new_family(app_on)
    browser = logged_in(app_on, family.username)
    before = contents(app_on)

    for field in ("pupil", "first", "last", "weekday", "account"):
        for nonsense in set(NONSENSE) - {"", "0"}:
            answer = browser.post(REPEAT, pattern(family.pupil_id, **{field: nonsense}))

            assert answer.status_code in {400, 404}, (field, nonsense)
            assert is_one_sentence(answer)
    assert contents(app_on) == before


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-11-23", "2028-01-01"), ("0001-01-01", "0001-02-01"), ("9999-12-01", "9999-12-31")],
)
def test_a_pattern_is_at_most_a_school_year(
    app: Flask, me: Browser, mine: Family, first: str, last: str
) -> None:
    answer = me.post(REPEAT, pattern(mine.pupil_id, first=first, last=last))

    assert answer.status_code == 400
    assert meals(app) == []


def test_undoing_nonsense_undoes_nothing(app_on: Flask) -> None:
    browser = logged_in(app_on, new_family(app_on).username)

    for operation in NONSENSE:
        answer = browser.post(UNDO, {"operation": operation})

        assert answer.status_code in {400, 409}, operation
        assert is_one_sentence(answer)
