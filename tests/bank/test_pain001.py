from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.resources import files

import pytest
from lxml import etree

from app.bank.pain001 import NAMESPACE, Batch, Order, build_pain001
from app.bank.qrbill import Address
from app.bank.refusals import (
    AddressIncomplete,
    IbanForBills,
    IbanForeign,
    IbanWrong,
    TextTooLong,
)

ISO = files("sepaxml") / "schemas" / "pain.001.001.09.xsd"
CANTEEN_IBAN = "CH9300762011623852957"
QR_IBAN = "CH4431999123000889012"
FIRST = Order(
    "REMB-2026-0001",
    4250,
    "CH56 0483 5012 3456 7800 9",
    Address("Aurélie Müller-Crêtegny", "Chemin de l’Église", "12bis", "1854", "Leysin"),
    "Remboursement du solde – merci 🍎",
)
SECOND = Order(
    "REMB-2026-0002",
    805,
    "LI21088100002324013AA",
    Address("José Țepeș", "", "", "9490", "Vaduz", "LI"),
)
BATCH = Batch(
    "REFUNDS-2026-0001",
    datetime(2026, 11, 24, 9, tzinfo=UTC),
    date(2026, 12, 1),
    "Réfectoire de Leysin",
    CANTEEN_IBAN,
    (FIRST, SECOND),
)


def texts(xml: bytes, path: str) -> list[str]:
    found = etree.fromstring(xml).iterfind(f".//{path}", {"": NAMESPACE})
    return [element.text or "" for element in found]


@pytest.fixture(scope="module")
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(ISO.read_bytes()))


@pytest.mark.parametrize("orders", [(FIRST,), (FIRST, SECOND)])
@pytest.mark.parametrize("is_single_booking", [False, True])
def test_is_valid(
    schema: etree.XMLSchema, orders: tuple[Order, ...], *, is_single_booking: bool
) -> None:
    batch = replace(BATCH, orders=orders, is_single_booking=is_single_booking)

    schema.assertValid(etree.fromstring(build_pain001(batch)))


def test_the_schema_does_refuse(schema: etree.XMLSchema) -> None:
    broken = build_pain001(BATCH).replace(b"<PmtMtd>TRF</PmtMtd>", b"")

    assert not schema.validate(etree.fromstring(broken))


def test_says_who_is_paid_how_much_and_when() -> None:
    xml = build_pain001(BATCH)

    assert texts(xml, "CdtTrfTxInf/Amt/InstdAmt") == ["42.50", "8.05"]
    assert texts(xml, "CdtrAcct/Id/IBAN") == ["CH5604835012345678009", "LI21088100002324013AA"]
    assert texts(xml, "Cdtr/Nm") == ["Aurélie Müller-Crêtegny", "José Țepeș"]
    assert texts(xml, "Cdtr/PstlAdr/StrtNm") == ["Chemin de l'Église"]
    assert texts(xml, "Cdtr/PstlAdr/Ctry") == ["CH", "LI"]
    assert texts(xml, "PmtId/EndToEndId") == ["REMB-2026-0001", "REMB-2026-0002"]
    assert texts(xml, "RmtInf/Ustrd") == ["Remboursement du solde - merci"]
    assert texts(xml, "DbtrAcct/Id/IBAN") == [CANTEEN_IBAN]
    assert texts(xml, "DbtrAgt//MmbId") == ["762"]
    assert texts(xml, "ReqdExctnDt/Dt") == ["2026-12-01"]
    assert texts(xml, "CreDtTm") == ["2026-11-24T10:00:00+01:00"]


def test_control_sums_are_exact() -> None:
    orders = tuple(
        replace(FIRST, end_to_end_id=f"REMB-{number}", amount=10) for number in range(1, 304)
    )

    xml = build_pain001(replace(BATCH, orders=orders))

    assert texts(xml, "NbOfTxs") == ["303", "303"]
    assert texts(xml, "CtrlSum") == ["30.30", "30.30"]


def test_no_service_level_is_asked_for() -> None:
    xml = build_pain001(BATCH)

    assert texts(xml, "SvcLvl") == []
    assert xml.startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


@pytest.mark.parametrize(
    ("iban", "refusal"),
    [(QR_IBAN, IbanForBills), ("DE89370400440532013000", IbanForeign), ("CH00", IbanWrong)],
)
def test_refuses_an_account_that_cannot_be_paid(iban: str, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        build_pain001(replace(BATCH, orders=(replace(FIRST, iban=iban),)))
    with pytest.raises(refusal):
        build_pain001(replace(BATCH, debtor_iban=iban))


def test_refuses_an_address_without_town() -> None:
    payee = replace(FIRST.payee, town="")

    with pytest.raises(AddressIncomplete):
        build_pain001(replace(BATCH, orders=(replace(FIRST, payee=payee),)))


def test_refuses_a_message_that_is_too_long() -> None:
    with pytest.raises(TextTooLong):
        build_pain001(replace(BATCH, orders=(replace(FIRST, message="x" * 141),)))


@pytest.mark.parametrize(
    "batch",
    [
        replace(BATCH, orders=()),
        replace(BATCH, orders=(FIRST, FIRST)),
        replace(BATCH, id=""),
        replace(BATCH, id="x" * 36),
        replace(BATCH, id="Été"),
        replace(BATCH, id="/1"),
        replace(BATCH, id="1//2"),
        replace(BATCH, id="1\n"),
        replace(BATCH, orders=(replace(FIRST, amount=0),)),
        replace(BATCH, orders=(replace(FIRST, amount=-1),)),
        replace(BATCH, created_at=datetime(2026, 11, 24, 9)),  # noqa: DTZ001 - naive on purpose
    ],
)
def test_what_no_form_of_ours_sends_is_a_fault(batch: Batch) -> None:
    with pytest.raises(ValueError, match=r".*"):
        build_pain001(batch)
