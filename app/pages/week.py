"""The agenda's week in words: heads of days, a row per child, what a tap would do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from flask_babel import format_date, gettext
from flask_babel import lazy_gettext as _l

from app.clock import local
from app.models import Booking, MealType, Pupil, ServiceDay
from app.money import format_chf
from app.pages.week_facts import Facts, Reader
from app.rules.agenda import CellFacts, CellState, action_of, cell_state
from app.rules.choices import MealChoice, open_types
from app.rules.deadlines import booking_deadline, cancelling_deadline, is_late_cancellation
from app.vocabulary import BookingState

STATE_LABELS: Final = {
    CellState.BOOKABLE: _l("Free"),
    CellState.BOOKED: _l("Booked"),
    CellState.CLOSED: _l("Closed"),
    CellState.TOO_LATE: _l("Too late"),
    CellState.FULL: _l("Full"),
    CellState.CHARGED: _l("Paid"),
    CellState.UNFUNDED: _l("Not covered"),
    CellState.REFUSED: _l("Refused"),
    CellState.GIVEN_BACK: _l("Given back"),
    CellState.SERVED: _l("Served"),
    CellState.ABSENT: _l("Absent"),
    CellState.OUTING: _l("Class outing"),
    CellState.EXCLUDED: _l("Excluded"),
    CellState.NOT_ENROLLED: _l("Not enrolled"),
}


@dataclass(frozen=True)
class DayHead:
    """The head of one day."""

    date: date
    label: str
    is_today: bool
    closure: str | None
    menu: list[str]
    deadline: str


@dataclass(frozen=True)
class Cell:
    """A child on a day."""

    id: str
    state: CellState
    state_label: str
    detail: str | None = None
    meal: str | None = None
    price: str | None = None
    deadline: str | None = None
    late_warning: str | None = None
    payer: str | None = None
    action: str | None = None
    action_label: str = ""
    choices: list[tuple[int, str]] = field(default_factory=list)
    meal_type_id: int | None = None
    version: int = 0
    needs_reason: bool = False


@dataclass(frozen=True)
class Row:
    """A child's week."""

    pupil_id: int
    name: str
    class_name: str
    accounts: list[tuple[int, str]]
    cells: list[Cell]


def day_heads(facts: Facts, days: Iterable[date], reader: Reader) -> list[DayHead]:
    """The heads of the days, each with the menu and until when it can be changed."""
    return [_day_head(facts.days.get(day), day, reader) for day in days]


def _day_head(service_day: ServiceDay | None, day: date, reader: Reader) -> DayHead:
    is_open = service_day is not None and service_day.closure is None
    menus = sorted(service_day.menus, key=lambda m: m.meal_type_id) if service_day else []
    deadline = ""
    if is_open and reader.now < cancelling_deadline(day, reader.rules):
        deadline = gettext("until %(time)s", time=reader.rules.last_call.strftime("%H:%M"))
    return DayHead(
        date=day,
        label=format_date(day, "EEEE d MMMM"),
        is_today=day == reader.today,
        closure=_closure(service_day),
        menu=menus[0].dishes if menus and is_open else [],
        deadline=deadline,
    )


def _closure(service_day: ServiceDay | None) -> str | None:
    if service_day is None:
        return gettext("No service")
    return service_day.closure


def rows_of(facts: Facts, days: Sequence[date], reader: Reader) -> list[Row]:
    """One row per child, one cell per day."""
    return [_row(facts, pupil, days, reader) for pupil in facts.pupils.values()]


def _row(facts: Facts, pupil: Pupil, days: Sequence[date], reader: Reader) -> Row:
    enrolment = facts.enrolment(pupil.id, days[0]) or facts.enrolment(pupil.id, days[-1])
    return Row(
        pupil_id=pupil.id,
        name=pupil.first_name,
        class_name=enrolment.school_class.name if enrolment else "",
        accounts=[(a.id, a.label) for a in facts.payers.get(pupil.id, [])],
        cells=[cell_of(facts, pupil, day, reader) for day in days],
    )


def cell_of(facts: Facts, pupil: Pupil, day: date, reader: Reader) -> Cell:
    """What the reader sees of the child's day, and what a tap would do."""
    booking = facts.bookings.get((pupil.id, day))
    allowed = _allowed(facts, pupil, reader)
    standing = booking if booking and booking.state is not BookingState.CANCELLED else None
    is_own = standing is None or standing.account_id in facts.charged
    meal_type = facts.types[standing.meal_type_id if standing else allowed[0]]
    known = _cell_facts(facts, pupil, day, meal_type, reader, booking, is_own=is_own)
    state = cell_state(known)
    is_over = _is_over(facts, day, reader)
    action = action_of(state, is_own=is_own, is_over=is_over, is_staff=reader.is_staff)
    shows_meal = standing is not None or action == "book"
    return Cell(
        id=f"c-{pupil.id}-{day.isoformat()}",
        state=state,
        state_label=str(STATE_LABELS[state]),
        detail=_detail(facts, pupil, day, state, meal_type, reader),
        meal=meal_type.name if shows_meal else None,
        price=_price(facts, pupil, day, meal_type, standing) if shows_meal and is_own else None,
        deadline=_deadline(day, meal_type, action, reader),
        late_warning=_late_warning(day, meal_type, action, reader),
        payer=_payer(facts, pupil, standing, is_own=is_own),
        action=action,
        action_label=_action_label(action),
        choices=_choices(facts, allowed, standing, meal_type) if action == "book" else [],
        meal_type_id=meal_type.id if action else None,
        version=booking.version if booking else 0,
        needs_reason=is_over and action is not None,
    )


