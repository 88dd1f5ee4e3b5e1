"""What a QR-bill costs: the content read, drawn and encoded as a PDF; CPU, not waiting."""

from statistics import median
from time import process_time

import sqlalchemy as sa
from flask_babel import force_locale, gettext

from app import clock
from app.access import EVERYTHING, scope_of
from app.documents.letterhead import letterhead_of
from app.documents.qr_bill import render_qr_bill
from app.extensions import db
from app.models import Account, CanteenSettings
from app.payments.qr_bills import BillTerms, bill_content, first_holder

ROUNDS = 50
AT_MOST = 0.040  # seconds of CPU (issue 3)


def seconds_of_a_qr_bill() -> float:
    """Median CPU time of one bill, in an application context with accounts that have references."""
    session = db.session()
    with scope_of(session, EVERYTHING), force_locale("fr_CH"):
        query = sa.select(Account.id).where(Account.reference.is_not(None)).limit(ROUNDS)
        account_ids = list(session.scalars(query))
        _draw(account_ids[0])  # fonts are read once per process
        return median(_timed(account_ids[n % len(account_ids)]) for n in range(ROUNDS))


def _timed(account_id: int) -> float:
    began = process_time()
    _draw(account_id)
    return process_time() - began


def _draw(account_id: int) -> bytes:
    session, today = db.session(), clock.today()
    session.expire_all()
    account = session.get_one(Account, account_id)
    payer = first_holder(session, account_id, today)
    content = bill_content(session, account, BillTerms(account_id * 5 + 5000), payer, today)
    paper = letterhead_of(session.get_one(CanteenSettings, 1))
    return render_qr_bill(content, paper, gettext)
