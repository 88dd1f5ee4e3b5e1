"""Statements as PDF, at once: by dates, and by calendar year; for a family, and for the office."""

import io
import zipfile
from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import Response, flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale, gettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.context import letterhead, pdf_answer
from app.documents.letterhead import Letterhead
from app.documents.statement import render_statement
from app.documents.tax_statement import render_tax_statement
from app.errors import NotFound, Refusal
from app.extensions import db
from app.models import Account
from app.pages.asked import day_asked, id_asked, number_asked
from app.pages.own import own_accounts
from app.statements import Print, account_statement, accounts_of_year, tax_statement
from app.web_errors import sentence_of


class StatementPage(BaseView):
    """Two forms that ask for a paper; what is refused is said above them."""

    default_view = "index"

    def accounts(self) -> list[Account]:
        """Which accounts there are to choose from."""
        raise NotImplementedError

    @expose("/", methods=["GET"])
    @has_access
    def index(self) -> str:
        """The forms, for the account of ?account= or the first one."""
        accounts, today = self.accounts(), clock.today()
        html: str = self.render_template(
            "people/statements.html",
            title=gettext("Statements"),
            accounts=accounts,
            first=date(today.year, 1, 1),
            today=today,
            years=range(today.year, today.year - 10, -1),
            view=type(self).__name__,
        )
        return html

    @expose("/pdf", methods=["GET"])
    @has_access
    def pdf(self) -> AnyResponse:
        """Every operation from ?first= to ?last=."""
        try:
            account_id = self._asked()
            first, last = day_asked(request.args.get("first")), day_asked(request.args.get("last"))
            content = account_statement(db.session(), account_id, first, last, _printed())
        except NotFound:
            raise
        except Refusal as refused:
            return self._back(refused)
        paper, name = render_statement(content, letterhead(), gettext), gettext("statement")
        return pdf_answer(paper, f"{name}-{account_id}-{first}-{last}")

    @expose("/tax", methods=["GET"])
    @has_access
    def tax(self) -> AnyResponse:
        """The calendar year ?year=."""
        try:
            account_id, year = self._asked(), number_asked(request.args.get("year")) or 0
            content = tax_statement(db.session(), account_id, year, _printed())
        except NotFound:
            raise
        except Refusal as refused:
            return self._back(refused)
        paper = render_tax_statement(content, letterhead(), gettext)
        return pdf_answer(paper, f"{_tax_name(year)}-{account_id}")

    def _asked(self) -> int:
        """The account asked for, if it is one of those. Raises: NotFound."""
        wanted = id_asked(request.args.get("account"))
        if all(each.id != wanted for each in self.accounts()):
            raise NotFound
        return wanted

    def _back(self, refused: Refusal) -> AnyResponse:
        flash(sentence_of(refused), "danger")
        account = request.args.get("account", "")
        return redirect(url_for(f"{type(self).__name__}.index", account=account))


def _tax_name(year: int) -> str:
    name = gettext("tax-statement")
    return f"{name}-{year}"


def _printed() -> Print:
    return Print(clock.today(), get_locale().language)


class MyStatementView(StatementPage):
    route_base = "/my/statements"

    def accounts(self) -> list[Account]:
        """Those the reader holds."""
        return own_accounts()


class StatementView(StatementPage):
    route_base = "/statements"

    def accounts(self) -> list[Account]:
        """The one that the family's page named."""
        asked = request.args.get("account")
        found = db.session().get(Account, id_asked(asked)) if asked else None
        return [] if found is None else [found]

    @expose("/year", methods=["GET"])
    @has_access
    def year(self) -> AnyResponse:
        """All tax statements of ?year= as one ZIP."""
        year = number_asked(request.args.get("year")) or 0
        try:
            papers = list(tax_papers(db.session(), year, letterhead(), _printed()))
        except Refusal as refused:
            return self._back(refused)
        disposition = {"Content-Disposition": f'attachment; filename="{_tax_name(year)}.zip"'}
        return Response(zipped(papers), mimetype="application/zip", headers=disposition)


def tax_papers(
    session: Session, year: int, head: Letterhead, printed: Print
) -> Iterator[tuple[str, bytes]]:
    """File name and PDF of every account's tax statement of a year.

    Raises: YearWithoutStatement.
    """
    for account_id in accounts_of_year(session, year, printed.today):
        content = tax_statement(session, account_id, year, printed)
        paper = render_tax_statement(content, head, gettext)
        yield f"{_tax_name(year)}-{account_id:05d}.pdf", paper


def zipped(papers: Any) -> bytes:
    """Files in one archive; a PDF is compressed already."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in papers:
            archive.writestr(name, content)
    return buffer.getvalue()
