"""What every provider of online payments can do, and what it is asked with.

Amounts are centimes of CHF everywhere here; a provider that counts otherwise converts at its edge,
exactly. No method is called inside a transaction: each may wait for the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, Protocol

from app.errors import N_, Refusal
from app.money import Cents

CURRENCY: Final = "CHF"
LONGEST_ANSWER: Final = 1_000_000  # bytes
PATIENCE: Final = 5.0  # seconds for a whole answer


class Outcome(Enum):
    """What has become of a payment, in words that all providers share."""

    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    ABANDONED = "abandoned"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Order:
    """A payment to start. The number is ours, unique, and makes starting it twice one payment."""

    number: str
    amount: Cents
    language: str
    return_url: str
    cancel_url: str
    notification_url: str


@dataclass(frozen=True)
class Started:
    """The provider's name for the payment, and the page to send the browser to."""

    reference: str
    address: str


@dataclass(frozen=True)
class Standing:
    """A payment as its provider sees it; `merchant_is_ours` where the provider names one."""

    reference: str
    order_number: str
    outcome: Outcome
    amount: Cents
    currency: str
    merchant_is_ours: bool = True
    is_refunded: bool = False


@dataclass(frozen=True)
class Notice:
    """A notification whose signature is right: which payment, and what is said to have happened."""

    reference: str
    event: str


class Gateway(Protocol):
    """One provider. Raises: ProviderSilent whenever there is no answer that can be understood."""

    name: str

    def start(self, order: Order) -> Started:
        """Prepare a payment; the same order again gives the same one."""

    def fetch(self, reference: str) -> Standing:
        """The payment as it stands now: the only thing that is believed."""

    def read(self, body: bytes, headers: Mapping[str, str]) -> Notice:
        """A notification, its signature verified on the raw body. Raises: NotSigned."""

    def refund(self, standing: Standing, number: str) -> None:
        """Give a payment back the way it came, once for a number of ours."""


class ProviderSilent(Refusal):
    """The provider is down, slow, or answers what cannot be understood."""

    sentence = N_(
        "The payment service does not answer. Nothing was paid. Try again in a few minutes, or "
        "choose another way to top up."
    )
    status = 503


class NotSigned(Refusal):
    """A notification that is forged, altered or unreadable."""

    sentence = N_("We could not read this request. Reload the page and try again.")
    status = 403


class ProviderNotSet(Refusal):
    """No provider is configured, or the simulated one where real money is meant."""

    sentence = N_("Online payment is not open yet. Choose another way to top up.")
    status = 503
