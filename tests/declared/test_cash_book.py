"""The cash book's page, and the accountant's overview."""

from datetime import date

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock
from app.access import EVERYTHING, SYSTEM, Actor, scope_of
from app.extensions import db
from app.models import CanteenUser, CashCount
from app.payments.till import record_cash
from app.rules.deadlines import ServiceRules
from app.transaction import transaction
from app.vocabulary import Channel
from tests.conftest import FrozenClock
from tests.factories import make_family
from tests.web import Browser, logged_in, text_of

MONDAY = date(2026, 11, 16)


@pytest.fixture
def till(app: Flask, frozen_clock: FrozenClock) -> Browser:
    """Twenty francs were received today."""
    with app.app_context():
        with transaction(SYSTEM) as session:
            account_id = make_family(session).account_id
            query = sa.select(CanteenUser.id).where(CanteenUser.username == "till")
            cashier = Actor(session.scalars(query).one(), is_staff=True, channel=Channel.DESK)
        with transaction(cashier) as session:
            record_cash(session, account_id, 2000, "form", ServiceRules(), clock.now)
    return logged_in(app, "till")


def counts(app: Flask) -> list[tuple[int, int]]:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        query = sa.select(CashCount.expected, CashCount.counted).order_by(CashCount.number)
        return [(expected, counted) for expected, counted in db.session().execute(query)]


def sign(browser: Browser, counted: str, **more: str) -> str:
    form = {"day": MONDAY.isoformat(), "counted": counted, "reason": "", "replaces": "0"} | more
    return text_of(browser.post("/cash-book/", form, follow_redirects=True).text)


def test_the_till_is_counted_and_signed_for(app: Flask, till: Browser) -> None:
    before = text_of(till.get("/cash-book/").text)

    after = sign(till, "19.95")

    assert "CHF 20.00" in before
    assert "À compter" in before
    assert "Prénom Till" in after
    assert "-0.05" in after
    assert counts(app) == [(2000, 1995)]


def test_a_count_sent_twice_is_one_count(app: Flask, till: Browser) -> None:
    sign(till, "20")
    again = sign(till, "20")

    assert counts(app) == [(2000, 2000)]
    assert "Quelqu’un vient de modifier" in again


@pytest.mark.parametrize(
    ("counted", "more"),
    [
        ("-5", {}),
        ("3.03", {}),
        ("99999999999999999999", {}),
        ("🙈", {}),
        ("20", {"day": "2026-11-17"}),
        ("20", {"day": "9999-12-31"}),
        ("20", {"day": "hier"}),
        ("20", {"replaces": "9223372036854775808"}),
        ("20", {"reason": "fire"}),
    ],
)
def test_what_cannot_be_counted_is_refused_in_words(
    app: Flask, till: Browser, counted: str, more: dict[str, str]
) -> None:
    page = sign(till, counted, **more)

    assert "Livre de caisse" in page or "recharger la page" in page
    assert counts(app) == []


def test_the_overview_adds_up(app: Flask, till: Browser) -> None:
    page = text_of(logged_in(app, "accounting").get("/accounting/chart/").text)

    assert "Avances des familles CHF 20.00 · 1 compte" in page
    assert "nov. 2026 20.00" in page
    assert till.get("/accounting/chart/").status_code == 403
