"""PostFinance Checkout by its official SDK, which is loaded when it is first asked (3 s).

It counts in francs, as floats: centimes become francs here and francs centimes, exactly or not at
all. Never run against the live service. Source: the SDK `postfinancecheckout` 6.4.0.
"""

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from time import monotonic
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from app.money import MAX_CENTS, Cents
from app.payments.gateway import (
    CURRENCY,
    PATIENCE,
    Notice,
    NotSigned,
    Order,
    Outcome,
    ProviderNotSet,
    ProviderSilent,
    Standing,
    Started,
)
from app.payments.providers.signing import LONGEST_BODY

HEADER: Final = "X-Signature"
LOOK_UP_EVERY: Final = 10.0  # seconds between two keys that we do not know
_SIGNED: Final = re.compile(
    r"algorithm=SHA256withECDSA, keyId=(?P<key>[a-z0-9-]{1,64}), signature=(?P<of>[A-Za-z0-9+/=]+)",
    re.ASCII,
)
_OUTCOMES: Final = {
    "FULFILL": Outcome.PAID,
    "FAILED": Outcome.FAILED,
    "DECLINE": Outcome.FAILED,
    "VOIDED": Outcome.ABANDONED,
}
# By host and key id, for as long as the process lives.
_KEYS: Final[dict[tuple[str, str], ec.EllipticCurvePublicKey]] = {}
_LAST_LOOK_UP: Final[dict[str, float]] = {}


def from_settings(config: Mapping[str, Any]) -> "PostFinance":
    """Raises: ProviderNotSet without credentials."""
    space, user = config["POSTFINANCE_SPACE_ID"], config["POSTFINANCE_USER_ID"]
    secret = config["POSTFINANCE_SECRET"]
    if not (space.isdigit() and user.isdigit() and secret):
        raise ProviderNotSet
    return PostFinance(config["POSTFINANCE_HOST"], int(space), int(user), secret)


@dataclass(frozen=True)
class PostFinance:
    """One space at PostFinance Checkout."""

    host: str
    space: int
    user: int
    secret: str
    name: str = "postfinance"

    def start(self, order: Order) -> Started:
        """A transaction of one line. One started twice is shown once, and never paid twice."""
        with _understood():
            from postfinancecheckout import models  # noqa: PLC0415 - see above

            line = models.LineItemCreate(
                name=order.number,
                quantity=1,
                amountIncludingTax=to_francs(order.amount),
                type=models.LineItemType.PRODUCT,
                uniqueId=order.number,
            )
            wanted = models.TransactionCreate(
                lineItems=[line],
                currency=CURRENCY,
                language=order.language,
                merchantReference=order.number,
                successUrl=order.return_url,
                failedUrl=order.cancel_url,
                autoConfirmationEnabled=True,
                completionBehavior=models.TransactionCompletionBehavior.COMPLETE_IMMEDIATELY,
            )
            service = self._service("TransactionsService")
            made = service.post_payment_transactions(self.space, wanted)
            address = service.get_payment_transactions_id_payment_page_url(made.id, self.space)
        if type(made.id) is not int or not str(address).startswith(("https://", "http://")):
            raise ProviderSilent
        return Started(str(made.id), str(address))

    def fetch(self, reference: str) -> Standing:
        """Paid is FULFILL alone: before it the money may still not come."""
        with _understood():
            service = self._service("TransactionsService")
            said = service.get_payment_transactions_id(int(reference), self.space)
        if said.state is None:
            raise ProviderSilent
        outcome = _OUTCOMES.get(said.state.value, Outcome.PENDING)
        amount = to_cents(said.completed_amount) if outcome is Outcome.PAID else 0
        return Standing(
            reference=str(said.id),
            order_number=said.merchant_reference or "",
            outcome=outcome,
            amount=amount,
            currency=said.currency or "",
            merchant_is_ours=said.linked_space_id == self.space,
            is_refunded=amount > 0 and to_cents(said.refunded_amount or 0) >= amount,
        )

    def read(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """Signed with a key of theirs, which we ask them for once."""
        found = _SIGNED.fullmatch(headers.get(HEADER, ""))
        if found is None or len(body) > LONGEST_BODY:
            raise NotSigned
        try:
            signature = b64decode(found["of"], validate=True)
            self._key(found["key"]).verify(signature, body, ec.ECDSA(SHA256()))
            said = json.loads(body)
            if said["spaceId"] != self.space:
                raise NotSigned
            event = said.get("state") or said["eventId"]
            return Notice(str(int(said["entityId"])), str(event)[:60])
        except (InvalidSignature, ValueError, KeyError, TypeError):
            raise NotSigned from None

    def refund(self, standing: Standing, number: str) -> None:
        """Our number is their `externalId`: the same one again gives nothing back."""
        if standing.is_refunded:
            return
        with _understood():
            from postfinancecheckout import models  # noqa: PLC0415 - see above

            wanted = models.RefundCreate(
                amount=to_francs(standing.amount),
                externalId=number,
                merchantReference=number,
                transaction=int(standing.reference),
                type=models.RefundType.MERCHANT_INITIATED_ONLINE,
            )
            self._service("RefundsService").post_payment_refunds(self.space, wanted)

    def _key(self, key_id: str) -> ec.EllipticCurvePublicKey:
        """Who forges notifications with keys of their own makes us ask, but seldom."""
        known = _KEYS.get((self.host, key_id))
        if known is None:
            now = monotonic()
            if now - _LAST_LOOK_UP.get(self.host, -LOOK_UP_EVERY) < LOOK_UP_EVERY:
                raise ProviderSilent
            _LAST_LOOK_UP[self.host] = now
            known = _KEYS[self.host, key_id] = self._look_up(key_id)
        return known

    def _look_up(self, key_id: str) -> ec.EllipticCurvePublicKey:
        with _understood():
            service = self._service("WebhookEncryptionKeysService")
            written = service.get_webhooks_encryption_keys_id(key_id)
        key = load_der_public_key(b64decode(str(written)))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise NotSigned
        return key

    def _service(self, name: str) -> Any:
        from postfinancecheckout import Configuration, service  # noqa: PLC0415 - see above

        settings = Configuration(
            host=self.host,
            user_id=self.user,
            authentication_key=self.secret,
            request_timeout=PATIENCE,
        )
        return getattr(service, name)(settings)


@contextmanager
def _understood() -> Iterator[None]:
    """Whatever the SDK raises is an answer that we did not get.

    It raises urllib3's errors, pydantic's, its own, and others for answers it does not foresee.
    """
    try:
        yield
    except ImportError:
        raise ProviderNotSet from None
    except Exception as error:
        raise ProviderSilent from error


def to_francs(amount: Cents) -> float:
    """The float that is written with exactly these two decimals."""
    return float(Decimal(amount) / 100)


def to_cents(francs: float | None) -> Cents:
    """Exact, by the decimals that were written. Raises: ProviderSilent for what is between."""
    if type(francs) not in {int, float}:
        raise ProviderSilent
    cents = Decimal(repr(francs)) * 100
    if not cents.is_finite() or cents != int(cents) or abs(cents) > MAX_CENTS:
        raise ProviderSilent
    return int(cents)
