"""A booking as the demo lives it, in memory: every step is one that the services allow."""

from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random

from app.access import Actor
from app.demo.bulk import Row
from app.demo.people import Child, Family
from app.errors import CannotChange
from app.money import Cents
from app.vocabulary import TRANSITIONS, Attendance, BookingState, Reason


@dataclass(frozen=True)
class Cause:
    """Who changed something, when, in which operation, and why."""

    at: datetime
    actor: Actor
    operation: str
    reason: Reason | None = None


def new_operation(rng: Random) -> str:
    """An id for changes made in one go; the same for the same seed."""
    return f"{rng.getrandbits(128):032x}"


@dataclass(eq=False)
class Meal:
    """One child on one day, paid by one family; `steps` are its rows in booking_change."""

    child: Child
    day: date
    family: Family
    meal_type_id: int
    is_special: bool
    state: BookingState | None = None
    attendance: Attendance = Attendance.EXPECTED
    is_late: bool = False
    price: Cents | None = None
    steps: list[Row] = field(default_factory=list)
    id: int = 0
    transfer_id: int = 0

    @property
    def last_change(self) -> datetime:
        """When something last became of it."""
        at: datetime = self.steps[-1]["changed_at"]
        return at

    def move(
        self,
        state: BookingState,
        cause: Cause,
        *,
        meal_type_id: int | None = None,
        attendance: Attendance | None = None,
        is_late: bool = False,
    ) -> None:
        """Go to a state. Raises: CannotChange for a step that TRANSITIONS does not have."""
        if state not in TRANSITIONS[self.state]:
            raise CannotChange
        self.is_late = is_late
        old = self.state, (self.meal_type_id if self.steps else None)
        self.state = state
        self.meal_type_id = meal_type_id or self.meal_type_id
        self.attendance = attendance or self.attendance
        self._note(old, cause)

    def mark(self, attendance: Attendance, cause: Cause) -> None:
        """Served or absent; the state stays."""
        self.attendance = attendance
        self._note((self.state, self.meal_type_id), cause)

    def _note(self, old: tuple[BookingState | None, int | None], cause: Cause) -> None:
        self.steps.append(
            {
                "operation_id": cause.operation,
                "changed_at": cause.at,
                "actor_id": cause.actor.user_id,
                "channel": cause.actor.channel,
                "reason": cause.reason,
                "old_state": old[0],
                "new_state": self.state,
                "old_meal_type_id": old[1],
                "new_meal_type_id": self.meal_type_id,
                "attendance": self.attendance,
                "version": len(self.steps) + 1,
                "is_late": self.is_late,
            }
        )
