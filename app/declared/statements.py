"""Statements as PDF, at once: by dates, and by calendar year; for a family, and for the office."""

from datetime import date, timedelta
from typing import Any, Final

from flask import flash, redirect, request, send_file, url_for
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import get_locale, gettext
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.context import letterhead, pdf_answer
from app.documents.statement import render_statement
from app.documents.tax_statement import render_tax_statement
from app.errors import NotFound, Refusal
from app.extensions import db
from app.models import Account
from app.pages.asked import day_asked, id_asked, number_asked
from app.pages.own import own_accounts
from app.security import current_actor
from app.statements import Print, account_statement, tax_statement
from app.tax_archives import archives, ask_archive, open_archive, tax_name
from app.transaction import transaction
from app.web_errors import sentence_of
from app.worker import last_heartbeat

_ASLEEP: Final = timedelta(minutes=2)


class StatementPage(BaseView):
    """Two forms that ask for a paper; what is refused is said above them."""

    default_view = "index"

    def accounts(self) -> list[Account]:
        """Which accounts there are to choose from."""
        raise NotImplementedError

    def about(self) -> dict[str, Any]:
        """What else the page shows."""
        return {}

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
            **self.about(),
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
        return pdf_answer(paper, f"{tax_name(year)}-{account_id}")

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

    def about(self) -> dict[str, Any]:
        """The archives of whole years, and whether the worker that makes them runs."""
        session = db.session()
        heard = last_heartbeat(session)
        is_awake = heard is not None and clock.now() - heard < _ASLEEP
        return {"archives": archives(session), "is_worker_awake": is_awake}

    @expose("/year", methods=["POST"])
    @has_access
    def year(self) -> AnyResponse:
        """Have all tax statements of a year made, by the worker."""
        year = number_asked(request.form.get("year")) or 0
        try:
            with transaction(current_actor()) as session:
                ask_archive(session, year, clock.now)
        except Refusal as refused:
            return self._back(refused)
        flash(
            gettext("The statements are being made. Come back to this page for the file."), "info"
        )
        return redirect(url_for("StatementView.index"), 303)

    @expose("/archive", methods=["GET"])
    @has_access
    def archive(self) -> AnyResponse:
        """All tax statements of ?year= as one ZIP, once they are made."""
        year = number_asked(request.args.get("year")) or 0
        try:
            file = open_archive(db.session(), year)
        except Refusal as refused:
            return self._back(refused)
        name = f"{tax_name(year)}.zip"
        return send_file(file, "application/zip", as_attachment=True, download_name=name)
