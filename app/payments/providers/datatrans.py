"""Datatrans by its REST interface. Source: its OpenAPI description 2.0.32.

Never run against the live service, nor against its sandbox.
"""

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

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
from app.payments.providers.calling import ask
from app.payments.providers.signing import verify

HEADER: Final = "Datatrans-Signature"
_OUTCOMES: Final = {
    "settled": Outcome.PAID,
    "transmitted": Outcome.PAID,
    "failed": Outcome.FAILED,
    "canceled": Outcome.ABANDONED,
}


def from_settings(config: Mapping[str, Any]) -> "Datatrans":
    """Raises: ProviderNotSet without credentials, or with a signing key that is none."""
    merchant, password = config["DATATRANS_MERCHANT_ID"], config["DATATRANS_PASSWORD"]
    try:
        key = bytes.fromhex(config["DATATRANS_SIGN_KEY"])
    except ValueError:
        raise ProviderNotSet from None
    if not (merchant and password and key):
        raise ProviderNotSet
    return Datatrans(
        api=config["DATATRANS_API"].rstrip("/"),
        pages=config["DATATRANS_PAGES"].rstrip("/"),
        merchant=merchant,
        password=password,
        key=key,
        methods=tuple(config["DATATRANS_METHODS"].split(",")),
    )


@dataclass(frozen=True)
class Datatrans:
    """One merchant at Datatrans."""

    api: str
    pages: str
    merchant: str
    password: str
    key: bytes
    methods: tuple[str, ...]
    name: str = "datatrans"

    def start(self, order: Order) -> Started:
        """A transaction that settles by itself once it is authorised."""
        sent = {
            "refno": order.number,
            "currency": CURRENCY,
            "amount": order.amount,
            "autoSettle": True,
            "language": order.language,
            "paymentMethods": list(self.methods),
            "redirect": {
                "successUrl": order.return_url,
                "cancelUrl": order.cancel_url,
                "errorUrl": order.return_url,
                "method": "GET",
            },
            "webhook": {"url": order.notification_url},
        }
        said = self._ask("POST", "/v1/transactions", sent, key=order.number)
        reference = _text(said, "transactionId")
        if not (reference.isascii() and reference.isalnum()):
            raise ProviderSilent
        return Started(reference, f"{self.pages}/v1/start/{reference}")

    def fetch(self, reference: str) -> Standing:
        """A page that was opened and left stays "initialized" for ever: that is our clock's."""
        said = self._ask("GET", f"/v1/transactions/{reference}")
        outcome = _OUTCOMES.get(_text(said, "status"), Outcome.PENDING)
        return Standing(
            reference=_text(said, "transactionId"),
            order_number=_text(said, "refno"),
            outcome=outcome,
            amount=_settled_amount(said) if outcome is Outcome.PAID else 0,
            currency=_text(said, "currency"),
            merchant_is_ours=said.get("merchantId") == self.merchant
            and said.get("type") == "payment",
            is_refunded=_is_credited(said),
        )

    def read(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """The state as it was when it was sent: only that something happened is taken from it."""
        verify(self.key, headers.get(HEADER, ""), body)
        try:
            said = json.loads(body)
            return Notice(_text(said, "transactionId"), _text(said, "status")[:60])
        except (ValueError, AttributeError, ProviderSilent):
            raise NotSigned from None

    def refund(self, standing: Standing, number: str) -> None:
        """Its keys are forgotten after an hour: `standing` says whether it happened before."""
        if standing.is_refunded:
            return
        sent = {"amount": standing.amount, "currency": CURRENCY, "refno": number}
        self._ask("POST", f"/v1/transactions/{standing.reference}/credit", sent, key=number)

    def _ask(
        self, method: str, path: str, sent: dict[str, Any] | None = None, *, key: str = ""
    ) -> dict[str, Any]:
        login = b64encode(f"{self.merchant}:{self.password}".encode()).decode()
        headers = {"Authorization": f"Basic {login}"}
        if key:
            headers["Idempotency-Key"] = key
        status, said = ask(method, f"{self.api}{path}", headers, sent)
        if status not in {200, 201} or "error" in said:
            raise ProviderSilent
        return said


def _text(said: dict[str, Any], name: str) -> str:
    """Raises: ProviderSilent where the answer lacks what it must name."""
    value = said.get(name)
    if not isinstance(value, str):
        raise ProviderSilent
    return value


def _settled_amount(said: dict[str, Any]) -> int:
    """In centimes, as it was settled. Raises: ProviderSilent for what is no whole number."""
    try:
        amount = said["detail"]["settle"]["amount"]
    except (KeyError, TypeError):
        raise ProviderSilent from None
    if type(amount) is not int:
        raise ProviderSilent
    return amount


def _is_credited(said: dict[str, Any]) -> bool:
    history = said.get("history")
    return isinstance(history, list) and any(
        isinstance(step, dict) and step.get("action") == "credit" and step.get("success") is True
        for step in history
    )
