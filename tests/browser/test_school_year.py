"""A school's year, in order, as the secretariat, the committee, the kitchen and the till live it.

Issue 4: pupils are imported, their letters printed, holidays entered, menus written; a class goes
out, a child is excluded; the kitchen prints, the till serves, a class is written to; the next year
is made and a family that left is erased.
"""

import re
from email.message import EmailMessage
from io import BytesIO
from typing import Final

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from app.extensions import db
from app.labels import LABELS
from app.models import Account, Pupil, SchoolClass, SchoolYear
from app.vocabulary import Attendance
from tests.browser.canteen import Canteen
from tests.browser.person import DESK, PHONE, Person, coming, pdf_text

pytestmark = pytest.mark.browser

PUPILS: Final = 500
CHOSEN: Final = "un printemps à Leysin"
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = "2026-11-17", "2026-11-18", "2026-11-19", "2026-11-20"
CALENDAR: Final = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//vd.ch//FR
BEGIN:VEVENT
UID:1@vd.ch
DTSTART;VALUE=DATE:20261120
DTEND;VALUE=DATE:20261121
SUMMARY:Pont de la foire
END:VEVENT
END:VCALENDAR
"""


def test_a_school_lives_its_year(chromium: Browser, canteen: Canteen) -> None:
    with coming(chromium, canteen, DESK) as secretariat:
        secretariat.log_in("secretariat")
        import_pupils(secretariat)
        letters = print_letters(secretariat)
        with coming(chromium, canteen, PHONE) as parent:
            choose_password(parent, *credentials_of(letters, "Responsable7"))
            book(parent, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY)
            canteen.work("2026-11-16 07:40")

            enter_holidays(secretariat)
            write_menus(secretariat)
            send_class_out(secretariat)
            told = canteen.work("2026-11-16 07:50")
            assert "responsable7@example.ch" in {mail_of(each) for each in told}
            see_week(parent)

    exclude(chromium, canteen)
    with coming(chromium, canteen, PHONE) as till:
        take_cash(till)
        canteen.work("2026-11-17 08:15")
        with coming(chromium, canteen, DESK) as kitchen:
            print_production(kitchen)
        serve(till)

    with coming(chromium, canteen, DESK) as secretariat:
        secretariat.log_in("secretariat")
        write_to_class(secretariat)
        told = canteen.work("2026-11-17 13:00")
        assert len([each for each in told if each["Subject"] == "Patinoire"]) == PUPILS // 2
        make_next_year(secretariat)
        erase_family(secretariat)


def mail_of(message: EmailMessage) -> str:
    return str(message["To"].addresses[0].addr_spec)


def press(person: Person, name: str) -> None:
    """The button of this step in the page's own form."""
    person.page.locator(f'main button[name="step"][value="{name}"]').click()


def submit(person: Person) -> None:
    person.page.locator("main form button.primary").first.click()


def begin(person: Person) -> None:
    person.page.locator('form[action*="/action/begin/"] button').click()
    expect(person.page.locator('form[action*="/action/begin/"]')).to_have_count(0)


def import_pupils(secretariat: Person) -> None:
    """As a school's administration writes it: semicolons, Latin-1, dates with points."""
    lines = ["Nom;Prénom;Né le;Classe;Responsable nom;Responsable prénom;E-mail;Rue;NPA;Localité"]
    lines += [
        f"Élève{number};Zoé;{1 + number % 28:02}.03.2016;{5 + number % 2}P;Responsable{number};"
        f"Ève;responsable{number}@example.ch;Rue du Lac {number};1854;Leysin"
        for number in range(PUPILS)
    ]
    content = "\r\n".join(lines).encode("latin-1")
    secretariat.follow("ImportView.list")
    secretariat.page.locator('main a[href*="/importupload/"]').first.click()
    file = {"name": "élèves.csv", "mimeType": "text/csv", "buffer": content}
    secretariat.page.locator('input[type="file"]').set_input_files(file)  # type: ignore[arg-type]
    submit(secretariat)
    secretariat.page.locator('main a[href*="/importcolumns/"]').click()
    secretariat.page.locator('[name="makes_classes"]').check()
    submit(secretariat)
    enter = secretariat.page.locator('form[action*="/action/enter/"] button')
    expect(enter).to_contain_text(str(PUPILS))
    enter.click()
    expect(secretariat.page.locator('main a[href*="undo=1"]')).to_be_visible()
    assert count(secretariat.canteen, Pupil) == PUPILS


