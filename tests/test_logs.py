"""The log tells what failed and where, and nothing about anybody."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest
from flask import Flask

from app.logs import Lines, install
from tests.web import Browser


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What goes to the log, as lines."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Lines())
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)


def fail(token: str) -> str:
    try:
        return dict[str, str]()[token]
    except LookupError as error:
        raise ValueError(token) from error


def test_a_fault_is_one_line_with_its_places_and_causes_and_without_its_text(
    written: StringIO,
) -> None:
    try:
        fail("Zoé Martin")
    except ValueError:
        logging.getLogger("app.somewhere").exception("job %s failed", "close days")

    (line,) = written.getvalue().splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"]) == ("error", "app.somewhere")
    assert told["message"] == "job close days failed"
    assert [fault["kind"] for fault in told["faults"]] == [
        "builtins.ValueError",
        "builtins.KeyError",
    ]
    assert told["faults"][0]["places"][-1].startswith("tests/test_logs.py:")
    assert told["faults"][0]["places"][-1].endswith(" fail")
    assert "Zoé" not in line


def test_a_fault_of_a_page_tells_neither_what_was_sent_nor_the_token_of_its_address(
    app: Flask, written: StringIO
) -> None:
    app.add_url_rule("/faulty/<token>", view_func=fail)

    answer = Browser(app).get("/faulty/s3cr3t?child=Zoe")

    (line,) = [each for each in written.getvalue().splitlines() if "faulty" in each]
    assert answer.status_code == 500
    assert json.loads(line)["message"] == "fault at GET /faulty/<token>"
    assert "s3cr3t" not in line
    assert "Zoe" not in line


def test_lines_are_written_once_however_many_applications_there_are() -> None:
    root = logging.getLogger()
    before = list(root.handlers)
    try:
        install("text")
        assert root.handlers == before
        install("json")
        install("json")
        assert len(root.handlers) == len(before) + 1
    finally:
        root.handlers[:] = before
