"""Refusals and faults as the browser shows them: one sentence that says what to do next."""

from datetime import date, datetime
from typing import Any

from flask import Flask, Response, current_app, flash, redirect, render_template, request, url_for
from flask_babel import format_date, format_datetime, gettext
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as AnyResponse

from app.clock import local
from app.errors import MONEY, N_, BadInput, ChangedMeanwhile, Duplicate, InUse, NotFound, Refusal
from app.extensions import db
from app.money import format_chf

_SENTENCES = {
    400: N_("We could not read this request. Reload the page and try again."),
    401: N_("Please log in first."),
    403: N_("You may not do that. Ask the school secretariat."),
    404: N_("This page does not exist. Go back to the start page."),
    405: N_("This page cannot be opened this way. Go back to the start page."),
    413: N_("This file is too large. Choose one of 10 MB at most."),
    429: N_("Too many attempts. Wait a few minutes, then try again."),
    500: N_(
        "Something went wrong on our side and was noted. Nothing was changed. Try again later."
    ),
}
# How SQLite and PostgreSQL name what a constraint refused.
_CONFLICTS: dict[Any, type[Refusal]] = {
    "SQLITE_CONSTRAINT_FOREIGNKEY": InUse,
    "SQLITE_CONSTRAINT_TRIGGER": InUse,
    "23001": InUse,
    "23503": InUse,
    "SQLITE_CONSTRAINT_CHECK": BadInput,
    "SQLITE_CONSTRAINT_NOTNULL": BadInput,
    "23514": BadInput,
    "23502": BadInput,
}


def shown(name: str, value: Any) -> str:
    """A fact of a refusal as its reader writes it."""
    if name in MONEY:
        return format_chf(value)
    if isinstance(value, datetime):
        return str(format_datetime(local(value), "EEEE d MMMM, HH:mm", rebase=False))
    if isinstance(value, date):
        return str(format_date(value, "EEEE d MMMM"))
    return str(value)


def sentence_of(refusal: Refusal) -> str:
    """The refusal in the reader's language."""
    facts = {name: shown(name, value) for name, value in refusal.facts.items()}
    translated = str(gettext(refusal.sentence))
    return translated % facts if facts else translated


def is_fetch() -> bool:
    """Whether our script asks, which wants a fragment and not a page."""
    return request.headers.get("X-Requested-With") == "fetch"


def page(status: int, sentence: str) -> tuple[str, int]:
    """The sentence as a whole page, or alone for our script."""
    template = "home/error_fragment.html" if is_fetch() else "home/error.html"
    return render_template(template, title=gettext("Not possible"), sentence=sentence), status


def refusal_of(conflict: IntegrityError) -> Refusal:
    """What a constraint that a form did not foresee means to its reader."""
    cause: Any = conflict.orig
    code = getattr(cause, "sqlite_errorname", None) or getattr(cause, "sqlstate", None)
    return _CONFLICTS.get(code, Duplicate)()


def _on_refusal(refusal: Refusal) -> tuple[str, int]:
    db.session.rollback()
    return page(refusal.status, sentence_of(refusal))


def _on_conflict(error: Exception) -> tuple[str, int]:
    current_app.logger.warning("refused by the database", exc_info=error)
    if isinstance(error, IntegrityError):
        return _on_refusal(refusal_of(error))
    return _on_refusal(ChangedMeanwhile())


def _on_unreadable(error: DataError) -> tuple[str, int]:
    """What SQLite keeps and PostgreSQL cannot: a NUL, a number or a text that is too long."""
    current_app.logger.warning("not readable by the database", exc_info=error)
    return _on_refusal(BadInput())


def _on_number_too_long(_: OverflowError) -> tuple[str, int]:
    return _on_refusal(NotFound())


def _on_csrf(_: CSRFError) -> tuple[str, int] | AnyResponse:
    if not current_user.is_authenticated and not is_fetch():
        flash(gettext("Your session has ended. Please log in again."), "warning")
        return redirect(url_for("LoginView.login"))
    return page(400, gettext(_SENTENCES[400]))


def _on_http_error(error: HTTPException) -> tuple[str, int] | Response | AnyResponse:
    code = error.code or 500
    if error.response is not None or code < 400:  # noqa: PLR2004 - a redirect is no error
        return error.get_response()
    return page(code, gettext(_SENTENCES.get(code, _SENTENCES[400])))


def _on_fault(error: Exception) -> tuple[str, int]:
    # The rule, not the path: that one may hold the token of a mail.
    where = request.url_rule or "/"
    current_app.logger.error("fault at %s %s", request.method, where, exc_info=error)
    db.session.rollback()
    return page(500, gettext(_SENTENCES[500]))


def install(app: Flask) -> None:
    """One handler for each kind of trouble."""
    app.register_error_handler(Refusal, _on_refusal)
    app.register_error_handler(IntegrityError, _on_conflict)
    app.register_error_handler(StaleDataError, _on_conflict)
    app.register_error_handler(DataError, _on_unreadable)
    app.register_error_handler(OverflowError, _on_number_too_long)
    app.register_error_handler(CSRFError, _on_csrf)
    app.register_error_handler(HTTPException, _on_http_error)
    app.register_error_handler(Exception, _on_fault)
