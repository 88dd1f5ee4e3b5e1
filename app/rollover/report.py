"""A plan line by line, for who works at a terminal."""

from collections.abc import Iterator

from flask_babel import gettext as _

from app.money import format_chf
from app.rollover.planning import Plan


def report(plan: Plan) -> Iterator[str]:
    """The year, each class with its size, who leaves with which balance, how much is to be made."""
    wanted = plan.wanted
    yield f"{wanted.name} {wanted.starts_on} – {wanted.ends_on}"
    yield _("Days to make") + f": {len(plan.new_days)}"
    for name, size in sorted(plan.sizes.items()):
        yield f"{name}: {size}"
    yield _("Pupils to enrol") + f": {len(plan.new_enrolments)}"
    yield _("Pupils who leave") + f": {len(plan.leavers)}"
    for leaver in plan.leavers:
        balances = ", ".join(f"{label} CHF {format_chf(b)}" for _id, label, b in leaver.accounts)
        yield f"  {leaver.name} ({leaver.from_class}) {balances}".rstrip()
