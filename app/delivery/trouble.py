"""Why a mail was not taken: kept as a word and figures, without names; shown as a sentence."""

import re
import smtplib
from collections.abc import Mapping
from typing import Any, Final

import flask_mail
from flask_babel import lazy_gettext as _l

_PERMANENT: Final = range(500, 600)
_ENHANCED: Final = re.compile(r"\b[245]\.\d{1,3}\.\d{1,3}\b")

SENTENCES: Final[Mapping[str, Any]] = {
    "server": _l("The mail server cannot be reached. The mail is tried again."),
    "hung-up": _l("The mail server hung up or did not answer in time. The mail is tried again."),
    "later": _l("The mail server asked to try again later."),
    "refused": _l("The mail server refused the mail. Check the address, then send it again."),
    "reader": _l("The reader has no mail address any more, or no longer holds the account."),
    "header": _l("The address or the name holds characters that no mail may have."),
    "compose": _l("The mail could not be written. The administrator finds why in the log."),
    "folder": _l("The mail could not be kept as a file. Ask the administrator."),
}


class Undelivered(Exception):
    """A mail that was not taken; `code` is a word of SENTENCES, with the server's figures.

    `is_final`: trying again would be refused again. `is_server`: no other mail would fare better.
    """

    def __init__(self, code: str, *, is_final: bool = False, is_server: bool = False) -> None:
        super().__init__(code)
        self.code, self.is_final, self.is_server = code, is_final, is_server


def sentence_of_code(code: str) -> str:
    """What a code means, and the figures for whoever looks after the server."""
    word, _, figures = code.partition(" ")
    sentence = str(SENTENCES.get(word, ""))
    return f"{sentence} ({figures})" if figures else sentence


def unreachable(error: Exception) -> Undelivered:
    """The server did not let us in: nothing is wrong with the mail."""
    return Undelivered(f"server {_figures(error)}".strip(), is_server=True)


def undelivered(error: Exception) -> Undelivered:
    """What the server, or the message itself, did to one mail.

    A 5xx about the reader or the text is final; about us as a sender somebody may mend it.
    """
    if isinstance(error, flask_mail.BadHeaderError):
        return Undelivered("header", is_final=True)
    figures = _figures(error)
    if not figures:
        return Undelivered("hung-up")
    is_permanent = int(figures[:3]) in _PERMANENT
    is_about_us = isinstance(error, smtplib.SMTPSenderRefused)
    word = "refused" if is_permanent else "later"
    return Undelivered(f"{word} {figures}", is_final=is_permanent and not is_about_us)


def _figures(error: Exception) -> str:
    """The reply's codes, such as 550 5.1.1; its text may hold an address and is left out."""
    reply: object
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, reply = error.smtp_code, error.smtp_error
    else:
        return ""
    found = _ENHANCED.search(str(reply))
    return f"{code} {found[0]}" if found else str(code)
