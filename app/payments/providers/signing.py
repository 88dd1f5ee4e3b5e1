"""Signatures made with a secret that we share with a provider."""

import hashlib
import hmac
import re
from typing import Final

from app.payments.gateway import NotSigned

LONGEST_BODY: Final = 100_000  # bytes
_HEADER: Final = re.compile(r"t=(?P<time>\d{1,15}),s0=(?P<signature>[0-9a-f]{64})", re.ASCII)


def sign(key: bytes, time: str, body: bytes) -> str:
    """HMAC-SHA256 over time and raw body, as the header carries it."""
    signature = hmac.new(key, time.encode() + body, hashlib.sha256).hexdigest()
    return f"t={time},s0={signature}"


def verify(key: bytes, header: str, body: bytes) -> None:
    """Raises: NotSigned unless the header was made for exactly this body with the key."""
    found = _HEADER.fullmatch(header)
    if found is None or len(body) > LONGEST_BODY:
        raise NotSigned
    if not hmac.compare_digest(sign(key, found["time"], body), header):
        raise NotSigned
