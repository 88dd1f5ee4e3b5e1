"""A repeating pattern: the form, a preview, the outcome, and its undo."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from flask import flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose
from flask_appbuilder.security.decorators import has_access
from flask_babel import format_date, get_locale, gettext, ngettext
from flask_login import current_user

from app import clock
from app.booking import (
    Pattern,
    Planned,
    book_pattern,
    pattern_days,
    plan_pattern,
    undo_operation,
)
from app.context import service_rules
from app.errors import BadInput, NotFound
from app.extensions import db
from app.labels import channel_choices
from app.pages.asked import code_asked, day_asked, id_asked, number_asked
from app.pages.children import channel_asked, find_pupil, pupil_asked, reader
from app.pages.week_facts import Facts, read_facts
from app.rules.weeks import SCHOOL_DAYS
from app.security import current_actor, is_staff
from app.transaction import transaction
from app.vocabulary import Channel
from app.web_errors import sentence_of

# A year in one transaction would keep others waiting for a second.
DAYS_PER_COMMIT: Final = 20
LONGEST: Final = timedelta(days=400)


@dataclass(frozen=True)
class Asked:
    """What the form asks for; `last` is included."""

    pupil_id: int
    first: date
    last: date
    weekdays: frozenset[int]
    account_id: int | None = None
    channel: Channel | None = None

    @property
    def pattern(self) -> Pattern:
        """The same for the service, whose ranges are half-open."""
        return Pattern(
            self.pupil_id,
            self.first,
            self.last + timedelta(days=1),
            self.weekdays,
            account_id=self.account_id,
        )

    def fields(self) -> list[tuple[str, str]]:
        """The form's fields again, for the button that confirms."""
        kept = [
            ("pupil", str(self.pupil_id)),
            ("first", self.first.isoformat()),
            ("last", self.last.isoformat()),
            *(("weekday", str(weekday)) for weekday in sorted(self.weekdays)),
        ]
        if self.account_id is not None:
            kept.append(("account", str(self.account_id)))
        if self.channel is not None:
            kept.append(("channel", self.channel.value))
        return kept


def read_asked(form: Any) -> Asked:
    """Raises: BadInput, NotFound."""
    first, last = day_asked(form.get("first")), day_asked(form.get("last"))
    weekdays = {number_asked(text) for text in form.getlist("weekday")}
    if not weekdays or not weekdays <= set(range(SCHOOL_DAYS)) or last - first > LONGEST:
        raise BadInput
    return Asked(
        id_asked(form.get("pupil")),
        first,
        last,
        frozenset(day for day in weekdays if day is not None),
        number_asked(form.get("account")),
        channel_asked(form.get("channel")),
    )


def weekday_choices() -> list[tuple[int, str]]:
    """Monday to Friday in the reader's language."""
    names = get_locale().days["format"]["wide"]
    return [(weekday, names[weekday]) for weekday in range(SCHOOL_DAYS)]


def carry_out(pattern: Pattern, channel: Channel | None, *, for_real: bool) -> list[Planned]:
    """Book the pattern, or only see what would become of it, a few days per transaction."""
    step = book_pattern if for_real else plan_pattern
    rules, actor = service_rules(), current_actor(channel)
    with transaction(actor) as session:
        days = pattern_days(session, pattern)
    outcome: list[Planned] = []
    for part in _parts(days):
        with transaction(actor) as session:
            outcome += step(session, pattern, part, rules, clock.now)
    return outcome


def _parts(days: Sequence[date]) -> Iterator[Sequence[date]]:
    for start in range(0, len(days), DAYS_PER_COMMIT):
        yield days[start : start + DAYS_PER_COMMIT]


@dataclass(frozen=True)
class Line:
    """One day of the outcome."""

    day: str
    text: str
    icon: str


def lines_of(outcome: Sequence[Planned]) -> list[Line]:
    """The outcome day by day."""
    return [_line(planned) for planned in outcome]


def _line(planned: Planned) -> Line:
    day = format_date(planned.day, "EEE d MMMM y")
    if planned.was_booked:
        return Line(day, gettext("booked already"), "check")
    if planned.refusal is not None:
        return Line(day, sentence_of(planned.refusal), "x")
    return Line(day, gettext("booked"), "plus")


