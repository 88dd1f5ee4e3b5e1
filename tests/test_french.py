"""No English on any page: every page that a link leads to, for every role, on the demo canteen."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import urlparse

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask_migrate import upgrade

from app.cli import init_canteen
from app.demo import PASSWORD, load_demo
from tests.conftest import FrozenClock
from tests.database import MIGRATIONS, create_test_app, running, sqlite_url
from tests.web import Browser

CATALOGUE = Path(__file__).parent.parent / "translations/fr/LC_MESSAGES/messages.po"
LOGINS: Final = ("parent", "secretariat", "caisse", "cuisine", "compta", "comite", "admin")
PAGES_PER_ROLE = 60
# Words that no French sentence of ours holds.
ENGLISH: Final = re.compile(
    r"\b(the|and|you|your|with|from|this|that|are|was|not|please|add|edit|show|delete|save|"
    r"search|back|none|yes|record|records|page size|order by|choose|until|between)\b",
    re.IGNORECASE,
)
NAMES: Final = re.compile(r"\S+@\S+|https?://\S+|« [^»]* »")
ATTRIBUTES: Final = {"aria-label", "title", "placeholder", "alt", "data-confirm", "data-failed"}


class Words(HTMLParser):
    """Everything of a page that is read by people, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.links: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unread += tag in {"script", "style"}
        for name, value in attrs:
            if name in ATTRIBUTES and value:
                self.texts.append(value)
            if tag == "a" and name == "href" and value:
                self.links.append(value)

    def handle_endtag(self, tag: str) -> None:
        self._unread -= tag in {"script", "style"}

    def handle_data(self, data: str) -> None:
        if not self._unread and data.strip():
            self.texts.append(" ".join(data.split()))


def untranslated() -> frozenset[str]:
    """The catalogue's English messages that have a French of their own."""
    with CATALOGUE.open("rb") as file:
        catalogue = read_po(file)
    single = [m for m in catalogue if isinstance(m.id, str) and m.id]
    return frozenset(str(m.id) for m in single if m.id != m.string)


def english_in(texts: list[str], messages: frozenset[str]) -> set[str]:
    """The texts that are an English message, or hold an English word."""
    return {t for t in texts if t in messages or ENGLISH.search(NAMES.sub("", t))}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("french")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.clock.now", FrozenClock("2026-11-16 09:30").now)
        app = create_test_app(sqlite_url(folder / "demo.sqlite"), folder / "outbox")
        with running(app):
            with app.app_context():
                upgrade(directory=str(MIGRATIONS))
                init_canteen()
                load_demo(families=12, weeks=4)
            yield app


def pages(browser: Browser) -> Iterator[tuple[str, Words]]:
    """Follow the links from the front page, one address of each shape."""
    seen: set[str] = set()
    waiting = ["/"]
    while waiting and len(seen) < PAGES_PER_ROLE:
        path = waiting.pop(0)
        shape = re.sub(r"\d+", "N", path)
        if shape in seen:
            continue
        seen.add(shape)
        answer = browser.get(path)
        if answer.mimetype == "text/html" and answer.status_code == 200:
            words = Words()
            words.feed(answer.text)
            waiting += [x for x in words.links if x.startswith("/") and not urlparse(x).netloc]
            yield path, words


@pytest.mark.parametrize("username", LOGINS)
def test_no_page_holds_an_english_word(demo: Flask, username: str) -> None:
    browser = Browser(demo)
    browser.log_in(username, PASSWORD)
    messages = untranslated()

    read = dict(pages(browser))

    assert len(read) > 5
    found = {path: english_in(words.texts, messages) for path, words in read.items()}
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_visitors_read_french_too(demo: Flask) -> None:
    browser, messages = Browser(demo), untranslated()

    for path in ("/login/", "/logout/", "/mot-de-passe/oubli/form", "/nowhere"):
        words = Words()
        words.feed(browser.get(path).text)

        assert words.texts
        assert english_in(words.texts, messages) == set()


@pytest.mark.parametrize("text", ["Add a class", "Seats taken", "Save this, please"])
def test_an_english_text_is_found(text: str) -> None:
    assert english_in(["Bonjour", text], untranslated()) == {text}


@pytest.mark.parametrize("text", ["Réserver", "Menu", "anne@the.ch", "« From »"])
def test_a_french_text_is_left_alone(text: str) -> None:
    assert english_in([text], untranslated()) == set()
