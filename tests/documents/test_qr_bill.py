import subprocess
from dataclasses import replace
from datetime import date
from gettext import GNUTranslations
from io import BytesIO
from pathlib import Path

import pytest
import zxingcpp
from PIL import Image
from pypdf import PdfReader

from app.bank.qrbill import Address, QrBill, payload
from app.bank.references import account_reference
from app.bank.refusals import ReferenceMismatch
from app.documents.qr_bill import TopUpBill, render_qr_bill
from tests.documents.reading import CANTEEN, LONG_NAME, STRANGE_NAMES, fonts_of, plain, text_of

QR_IBAN = "CH4431999123000889012"
IBAN = "CH5604835012345678009"
CREDITOR = Address("Réfectoire de Leysin", "Rue du Village", "12", "1854", "Leysin")
DEBTOR = Address("Aurélie Müller-Crêtegny", "Chemin de l’Église", "12bis", "1860", "Aigle")
LONGEST = Address("W" * 70, "W" * 70, "W" * 16, "W" * 16, "W" * 35, "FR")
BILL = QrBill(
    QR_IBAN, CREDITOR, account_reference(42, QR_IBAN), 123450, DEBTOR, "Compte Müller – cantine"
)
ONCE = TopUpBill(BILL, "Famille Müller", ("Zoé", "Éloi"), date(2026, 11, 24))
OPEN = replace(
    ONCE,
    bill=QrBill(IBAN, CREDITOR, account_reference(42, IBAN)),
    is_monthly=True,
    proposed=15000,
)
CATALOGUE = Path(__file__).parents[2] / "translations/fr/LC_MESSAGES/messages.mo"


def picture_of(pdf: bytes, folder: Path, dpi: int) -> Image.Image:
    """The page as a printer would put it on paper."""
    (folder / "bill.pdf").write_bytes(pdf)
    command = ["pdftoppm", "-r", str(dpi), "-png", "-singlefile", "bill.pdf", "bill"]
    subprocess.run(command, cwd=folder, check=True)
    return Image.open(folder / "bill.png")


@pytest.mark.parametrize("dpi", [100, 200])
@pytest.mark.parametrize(
    "bill",
    [
        BILL,
        OPEN.bill,
        replace(BILL, amount=None),
        replace(BILL, debtor=None),
        replace(BILL, message=""),
        replace(BILL, amount=1),
        replace(BILL, amount=99_999_999_999),
        replace(BILL, debtor=replace(DEBTOR, name="José Țepeș 🦄 ß€")),
    ],
)
def test_the_code_holds_every_field(bill: QrBill, dpi: int, tmp_path: Path) -> None:
    picture = picture_of(render_qr_bill(replace(ONCE, bill=bill), CANTEEN, plain), tmp_path, dpi)

    (code,) = zxingcpp.read_barcodes(picture)

    assert code.format == zxingcpp.BarcodeFormat.QRCode
    assert code.ec_level == "M"
    assert code.bytes.decode("utf-8").split("\r\n") == payload(bill).split("\r\n")


def test_the_longest_code_still_decodes(tmp_path: Path) -> None:
    bill = replace(BILL, creditor=LONGEST, debtor=LONGEST, message="é" * 140)

    picture = picture_of(render_qr_bill(replace(ONCE, bill=bill), CANTEEN, plain), tmp_path, 300)

    (code,) = zxingcpp.read_barcodes(picture)
    assert code.bytes.decode("utf-8") == payload(bill)


def test_the_code_is_46_mm_wide_and_stands_where_the_standard_wants_it(tmp_path: Path) -> None:
    dpi = 254  # ten dots a millimetre
    picture = picture_of(render_qr_bill(ONCE, CANTEEN, plain), tmp_path, dpi)

    (code,) = zxingcpp.read_barcodes(picture)

    corner, opposite = code.position.top_left, code.position.bottom_right
    page_top = 2970 - 1050
    assert corner.x == pytest.approx(670, abs=6)
    assert corner.y == pytest.approx(page_top + 170, abs=6)
    assert opposite.x == pytest.approx(670 + 460, abs=6)
    assert opposite.y == pytest.approx(page_top + 630, abs=6)


