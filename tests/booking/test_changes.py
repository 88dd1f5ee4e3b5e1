"""Booking and cancelling one meal: who may, until when, who pays, and what is refused."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from app import ledger
from app.access import SYSTEM, Actor
from app.booking import Wish, book_meal, cancel_meal, mark_attendance
from app.errors import (
    AccountNotOpen,
    AccountOverdrawn,
    BookingClosed,
    CancellingClosed,
    CannotChange,
    CanteenClosed,
    ChangedMeanwhile,
    DayFull,
    Excluded,
    InsufficientFunds,
    MealTypeNotOpen,
    NoPrice,
    NoServiceDay,
    NotAllowed,
    NotEnrolled,
    NotFound,
    ReasonMissing,
)
from app.models import Account, AccountHolder, Booking, Diet, Enrolment, Exclusion, MealType, Pupil
from app.transaction import transaction
from app.vocabulary import Attendance, BookingState, Channel, FactKind, MealKind, Reason
from tests.booking.acting import (
    RULES,
    STAFF,
    balance_of,
    book,
    booking_of,
    close_day,
    history_of,
    meal_type_id,
    on,
    parent,
    state_of,
    the_day,
    told,
    weeks_before,
)
from tests.factories import NORMAL, SPECIAL, Family, make_family, make_pupil, top_up
from tests.money import take_back


def id_of(kind: MealKind) -> int:
    with transaction(SYSTEM) as session:
        return meal_type_id(session, kind)


LATE = "08:15"
IN_TIME = "08:14:59"


def family_with(*, balance: int = 0, children: int = 1, diet: str = "Normal") -> Family:
    with transaction(SYSTEM) as session:
        return make_family(session, balance=balance, children=children, diet=diet)


# --- until when --------------------------------------------------------------------------------


def test_a_parent_books_until_the_last_call(canteen: Flask, day: date) -> None:
    family = family_with()

    with transaction(parent(family)) as session:
        booking = book(session, family.pupil_id, day, on(day, IN_TIME))

        assert booking.state is BookingState.BOOKED
        assert booking.price is None
        assert the_day(session, day).seats_taken == 1


def test_a_parent_no_longer_books_at_the_last_call(canteen: Flask, day: date) -> None:
    family = family_with(balance=5000)

    with pytest.raises(BookingClosed) as refused, transaction(parent(family)) as session:
        book(session, family.pupil_id, day, on(day, LATE))

    assert (refused.value.day, refused.value.deadline) == (day, on(day, LATE)())


def test_a_parent_cancels_until_the_last_call(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(parent(family)) as session:
        book(session, family.pupil_id, day)

        booking = cancel_meal(session, Wish(family.pupil_id, day), RULES, on(day, IN_TIME))

        assert booking.state is BookingState.CANCELLED
        assert (booking.is_late, booking.attendance) == (False, Attendance.EXPECTED)
        assert the_day(session, day).seats_taken == 0


def test_a_parent_no_longer_cancels_at_the_last_call(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(parent(family)) as session:
        book(session, family.pupil_id, day)

    with pytest.raises(CancellingClosed), transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, day), RULES, on(day, LATE))


def test_the_clock_is_read_once_the_day_is_locked(canteen: Flask, day: date) -> None:
    """Waiting wins no time: the second reading is what decides."""
    family = family_with()
    readings = iter([on(day, IN_TIME)(), on(day, LATE)()])

    with pytest.raises(BookingClosed), transaction(parent(family)) as session:
        book(session, family.pupil_id, day, lambda: next(readings))


def test_a_late_worker_reopens_no_day(canteen: Flask, day: date) -> None:
    """The last call closes the day for parents, whether or not the closing has run."""
    family = family_with()

    with pytest.raises(BookingClosed), transaction(parent(family)) as session:
        book(session, family.pupil_id, day, on(day, "09:00"))


def test_a_closed_day_stays_closed_when_the_last_call_is_moved_later(
    canteen: Flask, day: date
) -> None:
    family = family_with()
    with transaction(STAFF) as session:
        book(session, family.pupil_id, day)
        close_day(session, day)
        other = make_family(session)
    later = replace(RULES, last_call=time(10, 0))

    with pytest.raises(BookingClosed), transaction(parent(other)) as session:
        book_meal(session, Wish(other.pupil_id, day), later, on(day, "09:00"))
    with pytest.raises(CancellingClosed), transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, day), later, on(day, "09:00"))


# --- special meals -----------------------------------------------------------------------------


def test_a_special_meal_is_booked_with_three_days_notice(canteen: Flask, day: date) -> None:
    family = family_with(diet="Spécial")
    notice = day - timedelta(days=3)

    with pytest.raises(BookingClosed), transaction(parent(family)) as session:
        book(session, family.pupil_id, day, on(notice, LATE))
    with transaction(parent(family)) as session:
        booking = book(session, family.pupil_id, day, on(notice, IN_TIME))

        assert booking.meal_type_id == meal_type_id(session, MealKind.SPECIAL)


def test_staff_book_a_special_meal_after_its_notice_without_a_reason(
    canteen: Flask, day: date
) -> None:
    family = family_with(diet="Spécial")

    with transaction(STAFF) as session:
        booking = book(session, family.pupil_id, day, on(day, IN_TIME))

        assert booking.state is BookingState.BOOKED


@pytest.mark.parametrize(
    ("days_before", "shown", "is_late"),
    [(3, IN_TIME, False), (3, LATE, True), (0, IN_TIME, True)],
)
def test_a_special_meal_cancelled_after_its_notice_is_free_but_told_to_the_kitchen(
    canteen: Flask, day: date, days_before: int, shown: str, *, is_late: bool
) -> None:
    family = family_with(diet="Spécial")
    with transaction(parent(family)) as session:
        book(session, family.pupil_id, day)
        known = told(session, None).count(FactKind.LATE_CANCELLATION)

        now = on(day - timedelta(days=days_before), shown)
        booking = cancel_meal(session, Wish(family.pupil_id, day), RULES, now)

        assert (booking.state, booking.is_late) == (BookingState.CANCELLED, is_late)
        assert told(session, None).count(FactKind.LATE_CANCELLATION) - known == is_late
        assert balance_of(session, family.account_id) == 0


def test_a_parent_cannot_choose_for_a_pupil_with_special_meals(canteen: Flask, day: date) -> None:
    family = family_with(diet="Spécial")

    wish = Wish(family.pupil_id, day, meal_type_id=id_of(MealKind.NORMAL))
    with pytest.raises(MealTypeNotOpen), transaction(parent(family)) as session:
        book_meal(session, wish, RULES, weeks_before(day))


# --- meal types --------------------------------------------------------------------------------


def test_a_parent_cannot_book_a_special_meal_for_another_pupil(canteen: Flask, day: date) -> None:
    family = family_with()

    wish = Wish(family.pupil_id, day, meal_type_id=id_of(MealKind.SPECIAL))
    with pytest.raises(MealTypeNotOpen), transaction(parent(family)) as session:
        book_meal(session, wish, RULES, weeks_before(day))


def test_a_meal_type_nobody_has_is_refused(canteen: Flask, day: date) -> None:
    family = family_with()

    wish = Wish(family.pupil_id, day, meal_type_id=10**6)
    with pytest.raises(MealTypeNotOpen), transaction(STAFF) as session:
        book_meal(session, wish, RULES, weeks_before(day))


def test_changing_the_meal_type_keeps_seat_and_payer(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(parent(family)) as session:
        booking = book(session, family.pupil_id, day)
        version = booking.version
        wish = Wish(family.pupil_id, day, version, meal_type_id(session, MealKind.VEGETARIAN))

        book_meal(session, wish, RULES, on(day, IN_TIME))

        change = history_of(session, booking.id)[-1]
        assert booking.state is BookingState.BOOKED
        assert booking.version == version + 1
        assert booking.account_id == family.account_id
        assert the_day(session, day).seats_taken == 1
        assert (change.old_state, change.new_state) == (BookingState.BOOKED, BookingState.BOOKED)
        assert change.old_meal_type_id == meal_type_id(session, MealKind.NORMAL)
        assert change.new_meal_type_id == wish.meal_type_id


# --- wishes that are fulfilled, versions -------------------------------------------------------


def test_booking_what_is_booked_changes_nothing(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(parent(family)) as session:
        first = book(session, family.pupil_id, day)
        version = first.version
        vegetarian = Wish(family.pupil_id, day, version, meal_type_id(session, MealKind.VEGETARIAN))
        book_meal(session, vegetarian, RULES, weeks_before(day))

        again = book(session, family.pupil_id, day)  # no type given: any booked meal will do

        assert again.id == first.id
        assert again.version == version + 1
        assert again.meal_type_id == vegetarian.meal_type_id
        assert len(history_of(session, first.id)) == 2


def test_the_same_request_replayed_changes_nothing(canteen: Flask, day: date) -> None:
    family = family_with()
    wish = Wish(family.pupil_id, day, version=0)

    with transaction(parent(family)) as session:
        for _ in range(3):
            booking = book_meal(session, wish, RULES, weeks_before(day))

        assert len(history_of(session, booking.id)) == 1
        assert told(session, family.account_id) == [FactKind.BOOKING_CHANGED]


def test_cancelling_what_is_cancelled_changes_nothing(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(parent(family)) as session:
        booking = book(session, family.pupil_id, day)
        for _ in range(3):
            cancel_meal(session, Wish(family.pupil_id, day, 1), RULES, weeks_before(day))

        assert len(history_of(session, booking.id)) == 2


def test_a_day_is_booked_cancelled_and_booked_again_in_one_row(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(parent(family)) as session:
        first = book(session, family.pupil_id, day)
        cancel_meal(session, Wish(family.pupil_id, day), RULES, weeks_before(day))
        second = book(session, family.pupil_id, day)

        assert second.id == first.id
        assert [change.new_state for change in history_of(session, first.id)] == [
            BookingState.BOOKED,
            BookingState.CANCELLED,
            BookingState.BOOKED,
        ]


def test_an_old_view_of_the_day_decides_nothing(canteen: Flask, day: date) -> None:
    """Staff and parent change the same meal: nobody's change is silently overwritten."""
    family = family_with()
    with transaction(parent(family)) as session:
        seen = book(session, family.pupil_id, day).version
    with transaction(STAFF) as session:
        wish = Wish(family.pupil_id, day, None, meal_type_id(session, MealKind.VEGETARIAN))
        book_meal(session, wish, RULES, weeks_before(day))

    with pytest.raises(ChangedMeanwhile), transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, day, seen), RULES, weeks_before(day))
    wish = Wish(family.pupil_id, day, 0, id_of(MealKind.NORMAL))
    with pytest.raises(ChangedMeanwhile), transaction(parent(family)) as session:
        book_meal(session, wish, RULES, weeks_before(day))

    with transaction(STAFF) as session:
        assert state_of(session, family.pupil_id, day) is BookingState.BOOKED


