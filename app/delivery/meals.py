"""Changes of meals as a letter lists them: what became of each, by whom, and how."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from app.delivery.letter import Section, in_full, moment
from app.delivery.telling import Telling
from app.labels import label
from app.models import Booking, BookingChange
from app.vocabulary import BookingState, Channel, Role


class Outcome(StrEnum):
    """What a set of changes came to for one booking."""

    BOOKED = "booked"
    CHANGED = "changed"
    PAID = "paid"
    CANCELLED = "cancelled"
    GIVEN_BACK = "given_back"
    UNFUNDED = "unfunded"
    REFUSED = "refused"


_TITLES: Final[Mapping[Outcome, Any]] = {
    Outcome.BOOKED: _l("Booked"),
    Outcome.CHANGED: _l("Kind of meal changed"),
    Outcome.PAID: _l("Paid from the balance"),
    Outcome.CANCELLED: _l("Cancelled"),
    Outcome.GIVEN_BACK: _l("Cancelled and given back"),
    Outcome.UNFUNDED: _l("Not covered by the balance"),
    Outcome.REFUSED: _l("Refused, not charged"),
}
_BECOMES: Final = {
    BookingState.BOOKED: Outcome.BOOKED,
    BookingState.CHARGED: Outcome.PAID,
    BookingState.CANCELLED: Outcome.CANCELLED,
    BookingState.GIVEN_BACK: Outcome.GIVEN_BACK,
    BookingState.UNFUNDED: Outcome.UNFUNDED,
    BookingState.REFUSED: Outcome.REFUSED,
}
_OFFICES: Final[Mapping[str, Any]] = {
    Role.ADMIN: _l("the administrator"),
    Role.SECRETARIAT: _l("the school secretariat"),
    Role.TILL: _l("the till"),
    Role.COMMITTEE: _l("the committee"),
    Role.ACCOUNTING: _l("the accountant"),
    Role.KITCHEN: _l("the kitchen"),
}
_WAYS: Final[Mapping[Channel, Any]] = {
    Channel.PORTAL: _l("on the portal"),
    Channel.MAIL: _l("asked by mail"),
    Channel.TELEPHONE: _l("asked by telephone"),
    Channel.DESK: _l("at the desk"),
    Channel.TILL: _l("at the till"),
    Channel.SYSTEM: _l("automatically"),
}


@dataclass(frozen=True)
class NetChange:
    """The first and the last change of one booking in a set."""

    booking: Booking
    first: BookingChange
    last: BookingChange

    @property
    def outcome(self) -> Outcome:
        """What the set came to; booked before and after means another kind of meal."""
        became = _BECOMES[self.last.new_state]
        is_other_kind = self.first.old_meal_type_id != self.last.new_meal_type_id
        if became is Outcome.BOOKED and self.first.old_state is BookingState.BOOKED:
            return Outcome.CHANGED if is_other_kind else Outcome.BOOKED
        return became


def net_changes(changes: Iterable[BookingChange]) -> list[NetChange]:
    """One for each booking, by day and child, from changes in their order."""
    histories: dict[int, list[BookingChange]] = {}
    for change in changes:
        histories.setdefault(change.booking_id, []).append(change)
    found = [NetChange(h[0].booking, h[0], h[-1]) for h in histories.values()]
    return sorted(found, key=lambda n: (n.booking.service_day.date, n.booking.pupil.full_name))


def title_of(outcome: Outcome) -> str:
    """What became of a meal, as a heading."""
    return str(_TITLES[outcome])


def sections_of(told: Telling, changes: Sequence[NetChange]) -> tuple[Section, ...]:
    """The meals by what became of them and who did it."""
    grouped: dict[tuple[Any, ...], list[NetChange]] = {}
    for outcome in Outcome:
        for net in changes:
            if net.outcome is outcome:
                key = (outcome, net.last.actor_id, net.last.channel, net.last.reason)
                grouped.setdefault(key, []).append(net)
    return tuple(
        Section(
            title_of(key[0]), tuple(_line(told, net) for net in nets), _note(told, nets[-1].last)
        )
        for key, nets in grouped.items()
    )


def _line(told: Telling, net: NetChange) -> str:
    facts = {
        "child": net.booking.pupil.full_name,
        "day": in_full(net.booking.service_day.date),
        "meal": str(told.meal_types[net.last.new_meal_type_id]),
    }
    if net.outcome is Outcome.CHANGED and net.first.old_meal_type_id is not None:
        before = str(told.meal_types[net.first.old_meal_type_id])
        return _("%(child)s, %(day)s: %(meal)s instead of %(before)s", before=before, **facts)
    line = _("%(child)s, %(day)s: %(meal)s", **facts)
    return _("%(line)s (late)", line=line) if net.last.is_late else line


def _note(told: Telling, change: BookingChange) -> str:
    way = str(_WAYS[change.channel])
    note = _(
        "By %(who)s, %(way)s, on %(when)s.", who=who(told, change), way=way, when=_when(change)
    )
    if change.reason is None:
        return note
    reason, why = label(change.reason), told.interruption(change.operation_id)
    if why is not None:
        reason = _("%(reason)s – %(why)s", reason=reason, why=why)
    return note + " " + _("Reason: %(reason)s.", reason=reason)


def _when(change: BookingChange) -> str:
    return moment(change.changed_at)


def who(told: Telling, change: BookingChange) -> str:
    """A parent by name; staff by their office and name; otherwise the program."""
    user = None if change.actor_id is None else told.user(change.actor_id)
    if user is None:
        return _("the canteen’s program")
    name = f"{user.first_name} {user.last_name}".strip()
    roles = {role.name for role in user.roles}
    office = next((str(text) for role, text in _OFFICES.items() if role in roles), None)
    return name if office is None else _("%(office)s (%(name)s)", office=office, name=name)


def children_of(changes: Iterable[NetChange]) -> str:
    """The first names, each once."""
    names = dict.fromkeys(net.booking.pupil.first_name for net in changes)
    return ", ".join(names)
