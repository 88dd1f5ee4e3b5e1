"""Asking a provider over HTTPS: one answer within five seconds and a megabyte, or ProviderSilent.

A provider that sends one byte a second would outlast any timeout of a single read.
"""

import json
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import urllib3

from app.payments.gateway import LONGEST_ANSWER, PATIENCE, ProviderSilent

_POOL: Final = urllib3.PoolManager(retries=False)
_PIECE: Final = 65_536


def ask(
    method: str, url: str, headers: Mapping[str, str], sent: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """Status and JSON object of the answer. Raises: ProviderSilent; never follows a redirect."""
    until = monotonic() + PATIENCE
    try:
        answer = _POOL.request(
            method,
            url,
            headers={"Accept": "application/json", **headers},
            json=sent,
            timeout=urllib3.Timeout(total=PATIENCE),
            redirect=False,
            preload_content=False,
        )
        with answer:
            said = json.loads(_whole(answer, until))
    except (urllib3.exceptions.HTTPError, OSError, ValueError):
        raise ProviderSilent from None
    if answer.status >= 500 or not isinstance(said, dict):  # noqa: PLR2004 - their fault
        raise ProviderSilent
    return answer.status, said


def _whole(answer: urllib3.BaseHTTPResponse, until: float) -> bytes:
    received = b""
    while piece := answer.read1(_PIECE):
        received += piece
        if len(received) > LONGEST_ANSWER or monotonic() > until:
            raise ProviderSilent
    return received
