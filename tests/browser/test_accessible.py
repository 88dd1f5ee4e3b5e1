"""Every kind of page is readable and usable by everyone: axe-core finds nothing, nothing overflows.

One canteen with a morning's work behind it serves all pages; nothing here changes it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from app.access import EVERYTHING, SYSTEM, scope_of
from app.booking import Wish, book_meal
from app.extensions import db
from app.models import CanteenUser, HealthRecord
from app.payments.till import record_cash
from app.transaction import transaction
from app.vocabulary import Allergen, Role, Severity
from tests.booking.acting import LONG_BEFORE, MONDAY, NOON, RULES, TUESDAY, cashier
from tests.browser.canteen import Canteen, open_canteen
from tests.browser.person import DESK, PHONE, Person
from tests.factories import make_family

pytestmark = pytest.mark.browser

OPEN, PARENT = "", "parent"
Place = tuple[str, str, dict[str, Any]]  # whose page, its endpoint, what it asks for

PAGES: list[Place] = [
    (OPEN, "LoginView.login", {}),
    (OPEN, "PasswordForgottenView.this_form_get", {}),
    (PARENT, "HomeView.index", {}),
    (PARENT, "AgendaView.week", {}),
    (PARENT, "RepeatView.repeat", {}),
    (PARENT, "PasswordView.this_form_get", {}),
    (PARENT, "MyMenuView.weeks", {}),
    (PARENT, "MyOperationView.list", {}),
    ("till", "HomeView.index", {}),
    ("till", "TillView.search", {"q": "En"}),
    ("till", "TillView.account", {"pk": 2}),
    ("till", "TillView.receipt", {"pk": 1}),
    ("till", "TodayView.list", {}),
    ("till", "TodayView.meal", {"pk": 5}),
    ("kitchen", "ProductionView.list", {}),
    ("secretariat", "AgendaView.week", {"pupil": 1}),
    ("secretariat", "RegistrationView.this_form_get", {}),
    ("secretariat", "PupilView.list", {}),
    ("secretariat", "PupilView.show", {"pk": 1}),
    ("secretariat", "PupilView.add", {}),
    ("secretariat", "PupilView.edit", {"pk": 1}),
    ("secretariat", "FamilyView.show", {"pk": 1}),
    ("secretariat", "MailView.list", {}),
    ("secretariat", "BookingListView.show", {"pk": 1}),
]
STAFF = [role.name.lower() for role in Role if role is not Role.PARENT]
# Of these elements, the texts that are longer than the place they have.
_CUT = """spans => spans.filter(span => {
    const text = document.createRange();
    text.selectNodeContents(span);
    return text.getBoundingClientRect().width > span.getBoundingClientRect().width + 0.1;
}).map(span => span.textContent)"""
MOST_SEEN: list[Place] = [
    place for place in PAGES if place[1] in {"HomeView.index", "AgendaView.week", "TodayView.list"}
]


def name_of(place: Place) -> str:
    return f"{place[0] or 'open'}-{place[1]}"


@pytest.fixture(scope="module")
def canteen(filled_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canteen]:
    """At noon: meals booked, paid, not covered, and a receipt."""
    with open_canteen(filled_sqlite, tmp_path_factory.mktemp("accessible")) as opened:
        with opened.app.app_context(), transaction(SYSTEM) as session:
            _book(session)
        opened.work("2026-11-16 08:15")
        opened.clock.set("2026-11-16 12:00")
        with opened.app.app_context():
            _pay()
        yield opened


def _book(session: Session) -> None:
    rich = make_family(session, balance=5000, children=2)
    poor = make_family(session, diet="Spécial")
    session.get_one(CanteenUser, rich.user_id).username = PARENT
    for family in (rich, poor):
        for pupil_id in family.pupil_ids:
            for day in (MONDAY, TUESDAY):
                wish = Wish(pupil_id, day, 0, account_id=family.account_id)
                book_meal(session, wish, RULES, LONG_BEFORE)
    session.add(
        HealthRecord(
            pupil_id=poor.pupil_id,
            allergens=[Allergen.PEANUTS],
            severity=Severity.ANAPHYLAXIS,
            note="Stylo dans le sac",
        )
    )


def _pay() -> None:
    with scope_of(db.session(), EVERYTHING):
        actor = cashier(db.session())
    with transaction(actor) as session:
        record_cash(session, 1, 2000, "a1", RULES, NOON)


@pytest.fixture(scope="module")
def states(chromium: Browser, canteen: Canteen) -> dict[str, Any]:
    """What the browser of each role keeps once it is logged in."""
    kept: dict[str, Any] = {OPEN: None}
    for username in {place[0] for place in PAGES} - {OPEN}:
        person = Person(chromium, canteen, DESK)
        person.log_in(username)
        kept[username] = person.page.context.storage_state()
        person.close()
    return kept


def look(person: Person, place: Place) -> Page:
    """Open the page; it is the one that was meant."""
    _, endpoint, values = place
    person.go(endpoint, **values)
    expect(person.page.locator("h1")).to_be_visible()
    return person.page


def faults(page: Page, *rules: str) -> list[str]:
    """What axe-core finds by these rules, or by all, briefly: the rule and the elements."""
    only = {"runOnly": list(rules)} if rules else {}
    answer = Axe().run(page, options={"resultTypes": ["violations"], **only}).response
    return [
        f"{each['id']}: {[node['target'] for node in each['nodes'][:3]]}"
        for each in answer["violations"]
    ]


def overflow(page: Page) -> int:
    """How many pixels of the page lie beside the screen."""
    beside: int = page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
    return beside


@pytest.mark.parametrize(
    ("size", "place"),
    [
        *(pytest.param(PHONE, place, id=f"phone-{name_of(place)}") for place in PAGES),
        *(pytest.param(DESK, place, id=f"desk-{name_of(place)}") for place in MOST_SEEN),
    ],
)
def test_a_page_is_for_everyone(
    chromium: Browser,
    canteen: Canteen,
    states: dict[str, Any],
    place: Place,
    size: tuple[int, int],
) -> None:
    person = Person(chromium, canteen, size, storage_state=states[place[0]])

    page = look(person, place)
    found, beside = faults(page), overflow(page)
    person.close()

    assert found == []
    assert beside <= 0
    assert person.trouble == []


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("place", MOST_SEEN, ids=name_of)
def test_a_page_is_legible_in_the_dark(
    chromium: Browser,
    canteen: Canteen,
    states: dict[str, Any],
    place: Place,
    size: tuple[int, int],
) -> None:
    person = Person(chromium, canteen, size, storage_state=states[place[0]], color_scheme="dark")

    found = faults(look(person, place), "color-contrast")
    person.close()

    assert found == []


@pytest.mark.parametrize("username", [PARENT, *STAFF])
def test_no_shortcut_of_a_role_is_cut_on_a_phone(
    chromium: Browser, canteen: Canteen, username: str
) -> None:
    person = Person(chromium, canteen, PHONE)
    person.log_in(username)

    cut = person.page.locator(".tabs span").evaluate_all(_CUT)
    shown = person.page.locator(".tabs span").count()
    person.close()

    assert cut == []
    assert shown == 5


@pytest.mark.parametrize("username", STAFF)
def test_every_page_of_a_menu_fits_phone_and_desk(
    chromium: Browser, canteen: Canteen, visited: set[str], username: str
) -> None:
    person, found = Person(chromium, canteen, DESK), {}
    person.log_in(username)
    links = person.page.locator("nav.menu a")
    paths = {each.get_attribute("href") or "" for each in links.all()} - visited

    for path in sorted(paths):
        found[path] = _misfit(person, path)
    person.close()
    visited |= paths

    assert {path: faults for path, faults in found.items() if faults} == {}
    assert person.trouble == []


@pytest.fixture(scope="module")
def visited() -> set[str]:
    """Pages that two roles have alike are looked at once."""
    return set()


def _misfit(person: Person, path: str) -> list[str]:
    """What lies beside the screen of a desk or a phone, and what axe-core finds on the phone."""
    found, page = [], person.page
    page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
    answer = page.goto(f"{person.canteen.address}{path}")
    if answer is None or answer.status != 200:
        return [f"status {answer and answer.status}"]
    if overflow(page) > 0:
        found.append(f"{overflow(page)} px beside the desk")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    if overflow(page) > 0:
        found.append(f"{overflow(page)} px beside the phone")
    return found + faults(page)
