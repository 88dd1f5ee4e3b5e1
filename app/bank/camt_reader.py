"""Reads camt.053 and camt.054, versions 02, 04 and 08, entry by entry.

Elements are found by their names, which the versions share; what violates the schema but can be
read is read. Source: ISO 20022; Swiss Payment Standards, cash management.
"""

import re
from collections.abc import Iterator
from typing import IO, Final

from lxml import etree

from app.bank.camt import Balance, Entry, Statement
from app.bank.camt_entries import EntryReader
from app.bank.elements import Elements
from app.bank.iban import compact_iban
from app.bank.refusals import BankFileSuspect, NotABankFile
from app.bank.xml_stream import ended_elements, forget, root_of

_ROOT: Final = re.compile(
    r"\{(urn:iso:std:iso:20022:tech:xsd:(camt\.05[34])\.001\.(02|04|08))\}Document"
)
_PLACES: Final = {
    "camt.053": ("Stmt", "BkToCstmrStmt", "Document"),
    "camt.054": ("Ntfctn", "BkToCstmrDbtCdtNtfctn", "Document"),
}
_LONGEST: Final = 40
"""Characters of a foreign file's root that are shown."""


def read_camt(stream: IO[bytes], file: str) -> Iterator[Statement | Entry]:
    """Each statement of an XML file, followed by its entries.

    Raises: BankFileRefused, by its subclasses; also at the end, after entries were given.
    """
    root = root_of(stream, file)
    found = _ROOT.fullmatch(root)
    if found is None:
        namespace, _, name = root.rpartition("}")
        raise NotABankFile(file, (namespace.rpartition(":")[2] or name)[:_LONGEST])
    reader = _StatementReader(Elements(file, found[1]), kind=found[2], version=found[3])
    for element in ended_elements(stream, file, found[1], tuple(reader.places)):
        yield from reader.parts(element)


class _StatementReader:
    """What has been read of the message and of the statement that is under way."""

    def __init__(self, elements: Elements, *, kind: str, version: str) -> None:
        self._elements, self._kind, self._version = elements, kind, version
        place = _PLACES[kind]
        self.places = {
            "GrpHdr": place[1:],
            place[0]: place[1:],
            "Ntry": place,
            "TxDtls": ("NtryDtls", "Ntry", *place),
        }
        self._message_id = self._created = ""
        self._entries: EntryReader | None = None

    def parts(self, element: etree._Element) -> Iterator[Statement | Entry]:
        """What is known once this element has ended; it is then forgotten.

        Raises: BankFileSuspect for an element that is not in its place.
        """
        name, outers = _local(element), list(element.iterancestors())
        if tuple(map(_local, outers)) != self.places[name]:
            raise BankFileSuspect(self._elements.file)
        if name == "GrpHdr":
            self._message_id = self._elements.text(element, "MsgId")
            self._created = self._elements.text(element, "CreDtTm")
        else:
            yield from self._statement_parts(name, [element, *outers])
        forget(element)

    def _statement_parts(
        self, name: str, line: list[etree._Element]
    ) -> Iterator[Statement | Entry]:
        """`line`: the element and those around it, up to the root."""
        if self._entries is None:
            statement = self._statement(line[-3])
            self._entries = EntryReader(self._elements, statement)
            yield statement
        if name == "TxDtls":
            self._entries.add_payment(line[2], line[0])
        elif name == "Ntry":
            yield self._entries.finish(line[0])
        else:
            self._entries = None

    def _statement(self, element: etree._Element) -> Statement:
        text, as_day = self._elements.text, self._elements.as_day
        created = text(element, "CreDtTm") or self._created
        created_on = as_day(element, "CreDtTm", created)
        if created_on is None:
            raise self._elements.unreadable(element, "CreDtTm", "")
        balances = self._balances(element)
        known = next(iter(balances.values()), None)
        return Statement(
            file=self._elements.file,
            kind=self._kind,
            version=self._version,
            message_id=self._message_id,
            id=text(element, "Id"),
            created_on=created_on,
            iban=compact_iban(text(element, "Acct/Id/IBAN", "Acct/Id/Othr/Id")),
            currency=text(element, "Acct/Ccy") or (known.currency if known else ""),
            opening=balances.get("OPBD"),
            closing=balances.get("CLBD"),
            first_day=as_day(element, "FrDtTm", text(element, "FrToDt/FrDtTm")),
            last_day=as_day(element, "ToDtTm", text(element, "FrToDt/ToDtTm")),
        )

    def _balances(self, statement: etree._Element) -> dict[str, Balance]:
        """Booked balances by their code; those between two pages of a statement are no end."""
        balances = {}
        for element in self._elements.find_all(statement, "Bal"):
            code = self._elements.text(element, "Tp/CdOrPrtry/Cd")
            is_interim = self._elements.text(element, "Tp/SubTp/Cd") == "INTM"
            if code in {"OPBD", "CLBD"} and not is_interim:
                balances[code] = self._balance(element)
        return balances

    def _balance(self, element: etree._Element) -> Balance:
        money, is_credit = self._elements.movement(element)
        on = self._elements.day(element, "Dt")
        if on is None:
            raise self._elements.unreadable(element, "Dt", "")
        return Balance(money.cents if is_credit else -money.cents, money.currency, on)


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]
