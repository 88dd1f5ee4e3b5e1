"""The message as it leaves the house."""

import smtplib
from datetime import UTC, datetime
from pathlib import Path

import flask_mail
import pytest
from flask import Flask

from app.delivery.compose import Composed
from app.delivery.transport import FileTransport, SmtpTransport, message_id, message_of
from app.delivery.trouble import Undelivered, sentence_of_code, undelivered, unreachable
from app.models import CanteenSettings, OutboxMail
from tests.delivery.mailing import Peer, parsed, serving, text_of, use_server

MADE = datetime(2026, 11, 16, 7, 30, tzinfo=UTC)
MAIL = OutboxMail(id=7, created_at=MADE)
CANTEEN = CanteenSettings(name="Réfectoire « Les Ormes », Leysin", email="cantine@example.ch")


def letter(
    name: str = "Anna Martin", address: str = "anna@example.ch", subject: str = "Réservé"
) -> Composed:
    return Composed(name, address, subject, "Ça va ?\n", "<p>Ça va&nbsp;?</p>\n")


def message(app: Flask, composed: Composed, canteen: CanteenSettings = CANTEEN) -> bytes:
    with app.app_context():
        return message_of(MAIL, composed, canteen, MADE).as_bytes()


def test_a_message_has_text_and_html_and_says_that_a_program_wrote_it(app: Flask) -> None:
    found = parsed(message(app, letter()))

    assert text_of(found).strip() == "Ça va ?"
    assert text_of(found, "html").strip() == "<p>Ça va&nbsp;?</p>"
    assert found["Subject"] == "Réservé"
    assert found["Auto-Submitted"] == "auto-generated"
    assert found["Reply-To"] == "cantine@example.ch"
    assert found["From"].addresses[0].display_name == CANTEEN.name
    assert found["Message-ID"] == "<20261116073000.7@127.0.0.1>"
    assert found.get_all("Message-ID") == [found["Message-ID"]]


@pytest.mark.parametrize(
    "name", ["Élodie O’Brien", 'Jean "Jo", dit <le grand>', "Müller; Anna", "a@b.ch, c@d.ch", ""]
)
def test_whatever_a_name_holds_there_is_one_reader(app: Flask, name: str) -> None:
    found = parsed(message(app, letter(name=name)))

    assert [a.addr_spec for a in found["To"].addresses] == ["anna@example.ch"]
    assert found["To"].addresses[0].display_name == name


@pytest.mark.parametrize(
    "letter_sent",
    [
        letter(address="anna@example.ch\r\nBcc: all@example.ch"),
        letter(name="Anna\nBcc: all@example.ch"),
        letter(subject="Réservé\r\nBcc: all@example.ch"),
        letter(subject="Ok\n\nbody"),
    ],
)
def test_no_line_end_gets_into_a_header(app: Flask, tmp_path: Path, letter_sent: Composed) -> None:
    with app.app_context():
        built = message_of(MAIL, letter_sent, CANTEEN, MADE)

        with pytest.raises(Undelivered) as refused:
            FileTransport(tmp_path / "outbox").send(built)

    assert refused.value.is_final
    assert not (tmp_path / "outbox").exists()


def test_a_file_takes_its_own_place_when_it_comes_again(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        for subject in ("first", "again"):
            built = message_of(MAIL, letter(subject=subject), CANTEEN, MADE)
            FileTransport(tmp_path / "outbox").send(built)

    (file,) = (tmp_path / "outbox").iterdir()
    assert file.name == "20261116073000.7.eml"
    assert parsed(file.read_bytes())["Subject"] == "again"


def test_one_connection_serves_many_mails(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    connect = smtplib.SMTP.connect

    def count(self: smtplib.SMTP, *address: str | int) -> tuple[int, bytes]:
        opened.append(address)
        return connect(self, *address)  # type: ignore[arg-type]

    monkeypatch.setattr(smtplib.SMTP, "connect", count)
    peer = Peer()
    with serving(peer) as port, app.app_context():
        opened.clear()
        use_server(app, port)
        smtp = SmtpTransport()
        for _ in range(5):
            smtp.send(message_of(MAIL, letter(), CANTEEN, MADE))
        smtp.close()

    assert len(peer.taken) == 5
    assert len(opened) == 1


def test_a_message_id_is_unique_even_after_the_database_was_restored() -> None:
    ids = {
        message_id(7, MADE, "https://cantine.example.ch/portail"),
        message_id(7, MADE.replace(hour=8), "https://cantine.example.ch/portail"),
        message_id(8, MADE, "https://cantine.example.ch/portail"),
    }

    assert len(ids) == 3
    assert "<20261116073000.7@cantine.example.ch>" in ids


@pytest.mark.parametrize(
    ("error", "code", "is_final"),
    [
        (smtplib.SMTPDataError(451, b"4.7.1 later"), "later 451 4.7.1", False),
        (smtplib.SMTPDataError(554, b"5.7.1 spam from a@b.ch"), "refused 554 5.7.1", True),
        (smtplib.SMTPRecipientsRefused({"a@b.ch": (550, b"who is a@b.ch?")}), "refused 550", True),
        (smtplib.SMTPRecipientsRefused({"a@b.ch": (452, b"4.2.2 full")}), "later 452 4.2.2", False),
        (smtplib.SMTPSenderRefused(550, b"not you", "us@b.ch"), "refused 550", False),
        (smtplib.SMTPServerDisconnected("timed out"), "hung-up", False),
        (TimeoutError(), "hung-up", False),
        (flask_mail.BadHeaderError(), "header", True),
    ],
)
def test_what_is_kept_of_a_failure(error: Exception, code: str, is_final: bool) -> None:  # noqa: FBT001
    found = undelivered(error)

    assert (found.code, found.is_final, found.is_server) == (code, is_final, False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConnectionRefusedError(), "server"),
        (smtplib.SMTPAuthenticationError(535, b"5.7.8 no"), "server 535 5.7.8"),
        (smtplib.SMTPConnectError(554, b"no"), "server 554"),
    ],
)
def test_a_server_that_lets_nobody_in_is_not_the_mails_fault(error: Exception, code: str) -> None:
    found = unreachable(error)

    assert (found.code, found.is_final, found.is_server) == (code, False, True)


def test_a_code_is_a_sentence_to_its_reader(app: Flask) -> None:
    with app.app_context():
        assert sentence_of_code("") == ""
        assert sentence_of_code("refused 550 5.1.1").endswith("(550 5.1.1)")
        assert len(sentence_of_code("reader")) > 20