def test_the_swiss_cross_is_in_the_middle_of_the_code(tmp_path: Path) -> None:
    picture = picture_of(render_qr_bill(ONCE, CANTEEN, plain), tmp_path, 254).convert("L")
    x, y = 670 + 230, 2970 - 1050 + 170 + 230

    shades = [picture.getpixel((x + dx, y + dy)) for dx, dy in ((0, 0), (15, 0), (0, 15))]
    around = [picture.getpixel((x + dx, y + dy)) for dx, dy in ((20, 20), (-20, 20), (25, 0))]

    assert shades == [255, 255, 255]
    assert around == [0, 0, 0]


@pytest.mark.parametrize(
    "shown",
    [
        "Receipt",
        "Payment part",
        "CH44 3199 9123 0008 8901 2",
        "00 00000 00000 00000 00000 00420",
        "Réfectoire de Leysin Rue du Village 12 1854 Leysin",
        "Aurélie Müller-Crêtegny Chemin de l'Église 12bis 1860 Aigle",
        "Compte Müller - cantine",
        "1 234.50",
        "Acceptance point",
        "Famille Müller",
        "Zoé, Éloi",
        "CHF 1’234.50",
        "24.11.2026",
    ],
)
def test_shows_every_field(shown: str) -> None:
    assert shown in text_of(render_qr_bill(ONCE, CANTEEN, plain))


def test_what_is_left_open_is_for_the_payer_to_write_in() -> None:
    text = text_of(render_qr_bill(OPEN, CANTEEN, plain))

    assert text.count("Payable by (name/address)") == 2
    assert "Proposed monthly amount CHF 150.00" in text
    assert "Enter the amount that you choose." in text
    assert "RF58 CANT 0000 0042" in text


def test_a_bill_with_an_amount_asks_for_none() -> None:
    text = text_of(render_qr_bill(ONCE, CANTEEN, plain))

    assert "Enter the amount" not in text
    assert "(name/address)" not in text


def test_french_labels_are_those_of_the_standard() -> None:
    with CATALOGUE.open("rb") as file:
        french = GNUTranslations(file)

    text = text_of(render_qr_bill(ONCE, CANTEEN, french.gettext))
    blank = text_of(render_qr_bill(OPEN, CANTEEN, french.gettext))

    for label in (
        "Récépissé",
        "Section paiement",
        "Compte / Payable à",
        "Référence",
        "Informations supplémentaires",
        "Payable par",
        "Monnaie",
        "Montant",
        "Point de dépôt",
    ):
        assert label in text
    assert "Payable par (nom/adresse)" in blank


@pytest.mark.parametrize("bill", [BILL, replace(BILL, creditor=LONGEST, debtor=LONGEST)])
def test_stays_on_one_page_whatever_the_names(bill: QrBill) -> None:
    content = replace(
        ONCE, bill=replace(bill, message="W" * 140), account=LONG_NAME, children=STRANGE_NAMES * 9
    )

    pdf = render_qr_bill(content, CANTEEN, plain)

    assert len(PdfReader(BytesIO(pdf)).pages) == 1


def test_an_address_abroad_has_its_country() -> None:
    debtor = Address("Jean Petit", "Rue du Lac", "1", "74500", "Évian", "FR")

    assert "FR-74500 Évian" in text_of(
        render_qr_bill(replace(ONCE, bill=replace(BILL, debtor=debtor)), CANTEEN, plain)
    )


def test_carries_its_fonts() -> None:
    assert all(
        "/FontFile2" in font for font in fonts_of(render_qr_bill(ONCE, CANTEEN, plain)).values()
    )


def test_a_bill_that_cannot_be_paid_is_not_drawn() -> None:
    with pytest.raises(ReferenceMismatch):
        render_qr_bill(replace(ONCE, bill=replace(BILL, iban=IBAN)), CANTEEN, plain)
