"""A family's money on a page: each account's balance and how far it lasts."""

from dataclasses import dataclass

from flask import url_for
from flask_babel import format_date, gettext

from app.money import format_chf
from app.pages.week_facts import Facts
from app.rules.coverage import Coverage


@dataclass(frozen=True)
class AccountSummary:
    """An account's money on the page."""

    label: str
    balance: str
    coverage: str
    tone: str
    topup_url: str


def summaries(facts: Facts) -> list[AccountSummary]:
    """Each account's balance, how far it lasts, and where to top it up."""
    return [
        AccountSummary(
            label=account.label,
            balance=f"CHF {format_chf(account.balance)}",
            coverage=coverage_sentence(facts.coverage[account.id]),
            tone=_tone(facts.coverage[account.id]),
            topup_url=url_for("RechargeView.index", account=account.id),
        )
        for account in facts.accounts.values()
    ]


def coverage_sentence(coverage: Coverage) -> str:
    """How far the money lasts, in one sentence."""
    if coverage.meals == 0:
        return gettext("No meal is booked.")
    if coverage.first_uncovered is None and coverage.last_covered is not None:
        return gettext(
            "Balance sufficient until %(day)s, the last booked meal",
            day=format_date(coverage.last_covered, "EEEE d MMMM"),
        )
    if coverage.last_covered is None:
        return gettext(
            "Balance not sufficient: CHF %(amount)s missing", amount=format_chf(coverage.missing)
        )
    return gettext(
        "Balance sufficient until %(day)s",
        day=format_date(coverage.last_covered, "EEEE d MMMM"),
    )


def _tone(coverage: Coverage) -> str:
    if coverage.first_uncovered is None:
        return "ok"
    return "low" if coverage.covered_meals else "empty"
