"""Documents: published for some days, replaced, put in order; who took them home is known."""

from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app.models import Document, DocumentDownload, DocumentVersion
from tests.conftest import FrozenClock
from tests.declared.acting import count, family, in_french, one
from tests.web import Browser, logged_in, text_of

FIRST, SECOND = b"%PDF-1.4 one", b"%PDF-1.4 two"


@pytest.fixture
def office(app: Flask, frozen_clock: FrozenClock) -> Browser:
    return logged_in(app, "secretariat")


def send(office: Browser, path: str, content: bytes, **fields: Any) -> Any:
    office.get(path)
    file = (BytesIO(content), "Règlement.pdf")
    answer = office.post(path, {**fields, "file": file}, content_type="multipart/form-data")
    answer.request.environ["wsgi.input"].close()
    return answer


def add(office: Browser, title: str, content: bytes = FIRST, **fields: Any) -> None:
    answer = send(office, "/documentview/add", content, title=title, position="0", **fields)
    assert answer.status_code == 302, text_of(answer.text)


def test_families_find_a_document_from_its_first_day_to_its_last(
    app: Flask, office: Browser, frozen_clock: FrozenClock
) -> None:
    parent = logged_in(app, family(app).username)
    add(office, "Camp", published_from="2026-11-18", published_until="2026-11-19")

    statuses = []
    for _ in range(5):  # from Monday to Friday
        statuses.append(parent.get("/my/documents/file/1").status_code)
        frozen_clock.advance(timedelta(days=1))

    assert statuses == [404, 404, 200, 200, 404]


def test_days_that_make_no_sense_are_refused(app: Flask, office: Browser) -> None:
    for days, sentence in (
        ({"published_until": "2026-11-19"}, "Enter the first day as well."),
        (
            {"published_from": "2026-11-19", "published_until": "2026-11-18"},
            "The last day must not lie before the first day.",
        ),
    ):
        answer = send(office, "/documentview/add", FIRST, title="Camp", position="0", **days)

        assert in_french(app, sentence) in text_of(answer.text)
        assert count(app, Document) == 0


def test_a_file_that_is_replaced_stays_for_staff_and_families_get_the_new_one(
    app: Flask, office: Browser
) -> None:
    parent = logged_in(app, family(app).username)
    add(office, "Règlement", published_from="2026-11-01")
    parent.get("/my/documents/file/1")

    for _ in range(2):  # a double click
        send(office, "/documentview/replace/1", SECOND)
    refused = send(office, "/documentview/replace/1", b"<html>")

    assert refused.status_code == 200
    assert parent.get("/my/documents/file/1").data == SECOND
    assert office.get("/documentversionview/file/1").data == FIRST
    assert parent.get("/documentversionview/file/1").status_code in {302, 403, 404}
    assert (count(app, DocumentVersion), one(app, sa.select(Document.version))) == (1, 2)
    page = text_of(office.get("/documentview/show/1").text)
    assert in_french(app, "Earlier files") in page


def test_who_downloads_a_document_is_noted_with_its_version(app: Flask, office: Browser) -> None:
    known = family(app)
    parent = logged_in(app, known.username)
    add(office, "Règlement", published_from="2026-11-01")

    answer = parent.get("/my/documents/file/1")
    refused = parent.get("/my/documents/file/2")
    listed = office.get("/documentdownloadview/list/")
    shown = office.get("/documentview/show/1")

    assert (answer.status_code, refused.status_code) == (200, 404)
    assert answer.headers["Content-Disposition"].startswith("attachment;")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert one(app, sa.select(DocumentDownload.user_id)) == known.user_id
    assert count(app, DocumentDownload) == 1
    name = known.username.capitalize()
    assert name in listed.text
    assert name in shown.text
    assert parent.get("/documentdownloadview/list/").status_code in {302, 403, 404}


def test_a_document_is_moved_among_the_others(app: Flask, office: Browser) -> None:
    for title in ("a", "b", "c"):
        add(office, title, FIRST + title.encode())
    titles = sa.select(Document.title).order_by(Document.position, Document.id)

    def order() -> list[str]:
        from tests.sessions import reading

        with reading(app) as session:
            return list(session.scalars(titles))

    office.post("/documentview/action/up/3")
    moved = order()
    office.post("/documentview/action/down/1")
    office.post("/documentview/action/up/3")  # is the first by now, and stays

    assert moved == ["a", "c", "b"]
    assert order() == ["c", "a", "b"]
