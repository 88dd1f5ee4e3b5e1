"""The top-up page and its QR-bills, as a parent's and the secretariat's browsers use them."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import zxingcpp
from flask import Flask
from PIL import Image, ImageDraw
from pypdf import PdfReader

from app import clock
from app.access import EVERYTHING, SYSTEM, scope_of
from app.booking import Wish, book_meal
from app.extensions import db
from app.models import (
    Account,
    AccountHolder,
    CanteenSettings,
    CanteenUser,
    OutboxFact,
    QrBill,
    TopUp,
)
from app.payments.announced import expire_late
from app.transaction import transaction
from app.vocabulary import FactKind, Role, TopUpChannel, TopUpState
from app.worker import Worker
from tests.booking.acting import RULES
from tests.conftest import FrozenClock
from tests.delivery.mailing import files_of
from tests.factories import Family, make_family, make_user
from tests.web import Browser, forms_of, logged_in, text_of

IBAN, QR_IBAN = "CH5604835012345678009", "CH4431999123000889012"
SCOR, QRR = "SCOR", "QRR"


@pytest.fixture(autouse=True)
def morning(frozen_clock: FrozenClock) -> FrozenClock:
    frozen_clock.set("2026-11-16 07:30")
    return frozen_clock


def give_bank(iban: str) -> None:
    with transaction(SYSTEM) as session:
        canteen = session.get_one(CanteenSettings, 1)
        canteen.creditor_iban, canteen.creditor_name = iban, "Réfectoire de l’essai"
        canteen.street, canteen.postal_code, canteen.town = "Rue du Village 12", "1854", "Leysin"


def household(app: Flask, iban: str = IBAN, **more: Any) -> Family:
    with app.app_context():
        give_bank(iban)
        with transaction(SYSTEM) as session:
            family = make_family(session, **more)
            user = session.get_one(CanteenUser, family.user_id)
            user.street, user.postal_code, user.town = "Chemin du Lac 3", "1860", "Aigle"
    return family


def one(app: Flask, query: sa.Select[Any]) -> Any:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        return db.session().scalar(query)


def count(app: Flask, model: type[Any], *conditions: Any) -> int:
    found: int = one(app, sa.select(sa.func.count()).select_from(model).where(*conditions))
    return found


def sent(browser: Browser, family: Family, **changes: str) -> dict[str, str]:
    """What the e-banking form sends."""
    page = browser.get(f"/recharge/?account={family.account_id}").text
    form = next(form for form in forms_of(page) if "kind" in form.names)
    hidden = {n: v for n, v in form.fields if n in {"request_id", "account"}}
    return {**hidden, "kind": "once", "amount": "57.00", **changes}


def ordered(browser: Browser, family: Family, **changes: str) -> str:
    answer = browser.post("/recharge/", sent(browser, family, **changes))
    assert answer.status_code == 303, text_of(answer.text)
    return answer.location


def lines_of(pdf: bytes, folder: Path) -> list[str]:
    """The code of a PDF, as a bank's scanner reads it from paper."""
    (folder / "bill.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-r", "150", "-png", "-singlefile", "bill.pdf", "bill"]
    subprocess.run(command, cwd=folder, check=True)
    (code,) = zxingcpp.read_barcodes(Image.open(folder / "bill.png"))
    return code.bytes.decode("utf-8").split("\r\n")


@pytest.mark.parametrize(("iban", "kind", "first"), [(IBAN, SCOR, "RF"), (QR_IBAN, QRR, "0")])
@pytest.mark.parametrize(
    ("chosen", "amount"), [("once", "57.00"), ("monthly", "57.00"), ("open", "")]
)
def test_every_field_of_the_bill_s_code_is_right(
    app: Flask, tmp_path: Path, iban: str, kind: str, first: str, chosen: str, amount: str
) -> None:
    family = household(app, iban)
    browser = logged_in(app, family.username)
    address = ordered(browser, family, kind=chosen, amount=amount)

    lines = lines_of(browser.get(f"{address}/pdf").data, tmp_path)

    account = one(app, sa.select(Account).where(Account.id == family.account_id))
    parent = one(app, sa.select(CanteenUser).where(CanteenUser.id == family.user_id))
    assert account.reference.startswith(first)
    assert lines == [
        *("SPC", "0200", "1", iban),
        *("S", "Réfectoire de l'essai", "Rue du Village 12", "", "1854", "Leysin", "CH"),
        *("",) * 7,
        *(amount, "CHF"),
        *("S", f"Prénom {parent.last_name}", "Chemin du Lac 3", "", "1860", "Aigle", "CH"),
        *(kind, account.reference, account.label, "EPD"),
    ]


