"""Every franc in, every franc out, as a family and the office live it.

Issue 3: each of the three ways tops up, is seen on its way and then in the balance; a standing
order paid three months running counts three times; a refund goes from the form to the bank's file
and is booked when the bank has paid; both statements open as PDF.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import pytest
from lxml import etree
from playwright.sync_api import Browser, Locator, expect

from app.access import SYSTEM
from app.models import Account, CanteenSettings
from app.transaction import transaction
from app.vocabulary import BankMessage, RefundState, Role
from tests.bank.camt_builder import OUR_IBAN, Ntry, Tx, camt
from tests.browser.canteen import Canteen
from tests.browser.person import DESK, PHONE, Person, coming, pdf_text
from tests.factories import make_family, make_user

pytestmark = pytest.mark.browser

ISO: Final = files("sepaxml") / "schemas" / "pain.001.001.09.xsd"
FAMILYS_IBAN: Final = "CH9300762011623852957"
SCOR: Final = "RF"


@dataclass(frozen=True)
class Household:
    """Who pays, and by which login."""

    username: str
    account_id: int
    label: str


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_three_ways_in_and_one_way_out(
    chromium: Browser, canteen: Canteen, size: tuple[int, int]
) -> None:
    family = open_accounts(canteen)
    with coming(chromium, canteen, size) as parent, coming(chromium, canteen, DESK) as office:
        parent.log_in(family.username)
        office.log_in("accounting")

        pay_online(parent, family, "50")
        canteen.work("2026-11-17 07:35")
        see_balance(parent, "50.00")

        reference = order_bill(parent, "40", "once")
        see_on_its_way(parent, "40.00")
        import_credit(office, reference, "40.00", "2026-11-18")
        see_balance(parent, "90.00")

        take_cash(chromium, canteen, family, "20")
        see_balance(parent, "110.00")

        assert order_bill(parent, "30", "monthly") == reference
        for month, balance in (("12", "140.00"), ("01", "170.00"), ("02", "200.00")):
            day = f"{'2026' if month == '12' else '2027'}-{month}-02"
            canteen.work(f"{day} 09:00")
            import_credit(office, reference, "30.00", day)
            see_balance(parent, balance)

        ask_for_refund(parent, "80")
        see_balance(parent, "120.00")
        verify(office, family)
        order = pay(chromium, canteen, family)
        canteen.work("2027-02-10 09:00")
        import_debit(office, order, "80.00")
        see_refund(parent, RefundState.PAID)
        see_balance(parent, "120.00")
        open_statements(parent, family)


def open_accounts(canteen: Canteen) -> Household:
    """A canteen with a bank account, a family, and a second accountant."""
    with canteen.app.app_context(), transaction(SYSTEM) as session:
        settings = session.get_one(CanteenSettings, 1)
        settings.creditor_iban, settings.creditor_name = OUR_IBAN, "Réfectoire de l’essai"
        settings.street, settings.postal_code, settings.town = "Rue du Village 1", "1854", "Leysin"
        settings.bank_channel = BankMessage.STATEMENT
        make_user(session, Role.ACCOUNTING, username="accounting2")
        family = make_family(session)
        label = session.get_one(Account, family.account_id).label
    return Household(family.username, family.account_id, label)


def submit_of(person: Person, action: str) -> Locator:
    """The button of the form that is sent to this address."""
    return person.page.locator(f'main form[action$="{action}"] button.primary')


def pay_online(parent: Person, family: Household, amount: str) -> None:
    parent.follow("RechargeView.index")
    parent.page.locator("#online-amount").fill(amount)
    parent.page.locator("[name=terms]").check()
    submit_of(parent, parent_path(parent, "PaymentView.start")).click()
    parent.page.locator("button[name=outcome][value=paid]").click()
    expect(parent.page.locator("main")).to_contain_text("CHF 50.00")
    expect(parent.page.locator("main .badge.ok")).to_be_visible()
    parent.go("HomeView.index")
    expect(parent.page.locator("#summary")).to_contain_text("CHF 0.00")
    see_on_its_way(parent, "50.00")


def parent_path(person: Person, endpoint: str) -> str:
    return person.canteen.url(endpoint).removeprefix(person.canteen.address)


def order_bill(parent: Person, amount: str, kind: str) -> str:
    """The reference on the QR-bill that the parent gets on screen, and as a PDF."""
    parent.go("RechargeView.index")
    parent.page.locator("#bank-amount").fill(amount)
    parent.page.locator(f"[name=kind][value={kind}]").check()
    submit_of(parent, parent_path(parent, "RechargeView.order")).click()
    shown = parent.page.locator("dd", has_text=SCOR).first
    expect(shown).to_be_visible()
    reference = shown.inner_text()
    printed = parent.read_pdf(parent.page.locator('main a[href$="/pdf"]').first)
    assert reference in printed
    assert f"{amount}.00" in printed
    return reference.replace(" ", "")


def see_on_its_way(parent: Person, amount: str) -> None:
    parent.go("MyTopUpView.list")
    expect(parent.page.locator("main")).to_contain_text(amount)
    parent.go("RechargeView.index")
    expect(parent.page.locator("section.card .links", has_text=amount)).to_be_visible()


def see_balance(parent: Person, amount: str) -> None:
    parent.go("HomeView.index")
    expect(parent.page.locator("#summary")).to_contain_text(f"CHF {amount}")


def import_credit(office: Person, reference: str, amount: str, day: str) -> None:
    payment = Tx(amount=amount, references=(reference,), bank_reference=f"TX-{day}")
    booked = f"<Dt>{day}</Dt>"
    entry = Ntry(amount=amount, booked=booked, bank_reference=f"E-{day}", payments=(payment,))
    import_file(office, f"{day}.xml", entry)


def import_debit(office: Person, end_to_end_id: str, amount: str) -> None:
    payment = Tx(
        amount=amount,
        direction="DBIT",
        references=(),
        bank_reference="TX-OUT",
        end_to_end_id=end_to_end_id,
    )
    entry = Ntry(
        amount=amount,
        direction="DBIT",
        booked="<Dt>2027-02-10</Dt>",
        bank_reference="E-OUT",
        payments=(payment,),
    )
    import_file(office, "sortie.xml", entry)


def import_file(office: Person, name: str, entry: Ntry) -> None:
    """Nothing is booked before the preview's button is pressed."""
    office.go("BankUploadView.this_form_get")
    content = {"name": name, "mimeType": "application/xml", "buffer": camt(entry, kind="053")}
    office.page.locator("[name=file]").set_input_files(content)  # type: ignore[arg-type]
    office.page.locator("main form button.primary").click()
    press(office, "book")
    expect(office.page.locator("main .alert.info")).to_have_count(0)
    expect(office.page.locator("main table tbody tr")).to_have_count(1)


