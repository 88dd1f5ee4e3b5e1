"""The days of the canteen, lived one after the other until now."""

from collections import defaultdict
from datetime import date, datetime, time
from functools import partial
from random import Random
from typing import Final

from app.access import SYSTEM
from app.clock import instant_of
from app.demo.books import Books
from app.demo.habits import moment
from app.demo.meals import Cause, Meal, new_operation
from app.demo.paying import Payers
from app.demo.people import People
from app.demo.school import RULES, School
from app.demo.timeline import Timeline
from app.rules.deadlines import end_of_service_of, last_call_of
from app.vocabulary import Attendance, BookingState, Channel, Reason

OUTAGE: Final = "Panne de chauffage"
_OUTAGE_DAYS_AGO, _MISTAKE_DAYS_AGO = 14, 8
_IS_ILL, _STAYS_AWAY = 0.008, 0.012


class Life:
    """What became of the meals, day after day; afterwards `books` holds what it cost."""

    def __init__(
        self, rng: Random, school: School, people: People, meals: list[Meal], now: datetime
    ) -> None:
        self.books = Books(school)
        self.meals = meals
        self.outage = date.min
        self._rng, self._timeline = rng, Timeline(now)
        self._payers = Payers(rng, people, self.books, self._timeline, meals)
        self._till = people.at_work("caisse", Channel.TILL)
        self._desk = people.at_work("secretariat", Channel.TELEPHONE)
        self._by_day: dict[date, list[Meal]] = defaultdict(list)
        for meal in meals:
            self._by_day[meal.day].append(meal)

    def live(self, days: list[date]) -> None:
        """Live the days with school, as far as they are past."""
        self._payers.begin(days[0])
        for day in days:
            self._timeline.at(last_call_of(day, RULES), partial(self._close, day))
            self._timeline.at(end_of_service_of(day, RULES), self._end_service)
            self._timeline.at(instant_of(day, time(18)), self._payers.look_at_balances)
        past = [day for day in days if last_call_of(day, RULES) < self._timeline.now]
        self._plan_mishaps(past)
        self._timeline.run()

    def _plan_mishaps(self, past: list[date]) -> None:
        self.outage = past[-min(_OUTAGE_DAYS_AGO, len(past))]
        self._timeline.at(instant_of(self.outage, time(9, 5)), self._fail)
        self._payers.mistype(past[-min(_MISTAKE_DAYS_AGO, len(past))])

    def _close(self, day: date, at: datetime) -> None:
        """Charge the day's meals, and let it take its course."""
        booked = [m for m in self._by_day[day] if m.state is BookingState.BOOKED]
        self.books.charge(booked, Cause(at, SYSTEM, new_operation(self._rng)))
        for meal in booked:
            self._plan_service(meal)
        if day != self.outage:
            for family in {m.family: None for m in booked if m.state is BookingState.UNFUNDED}:
                self._payers.hear_of_unfunded(family, day)

    def _plan_service(self, meal: Meal) -> None:
        drawn = self._rng.random()
        if drawn < _IS_ILL:
            at = moment(self._rng, meal.day, time(8, 30), 90)
            self._timeline.at(at, partial(self._excuse, meal))
        elif drawn < _IS_ILL + _STAYS_AWAY:
            self._timeline.at(instant_of(meal.day, time(13, 40)), partial(self._miss, meal))
        else:
            at = moment(self._rng, meal.day, time(12), 70)
            self._timeline.at(at, partial(self._serve, meal))

    def _excuse(self, meal: Meal, at: datetime) -> None:
        if meal.state is BookingState.CHARGED:
            cause = Cause(at, self._desk, new_operation(self._rng), Reason.ILLNESS)
            self.books.give_back([meal], cause, Attendance.ABSENT)

    def _miss(self, meal: Meal, at: datetime) -> None:
        if meal.state is BookingState.CHARGED:
            meal.mark(Attendance.ABSENT, Cause(at, self._till, new_operation(self._rng)))

    def _serve(self, meal: Meal, at: datetime) -> None:
        if meal.state is BookingState.CHARGED:
            meal.mark(Attendance.SERVED, Cause(at, self._till, new_operation(self._rng)))

    def _fail(self, at: datetime) -> None:
        """The canteen has to stay closed after the day was charged."""
        cause = Cause(at, self._desk, new_operation(self._rng), Reason.CLOSED_DAY)
        charged = [m for m in self._by_day[self.outage] if m.state is BookingState.CHARGED]
        self.books.give_back(charged, cause, Attendance.EXPECTED)
        for meal in self.books.end_service():
            meal.move(BookingState.CANCELLED, cause)

    def _end_service(self, at: datetime) -> None:
        cause = Cause(at, SYSTEM, new_operation(self._rng))
        for meal in self.books.end_service():
            meal.move(BookingState.REFUSED, cause)
