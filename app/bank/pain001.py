"""Payment orders to the bank: pain.001.001.09 of the Swiss Payment Standards, in francs.

Source: Swiss Payment Standards, credit transfer (pain.001.001.09.ch.03), payment type D.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from lxml import etree

from app.bank.characters import fit
from app.bank.iban import clearing_number, parse_payout_iban
from app.bank.qrbill import Address, cleaned_address
from app.clock import local
from app.money import Cents, decimal_chf

NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
SOFTWARE: Final = "Réfectoire"

_ID: Final = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9+?/\-:().,' ]{1,35}")
"""The restricted character set; neither a slash first nor two in a row."""


@dataclass(frozen=True)
class Order:
    """Money to send to somebody's Swiss account; `end_to_end_id` comes back in the bank's files.

    `amount` is above 0. The id has at most 35 letters, digits, spaces and + ? / - : ( ) . , '
    """

    end_to_end_id: str
    amount: Cents
    iban: str
    payee: Address
    message: str = ""


@dataclass(frozen=True)
class Batch:
    """Orders that leave one account on one day.

    `id` names the message and the batch; the bank refuses it if it came in the last 90 days.
    `is_single_booking`: each order is a line of its own on the statement, not one for all.
    """

    id: str
    created_at: datetime
    execute_on: date
    debtor: str
    debtor_iban: str
    orders: Sequence[Order]
    is_single_booking: bool = False


def build_pain001(batch: Batch) -> bytes:
    """The XML file to upload at the bank, in UTF-8.

    Raises: IbanWrong, IbanForeign, IbanForBills for either account; AddressIncomplete;
    TextTooLong; ValueError for ids, amounts and times that no form of ours lets through.
    """
    _check(batch)
    root = etree.Element(f"{{{NAMESPACE}}}Document", nsmap={None: NAMESPACE})
    message = _add(root, "CstmrCdtTrfInitn")
    _add_group_header(message, batch)
    _add_batch(message, batch)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _check(batch: Batch) -> None:
    ids = [order.end_to_end_id for order in batch.orders]
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(ids)
    for name in (batch.id, *ids):
        if not _ID.fullmatch(name):
            raise ValueError(name)
    if any(order.amount <= 0 for order in batch.orders):
        raise ValueError(batch.orders)
    if batch.created_at.tzinfo is None:
        raise ValueError(batch.created_at)


def _add(parent: etree._Element, path: str, text: str = "") -> etree._Element:
    """Elements inside one another: « Id/IBAN »."""
    for name in path.split("/"):
        parent = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    if text:
        parent.text = text
    return parent


def _add_sums(parent: etree._Element, batch: Batch) -> None:
    _add(parent, "NbOfTxs", str(len(batch.orders)))
    _add(parent, "CtrlSum", decimal_chf(sum(order.amount for order in batch.orders)))


def _add_group_header(message: etree._Element, batch: Batch) -> None:
    header = _add(message, "GrpHdr")
    _add(header, "MsgId", batch.id)
    _add(header, "CreDtTm", local(batch.created_at).isoformat(timespec="seconds"))
    _add_sums(header, batch)
    initiator = _add(header, "InitgPty")
    _add(initiator, "Nm", fit(batch.debtor, 70))
    software = _add(initiator, "CtctDtls/Othr")
    _add(software, "ChanlTp", "NAME")
    _add(software, "Id", SOFTWARE)


def _add_batch(message: etree._Element, batch: Batch) -> None:
    iban = parse_payout_iban(batch.debtor_iban)
    part = _add(message, "PmtInf")
    _add(part, "PmtInfId", batch.id)
    _add(part, "PmtMtd", "TRF")
    _add(part, "BtchBookg", "false" if batch.is_single_booking else "true")
    _add_sums(part, batch)
    _add(part, "ReqdExctnDt/Dt", batch.execute_on.isoformat())
    _add(part, "Dbtr/Nm", fit(batch.debtor, 70))
    _add(part, "DbtrAcct/Id/IBAN", iban)
    bank = _add(part, "DbtrAgt/FinInstnId/ClrSysMmbId")
    _add(bank, "ClrSysId/Cd", "CHBCC")
    _add(bank, "MmbId", clearing_number(iban))
    for order in batch.orders:
        _add_order(part, order)


def _add_order(part: etree._Element, order: Order) -> None:
    """One payment; the payee's bank follows from the IBAN, a service level would be refused."""
    transfer = _add(part, "CdtTrfTxInf")
    ids = _add(transfer, "PmtId")
    _add(ids, "InstrId", order.end_to_end_id)
    _add(ids, "EndToEndId", order.end_to_end_id)
    _add(transfer, "Amt/InstdAmt", decimal_chf(order.amount)).set("Ccy", "CHF")
    _add_payee(_add(transfer, "Cdtr"), cleaned_address(order.payee))
    _add(transfer, "CdtrAcct/Id/IBAN", parse_payout_iban(order.iban))
    if message := fit(order.message, 140):
        _add(transfer, "RmtInf/Ustrd", message)


def _add_payee(party: etree._Element, payee: Address) -> None:
    _add(party, "Nm", payee.name)
    address = _add(party, "PstlAdr")
    for name, text in (
        ("StrtNm", payee.street),
        ("BldgNb", payee.number),
        ("PstCd", payee.postal_code),
        ("TwnNm", payee.town),
        ("Ctry", payee.country),
    ):
        if text:
            _add(address, name, text)
