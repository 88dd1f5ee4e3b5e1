"""Writes camt files as banks do, in the versions that the parser reads."""

from collections.abc import Sequence
from dataclasses import dataclass, field

OUR_IBAN = "CH5604835012345678009"
REFERENCE = "RF58CANT00000042"
VERSIONS = ("02", "04", "08")


@dataclass(frozen=True)
class Tx:
    """One payment of an entry; an empty text leaves its element out."""

    amount: str = "50.00"
    direction: str = "CRDT"
    bank_reference: str = "TX-1"
    references: tuple[str, ...] = (REFERENCE,)
    name: str = "Maria Bernasconi"
    iban: str = "CH5109000000250092291"
    end_to_end_id: str = "NOTPROVIDED"
    message: str = ""
    currency: str = "CHF"


@dataclass(frozen=True)
class Ntry:
    """One line of the account."""

    amount: str = "50.00"
    direction: str = "CRDT"
    status: str = "BOOK"
    reversal: str = "false"
    booked: str = "<Dt>2026-11-24</Dt>"
    valued: str = "<Dt>2026-11-25</Dt>"
    bank_reference: str = "ENTRY-1"
    currency: str = "CHF"
    batch: str = ""
    payments: Sequence[Tx] = field(default_factory=lambda: (Tx(),))


def camt(
    *entries: Ntry,
    version: str = "08",
    kind: str = "054",
    iban: str = OUR_IBAN,
    balances: str = "",
) -> bytes:
    """A whole file of one statement or notification."""
    message, statement = {
        "053": ("BkToCstmrStmt", "Stmt"),
        "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    }[kind]
    lines = "".join(_entry(entry, version) for entry in entries)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.{version}"><{message}>
<GrpHdr><MsgId>MSG-1</MsgId><CreDtTm>2026-11-24T18:00:00</CreDtTm></GrpHdr>
<{statement}><Id>STMT-1</Id><CreDtTm>2026-11-24T18:00:00</CreDtTm>
<FrToDt><FrDtTm>2026-11-24T00:00:00</FrDtTm><ToDtTm>2026-11-24T23:59:59</ToDtTm></FrToDt>
<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>CHF</Ccy></Acct>{balances}
{lines}</{statement}></{message}></Document>""".encode()


def balance(
    code: str, amount: str, *, direction: str = "CRDT", day: str = "2026-11-24", sub: str = ""
) -> str:
    """A balance of an account statement."""
    subtype = f"<SubTp><Cd>{sub}</Cd></SubTp>" if sub else ""
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry>{subtype}</Tp>"
        f'<Amt Ccy="CHF">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'
        f"<Dt><Dt>{day}</Dt></Dt></Bal>"
    )


def _element(name: str, content: str) -> str:
    return f"<{name}>{content}</{name}>" if content else ""


def _amount(text: str, currency: str) -> str:
    return f'<Amt Ccy="{currency}">{text}</Amt>' if text else ""


def _entry(entry: Ntry, version: str) -> str:
    status = f"<Cd>{entry.status}</Cd>" if version == "08" else entry.status
    payments = "".join(_payment(payment, version) for payment in entry.payments)
    return _element(
        "Ntry",
        _amount(entry.amount, entry.currency)
        + _element("CdtDbtInd", entry.direction)
        + _element("RvslInd", entry.reversal)
        + _element("Sts", status)
        + _element("BookgDt", entry.booked)
        + _element("ValDt", entry.valued)
        + _element("AcctSvcrRef", entry.bank_reference)
        + _element("NtryDtls", _element("Btch", entry.batch) + payments)
        + "<AddtlNtryInf>CREDIT</AddtlNtryInf>\n",
    )


def _payment(payment: Tx, version: str) -> str:
    """In version 02, amount and direction of a payment stand elsewhere or nowhere."""
    money = _amount(payment.amount, payment.currency)
    old = version == "02"
    stated = _element("AmtDtls", _element("TxAmt", money)) if old else money
    name = _element("Nm", payment.name)
    party = _element("Pty", name) if version == "08" else name
    role = "Dbtr" if payment.direction == "CRDT" else "Cdtr"
    references = "".join(
        f"<Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd>"
        for reference in payment.references
    )
    return _element(
        "TxDtls",
        _element(
            "Refs",
            _element("AcctSvcrRef", payment.bank_reference)
            + _element("EndToEndId", payment.end_to_end_id),
        )
        + stated
        + _element("CdtDbtInd", "" if old else payment.direction)
        + _element(
            "RltdPties",
            _element(role, party)
            + _element(f"{role}Acct", _element("Id", _element("IBAN", payment.iban))),
        )
        + _element("RmtInf", _element("Ustrd", payment.message) + references),
    )