# --- which days --------------------------------------------------------------------------------


def test_no_meal_where_the_canteen_does_not_serve(canteen: Flask) -> None:
    family = family_with()
    sunday = date(2026, 11, 15)

    with pytest.raises(NoServiceDay), transaction(parent(family)) as session:
        book(session, family.pupil_id, sunday)
    with pytest.raises(NoServiceDay), transaction(parent(family)) as session:
        cancel_meal(session, Wish(family.pupil_id, sunday), RULES, weeks_before(sunday))


def test_no_meal_on_a_closed_day_and_the_reason_is_told(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(SYSTEM) as session:
        the_day(session, day).closure = "Journée pédagogique"

    with pytest.raises(CanteenClosed) as refused, transaction(STAFF) as session:
        book(session, family.pupil_id, day)

    assert (refused.value.day, refused.value.reason) == (day, "Journée pédagogique")


def test_no_meal_during_an_exclusion(canteen: Flask, day: date) -> None:
    family, until = family_with(), day + timedelta(days=10)
    with transaction(SYSTEM) as session:
        for valid_until in (day + timedelta(days=1), until):
            session.add(
                Exclusion(
                    pupil_id=family.pupil_id,
                    valid_from=day,
                    valid_until=valid_until,
                    decided_on=day,
                    reason="…",
                )
            )

    with pytest.raises(Excluded) as refused, transaction(STAFF) as session:
        book(session, family.pupil_id, day)

    assert refused.value.last == until - timedelta(days=1)


def test_an_exclusion_is_half_open(canteen: Flask, days: Iterator[date]) -> None:
    family = family_with()
    first, last = next(days), next(days)
    with transaction(SYSTEM) as session:
        session.add(
            Exclusion(
                pupil_id=family.pupil_id,
                valid_from=first,
                valid_until=last,
                decided_on=first,
                reason="…",
            )
        )

    with transaction(parent(family)) as session:
        assert book(session, family.pupil_id, last).state is BookingState.BOOKED
    with pytest.raises(Excluded), transaction(parent(family)) as session:
        book(session, family.pupil_id, first)


@pytest.mark.parametrize(
    ("begins", "ends", "is_enrolled"), [(0, 1, True), (-5, 0, False), (1, 5, False)]
)
def test_a_meal_needs_an_enrolment_on_that_day(
    canteen: Flask, day: date, begins: int, ends: int, *, is_enrolled: bool
) -> None:
    family = family_with()
    with transaction(SYSTEM) as session:
        enrolment = session.scalars(
            sa.select(Enrolment).where(Enrolment.pupil_id == family.pupil_id)
        ).one()
        enrolment.valid_from = day + timedelta(days=begins)
        enrolment.valid_until = day + timedelta(days=ends)

    if is_enrolled:
        with transaction(parent(family)) as session:
            assert book(session, family.pupil_id, day).state is BookingState.BOOKED
    else:
        with pytest.raises(NotEnrolled), transaction(parent(family)) as session:
            book(session, family.pupil_id, day)


def test_a_meal_needs_a_price(canteen: Flask, day: date) -> None:
    with transaction(SYSTEM) as session:
        unpriced = MealType(name=f"Sans prix {day}", kind=MealKind.NORMAL)
        session.add(unpriced)
        session.flush()
        family = make_family(session)
        wish = Wish(family.pupil_id, day, meal_type_id=unpriced.id)

    with pytest.raises(NoPrice), transaction(STAFF) as session:
        book_meal(session, wish, RULES, weeks_before(day))
    with transaction(SYSTEM) as session:
        session.delete(session.get_one(MealType, wish.meal_type_id))


def test_a_full_day_is_refused_and_a_cancellation_frees_a_seat(canteen: Flask, day: date) -> None:
    family = family_with(children=2)
    first, second = family.pupil_ids
    with transaction(SYSTEM) as session:
        the_day(session, day).capacity = 1
    with transaction(parent(family)) as session:
        book(session, first, day)

    with pytest.raises(DayFull) as refused, transaction(parent(family)) as session:
        book(session, second, day)
    with transaction(parent(family)) as session:
        cancel_meal(session, Wish(first, day), RULES, weeks_before(day))
        book(session, second, day)

        assert refused.value.day == day
        assert the_day(session, day).seats_taken == 1


# --- who, for whom, from which account ---------------------------------------------------------


def test_another_familys_child_is_out_of_reach(canteen: Flask, day: date) -> None:
    mine, theirs = family_with(), family_with()

    with pytest.raises(AccountNotOpen), transaction(parent(mine)) as session:
        book(session, theirs.pupil_id, day)
    with pytest.raises(AccountNotOpen), transaction(parent(mine)) as session:
        book(session, theirs.pupil_id, day, account_id=mine.account_id)
    with pytest.raises(AccountNotOpen), transaction(parent(mine)) as session:
        book(session, mine.pupil_id, day, account_id=theirs.account_id)


def test_nobody_and_nothing_are_not_found(canteen: Flask, day: date) -> None:
    family = family_with()

    with pytest.raises(NotFound), transaction(STAFF) as session:
        book(session, 10**6, day)
    with pytest.raises(NotFound), transaction(STAFF) as session:
        cancel_meal(session, Wish(family.pupil_id, day), RULES, weeks_before(day))


def test_a_pupil_who_left_books_no_more(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(SYSTEM) as session:
        session.get_one(Pupil, family.pupil_id).archived_at = on(day)()

    with pytest.raises(NotFound), transaction(STAFF) as session:
        book(session, family.pupil_id, day)


def test_a_closed_account_pays_for_nothing(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(SYSTEM) as session:
        session.get_one(Account, family.account_id).archived_at = on(day)()

    with pytest.raises(AccountNotOpen), transaction(STAFF) as session:
        book(session, family.pupil_id, day)


def test_who_holds_several_accounts_of_a_child_chooses(canteen: Flask, day: date) -> None:
    with transaction(SYSTEM) as session:
        family, other = make_family(session), make_family(session)
        pupil = make_pupil(session, family.account_id, other.account_id)
        session.add(
            AccountHolder(
                user_id=family.user_id, account_id=other.account_id, valid_from=date(2020, 1, 1)
            )
        )
        pupil_id = pupil.id

    with pytest.raises(AccountNotOpen), transaction(parent(family)) as session:
        book(session, pupil_id, day)
    with transaction(parent(family)) as session:
        booking = book(session, pupil_id, day, account_id=other.account_id)

        assert booking.account_id == other.account_id


def test_a_shared_childs_meal_is_changed_by_its_payers_holders_and_by_staff(
    canteen: Flask, day: date
) -> None:
    with transaction(SYSTEM) as session:
        mother, father = make_family(session), make_family(session)
        pupil_id = make_pupil(session, mother.account_id, father.account_id).id
    with transaction(parent(father)) as session:
        booking = book(session, pupil_id, day)
        assert booking.account_id == father.account_id
        version = booking.version

    with pytest.raises(ChangedMeanwhile), transaction(parent(mother)) as session:
        book_meal(session, Wish(pupil_id, day, 0), RULES, weeks_before(day))
    with pytest.raises(NotAllowed), transaction(parent(mother)) as session:
        book_meal(session, Wish(pupil_id, day, version), RULES, weeks_before(day))
    with pytest.raises(NotAllowed), transaction(parent(mother)) as session:
        cancel_meal(session, Wish(pupil_id, day, version), RULES, weeks_before(day))
    with transaction(STAFF) as session:
        cancel_meal(session, Wish(pupil_id, day), RULES, weeks_before(day))

        assert told(session, mother.account_id) == []
        assert told(session, father.account_id) == [FactKind.BOOKING_CHANGED] * 2


def test_a_cancelled_meal_of_a_shared_child_may_be_booked_by_the_other(
    canteen: Flask, day: date
) -> None:
    with transaction(SYSTEM) as session:
        mother, father = make_family(session), make_family(session)
        pupil_id = make_pupil(session, mother.account_id, father.account_id).id
    with transaction(parent(father)) as session:
        book(session, pupil_id, day)
        cancel_meal(session, Wish(pupil_id, day), RULES, weeks_before(day))

    with transaction(parent(mother)) as session:
        booking = book(session, pupil_id, day)

        assert booking.account_id == mother.account_id


def test_a_refusal_leaves_the_booking_as_it_was(canteen: Flask, day: date) -> None:
    """Even where the caller goes on, as a pattern does with the next day."""
    with transaction(SYSTEM) as session:
        mother, father = make_family(session), make_family(session)
        pupil_id = make_pupil(session, mother.account_id, father.account_id).id
        the_day(session, day).capacity = 1
    with transaction(parent(father)) as session:
        book(session, pupil_id, day)
        cancel_meal(session, Wish(pupil_id, day), RULES, weeks_before(day))
        book(session, father.pupil_id, day)

    with transaction(parent(mother)) as session:
        with pytest.raises(DayFull):
            book(session, pupil_id, day)
        session.flush()

        assert booking_of(session, pupil_id, day).account_id == father.account_id


def test_an_overdrawn_account_books_no_more_and_keeps_what_it_has(
    canteen: Flask, days: Iterator[date]
) -> None:
    family, booked, wished = family_with(balance=1000), next(days), next(days)
    with transaction(parent(family)) as session:
        book(session, family.pupil_id, booked)
    with transaction(STAFF) as session:
        take_back(session, family.account_id, 1500)

    with pytest.raises(AccountOverdrawn), transaction(parent(family)) as session:
        book(session, family.pupil_id, wished)
    with transaction(STAFF) as session:
        assert state_of(session, family.pupil_id, booked) is BookingState.BOOKED
        top_up(session, family.account_id, 500)
    with transaction(parent(family)) as session:
        assert book(session, family.pupil_id, wished).state is BookingState.BOOKED


# --- after the last call -----------------------------------------------------------------------


def test_after_the_last_call_staff_need_a_reason(canteen: Flask, day: date) -> None:
    family = family_with(balance=5000)
    with transaction(STAFF) as session:
        book(session, family.pupil_id, day)

    with pytest.raises(ReasonMissing), transaction(STAFF) as session:
        cancel_meal(session, Wish(family.pupil_id, day), RULES, on(day, LATE))
    other = family_with(balance=5000)
    with pytest.raises(ReasonMissing), transaction(STAFF) as session:
        book(session, other.pupil_id, day, on(day, LATE))


@pytest.mark.parametrize("has_worker_closed", [True, False])
def test_a_late_booking_is_charged_at_once(
    canteen: Flask, day: date, *, has_worker_closed: bool
) -> None:
    family = family_with(balance=1000)
    wish = Wish(family.pupil_id, day, reason=Reason.MISTAKE)
    with transaction(STAFF) as session:
        if has_worker_closed:
            close_day(session, day)

        booking = book_meal(session, wish, RULES, on(day, "09:00"))

        assert (booking.state, booking.price) == (BookingState.CHARGED, NORMAL)
        assert balance_of(session, family.account_id) == 1000 - NORMAL
        assert history_of(session, booking.id)[-1].reason is Reason.MISTAKE
        assert told(session, family.account_id) == [FactKind.BOOKING_CHANGED]


def test_a_late_booking_that_nobody_can_pay_is_refused(canteen: Flask, day: date) -> None:
    family = family_with(balance=NORMAL - 1)
    wish = Wish(family.pupil_id, day, reason=Reason.MISTAKE)

    with pytest.raises(InsufficientFunds) as refused, transaction(STAFF) as session:
        book_meal(session, wish, RULES, on(day, "09:00"))

    assert (refused.value.balance, refused.value.amount) == (NORMAL - 1, NORMAL)
    with transaction(STAFF) as session:
        query = sa.select(Booking).where(Booking.pupil_id == family.pupil_id)
        assert session.scalars(query).all() == []


def test_a_late_booking_may_use_the_agreed_tolerance(canteen: Flask, day: date) -> None:
    family = family_with(balance=100)
    wish = Wish(family.pupil_id, day, reason=Reason.MISTAKE)
    with transaction(STAFF) as session:
        ledger.set_tolerance(session, family.account_id, NORMAL)

        booking = book_meal(session, wish, RULES, on(day, "09:00"))

        assert booking.state is BookingState.CHARGED
        assert balance_of(session, family.account_id) == 100 - NORMAL


def test_a_late_booking_sent_twice_is_charged_once(canteen: Flask, day: date) -> None:
    family = family_with(balance=5000)
    wish = Wish(family.pupil_id, day, 0, reason=Reason.MISTAKE)
    with transaction(STAFF) as session:
        for _ in range(2):
            book_meal(session, wish, RULES, on(day, "09:00"))

        assert balance_of(session, family.account_id) == 5000 - NORMAL


def test_a_late_cancellation_is_an_excused_absence_and_given_back(
    canteen: Flask, day: date
) -> None:
    family = family_with(balance=1000)
    with transaction(STAFF) as session:
        book(session, family.pupil_id, day)
        close_day(session, day)
        assert balance_of(session, family.account_id) == 100

        wish = Wish(family.pupil_id, day, reason=Reason.ILLNESS)
        booking = cancel_meal(session, wish, RULES, on(day, "09:00"))

        assert (booking.state, booking.price) == (BookingState.GIVEN_BACK, NORMAL)
        assert booking.attendance is Attendance.ABSENT
        assert balance_of(session, family.account_id) == 1000
        assert the_day(session, day).seats_taken == 0


def test_a_meal_that_was_given_back_may_be_booked_and_given_back_again(
    canteen: Flask, day: date
) -> None:
    family = family_with(balance=1000)
    wish = Wish(family.pupil_id, day, reason=Reason.MISTAKE)
    with transaction(STAFF) as session:
        for _ in range(3):
            book_meal(session, wish, RULES, on(day, "09:00"))
            assert balance_of(session, family.account_id) == 100
            cancel_meal(session, wish, RULES, on(day, "09:30"))
            assert balance_of(session, family.account_id) == 1000


def test_what_is_given_back_makes_another_meal_of_today_good(canteen: Flask, day: date) -> None:
    family = family_with(balance=NORMAL, children=2)
    older, younger = family.pupil_ids
    with transaction(STAFF) as session:
        for pupil_id in family.pupil_ids:
            book(session, pupil_id, day)
        close_day(session, day)
        assert state_of(session, older, day) is BookingState.UNFUNDED

        cancel_meal(session, Wish(younger, day, reason=Reason.ILLNESS), RULES, on(day, "09:00"))

        assert state_of(session, older, day) is BookingState.CHARGED
        assert balance_of(session, family.account_id) == 0


def test_what_is_given_back_for_yesterday_makes_a_meal_of_today_good(
    canteen: Flask, days: Iterator[date]
) -> None:
    family = family_with(balance=NORMAL)
    yesterday, today = next(days), next(days)
    with transaction(STAFF) as session:
        for each in (yesterday, today):
            book(session, family.pupil_id, each)
        close_day(session, yesterday)
        close_day(session, today)
        assert state_of(session, family.pupil_id, today) is BookingState.UNFUNDED

        wish = Wish(family.pupil_id, yesterday, reason=Reason.ILLNESS)
        cancel_meal(session, wish, RULES, on(today, "11:00"))

        assert state_of(session, family.pupil_id, yesterday) is BookingState.GIVEN_BACK
        assert state_of(session, family.pupil_id, today) is BookingState.CHARGED


def test_a_meal_that_was_served_is_not_taken_away(canteen: Flask, day: date) -> None:
    family = family_with(balance=1000)
    with transaction(STAFF) as session:
        booking = book(session, family.pupil_id, day)
        close_day(session, day)
        mark_attendance(session, booking.id, Attendance.SERVED, day, on(day))

    wish = Wish(family.pupil_id, day, reason=Reason.MISTAKE)
    with pytest.raises(CannotChange), transaction(STAFF) as session:
        cancel_meal(session, wish, RULES, on(day, "13:00"))


def test_a_charged_meal_does_not_change_its_type(canteen: Flask, day: date) -> None:
    family = family_with(balance=5000)
    with transaction(STAFF) as session:
        book(session, family.pupil_id, day)
        close_day(session, day)

    special = id_of(MealKind.SPECIAL)
    wish = Wish(family.pupil_id, day, None, special, reason=Reason.MISTAKE)
    with pytest.raises(CannotChange), transaction(STAFF) as session:
        book_meal(session, wish, RULES, on(day, "09:00"))


def test_staff_change_the_type_between_last_call_and_charging(canteen: Flask, day: date) -> None:
    family = family_with(balance=5000)
    with transaction(STAFF) as session:
        book(session, family.pupil_id, day)
        special = meal_type_id(session, MealKind.SPECIAL)
        wish = Wish(family.pupil_id, day, None, special, reason=Reason.MISTAKE)

        booking = book_meal(session, wish, RULES, on(day, LATE))

        assert (booking.state, booking.price) == (BookingState.CHARGED, SPECIAL)
        assert told(session, family.account_id) == [FactKind.BOOKING_CHANGED] * 2


# --- who, when, through which channel ----------------------------------------------------------


def test_a_booking_records_who_made_it_when_and_how(canteen: Flask, day: date) -> None:
    family = family_with()
    now = weeks_before(day)
    with transaction(parent(family)) as session:
        booking_id = book(session, family.pupil_id, day).id
    desk = Actor(None, is_staff=True, channel=Channel.DESK)
    with transaction(desk) as session:
        cancel_meal(session, Wish(family.pupil_id, day), RULES, now)

        made, cancelled = history_of(session, booking_id)
        assert (made.actor_id, made.channel) == (family.user_id, Channel.PORTAL)
        assert (made.old_state, made.new_state) == (None, BookingState.BOOKED)
        assert made.changed_at == now()
        assert cancelled.channel is Channel.DESK
        assert (made.version, cancelled.version) == (1, 2)


def test_a_new_diet_books_its_own_meal_type(canteen: Flask, day: date) -> None:
    family = family_with()
    with transaction(SYSTEM) as session:
        vegetarian = session.scalars(sa.select(Diet).where(Diet.name == "Végétarien")).one()
        session.get_one(Pupil, family.pupil_id).diet_id = vegetarian.id

    with transaction(parent(family)) as session:
        booking = book(session, family.pupil_id, day)

        assert booking.meal_type_id == meal_type_id(session, MealKind.VEGETARIAN)
