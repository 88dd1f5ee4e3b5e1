"""What the office of the demo has given out: documents, one of them replaced, and a message."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from flask_babel import gettext
from sqlalchemy.orm import Session

from app.clock import local
from app.demo.people import People
from app.demo.record import acting
from app.documents.letterhead import Letterhead, Paper, Sheet, letterhead_of
from app.messages import Draft, send_message
from app.models import CanteenSettings, Document, DocumentDownload, DocumentVersion
from app.rules.files import PDF
from app.stored_files import keep_file
from app.vocabulary import Audience

_KIND: Final = PDF.content_type
_PAPERS: Final = {
    "Règlement du réfectoire": (
        "Les enfants mangent dans le calme, goûtent de tout et débarrassent leur plateau.",
        "Un repas se réserve ou s’annule jusqu’à 08 h 15 le jour même. Le compte se paie d’avance.",
        "Une allergie se signale au secrétariat avant le premier repas, avec une attestation.",
    ),
    "Charte de la cuisine": (
        "Nous cuisinons des produits de saison, de la région quand c’est possible.",
        "Chaque menu dit ses allergènes et l’origine de la viande, du poisson et du pain.",
    ),
    "Fiche d’inscription": (
        "Nom et prénom de l’enfant :",
        "Classe :",
        "Régime :",
        "Signature du responsable :",
    ),
}
_SUBJECT: Final = "Marché de Noël : goûter offert"
_TEXT: Final = """Chères familles,

Le dernier jour avant les vacances, la cuisine offre un goûter à tous les enfants 🎄.
Il n’y a rien à réserver et rien à payer.

Avec nos bons messages"""


def give_out(session: Session, people: People, now: datetime) -> None:
    """Rules and a charter that families find, and a form that they will find in a month."""
    head, today = letterhead_of(session.get_one(CanteenSettings, 1)), local(now).date()
    secretary = people.at_work("secretariat")
    with acting(session, secretary):
        papers = [
            _document(session, place, title, _pdf(head, title, lines))
            for place, (title, lines) in enumerate(_PAPERS.items(), 1)
        ]
        for each in papers:
            each.published_from = today - timedelta(days=60)
        papers[-1].published_from = today + timedelta(days=30)
        rules = papers[0]
        before = keep_file(session, _pdf(head, rules.title, _PAPERS[rules.title][:2]), _KIND)
        session.add(
            DocumentVersion(
                document_id=rules.id,
                number=1,
                file_name=rules.file_name,
                stored_file_id=before.id,
                replaced_at=now - timedelta(days=20),
                replaced_by_id=secretary.user_id,
            )
        )
        rules.version = 2
        session.add_all(
            DocumentDownload(
                document_id=rules.id,
                version=2,
                user_id=family.holder_ids[0],
                downloaded_at=now - timedelta(days=2),
            )
            for family in people.families[:3]
        )
        session.flush()


def _document(session: Session, place: int, title: str, content: bytes) -> Document:
    document = Document(
        title=title,
        file_name=f"{title}.pdf",
        position=place,
        stored_file_id=keep_file(session, content, _KIND).id,
    )
    session.add(document)
    session.flush()
    return document


def _pdf(head: Letterhead, title: str, lines: Sequence[str]) -> bytes:
    sheet = Sheet(head, gettext, title, Paper("fr"))
    sheet.title(title)
    for line in lines:
        sheet.paragraph(line)
        sheet.skip(10)
    return sheet.pdf()


def write_to_all(session: Session, people: People, now: datetime) -> None:
    """A message to every family."""
    draft = Draft(Audience.EVERYONE, _SUBJECT, _TEXT, request_id="demo")
    with acting(session, people.at_work("secretariat")):
        send_message(session, draft, lambda: now - timedelta(days=1))