def press(person: Person, action: str) -> None:
    """An action of the record in sight."""
    person.page.locator(f'form[action*="/action/{action}/"] button').first.click()


def take_cash(chromium: Browser, canteen: Canteen, family: Household, amount: str) -> None:
    with coming(chromium, canteen, DESK) as till:
        till.log_in("till")
        till.go("TillView.account", pk=family.account_id)
        till.fill({"amount": amount})
        till.page.locator("#take").click()
        expect(till.page.locator("section.balance")).to_contain_text("110.00")


def ask_for_refund(parent: Person, amount: str) -> None:
    parent.follow("MyRefundView.this_form_get")
    form = parent.page.locator("main form.form")
    form.locator("[name=part][value=part]").check()
    parent.fill(
        {
            "amount": amount,
            "iban": FAMILYS_IBAN,
            "holder_name": "Anne Favre",
            "street": "Chemin des Écureuils 7",
            "postal_code": "1854",
            "town": "Leysin",
        }
    )
    form.locator("button.primary").click()
    expect(parent.page.locator("main dl")).to_contain_text("CHF 120.00")
    parent.page.locator("main form button.primary").click()
    expect(parent.page.locator("section.card .badge").first).to_be_visible()
    see_refund(parent, RefundState.REQUESTED)


def see_refund(parent: Person, state: RefundState) -> None:
    from app.labels import LABELS

    parent.go("MyRefundView.this_form_get")
    word = parent.canteen.said(LABELS[RefundState][state])
    expect(parent.page.locator("section.card .badge").first).to_have_text(word)


def open_statements(parent: Person, family: Household) -> None:
    """Both papers open from their forms, and end with the balance."""
    parent.follow("MyStatementView.index")
    by_dates = submitted(parent, "pdf", {"first": "2026-08-01", "last": "2027-03-31"})
    by_year = submitted(parent, "tax", {"year": "2026"})
    assert family.label in by_dates
    assert "Solde final 120.00" in by_dates
    assert "Décompte fiscal 2026" in by_year


def submitted(parent: Person, name: str, fields: dict[str, str]) -> str:
    """The text of the PDF that a form opens in a tab of its own."""
    form = parent.page.locator(f'main form[action$="/{name}"]')
    for field, value in fields.items():
        control = form.locator(f"[name={field}]")
        if field == "year":
            control.select_option(value)
        else:
            control.fill(value)
    address = form.evaluate("form => `${form.action}?${new URLSearchParams(new FormData(form))}`")
    return pdf_text(parent.page.context.request.get(address).body())


def verify(office: Person, family: Household) -> None:
    open_refund(office, family)
    press(office, "verify")
    expect(office.page.locator('form[action*="/action/verify/"]')).to_have_count(0)


def open_refund(office: Person, family: Household) -> None:
    office.follow("RefundView.list")
    row = office.page.locator("main table tbody tr", has_text=family.label).first
    row.locator('a[href*="/refunds/show/"]').first.click()


def pay(chromium: Browser, canteen: Canteen, family: Household) -> str:
    """A colleague makes the file for the bank; the order's identification in it."""
    with coming(chromium, canteen, DESK) as colleague:
        colleague.log_in("accounting2")
        open_refund(colleague, family)
        press(colleague, "pay")
        link = colleague.page.locator('main a[href*="/refunds/orders/file/"]').first
        order = etree.fromstring(colleague.download(link))
    schema = etree.XMLSchema(etree.fromstring(ISO.read_bytes()))
    schema.assertValid(order)
    return str(order.findtext(".//{*}EndToEndId"))
