"""A list of 2,000 pupils of 40 columns: read, foreseen, entered, undone; seconds of CPU.

`python -m tests.bench.pupils` makes its own empty canteen on SQLite and prints them.
"""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from time import process_time
from typing import Any

from flask import Flask

from app import import_jobs
from app.access import EVERYTHING, SYSTEM, scope_of
from app.extensions import db
from app.models import Import
from tests.database import create_test_app, fill, running, sqlite_url
from tests.sheets.tables import HEADERS, csv_of, xlsx_of

PUPILS, AT_MOST = 2_000, 20
_NAMES = ("Anne", "Zoé", "Léa", "Luc", "Noé", "Emma", "Louis", "Mia", "Elio", "Nora")
_MORE = [f"Autre {number}" for number in range(29)]


@dataclass(frozen=True)
class Figures:
    """Seconds for each step; entering reads and plans once more."""

    received: float
    foreseen: float
    entered: float
    undone: float


def pupils() -> Iterator[list[str]]:
    """Two children a family, each with one holder."""
    for number in range(PUPILS):
        family = number // 2
        name = f"{_NAMES[family % 10]}-{_NAMES[family // 10 % 10]}{family}"
        born = date(2012, 1, 1) + timedelta(days=number)
        child = f"{_NAMES[number % 10]} {_NAMES[number // 7 % 10]}"
        holder = [name, "Claude", f"claude{family}@example.ch", f"079 {family:07d}"]
        yield [name, child, f"{born:%d.%m.%Y}", "5P", *holder, f"Rue {family}", "1854", "Leysin"]


def measure(app: Flask, content: bytes) -> Figures:
    """Each step as the pages take it."""
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        received, import_id = _timed(lambda: import_jobs.receive_list(content, "liste", SYSTEM))
        item = db.session().get_one(Import, import_id)
        foreseen, seen = _timed(lambda: import_jobs.preview(db.session(), item))
        entered, _ = _timed(lambda: import_jobs.enter_list(db.session(), item, seen.mark, SYSTEM))
        undone, lines = _timed(lambda: import_jobs.undo_list(import_id, SYSTEM))
    assert lines == (PUPILS, 0)
    return Figures(received, foreseen, entered, undone)


def _timed(step: Callable[[], Any]) -> tuple[float, Any]:
    began = process_time()
    result = step()
    return process_time() - began, result


def main() -> Iterator[tuple[str, Figures]]:
    """The same list as CSV and as a workbook."""
    rows = [[*row, *_MORE] for row in pupils()]
    headers = [*HEADERS, *_MORE]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = sqlite_url(folder / "canteen.sqlite")
        fill(url, folder)
        with running(create_test_app(url, folder)) as app:
            yield "CSV", measure(app, csv_of(*rows, headers=headers))
            yield "XLSX", measure(app, xlsx_of(*rows, headers=headers))


if __name__ == "__main__":
    for kind, figures in main():
        print(kind, figures)
