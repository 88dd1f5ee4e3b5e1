"""Which language a page speaks, and how it writes dates."""

from flask import Flask, current_app, has_request_context, session
from flask_babel import get_locale
from flask_login import current_user

LOCALES = {"fr": "fr_CH", "en": "en_GB"}


def preferred_locale() -> str | None:
    """The user's stored language, else the session's; None is the default."""
    if not has_request_context():
        return None
    for code in (getattr(current_user, "language", None), session.get("locale")):
        if code is not None and code in current_app.config["LANGUAGES"]:
            return LOCALES[code]
    return None


def install(app: Flask) -> None:
    """Replace Flask-AppBuilder's selector, which writes a cookie and obeys any old one."""
    babel = app.extensions["babel"]
    babel.locale_selector = preferred_locale
    babel.instance.date_formats.update(
        {
            "date.short": "dd.MM.yyyy",
            "date.full": "EEEE d MMMM y",
            "datetime.short": "dd.MM.yyyy HH:mm",
        }
    )
    app.jinja_env.globals["lang"] = lambda: str(get_locale()).replace("_", "-")
