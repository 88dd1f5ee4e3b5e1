"""Texts, amounts, dates and directions in the elements of a bank file; none is ever guessed."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Final

from lxml import etree

from app.bank.refusals import BankValueUnreadable
from app.clock import local
from app.money import MAX_CENTS, Cents

_AMOUNT: Final = re.compile(r"(?=\.?\d)(\d{0,13})(?:\.(\d{0,2})0*)?", re.ASCII)
_DAY: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_LONGEST: Final = 40
"""Characters of an unreadable value that are shown."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in hundredths of its currency; never below 0, the direction stands apart."""

    cents: Cents
    currency: str


@dataclass(frozen=True)
class Elements:
    """Reads elements of one file, by paths of local names: « BookgDt/Dt »."""

    file: str
    namespace: str

    def find(self, element: etree._Element, path: str) -> etree._Element | None:
        """The first element at that path; of several on the way, the first is taken."""
        for tag in _tags(self.namespace, path):
            # find() does the same in three times the time, for 24 paths a payment.
            found = next(element.iterchildren(tag), None)
            if found is None:
                return None
            element = found
        return element

    def find_all(self, element: etree._Element, path: str) -> list[etree._Element]:
        """Every element at that path, in the order of the file."""
        return element.findall("/".join(_tags(self.namespace, path)))

    def text(self, element: etree._Element, *paths: str) -> str:
        """The first text found, its spaces made single; « » if there is none."""
        for path in paths:
            found = self.find(element, path)
            if found is not None and (text := " ".join((found.text or "").split())):
                return text
        return ""

    def texts(self, element: etree._Element, path: str) -> list[str]:
        """Every text at that path."""
        found = (" ".join((part.text or "").split()) for part in self.find_all(element, path))
        return [text for text in found if text]

    def money(self, element: etree._Element, *paths: str) -> Money | None:
        """The first amount found, with its currency; None if there is no such element.

        Raises: BankValueUnreadable for a sign, more than two decimals, or no currency.
        """
        for path in paths:
            found = self.find(element, path)
            if found is not None:
                return self._money(found)
        return None

    def _money(self, element: etree._Element) -> Money:
        text, currency = (element.text or "").strip(), element.get("Ccy", "")
        found = _AMOUNT.fullmatch(text)
        if found is None or not _CURRENCY.fullmatch(currency):
            raise self.unreadable(element, "Amt", f"{text} {currency}")
        cents = int(found[1] or 0) * 100 + int((found[2] or "").ljust(2, "0"))
        if cents > MAX_CENTS:
            raise self.unreadable(element, "Amt", text)
        return Money(cents, currency)

    def movement(self, element: etree._Element) -> tuple[Money, bool]:
        """Amount and direction (whether credit) of an element that must have both.

        Raises: BankValueUnreadable.
        """
        money, is_credit = self.money(element, "Amt"), self.is_credit(element)
        if money is None:
            raise self.unreadable(element, "Amt", "")
        if is_credit is None:
            raise self.unreadable(element, "CdtDbtInd", "")
        return money, is_credit

    def day(self, element: etree._Element, path: str) -> date | None:
        """The date at a path, given as `Dt` or, in Zurich time, as `DtTm`.

        Raises: BankValueUnreadable.
        """
        day, moment = self.text(element, f"{path}/Dt"), self.text(element, f"{path}/DtTm")
        return self.as_day(element, path, day or moment)

    def as_day(self, element: etree._Element, name: str, text: str) -> date | None:
        """The date that a text gives, alone or with a time; None for no text."""
        if not text:
            return None
        try:
            found = _DAY.fullmatch(text)
            return date.fromisoformat(found[1]) if found else _day_of(text)
        except ValueError as error:
            raise self.unreadable(element, name, text) from error

    def is_credit(self, element: etree._Element) -> bool | None:
        """Whether `CdtDbtInd` says so; None if it is missing.

        Raises: BankValueUnreadable.
        """
        text = self.text(element, "CdtDbtInd")
        if text not in {"CRDT", "DBIT", ""}:
            raise self.unreadable(element, "CdtDbtInd", text)
        return text == "CRDT" if text else None

    def unreadable(self, element: etree._Element, name: str, value: str) -> BankValueUnreadable:
        """The refusal of the file for this value."""
        return BankValueUnreadable(self.file, element.sourceline or 1, name, value[:_LONGEST])


def _day_of(moment: str) -> date:
    instant = datetime.fromisoformat(moment)
    return (local(instant) if instant.tzinfo else instant).date()


@cache
def _tags(namespace: str, path: str) -> tuple[str, ...]:
    return tuple(f"{{{namespace}}}{name}" for name in path.split("/"))
