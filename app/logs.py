"""The log in production: one JSON object a line, without anybody's data.

What an exception says may hold names, addresses or amounts, and so may the values of a statement:
its kind and the places in the code are logged, not its text.
"""

import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parent.parent
PLACES: Final = 12  # of each exception, the innermost


class Lines(logging.Formatter):
    """Makes a line of a record."""

    def format(self, record: logging.LogRecord) -> str:
        """When, how bad, who says it, what; of a fault its kind, its places and its causes."""
        told: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1]:
            told["faults"] = [_told(fault) for fault in _chain(record.exc_info[1])]
        return json.dumps(told, ensure_ascii=False)


def _chain(fault: BaseException | None) -> Iterator[BaseException]:
    """The fault, and what it came of, once each."""
    seen = set[int]()
    while fault is not None and id(fault) not in seen:
        seen.add(id(fault))
        yield fault
        fault = fault.__cause__ or fault.__context__


def _told(fault: BaseException) -> dict[str, object]:
    frames = traceback.extract_tb(fault.__traceback__)[-PLACES:]
    kind = f"{type(fault).__module__}.{type(fault).__qualname__}"
    return {"kind": kind, "places": [_place(frame) for frame in frames]}


def _place(frame: traceback.FrameSummary) -> str:
    file = Path(frame.filename)
    name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file.name
    return f"{name}:{frame.lineno} {frame.name}"


def first_line(fault: Exception) -> str:
    """What went wrong, without the values of rows that may follow."""
    said = str(getattr(fault, "orig", None) or type(fault).__name__)
    return said.partition("\n")[0]


def install(kind: str) -> None:
    """Log by lines where `kind` is "json"; anything else leaves Flask's own log. Idempotent."""
    root = logging.getLogger()
    if kind == "json" and not any(isinstance(h.formatter, Lines) for h in root.handlers):
        handler = logging.StreamHandler()
        handler.setFormatter(Lines())
        root.addHandler(handler)