def new_meals(outcome: Sequence[Planned]) -> int:
    """How many meals the pattern books."""
    return sum(not p.was_booked and p.refusal is None for p in outcome)


def heading(outcome: Sequence[Planned], *, for_real: bool) -> str:
    """The outcome in one line."""
    count = new_meals(outcome)
    if count == 0:
        return gettext("There is nothing to book on these days.")
    if for_real:
        return ngettext("%(num)d meal is booked.", "%(num)d meals are booked.", count)
    return ngettext("%(num)d meal would be booked.", "%(num)d meals would be booked.", count)


def children(pupil_id: int | None) -> Facts:
    """The children that the form offers."""
    return read_facts(db.session(), [clock.today()], reader(), pupil_id)


def asked_at_first(address: Any) -> Asked:
    """What the address proposes; else from tomorrow to the year's end, for the first child."""
    if "weekday" in address:
        return read_asked(address)
    text = address.get("pupil")
    tomorrow = clock.today() + timedelta(days=1)
    pupil_id = None if text is None else find_pupil(id_asked(text)).id
    facts = children(pupil_id)
    if not facts.pupils:
        raise NotFound
    _first, last = facts.year() or (tomorrow, tomorrow)
    return Asked(next(iter(facts.pupils)), tomorrow, max(tomorrow, last), frozenset())


def week_url(asked: Asked) -> str:
    """The agenda where the pattern begins."""
    pupil_id = asked.pupil_id if is_staff(current_user) else None
    return url_for("AgendaView.week", date=asked.first.isoformat(), pupil=pupil_id)


class RepeatView(BaseView):
    """Book chosen weekdays from a day to a day, in one go."""

    route_base = "/agenda/repeat"
    default_view = "repeat"

    @expose("/", methods=["GET", "POST"])
    @has_access
    def repeat(self) -> Any:
        """Book chosen weekdays from a day to a day: the form, a preview, the outcome."""
        if request.method == "GET":
            return self._repeat_form(asked_at_first(request.args))
        asked = read_asked(request.form)
        find_pupil(asked.pupil_id)
        step = request.form.get("step")
        if step not in {"preview", "book"}:
            return self._repeat_form(asked)
        pattern = asked.pattern
        outcome = carry_out(pattern, asked.channel, for_real=step == "book")
        return self._outcome(asked, outcome, step, pattern.operation)

    @expose("/undo", methods=["POST"])
    @has_access
    def undo(self) -> Any:
        """Cancel what one pattern booked."""
        operation = code_asked(request.form.get("operation"))
        actor = current_actor(channel_asked(request.form.get("channel")))
        rules = service_rules()
        with transaction(actor) as session:
            undone = undo_operation(session, operation, rules, clock.now)
        count = sum(planned.refusal is None for planned in undone)
        flash(
            ngettext("%(num)d meal was cancelled.", "%(num)d meals were cancelled.", count),
            "success",
        )
        pupil_id = pupil_asked(request.form.get("pupil"))
        return redirect(url_for("AgendaView.week", pupil=pupil_id))

    def _repeat_form(self, asked: Asked) -> str:
        facts = children(asked.pupil_id if is_staff(current_user) else None)
        accounts = {a.id: a.label for payers in facts.payers.values() for a in payers}
        html: str = self.render_template(
            "agenda/repeat.html",
            title=gettext("Repeating meals"),
            back_url=week_url(asked),
            asked=asked,
            pupils=[(p.id, p.full_name) for p in facts.pupils.values()],
            accounts=list(accounts.items()),
            weekdays=weekday_choices(),
            channels=channel_choices() if is_staff(current_user) else [],
        )
        return html

    def _outcome(self, asked: Asked, outcome: list[Planned], step: str, operation: str) -> str:
        html: str = self.render_template(
            "agenda/repeat.html",
            title=gettext("Repeating meals"),
            back_url=week_url(asked),
            asked=asked,
            step=step,
            summary=heading(outcome, for_real=step == "book"),
            booked=new_meals(outcome),
            plan=lines_of(outcome),
            fields=asked.fields(),
            operation=operation,
        )
        return html
