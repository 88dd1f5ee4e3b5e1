"""A provider for trying things out: its page says that no money moves, and none does.

What a visitor chose on its page lies in a file per payment, apart from our database, as a real
provider's records would. It refuses to exist in production.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from app.money import Cents
from app.payments.gateway import (
    CURRENCY,
    Notice,
    NotSigned,
    Order,
    Outcome,
    ProviderNotSet,
    ProviderSilent,
    Standing,
    Started,
)
from app.payments.providers.signing import verify

HEADER: Final = "Simulated-Signature"


def from_settings(config: Mapping[str, Any]) -> "Simulated":
    """The provider in its folder. Raises: ProviderNotSet in production."""
    if config["PRODUCTION"]:
        raise ProviderNotSet
    key = blake2b(config["SECRET_KEY"].encode(), person=b"simulated", digest_size=32).digest()
    return Simulated(Path(config["SIMULATED_FOLDER"]), key)


@dataclass(frozen=True)
class Simulated:
    """Keeps each payment as JSON in a file that is named by its order."""

    folder: Path
    key: bytes
    name: str = "simulated"

    def start(self, order: Order) -> Started:
        """Whoever comes second with an order finds it started."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self._path(order.number).exists():
            self._write(order.number, {"outcome": "pending", "amount": order.amount})
        page = order.return_url.replace("/retour/", "/simule/")
        return Started(f"sim-{order.number}", page)

    def fetch(self, reference: str) -> Standing:
        """What was chosen on the page."""
        number = reference.removeprefix("sim-")
        kept = self._read(number)
        return Standing(
            reference=reference,
            order_number=number,
            outcome=Outcome(kept["outcome"]),
            amount=kept["amount"],
            currency=CURRENCY,
            is_refunded=kept.get("refunded", False),
        )

    def read(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """Signed as Datatrans signs, with a key made from our own secret."""
        verify(self.key, headers.get(HEADER, ""), body)
        try:
            said = json.loads(body)
            return Notice(str(said["reference"]), str(said["outcome"])[:60])
        except (ValueError, KeyError, TypeError):
            raise NotSigned from None

    def refund(self, standing: Standing, number: str) -> None:
        """Once is enough."""
        kept = self._read(standing.order_number)
        self._write(standing.order_number, {**kept, "refunded": True, "refund": number})

    def choose(self, number: str, outcome: Outcome) -> None:
        """What the visitor does on the page; what is paid stays paid."""
        kept = self._read(number)
        if kept["outcome"] != Outcome.PAID.value:
            self._write(number, {**kept, "outcome": outcome.value})

    def amount_of(self, number: str) -> Cents:
        """What the page asks for."""
        amount: Cents = self._read(number)["amount"]
        return amount

    def _path(self, number: str) -> Path:
        if not number.isalnum():
            raise ProviderSilent
        return self.folder / f"{number}.json"

    def _read(self, number: str) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads(self._path(number).read_text())
        except (OSError, ValueError):
            raise ProviderSilent from None
        return kept

    def _write(self, number: str, kept: dict[str, Any]) -> None:
        """All of it or nothing: a reader never sees half a file."""
        path = self._path(number)
        unfinished = path.with_suffix(f".{os.getpid()}")
        unfinished.write_text(json.dumps(kept))
        unfinished.replace(path)
