"""Events in order of time, until now."""

from collections.abc import Callable
from datetime import datetime
from heapq import heappop, heappush
from itertools import count
from typing import TypeAlias

Action: TypeAlias = Callable[[datetime], None]


class Timeline:
    """What happens when; an event may bring about later ones, none happens after now."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._waiting: list[tuple[datetime, int, Action]] = []
        self._numbers = count()

    def at(self, instant: datetime, action: Action) -> None:
        """Have something happen; of two events at one instant the earlier made comes first."""
        if instant <= self.now:
            heappush(self._waiting, (instant, next(self._numbers), action))

    def run(self) -> None:
        """Let everything happen."""
        while self._waiting:
            instant, _, action = heappop(self._waiting)
            action(instant)