def test_the_code_on_screen_is_that_of_the_paper(app: Flask, tmp_path: Path) -> None:
    family = household(app)
    browser = logged_in(app, family.username)
    address = ordered(browser, family)
    paper = lines_of(browser.get(f"{address}/pdf").data, tmp_path)

    svg = browser.get(f"{address}/code")

    (code,) = zxingcpp.read_barcodes(_picture(svg.text))
    assert svg.mimetype == "image/svg+xml"
    assert code.bytes.decode("utf-8").split("\r\n") == paper


def _picture(svg: str) -> Image.Image:
    """The modules of our own SVG, six dots each."""
    path = svg.partition('<path d="')[2].partition('"')[0]
    whole = int(svg.partition('viewBox="')[2].partition('"')[0].split()[2])
    image = Image.new("L", (whole * 6, whole * 6), 255)
    draw = ImageDraw.Draw(image)
    for run in filter(None, path.split("z")):
        place, length = run[1:].split("h")[:2]
        x, y = (int(each) + 4 for each in place.split())
        width = int(length.partition("v")[0])
        draw.rectangle([x * 6, y * 6, (x + width) * 6 - 1, y * 6 + 5], fill=0)
    return image


def test_one_amount_is_on_its_way_until_the_parent_cancels_it(app_on: Flask) -> None:
    family = household(app_on)
    browser = logged_in(app_on, family.username)
    ordered(browser, family)
    page = browser.get("/recharge/").text
    top_up = one(app_on, sa.select(TopUp))

    answer = browser.post(f"/recharge/withdraw/{top_up.id}")

    after = one(app_on, sa.select(TopUp))
    assert (top_up.channel, top_up.state) == (TopUpChannel.BANK, TopUpState.ANNOUNCED)
    assert (top_up.amount, f"{top_up.credit_at:%d.%m.%Y}") == (5700, "25.11.2026")
    assert "25 nov. 2026" in text_of(page)
    assert answer.status_code == 303
    assert after.state is TopUpState.CANCELLED


def test_what_never_came_is_said_where_the_family_tops_up(
    app: Flask, frozen_clock: FrozenClock
) -> None:
    family = household(app)
    browser = logged_in(app, family.username)
    bill = ordered(browser, family)
    frozen_clock.advance(timedelta(days=20))
    late = text_of(browser.get("/recharge/").text)
    frozen_clock.advance(timedelta(days=10))
    with app.app_context(), transaction(SYSTEM) as session:
        expire_late(session, clock.now())

    page, paper = text_of(browser.get("/recharge/").text), text_of(browser.get(bill).text)

    assert "attendu pour le 25 novembre" in late
    assert "CHF 57.00 · Banque pas arrivé" in page
    assert "Cette recharge n’est pas arrivée." in paper
    assert "/withdraw/" not in browser.get("/recharge/").text
    assert "CHF 57.00" not in text_of(browser.get("/").text)


def test_a_standing_order_announces_nothing(app: Flask) -> None:
    family = household(app)
    browser = logged_in(app, family.username)

    ordered(browser, family, kind="monthly")
    ordered(browser, family, kind="open", amount="")

    assert count(app, TopUp) == 0
    assert count(app, QrBill, QrBill.is_standing) == 2


def test_a_form_sent_twice_is_one_bill_and_one_mail(app_on: Flask) -> None:
    family = household(app_on)
    browser = logged_in(app_on, family.username)
    data = sent(browser, family)

    answers = [browser.post("/recharge/", data) for _ in range(2)]
    other = browser.post("/recharge/", data | {"amount": "58.00"})

    assert len({answer.location for answer in answers}) == 1
    assert other.status_code == 409
    assert count(app_on, QrBill) == count(app_on, TopUp) == 1
    assert count(app_on, OutboxFact, OutboxFact.kind == FactKind.QR_BILL) == 1


def test_two_taps_at_the_same_moment_are_one_bill(app_on: Flask) -> None:
    family = household(app_on)
    browsers = [logged_in(app_on, family.username) for _ in range(2)]
    data = sent(browsers[0], family)

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda browser: browser.post("/recharge/", data), browsers))

    assert {answer.status_code for answer in answers} == {303}
    assert count(app_on, QrBill) == 1


@pytest.mark.parametrize(
    ("amount", "status", "sentence"),
    [
        ("4.95", 400, "5.00"),
        ("1000.05", 400, "1’000.00"),
        ("57.03", 400, "0.05"),
        ("cinquante", 400, "12.50"),
        ("-5", 400, "12.50"),
        ("", 400, "12.50"),
        ("9" * 5000, 400, "12.50"),
    ],
)
def test_an_amount_is_checked_here_and_the_page_says_what_to_do(
    app: Flask, amount: str, status: int, sentence: str
) -> None:
    family = household(app)
    browser = logged_in(app, family.username)

    answer = browser.post("/recharge/", sent(browser, family, amount=amount))

    assert answer.status_code == status
    assert sentence in text_of(answer.text)
    assert count(app, QrBill) == 0


