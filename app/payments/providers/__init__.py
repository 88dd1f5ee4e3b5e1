"""The providers of online payments, one file each, chosen by ONLINE_PROVIDER."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

from app.payments.gateway import Gateway, ProviderNotSet

NAMES: Final = ("simulated", "datatrans", "postfinance")


def gateway_of(name: str, config: Mapping[str, Any]) -> Gateway:
    """A provider with the deployment's settings; its module is loaded when it is first needed.

    Raises: ProviderNotSet for a name we do not know, for one whose credentials are missing, and for
    the simulated one in production.
    """
    if name not in NAMES:
        raise ProviderNotSet
    gateway: Gateway = import_module(f"{__name__}.{name}").from_settings(config)
    return gateway


def current_gateway(config: Mapping[str, Any]) -> Gateway:
    """The provider for new payments. Raises: ProviderNotSet."""
    return gateway_of(config["ONLINE_PROVIDER"], config)


def is_open(config: Mapping[str, Any]) -> bool:
    """Whether families can pay online."""
    try:
        current_gateway(config)
    except ProviderNotSet:
        return False
    return True
