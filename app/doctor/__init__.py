"""`flask canteen doctor`: what is well, what is not, and what to do; for somebody on the telephone.

Nothing is written, no name of a family is shown. A check that fails in a way nobody foresaw is an
error, and the others go on.
"""

from collections.abc import Callable, Iterator
from typing import Final

from flask import current_app
from flask_babel import gettext

from app.doctor.database import check_database, check_tables
from app.doctor.finding import Finding, Level
from app.doctor.machine import check_backups, check_clock, check_disk
from app.doctor.settings import check_settings
from app.doctor.work import check_mails, check_worker
from app.logs import first_line

__all__ = ["Finding", "Level", "examine"]

CHECKS: Final[tuple[Callable[[], Iterator[Finding]], ...]] = (
    lambda: check_settings(current_app.config),
    check_database,
    check_tables,
    check_worker,
    check_mails,
    lambda: check_disk(current_app.config),
    check_clock,
    lambda: check_backups(current_app.config),
)


def examine() -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    for check in CHECKS:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - a doctor does not faint
            told = gettext("This could not be examined (%(fault)s).", fault=first_line(error))
            yield Finding(Level.ERROR, gettext("Examination"), told)
