"""All the data of a family, handed out: by staff, and to parents what is held on them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import sqlalchemy as sa
from flask import Response, request
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import format_date, get_locale, gettext
from flask_login import current_user
from sqlalchemy.orm import Session

from app import audit, clock
from app.access import EVERYTHING, scope_of
from app.context import letterhead
from app.declared.health_log import log_health_access
from app.declared.money import receipt_content
from app.documents.receipt import render_receipt
from app.documents.statement import render_statement
from app.documents.tax_statement import render_tax_statement
from app.errors import NotFound
from app.extensions import db
from app.models import Account, HealthRecord, LedgerAccount, Receipt, TopUp, Transfer
from app.pages.asked import id_asked
from app.pages.own import own_accounts
from app.privacy.export import bundle
from app.privacy.family import Family, family_of
from app.security import current_actor
from app.statements import Print, account_statement, tax_statement
from app.transaction import transaction


def archive_of(account_id: int, family: Family) -> Response:
    """The family's data as a ZIP, for a reader who was allowed to find the account."""
    session = db.session()
    with scope_of(session, EVERYTHING):
        read_me = gettext(
            "All that the canteen holds on this account, as of %(day)s. data: the records by "
            "table, amounts in centimes, instants in UTC. pdf: statements and receipts. files: "
            "papers that were handed in.",
            day=format_date(clock.today(), "long"),
        )
        content = bundle(session, family, papers_of(session, account_id), read_me)
    actor = current_actor()
    if actor.is_staff:
        log_health_access(_with_health(family), "export")
    with transaction(actor) as writing:
        audit.note(writing, "export", writing.get_one(Account, account_id))
    name = gettext("data")
    disposition = {"Content-Disposition": f'attachment; filename="{name}-{account_id}.zip"'}
    return Response(content, mimetype="application/zip", headers=disposition)


def _with_health(family: Family) -> list[int]:
    query = sa.select(HealthRecord.pupil_id).where(HealthRecord.pupil_id.in_(family.pupil_ids))
    return list(db.session().scalars(query))


class MyDataView(BaseView):
    """A parent's own data, of an account that they hold."""

    route_base = "/my/data"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    def index(self) -> str:
        """What there is to have."""
        return str(
            self.render_template(
                "privacy/mine.html", title=gettext("My data"), accounts=own_accounts()
            )
        )

    @expose("/export", methods=["POST"])
    @has_access
    def export(self) -> Response:
        """All of it; what is held on another holder of the account is theirs."""
        wanted = id_asked(request.form.get("account"))
        if all(each.id != wanted for each in own_accounts()):
            raise NotFound
        session = db.session()
        with scope_of(session, EVERYTHING):
            whole = family_of(session, wanted)
        return archive_of(wanted, replace(whole, user_ids=frozenset({current_user.id})))


def papers_of(session: Session, account_id: int) -> Iterator[tuple[str, bytes]]:
    """The account's statement of all times, its tax statements and its receipts, as PDF."""
    printed, head = Print(clock.today(), get_locale().language), letterhead()
    first = _first_day(session, account_id)
    content = account_statement(session, account_id, first, printed.today, printed)
    yield f"{gettext('statement')}.pdf", render_statement(content, head, gettext)
    for year in range(first.year, printed.today.year + 1):
        tax = tax_statement(session, account_id, year, printed)
        yield f"{gettext('tax-statement')}-{year}.pdf", render_tax_statement(tax, head, gettext)
    receipts = sa.select(Receipt).where(Receipt.top_up.has(TopUp.account_id == account_id))
    for receipt in session.scalars(receipts.order_by(Receipt.id)):
        yield f"{receipt.label}.pdf", render_receipt(receipt_content(receipt), head, gettext)


def _first_day(session: Session, account_id: int) -> date:
    wallet = sa.select(LedgerAccount.id).where(LedgerAccount.account_id == account_id)
    query = sa.select(sa.func.min(Transfer.recorded_at)).where(
        sa.or_(Transfer.debit_id.in_(wallet), Transfer.credit_id.in_(wallet))
    )
    began = session.scalar(query)
    return clock.today() if began is None else clock.local(began).date()
