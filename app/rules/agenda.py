"""What one cell of the agenda says: a child, a day."""

from dataclasses import dataclass
from enum import StrEnum

from app.vocabulary import Attendance, BookingState


class CellState(StrEnum):
    """The words that a cell can show."""

    BOOKABLE = "bookable"
    BOOKED = "booked"
    CLOSED = "closed"
    TOO_LATE = "too_late"
    FULL = "full"
    CHARGED = "charged"
    UNFUNDED = "unfunded"
    REFUSED = "refused"
    GIVEN_BACK = "given_back"
    SERVED = "served"
    ABSENT = "absent"
    OUTING = "outing"
    EXCLUDED = "excluded"
    NOT_ENROLLED = "not_enrolled"


@dataclass(frozen=True)
class CellFacts:
    """What is known of a child's meal on a day; `is_own`: the reader may change the booking."""

    booking: BookingState | None = None
    attendance: Attendance = Attendance.EXPECTED
    is_own: bool = True
    is_closed: bool = False
    is_enrolled: bool = True
    is_on_outing: bool = False
    is_excluded: bool = False
    is_too_late: bool = False
    is_full: bool = False


def cell_state(facts: CellFacts) -> CellState:
    """The most telling word: what the booking is, or why there can be none."""
    if facts.booking not in {None, BookingState.CANCELLED}:
        return _booked_state(facts)
    reasons = (
        (facts.is_closed, CellState.CLOSED),
        (not facts.is_enrolled, CellState.NOT_ENROLLED),
        (facts.is_excluded, CellState.EXCLUDED),
        (facts.is_on_outing, CellState.OUTING),
        (facts.is_too_late, CellState.TOO_LATE),
        (facts.is_full, CellState.FULL),
    )
    return next((state for holds, state in reasons if holds), CellState.BOOKABLE)


def _booked_state(facts: CellFacts) -> CellState:
    """Whether it is paid for is the payer's business: to the other household it is booked."""
    if facts.attendance is Attendance.SERVED:
        return CellState.SERVED
    if facts.booking is BookingState.UNFUNDED and not facts.is_own:
        return CellState.BOOKED
    if facts.booking is BookingState.CHARGED and facts.attendance is Attendance.ABSENT:
        return CellState.ABSENT
    return CellState(str(facts.booking))


def action_of(state: CellState, *, is_own: bool, is_over: bool, is_staff: bool) -> str | None:
    """What a tap does: book, cancel, or nothing. `is_over`: the last call has passed."""
    if state is CellState.BOOKABLE:
        return "book"
    if is_staff and state in {CellState.TOO_LATE, CellState.GIVEN_BACK}:
        return "book"
    if state is CellState.BOOKED and is_own and (is_staff or not is_over):
        return "cancel"
    if is_staff and state in {CellState.CHARGED, CellState.UNFUNDED, CellState.ABSENT}:
        return "cancel"
    return None