def count(canteen: Canteen, model: type) -> int:
    with canteen.app.app_context(), db.engine.connect() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(model)) or 0)


def key_of(canteen: Canteen, model: type, *conditions: sa.ColumnElement[bool]) -> int:
    with canteen.app.app_context(), db.engine.connect() as connection:
        return int(connection.scalars(sa.select(model.id).where(*conditions)).one())  # type: ignore[attr-defined]


def print_letters(secretariat: Person) -> bytes:
    """All who are new, a page each."""
    secretariat.go("LetterView.index")
    letters = secretariat.print("main form button.primary", "**/letter/pdf")
    assert len(PdfReader(BytesIO(letters)).pages) == PUPILS
    return letters


def credentials_of(letters: bytes, surname: str) -> tuple[str, str]:
    """The identifier and the first password of the page that names somebody."""
    pages = (page.extract_text() for page in PdfReader(BytesIO(letters)).pages)
    text = next(text for text in pages if re.search(rf"{surname}\b", text))
    password = re.search(r"\b\w+-\w+-\w+\b", text.replace("\n", " "))
    identifier = re.search(rf"\b\S*{surname.lower()}\S*\b", text)
    assert password is not None, text
    assert identifier is not None, text
    return identifier[0], password[0]


def choose_password(parent: Person, identifier: str, password: str) -> None:
    parent.log_in(identifier, password)
    parent.fill({"current": password, "password": CHOSEN, "again": CHOSEN})
    submit(parent)
    expect(parent.page.locator("#summary")).to_be_visible()


def book(parent: Person, *days: str) -> None:
    parent.follow("AgendaView.week")
    for day in days:
        parent.cell("Zoé", day).locator("button").first.click()
        expect(parent.cell("Zoé", day)).to_have_class(re.compile("is-booked"))


def enter_holidays(secretariat: Person) -> None:
    """From a calendar file; the day on which meals are booked waits until it was looked at."""
    year = key_of(secretariat.canteen, SchoolYear)
    secretariat.go("ServiceDaysView.this_form_get", year=year)
    file = {"name": "vd.ics", "mimeType": "text/calendar", "buffer": CALENDAR.encode()}
    secretariat.page.locator('input[type="file"]').set_input_files(file)  # type: ignore[arg-type]
    submit(secretariat)
    expect(secretariat.page.locator('[name="holidays"]')).to_have_value(re.compile("Pont"))
    submit(secretariat)
    secretariat.go("ClosureView.list")
    secretariat.page.locator("main table a", has_text="Pont").first.click()
    begin(secretariat)


def write_menus(secretariat: Person) -> None:
    secretariat.follow("MenuView.this_form_get")
    row = secretariat.page.locator("tr", has_text="mar. 17").first
    for column, text in (("starter", "Velouté"), ("main", "Papet vaudois"), ("dessert", "Pomme")):
        row.locator(f'input[data-cell-of="{column}"]').fill(text)
    row.locator('input[data-cell-of="allergens"]').fill("lait")
    row.locator('input[data-cell-of="meat_origin"]').fill("Suisse")
    secretariat.page.locator("form.sheet .save button.primary").click()
    expect(secretariat.page.locator("tr", has_text="mar. 17").first).to_be_visible()
    poster = secretariat.read_pdf(secretariat.page.locator('a[href*="/poster"]').first)
    assert "Papet vaudois" in poster


def send_class_out(secretariat: Person) -> None:
    """Class 6P is away on Wednesday: its one meal goes, and its families are told."""
    secretariat.go("OutingView.add")
    secretariat.page.locator("main label", has_text="6P").locator("input").check()
    secretariat.fill({"valid_from": WEDNESDAY, "valid_until": WEDNESDAY, "reason": "Musée"})
    submit(secretariat)
    expect(secretariat.page.locator('form[action*="/action/begin/"] button')).to_contain_text("1")
    begin(secretariat)


