"""Reads the entries of one statement and the payments in them."""

from collections import Counter
from dataclasses import replace
from hashlib import sha256
from typing import Final

from lxml import etree

from app.bank.camt import Entry, Payment, Statement
from app.bank.elements import Elements
from app.bank.iban import compact_iban
from app.bank.references import compact_reference

_NO_ID: Final = "NOTPROVIDED"


class EntryReader:
    """Takes the payments of an entry one by one, then the entry itself."""

    def __init__(self, elements: Elements, statement: Statement) -> None:
        """Begin a statement: what is alike within it is numbered."""
        self._elements = elements
        self._statement = statement
        self._alike: Counter[bytes] = Counter()
        self._begin_entry()

    def _begin_entry(self) -> None:
        self._entry: Entry | None = None
        self._dated = ""
        self._order = ("", "")
        self._payments: list[Payment] = []
        self._takes_whole_amount = False

    def add_payment(self, entry: etree._Element, details: etree._Element) -> None:
        """Read one payment of an entry that has not ended yet.

        Raises: BankValueUnreadable, also if one payment of several has no amount.
        """
        payment = self._payment(self._head(entry), details)
        if self._payments and self._takes_whole_amount:
            raise self._elements.unreadable(details, "Amt", "")
        self._payments.append(payment)

    def finish(self, entry: etree._Element) -> Entry:
        """The entry with its payments; without any, it is its own payment.

        Raises: BankValueUnreadable.
        """
        head = self._head(entry)
        finished = replace(
            head,
            text=self._elements.text(entry, "AddtlNtryInf"),
            has_details=bool(self._payments),
            payments=tuple(self._payments or [self._payment(head, entry)]),
        )
        self._begin_entry()
        return finished

    def _head(self, entry: etree._Element) -> Entry:
        """What an entry says before its payments."""
        if self._entry is None:
            self._entry = self._read_head(entry)
        return self._entry

    def _read_head(self, entry: etree._Element) -> Entry:
        elements, text = self._elements, self._elements.text
        money, is_credit = elements.movement(entry)
        value_on = elements.day(entry, "ValDt")
        dated = elements.day(entry, "BookgDt") or value_on
        size = text(entry, "NtryDtls/Btch/NbOfTxs")
        self._dated = dated.isoformat() if dated else ""
        self._order = (
            text(entry, "NtryDtls/Btch/PmtInfId"),
            text(entry, "NtryDtls/Btch/MsgId"),
        )
        return Entry(
            statement=self._statement,
            line=entry.sourceline or 1,
            amount=money.cents,
            currency=money.currency,
            is_credit=is_credit,
            status=text(entry, "Sts/Cd", "Sts"),
            is_reversal=text(entry, "RvslInd") in {"true", "1"},
            booked_on=dated or self._statement.created_on,
            value_on=value_on,
            bank_reference=text(entry, "AcctSvcrRef"),
            text="",
            batch_size=int(size) if size.isdecimal() else 0,
            has_details=False,
            payments=(),
        )

    def _payment(self, entry: Entry, details: etree._Element) -> Payment:
        elements, text = self._elements, self._elements.text
        money = elements.money(details, "Amt", "AmtDtls/TxAmt/Amt")
        self._takes_whole_amount |= money is None
        is_credit = elements.is_credit(details)
        is_credit = entry.is_credit if is_credit is None else is_credit
        references = elements.texts(details, "RmtInf/Strd/CdtrRefInf/Ref")
        role = "Dbtr" if is_credit is not entry.is_reversal else "Cdtr"
        payment = Payment(
            fingerprint="",
            amount=money.cents if money else entry.amount,
            currency=money.currency if money else entry.currency,
            is_credit=is_credit,
            bank_reference=text(details, "Refs/AcctSvcrRef") or entry.bank_reference,
            references=tuple(map(compact_reference, references)),
            message=self._message(details),
            counterparty=self._name(details, role),
            counterparty_iban=compact_iban(text(details, f"RltdPties/{role}Acct/Id/IBAN")),
            end_to_end_id=text(details, "Refs/EndToEndId").replace(_NO_ID, ""),
            batch_id=text(details, "Refs/PmtInfId") or self._order[0],
            message_id=text(details, "Refs/MsgId") or self._order[1],
            return_reason=text(details, "RtrInf/Rsn/Cd", "RtrInf/Rsn/Prtry"),
        )
        return replace(payment, fingerprint=self._fingerprint(entry, payment))

    def _name(self, details: etree._Element, role: str) -> str:
        parties = (f"RltdPties/{role}", f"RltdPties/Ultmt{role}")
        return self._elements.text(
            details, *(f"{party}/{path}" for party in parties for path in ("Nm", "Pty/Nm"))
        )

    def _message(self, details: etree._Element) -> str:
        """What the payer wrote; the bank's own marks « ?REJECT?0 » are left out."""
        free = self._elements.texts(details, "RmtInf/Ustrd")
        added = self._elements.texts(details, "RmtInf/Strd/AddtlRmtInf")
        return " ".join([*free, *(text for text in added if not text.startswith("?"))])

    def _fingerprint(self, entry: Entry, payment: Payment) -> str:
        """What is the same wherever this money comes again, and its number among those alike.

        A statement names each movement once, so that two alike in it are two. What is not booked,
        or reversed, is never taken for what is.
        """
        is_plain = entry.is_booked and not entry.is_reversal
        key = "\n".join(
            (
                entry.statement.iban,
                payment.bank_reference,
                str(payment.amount),
                "CRDT" if payment.is_credit else "DBIT",
                " ".join(payment.references),
                self._dated,
                "" if is_plain else f"{entry.status} {entry.is_reversal}",
            )
        )
        known = sha256(key.encode()).digest()
        self._alike[known] += 1
        return sha256(known + str(self._alike[known]).encode()).hexdigest()