def test_the_page_is_prefilled_with_what_the_booked_meals_lack(app: Flask) -> None:
    family = household(app, balance=1000)
    with app.app_context(), transaction(SYSTEM) as session:
        for day in (date(2026, 11, 17), date(2026, 11, 30), date(2026, 12, 1)):
            book_meal(session, Wish(family.pupil_id, day), RULES, clock.now)
    browser = logged_in(app, family.username)

    text = text_of(browser.get("/recharge/").text)

    assert "CHF 8.00" in text  # 2 meals of 9.00 to the end of November, less 10.00
    assert "CHF 17.00" in text  # 3 meals
    assert "CHF 8.50 par mois, pendant 2 mois" in text
    assert "Chemin du Lac 3, 1860 Aigle" in text


def test_another_family_s_account_bill_and_top_up_are_not_there(app_on: Flask) -> None:
    ours, theirs = household(app_on), household(app_on)
    address = ordered(logged_in(app_on, theirs.username), theirs)
    top_up = one(app_on, sa.select(TopUp))
    browser = logged_in(app_on, ours.username)
    data = sent(browser, ours)

    answers = [
        browser.get(f"/recharge/?account={theirs.account_id}"),
        browser.get(address),
        browser.get(f"{address}/pdf"),
        browser.get(f"{address}/code"),
        browser.post(f"/recharge/withdraw/{top_up.id}"),
        browser.post("/recharge/", data | {"account": str(theirs.account_id)}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 6
    assert count(app_on, QrBill) == 1


def test_the_secretariat_prepares_a_bill_for_any_family(app: Flask, tmp_path: Path) -> None:
    family = household(app)
    office = logged_in(app, "secretariat")

    address = ordered(office, family)

    pdf = office.get(f"{address}/pdf").data
    assert "Chemin du Lac 3" in lines_of(pdf, tmp_path)
    assert len(PdfReader(BytesIO(pdf)).pages) == 1
    fact = one(app, sa.select(OutboxFact).where(OutboxFact.kind == FactKind.QR_BILL))
    assert (fact.account_id, fact.user_id) == (family.account_id, None)


def test_without_bank_details_there_is_cash_and_a_sentence(app: Flask) -> None:
    family = household(app)
    with app.app_context(), transaction(SYSTEM) as session:
        session.get_one(CanteenSettings, 1).creditor_iban = QR_IBAN
    browser = logged_in(app, family.username)

    page = browser.get("/recharge/").text
    answer = browser.post(
        "/recharge/",
        {"account": str(family.account_id), "kind": "once", "amount": "57", "request_id": "a1"},
    )

    assert not any("kind" in form.names for form in forms_of(page))
    assert answer.status_code == 409
    assert count(app, QrBill) == 0


def test_the_bill_comes_by_mail_to_whoever_asked_for_it(app_on: Flask, tmp_path: Path) -> None:
    family = household(app_on)
    with app_on.app_context(), transaction(SYSTEM) as session:
        other = make_user(session, Role.PARENT)
        session.add(
            AccountHolder(
                user_id=other.id, account_id=family.account_id, valid_from=date(2026, 1, 1)
            )
        )
    browser = logged_in(app_on, family.username)
    address = ordered(browser, family)

    Worker(app_on).run_once()

    (mail,) = files_of(app_on)
    (bill,) = mail.iter_attachments()
    paper = browser.get(f"{address}/pdf").data
    assert f"{family.username}@example.ch" in str(mail["To"])
    assert mail["Subject"] == "Votre QR-facture : CHF 57.00"
    assert lines_of(bytes(bill.get_content()), tmp_path) == lines_of(paper, tmp_path)


def test_a_credited_top_up_cannot_be_withdrawn(app: Flask) -> None:
    family = household(app)
    browser = logged_in(app, family.username)
    ordered(browser, family)
    with app.app_context(), transaction(SYSTEM) as session:
        top_up = session.scalars(sa.select(TopUp)).one()
        top_up.state, top_up.credited_at = TopUpState.CREDITED, top_up.made_at
        top_up_id = top_up.id

    answer = browser.post(f"/recharge/withdraw/{top_up_id}")

    assert answer.status_code == 409
    assert one(app, sa.select(TopUp.state)) is TopUpState.CREDITED
