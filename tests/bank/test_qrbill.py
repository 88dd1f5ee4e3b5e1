from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.bank.characters import ALLOWED
from app.bank.iban import format_iban
from app.bank.qrbill import Address, QrBill, payload
from app.bank.references import account_reference, format_reference
from app.bank.refusals import (
    AddressIncomplete,
    IbanForeign,
    IbanWrong,
    ReferenceMismatch,
    TextTooLong,
)
from app.errors import AmountOutOfRange

QR_IBAN = "CH4431999123000889012"
IBAN = "CH5604835012345678009"
CANTEEN = Address("Réfectoire de Leysin", "Rue du Village", "12", "1854", "Leysin")
PARENT = Address("Aurélie Müller", "Chemin de l’Église", "12bis", "1860", "Aigle")
BILL = QrBill(
    QR_IBAN, CANTEEN, account_reference(42, QR_IBAN), 123450, PARENT, "Compte Müller – cantine"
)


def test_has_the_lines_of_the_standard() -> None:
    assert payload(BILL) == "\r\n".join(
        [
            *("SPC", "0200", "1", "CH4431999123000889012"),
            *("S", "Réfectoire de Leysin", "Rue du Village", "12", "1854", "Leysin", "CH"),
            *[""] * 7,
            *("1234.50", "CHF"),
            *("S", "Aurélie Müller", "Chemin de l'Église", "12bis", "1860", "Aigle", "CH"),
            *("QRR", "000000000000000000000000420", "Compte Müller - cantine", "EPD"),
        ]
    )


def test_leaves_amount_and_payer_open() -> None:
    bill = QrBill(IBAN, CANTEEN, account_reference(42, IBAN))

    lines = payload(bill).split("\r\n")

    assert len(lines) == 31
    assert lines[18:27] == ["", "CHF", *[""] * 7]
    assert lines[27:] == ["SCOR", "RF58CANT00000042", "", "EPD"]


def test_takes_iban_and_reference_in_groups() -> None:
    grouped = replace(BILL, iban=format_iban(BILL.iban), reference=format_reference(BILL.reference))

    assert payload(grouped) == payload(BILL)


@pytest.mark.parametrize(
    ("iban", "reference"),
    [
        (QR_IBAN, "RF58CANT00000042"),
        (IBAN, "000000000000000000000000420"),
        (QR_IBAN, "000000000000000000000000421"),
        (IBAN, "RF57CANT00000042"),
        (IBAN, ""),
    ],
)
def test_refuses_a_reference_that_does_not_go_with_the_iban(iban: str, reference: str) -> None:
    with pytest.raises(ReferenceMismatch):
        payload(replace(BILL, iban=iban, reference=reference))


@pytest.mark.parametrize("amount", [0, -1, 100_000_000_000])
def test_refuses_an_amount_that_no_bill_has(amount: int) -> None:
    with pytest.raises(AmountOutOfRange):
        payload(replace(BILL, amount=amount))


@pytest.mark.parametrize("amount", [1, 99_999_999_999])
def test_takes_every_amount_from_a_centime(amount: int) -> None:
    assert payload(replace(BILL, amount=amount)).split("\r\n")[18].endswith(f"{amount % 100:02d}")


def test_refuses_a_wrong_or_foreign_iban() -> None:
    with pytest.raises(IbanWrong):
        payload(replace(BILL, iban="CH00"))
    with pytest.raises(IbanForeign):
        payload(replace(BILL, iban="DE89370400440532013000"))


@pytest.mark.parametrize(
    "missing",
    [{"name": ""}, {"postal_code": " "}, {"town": "🦄"}, {"country": ""}, {"country": "Suisse"}],
)
def test_refuses_an_address_without_what_is_needed(missing: dict[str, str]) -> None:
    address = replace(PARENT, **missing)

    with pytest.raises(AddressIncomplete):
        payload(replace(BILL, creditor=address))
    with pytest.raises(AddressIncomplete):
        payload(replace(BILL, debtor=address))


@pytest.mark.parametrize(
    ("field", "most"),
    [("name", 70), ("street", 70), ("number", 16), ("postal_code", 16), ("town", 35)],
)
def test_refuses_a_text_that_is_too_long(field: str, most: int) -> None:
    longest, longer = ({field: "x" * length} for length in (most, most + 1))

    assert payload(replace(BILL, debtor=replace(PARENT, **longest)))
    with pytest.raises(TextTooLong):
        payload(replace(BILL, debtor=replace(PARENT, **longer)))
    with pytest.raises(TextTooLong):
        payload(replace(BILL, message="x" * 141))


@given(text=st.text(max_size=140))
def test_whatever_is_written_the_code_stays_in_its_31_lines(text: str) -> None:
    bill = replace(BILL, message=text)

    try:
        lines = payload(bill).split("\r\n")
    except TextTooLong:
        return

    assert len(lines) == 31
    assert lines[-1] == "EPD"
    assert all(ALLOWED.issuperset(line) for line in lines)
