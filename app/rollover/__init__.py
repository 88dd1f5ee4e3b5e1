"""The next school year from this one: proposed, corrected, previewed, made once, undone."""

from app.rollover.doing import roll_over, undo_roll_over
from app.rollover.offers import Offer, coming_year, offer_to_families, offers_of
from app.rollover.planning import Plan, plan
from app.rollover.report import report
from app.rollover.wanted import Wanted, next_year, propose

__all__ = [
    "Offer",
    "Plan",
    "Wanted",
    "coming_year",
    "next_year",
    "offer_to_families",
    "offers_of",
    "plan",
    "propose",
    "report",
    "roll_over",
    "undo_roll_over",
]
