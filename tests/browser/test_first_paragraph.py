"""The first morning of a family, as the people of the canteen live it, on a phone and on a desk.

Issue 2: the secretariat registers a family, the parent logs in, sees the week, taps meals, gets the
confirmation by mail; at 08:15 the day closes; the till takes cash; the kitchen has its counts.
"""

import re
from email.message import EmailMessage

import pytest
from playwright.sync_api import Browser, expect

from app.access import SYSTEM
from app.booking import Wish, book_meal
from app.delivery.meals import Outcome, title_of
from app.labels import LABELS
from app.pages.week import STATE_LABELS
from app.rules.agenda import CellState
from app.transaction import transaction
from app.vocabulary import Attendance, BookingState
from tests.booking.acting import LONG_BEFORE, MONDAY, RULES
from tests.browser.canteen import Canteen
from tests.browser.person import DESK, PHONE, Person, coming, pdf_text
from tests.factories import make_family

pytestmark = pytest.mark.browser

TODAY, TUESDAY, WEDNESDAY = "2026-11-16", "2026-11-17", "2026-11-18"
CHOSEN = "un printemps à Leysin"


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_a_family_books_the_day_closes_the_money_moves(
    chromium: Browser, canteen: Canteen, size: tuple[int, int]
) -> None:
    poor = register_neighbour(canteen)
    canteen.work("2026-11-16 07:30")
    with coming(chromium, canteen, size) as secretariat:
        identifier, password = register_family(secretariat)

    with coming(chromium, canteen, size) as parent:
        choose_password(parent, identifier, password)
        book_two_days_and_cancel_a_third(parent)
        [confirmation] = canteen.work("2026-11-16 07:33")
        read_confirmation(canteen, confirmation)

        told = canteen.work("2026-11-16 08:15")
        parent.page.reload()
        see_word(parent, CellState.UNFUNDED)

        assert {"zoe@example.ch", poor.mail} <= {mail_of(each) for each in told}
        with coming(chromium, canteen, size) as till:
            take_twenty_francs(till)
            refuse_meal(till, poor.child)
            serve(till, "Zoé")
        parent.page.reload()
        see_word(parent, CellState.SERVED)
        expect(parent.page.locator("#summary")).to_contain_text("11.00")

    told = canteen.work("2026-11-16 11:40")
    assert {mail_of(each) for each in told} == {"zoe@example.ch", poor.mail}
    with coming(chromium, canteen, size) as kitchen:
        read_counts(kitchen)


class Neighbour:
    """A family whose meal nobody pays for."""

    def __init__(self, child: str, mail: str) -> None:
        self.child, self.mail = child, mail


def register_neighbour(canteen: Canteen) -> Neighbour:
    from app.models import Pupil

    with canteen.app.app_context(), transaction(SYSTEM) as session:
        family = make_family(session)
        pupil = session.get_one(Pupil, family.pupil_id)
        wish = Wish(pupil.id, MONDAY, 0, account_id=family.account_id)
        book_meal(session, wish, RULES, LONG_BEFORE)
        return Neighbour(pupil.first_name, f"{family.username}@example.ch")


def register_family(secretariat: Person) -> tuple[str, str]:
    """The identifier and the first password, as the printed letter says them."""
    secretariat.log_in("secretariat")
    secretariat.follow("RegistrationView.this_form_get")
    secretariat.fill(
        {
            "holders-0-first_name": "Anne",
            "holders-0-last_name": "Favre",
            "holders-0-email": "zoe@example.ch",
            "holders-0-street": "Chemin des Écureuils 7",
            "holders-0-postal_code": "1854",
            "holders-0-town": "Leysin",
            "pupils-0-first_name": "Zoé",
            "pupils-0-last_name": "Favre",
            "pupils-0-birth_date": "2017-05-04",
        }
    )
    secretariat.choose(
        {
            "pupils-0-school_class": "5P · 2026-2027",
            "pupils-0-diet": "Normal",
            "pupils-0-category": "Élèves",
        }
    )
    secretariat.page.locator("form.form button.primary").click()
    letter = pdf_text(secretariat.print("main form button.primary", "**/letter/pdf"))
    found = re.search(r"\S+-\S+-\S+", letter)
    assert found is not None, letter
    identifier = secretariat.page.locator("ul.links li span").inner_text().split()[-1]
    assert identifier in letter
    return identifier, found[0]


