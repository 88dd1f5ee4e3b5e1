"""The demo's last account statement: what waits for the accountant, and the closing balance."""

from datetime import date, datetime, timedelta
from hashlib import sha256
from html import escape
from typing import Final

from sqlalchemy.orm import Session

from app.booking.rules import service_rules
from app.clock import local
from app.models import CanteenSettings
from app.money import Cents
from app.reconciliation.files import NewFile, compressed, receive, rules_of
from app.reconciliation.importing import begin_booking, book_next
from app.reconciliation.proof import ledger_bank
from app.reconciliation.reading import read_lines

# Who, from or to which account, what the bank says, and what it adds to ours.
_PAYMENTS: Final = (
    ("Monnard Anne-Lise", "CH5109000000250092291", "Cantine novembre", 8000),
    ("Cordey Jean-Luc", "CH8180808001234567890", "Repas de Noé, merci", 12000),
    ("Prestataire de paiement", "CH5604835012345678009", "Versement cartes et TWINT", 34050),
    ("", "", "Frais de tenue de compte", -500),
)


def bring_statement(session: Session, now: datetime) -> None:
    """Import the statement of yesterday; it agrees with the ledger."""
    settings = session.get_one(CanteenSettings, 1)
    day = local(now).date() - timedelta(days=1)
    closing = ledger_bank(session, day) + sum(each[3] for each in _PAYMENTS)
    content = _camt(settings.creditor_iban, day, closing)
    name = f"extrait-{day.isoformat()}.xml"
    reading = read_lines(content, name, rules_of(settings), local(now).date())
    sha = sha256(content).hexdigest()
    file = NewFile(name, sha, "application/gzip", compressed(content), reading)
    file_id = receive(session, file, now).id
    begin_booking(session, file_id)
    rules = service_rules(session)
    book_next(session, file_id, reading, settings.bank_channel, rules, lambda: now)


def _camt(iban: str, day: date, closing: Cents) -> bytes:
    entries = "".join(_entry(number, *each, day) for number, each in enumerate(_PAYMENTS))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>DEMO</MsgId><CreDtTm>{day}T22:00:00</CreDtTm></GrpHdr>"
        f"<Stmt><Id>DEMO</Id><CreDtTm>{day}T22:00:00</CreDtTm>"
        f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>CHF</Ccy></Acct>"
        f"{_balance('OPBD', 0, day)}{_balance('CLBD', closing, day)}{entries}"
        "</Stmt></BkToCstmrStmt></Document>"
    ).encode()


def _money(cents: Cents) -> str:
    direction = "CRDT" if cents >= 0 else "DBIT"
    francs = f"{abs(cents) // 100}.{abs(cents) % 100:02d}"
    return f'<Amt Ccy="CHF">{francs}</Amt><CdtDbtInd>{direction}</CdtDbtInd>'


def _balance(code: str, cents: Cents, day: date) -> str:
    kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
    return f"<Bal>{kind}{_money(cents)}<Dt><Dt>{day}</Dt></Dt></Bal>"


def _entry(number: int, name: str, iban: str, text: str, cents: Cents, day: date) -> str:
    party = (
        f"<Dbtr><Pty><Nm>{escape(name, quote=False)}</Nm></Pty></Dbtr>"
        f"<DbtrAcct><Id><IBAN>{iban}</IBAN></Id></DbtrAcct>"
        if name
        else ""
    )
    return (
        f"<Ntry>{_money(cents)}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{day}</Dt></BookgDt>"
        f"<AcctSvcrRef>DEMO-{number}</AcctSvcrRef><NtryDtls><TxDtls>"
        f"<Refs><AcctSvcrRef>DEMO-{number}</AcctSvcrRef></Refs>{_money(cents)}"
        f"<RltdPties>{party}</RltdPties><RmtInf><Ustrd>{escape(text, quote=False)}</Ustrd></RmtInf>"
        "</TxDtls></NtryDtls></Ntry>"
    )