def see_week(parent: Person) -> None:
    """What is left, and why the rest is not."""
    parent.page.reload()
    expect(parent.cell("Zoé", THURSDAY)).to_have_class(re.compile("is-booked"))
    expect(parent.cell("Zoé", WEDNESDAY)).to_contain_text("Musée")
    of_friday = parent.page.locator("section.day").filter(has=parent.page.locator(f"#day-{FRIDAY}"))
    expect(of_friday).to_contain_text("Pont de la foire")


def exclude(chromium: Browser, canteen: Canteen) -> None:
    """The committee decides, looks at what follows, and prints the letter."""
    pupil = key_of(canteen, Pupil, Pupil.last_name == "Élève9")
    with coming(chromium, canteen, DESK) as committee:
        committee.log_in("committee")
        committee.go("ExclusionView.add", pupil=pupil)
        committee.fill(
            {"valid_from": TUESDAY, "valid_until": "2026-11-27", "reason": "Décision du comité"}
        )
        submit(committee)
        begin(committee)
        letter = committee.read_pdf(committee.page.locator('main a[href*="/letter/"]'))
    assert "Élève9" in letter
    assert "27 novembre" in letter


def take_cash(till: Person) -> None:
    till.log_in("till")
    till.follow("TillView.search")
    till.page.locator("#q").press_sequentially("élève7")
    till.page.locator(".found a", has_text=re.compile(r"Élève7\b")).first.click()
    till.fill({"amount": "20"})
    till.page.locator("#take").click()
    expect(till.page.locator("section.balance")).to_contain_text("20.00")


def print_production(kitchen: Person) -> None:
    """One meal today, and what is served."""
    kitchen.log_in("kitchen")
    kitchen.follow("ProductionView.list")
    paper = pdf_text(kitchen.print('form[action*="/cuisine/pdf"] button', "**/cuisine/pdf*"))
    assert "Normal" in paper
    assert re.search(r"17[ .]", paper)


def serve(till: Person) -> None:
    till.go("TodayView.list")
    row = till.page.locator(".meal", has_text="Zoé")
    row.locator("button[name=served]").click()
    word = till.canteen.said(LABELS[Attendance][Attendance.SERVED])
    expect(row.locator(".badge")).to_have_text(word)


def write_to_class(secretariat: Person) -> None:
    secretariat.follow("MessageView.list")
    secretariat.follow("WriteMessageView.this_form_get")
    secretariat.page.locator('[name="audience"]').select_option("class")
    school_class = key_of(secretariat.canteen, SchoolClass, SchoolClass.name == "6P")
    secretariat.page.locator('[name="school_class"]').select_option(str(school_class))
    secretariat.fill({"subject": "Patinoire", "text": "Nous patinons jeudi.\n\nPrenez des gants."})
    submit(secretariat)
    expect(secretariat.page.locator("dl.facts").first).to_contain_text(str(PUPILS // 2))
    press(secretariat, "send")
    expect(secretariat.page.locator("h1")).to_be_visible()


def make_next_year(secretariat: Person) -> None:
    """5P and 6P go up; all of it is seen before it is done."""
    secretariat.follow("RollOverView.this_form_get")
    press(secretariat, "preview")
    expect(secretariat.page.locator("dl.figures")).to_contain_text(str(PUPILS))
    press(secretariat, "make")
    expect(secretariat.page.locator('form[action*="/offer"]')).to_be_visible()
    assert count(secretariat.canteen, SchoolYear) == 2


def erase_family(secretariat: Person) -> None:
    """A family without money or meals is forgotten for ever."""
    account = key_of(secretariat.canteen, Account, Account.label.endswith("Responsable21"))
    secretariat.go("PrivacyView.family", pk=account)
    label = secretariat.page.locator('label[for="typed"] b').inner_text()
    secretariat.fill({"typed": label})
    secretariat.page.locator('form[action*="/erase/"] button').click()
    expect(secretariat.page.locator(".alert.info").first).to_be_visible()
    gone = sa.select(sa.func.count()).where(Pupil.last_name == "Élève21")
    with secretariat.canteen.app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(gone) == 0
