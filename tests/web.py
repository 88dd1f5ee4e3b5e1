"""A browser without a screen: it keeps its cookies, and the token of the last page it saw."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from flask import Flask, has_app_context
from werkzeug.test import TestResponse

from tests.factories import PASSWORD

_TOKEN = re.compile(r'name="csrf_token"[^>]* value="([^"]+)"')
_FETCH = {"X-Requested-With": "fetch"}


class Browser:
    """Sends requests from one address; posts carry the page's token, as a person's would."""

    def __init__(self, app: Flask, *, address: str = "127.0.0.1") -> None:
        self.client = app.test_client()
        self.token = ""
        self._from = {"REMOTE_ADDR": address}

    def get(self, path: str, **options: Any) -> TestResponse:
        _be_outside()
        return self._keep_token(
            self.client.get(path, environ_base=self._from, buffered=True, **options)
        )

    def post(
        self,
        path: str,
        data: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        **more: Any,
    ) -> TestResponse:
        """Send a form; `token` replaces the page's own, "" sends none."""
        _be_outside()
        sent = {"csrf_token": self.token if token is None else token, **(data or {})}
        if token == "":
            del sent["csrf_token"]
        return self._keep_token(
            self.client.post(path, data=sent, environ_base=self._from, buffered=True, **more)
        )

    def fetch(self, path: str, data: dict[str, Any]) -> TestResponse:
        """Send a form as our script does, which gets a fragment."""
        return self.post(path, data, headers=_FETCH)

    def log_in(
        self, username: str, password: str = PASSWORD, path: str = "/login/"
    ) -> TestResponse:
        self.get(path)
        return self.post(path, {"username": username, "password": password})

    def log_out(self) -> TestResponse:
        self.get("/logout/")
        return self.post("/logout/")

    @property
    def is_logged_in(self) -> bool:
        return self.get("/").status_code == 200

    def _keep_token(self, answer: TestResponse) -> TestResponse:
        found = _TOKEN.search(answer.text) if answer.mimetype == "text/html" else None
        if found is not None:
            self.token = found[1]
        return answer


def _be_outside() -> None:
    """A request inside an application context would share its session, and so its scope."""
    assert not has_app_context(), "close the application context before sending a request"


def logged_in(app: Flask, username: str, *, address: str = "127.0.0.1") -> Browser:
    """A browser in which somebody is logged in, and has seen a page with a token."""
    browser = Browser(app, address=address)
    answer = browser.log_in(username)
    assert answer.status_code == 302, answer.text
    browser.get("/logout/")
    return browser


@dataclass
class Form:
    """A form of a page: where it goes, and what it sends if nobody touches it."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(name for name, _ in self.fields))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form":
            method = (given.get("method") or "get").lower()
            self.forms.append(Form(given.get("action") or "", method))
        elif tag == "select":
            self._select = name
            self._add(name, "")
        elif tag == "option" and self._select:
            self._add(self._select, value)
        elif tag in {"input", "textarea", "button"}:
            self._add(name, value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""

    def _add(self, name: str, value: str) -> None:
        if self.forms and name:
            self.forms[-1].fields.append((name, value))


def forms_of(page: str) -> list[Form]:
    """The forms of a page, with every value that their controls offer."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms


def text_of(page: str) -> str:
    """What a page says, without its tags, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())