def _allowed(facts: Facts, pupil: Pupil, reader: Reader) -> list[int]:
    usual = facts.types[pupil.diet.meal_type_id]
    return open_types(
        MealChoice(usual.id, usual.is_special),
        [MealChoice(t.id, t.is_special) for t in facts.types.values() if t.archived_at is None],
        offers_choice=pupil.diet.offers_choice,
        is_staff=reader.is_staff,
    )


def _cell_facts(
    facts: Facts,
    pupil: Pupil,
    day: date,
    meal_type: MealType,
    reader: Reader,
    booking: Booking | None,
    *,
    is_own: bool,
) -> CellFacts:
    service_day = facts.days.get(day)
    deadline = booking_deadline(day, reader.rules, is_special=meal_type.is_special)
    is_settled = service_day is not None and service_day.closed_at is not None
    return CellFacts(
        booking=booking.state if booking else None,
        attendance=booking.attendance if booking else CellFacts.attendance,
        is_own=is_own,
        is_closed=service_day is None or service_day.closure is not None,
        is_enrolled=facts.enrolment(pupil.id, day) is not None,
        is_excluded=facts.exclusion(pupil.id, day) is not None,
        is_on_outing=facts.outing(pupil.id, day) is not None,
        is_too_late=reader.now >= deadline or is_settled,
        is_full=service_day is not None and service_day.seats_taken >= service_day.capacity,
    )


def _is_over(facts: Facts, day: date, reader: Reader) -> bool:
    service_day = facts.days.get(day)
    is_settled = service_day is not None and service_day.closed_at is not None
    return is_settled or reader.now >= cancelling_deadline(day, reader.rules)


def _price(
    facts: Facts, pupil: Pupil, day: date, meal_type: MealType, booking: Booking | None
) -> str | None:
    price = booking.price if booking is not None else None
    if price is None:
        price = facts.price(pupil.id, meal_type.id, day)
    return None if price is None else format_chf(price)


def _moment(instant: datetime, day: date) -> str:
    """A deadline as briefly as it is clear: the time alone on the day itself."""
    shown = local(instant)
    if shown.date() == day:
        return f"{shown:%H:%M}"
    return f"{format_date(shown.date(), 'EEE d MMM')}, {shown:%H:%M}"


def _deadline(day: date, meal_type: MealType, action: str | None, reader: Reader) -> str | None:
    """Shown where it is not the same for everybody: the head of the day has the last call."""
    if action is None or not meal_type.is_special:
        return None
    until = (
        booking_deadline(day, reader.rules, is_special=True)
        if action == "book"
        else cancelling_deadline(day, reader.rules)
    )
    return gettext("until %(time)s", time=_moment(until, day)) if reader.now < until else None


def _late_warning(day: date, meal_type: MealType, action: str | None, reader: Reader) -> str | None:
    is_late = is_late_cancellation(
        day, reader.rules, is_special=meal_type.is_special, now=reader.now
    )
    if action != "cancel" or not is_late:
        return None
    return gettext("Cancelling now is free, but late: the kitchen is told.")


def _detail(
    facts: Facts, pupil: Pupil, day: date, state: CellState, meal_type: MealType, reader: Reader
) -> str | None:
    if state is CellState.CLOSED:
        return _closure(facts.days.get(day))
    if state is CellState.TOO_LATE:
        since = booking_deadline(day, reader.rules, is_special=meal_type.is_special)
        return gettext("since %(time)s", time=_moment(since, day))
    if state is CellState.EXCLUDED:
        exclusion = facts.exclusion(pupil.id, day)
        last = exclusion.valid_until - timedelta(days=1) if exclusion else day
        return gettext("until %(day)s", day=format_date(last, "d MMMM"))
    if state in {CellState.OUTING, CellState.GIVEN_BACK}:
        return facts.outing(pupil.id, day)
    if state is CellState.UNFUNDED:
        end = reader.rules.end_of_service.strftime("%H:%M")
        return gettext("top up before %(time)s", time=end)
    return None


def _payer(facts: Facts, pupil: Pupil, booking: Booking | None, *, is_own: bool) -> str | None:
    if booking is None:
        return None
    if not is_own:
        return gettext("by the other household")
    payers = facts.payers.get(pupil.id, [])
    if [account.id for account in payers] == [booking.account_id]:
        return None
    return facts.charged[booking.account_id].label


def _action_label(action: str | None) -> str:
    if action is None:
        return ""
    return gettext("Book") if action == "book" else gettext("Cancel")


def _choices(
    facts: Facts, allowed: list[int], standing: Booking | None, meal_type: MealType
) -> list[tuple[int, str]]:
    if standing is not None or len(allowed) == 1:
        return []
    return [(i, facts.types[i].name) for i in allowed if i != meal_type.id]