def choose_password(parent: Person, identifier: str, password: str) -> None:
    parent.log_in(identifier, password)
    parent.fill({"current": password, "password": CHOSEN, "again": CHOSEN})
    parent.page.locator("main form button.primary").click()
    expect(parent.page.locator("#summary")).to_be_visible()


def book_two_days_and_cancel_a_third(parent: Person) -> None:
    parent.follow("AgendaView.week")
    for day in (TODAY, TUESDAY, WEDNESDAY):
        parent.cell("Zoé", day).locator("button").first.click()
        expect(parent.cell("Zoé", day)).to_have_class(re.compile("is-booked"))
    parent.cell("Zoé", WEDNESDAY).locator("button").first.click()
    expect(parent.cell("Zoé", WEDNESDAY)).to_have_class(re.compile("is-bookable"))


def read_confirmation(canteen: Canteen, mail: EmailMessage) -> None:
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    booked = text.index(canteen.said(LazyTitle(Outcome.BOOKED)))
    cancelled = text.index(canteen.said(LazyTitle(Outcome.CANCELLED)))
    assert mail_of(mail) == "zoe@example.ch"
    assert booked < text.index("16") < cancelled
    assert "18 novembre" in text[cancelled:]
    assert "18 novembre" not in text[booked:cancelled]


class LazyTitle:
    """A heading of a mail, said in the language of who reads it."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome

    def __str__(self) -> str:
        return title_of(self.outcome)


def mail_of(message: EmailMessage) -> str:
    return str(message["To"].addresses[0].addr_spec)


def see_word(parent: Person, state: CellState) -> None:
    word = parent.canteen.said(STATE_LABELS[state])
    expect(parent.cell("Zoé", TODAY).locator("b").first).to_have_text(word)


def take_twenty_francs(till: Person) -> None:
    """Two keystrokes find the child; the money pays today's meal at once."""
    till.log_in("till")
    till.follow("TillView.search")
    till.page.locator("#q").press_sequentially("zo")
    till.page.locator(".found a", has_text="Zoé").click()
    till.fill({"amount": "20"})
    till.page.locator("#take").click()
    expect(till.page.locator("section.balance")).to_contain_text("Zoé")
    expect(till.page.locator("section.balance")).to_contain_text("11.00")
    receipt = till.read_pdf(till.page.locator("main .toolbar a[target=_blank]").first)
    assert "2026-000001" in receipt
    assert "20.00" in receipt


def refuse_meal(till: Person, child: str) -> None:
    till.follow("TodayView.list")
    till.page.locator(".meal a", has_text=child).first.click()
    refusal = till.page.locator('form[action$="/refuse"]')
    refusal.locator("select").select_option("no_funds")
    refusal.get_by_role("button").click()
    word = till.canteen.said(LABELS[BookingState][BookingState.REFUSED])
    expect(till.page.locator(".meal", has_text=child).locator(".badge")).to_have_text(word)


def serve(till: Person, child: str) -> None:
    row = till.page.locator(".meal", has_text=child)
    row.locator("button[name=served]").click()
    word = till.canteen.said(LABELS[Attendance][Attendance.SERVED])
    expect(row.locator(".badge")).to_have_text(word)


def read_counts(kitchen: Person) -> None:
    """Today one meal is left of two, tomorrow there is one."""
    kitchen.log_in("kitchen")
    kitchen.follow("ProductionView.list")
    normal = kitchen.page.locator("table.table").first.locator("tbody tr").first
    expect(normal.locator("th")).to_have_text("Normal")
    figures = [text.split()[0] for text in normal.locator("td").all_inner_texts()]
    assert figures[:3] == ["1", "1", "0"]


def test_a_meal_is_booked_and_cancelled_without_javascript(
    chromium: Browser, canteen: Canteen
) -> None:
    with canteen.app.app_context(), transaction(SYSTEM) as session:
        username = make_family(session, balance=2000).username
    with coming(chromium, canteen, PHONE, java_script_enabled=False) as parent:
        parent.log_in(username)
        parent.follow("AgendaView.week")

        cell = parent.cell("Enfant", TUESDAY)
        cell.locator("button").first.click()
        expect(cell).to_have_class(re.compile("is-booked"))
        cell.locator("button").first.click()

        expect(cell).to_have_class(re.compile("is-bookable"))
