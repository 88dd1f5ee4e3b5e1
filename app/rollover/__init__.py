"""The next school year from this one: proposed, corrected, previewed, made once, undone."""

from app.rollover.doing import roll_over, roll_over_of, undo_roll_over
from app.rollover.offers import Offer, coming_year, offer_to_families, offers_of
from app.rollover.planning import Plan, plan
from app.rollover.report import report
from app.rollover.wanted import Wanted, classes_of, next_year, propose

__all__ = [
    "Offer",
    "Plan",
    "Wanted",
    "classes_of",
    "coming_year",
    "next_year",
    "offer_to_families",
    "offers_of",
    "plan",
    "propose",
    "report",
    "roll_over",
    "roll_over_of",
    "undo_roll_over",
]
