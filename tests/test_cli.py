"""What the commands say when something is refused."""

import pytest
from flask import Flask

from app.errors import InsufficientFunds
from app.web_errors import sentence_of


def test_a_refused_command_says_the_sentence_of_the_pages_with_its_francs(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise InsufficientFunds(balance=-1_250, amount=123_450)

    monkeypatch.setattr("app.demo.load_demo", refuse)

    refused = app.test_cli_runner().invoke(args=["canteen", "demo"])

    with app.app_context():
        sentence = sentence_of(InsufficientFunds(balance=-1_250, amount=123_450))
    assert refused.exit_code == 1
    assert refused.output.splitlines() == [sentence]
    assert "CHF -12.50" in sentence
    assert "CHF 1’234.50" in sentence


def test_a_refusal_that_is_logged_names_its_francs_too() -> None:
    assert "CHF 12.50, this costs CHF 9.00" in str(InsufficientFunds(balance=1_250, amount=900))
