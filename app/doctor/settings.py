"""The deployment's settings: whether they are those of a canteen, or still those of a trial."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from flask_babel import gettext

from app.backup.sealing import SHORTEST_KEY
from app.doctor.finding import Finding, Level, for_real
from app.payments.gateway import ProviderNotSet
from app.payments.providers import current_gateway

SHORTEST_SECRET: Final = 32  # characters
FEWEST_LETTERS: Final = 8  # different ones
_HERE: Final = frozenset({"127.0.0.1", "localhost", "::1", None})
_NO_SENDER: Final = "cantine@localhost"

Config = Mapping[str, Any]


def check_settings(config: Config) -> Iterator[Finding]:
    """What can be said of the settings alone."""
    yield _mode(config)
    yield _address(config)
    yield _proxies(config)
    yield _secret_key(config)
    yield _backup_key(config)
    yield _sender(config)
    yield _payments(config)


def _mode(config: Config) -> Finding:
    title = gettext("Production")
    if config["PRODUCTION"]:
        return Finding(Level.OK, title, gettext("PRODUCTION=1: cookies by HTTPS only."))
    if _host(config) in _HERE:
        return Finding(Level.OK, title, gettext("No: a trial on this machine."))
    told = gettext("PRODUCTION is not 1, and the address is public. Set PRODUCTION=1.")
    return Finding(Level.WARNING, title, told)


def _host(config: Config) -> str | None:
    try:
        return urlsplit(config["PUBLIC_URL"]).hostname
    except ValueError:
        return None


def _address(config: Config) -> Finding:
    title, url = gettext("Public address"), config["PUBLIC_URL"]
    if not url.startswith("https://") or _host(config) in _HERE:
        told = gettext(
            "PUBLIC_URL is %(url)s: links in mails and letters lead there. Families need an address"
            " that begins with https://.",
            url=url,
        )
        return Finding(for_real(config["PRODUCTION"]), title, told)
    return Finding(Level.OK, title, url)


def _proxies(config: Config) -> Finding:
    title, number = gettext("Proxies"), config["TRUSTED_PROXIES"]
    if config["PRODUCTION"] and number == 0:
        told = gettext(
            "TRUSTED_PROXIES is 0: behind nginx all families have the same address, and a few wrong"
            " passwords lock all of them out. Set it to 1 there."
        )
        return Finding(Level.WARNING, title, told)
    return Finding(Level.OK, title, f"TRUSTED_PROXIES={number}")


def _secret_key(config: Config) -> Finding:
    title, key = gettext("Secret key"), config["SECRET_KEY"]
    if len(key) < SHORTEST_SECRET or len(set(key)) < FEWEST_LETTERS:
        told = gettext(
            "SECRET_KEY can be guessed: whoever does logs in as anybody. Set a random one of at"
            " least %(length)s characters.",
            length=SHORTEST_SECRET,
        )
        return Finding(for_real(config["PRODUCTION"]), title, told)
    return Finding(Level.OK, title, gettext("SECRET_KEY is set."))


def _backup_key(config: Config) -> Finding:
    title, key = gettext("Key of the backups"), config["BACKUP_KEY"]
    if not key:
        told = gettext(
            "BACKUP_KEY is not set: whoever finds a backup reads names, health data and balances."
        )
        return Finding(Level.WARNING, title, told)
    if len(key) < SHORTEST_KEY:
        told = gettext(
            "BACKUP_KEY is too short: choose one of at least %(length)s characters.",
            length=SHORTEST_KEY,
        )
        return Finding(Level.ERROR, title, told)
    told = gettext("BACKUP_KEY is set. Keep it elsewhere too: backups are lost without it.")
    return Finding(Level.OK, title, told)


def _sender(config: Config) -> Finding:
    title, sender = gettext("Sender of the mails"), config["MAIL_DEFAULT_SENDER"]
    if sender == _NO_SENDER:
        told = gettext("MAIL_SENDER is not set: mail servers refuse %(sender)s.", sender=sender)
        return Finding(for_real(config["PRODUCTION"]), title, told)
    return Finding(Level.OK, title, sender)


def _payments(config: Config) -> Finding:
    title, name = gettext("Online payment"), config["ONLINE_PROVIDER"]
    if not name:
        return Finding(Level.OK, title, gettext("Closed: ONLINE_PROVIDER is empty."))
    try:
        current_gateway(config)
    except ProviderNotSet:
        told = gettext(
            "%(name)s cannot be used: its access data are missing, or it is the simulated one."
            " Families cannot pay online.",
            name=name,
        )
        return Finding(Level.WARNING, title, told)
    if name == "simulated":
        return Finding(Level.OK, title, gettext("Simulated: no money moves."))
    if name == "datatrans" and "sandbox" in config["DATATRANS_API"]:
        told = gettext("datatrans, on its sandbox: no money moves.")
        return Finding(for_real(config["PRODUCTION"]), title, told)
    return Finding(Level.OK, title, name)
