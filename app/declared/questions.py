"""The question at the end of the school year, as the office asks it and reads the answers."""

from typing import Any, Final

import sqlalchemy as sa
from flask import flash, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload
from wtforms import StringField

from app import clock
from app.declared.base import FormView
from app.errors import NotFound
from app.extensions import db
from app.fields import last_day
from app.filters import Condition, search_by
from app.models import BalanceQuestion, SchoolYear
from app.money import format_chf
from app.pages.finding import accounts_meant
from app.payments.questions import accounts_to_ask, ask_families, leaving, year_to_ask
from app.rows import Rows, TableView
from app.security import current_actor
from app.transaction import transaction

_ACCOUNT_FIELD: Final = {"account": StringField(_l("Account"))}


def _questions_of(text: str) -> Condition:
    return BalanceQuestion.account_id.in_(accounts_meant(db.session(), text))


class BalanceQuestionView(TableView):
    """Who was asked, and what they answered: no answer carries the balance over."""

    datamodel = Rows(
        BalanceQuestion,
        load=[joinedload(BalanceQuestion.account), joinedload(BalanceQuestion.school_year)],
        searches={"account": [search_by("ct", _questions_of)]},
    )
    route_base = "/balance-questions"
    include_route_methods = {"list"}
    list_template = "refunds/questions.html"
    list_title = _l("End of the school year")
    base_order = ("id", "desc")
    list_columns = [
        "account",
        "school_year",
        "balance",
        "is_leaving",
        "asked_at",
        "answer",
        "answered_at",
    ]
    search_columns = ["answer", "is_leaving", "account"]
    search_form_extra_fields = _ACCOUNT_FIELD
    order_columns = ["asked_at", "answered_at", "balance"]
    label_columns = {"is_leaving": _l("Leaving"), "balance": _l("Balance when asked")}
    formatters_columns = {"balance": format_chf}


class AskForm(DynamicForm):
    """Nothing to fill in: a look at what would be sent."""


class AskFamiliesView(FormView):
    route_base = "/balance-questions/ask"
    form = AskForm
    form_title = _l("Ask families about their balance")
    form_template = "refunds/ask_families.html"
    submit_label = _l("Send these mails")

    def get_redirect(self) -> str:
        """The questions, and the answers that come."""
        return url_for("BalanceQuestionView.list")

    def about(self, form: Any) -> dict[str, Any]:  # noqa: ARG002
        """How many would be asked, and how many of them are leaving."""
        session, year = db.session(), _year()
        accounts = accounts_to_ask(session, year.id)
        leavers = set(session.scalars(leaving(session, year, clock.today())))
        return {
            "year": year,
            "last_day": last_day(year.ends_on),
            "count": len(accounts),
            "leaving": sum(account.id in leavers for account in accounts),
            "total": sum(account.balance for account in accounts),
            "asked": session.scalar(
                sa.select(sa.func.count(BalanceQuestion.id)).where(
                    BalanceQuestion.school_year_id == year.id
                )
            ),
        }

    def form_post(self, form: Any) -> None:  # noqa: ARG002
        """Ask each of them once."""
        year_id, today = _year().id, clock.today()
        with transaction(current_actor()) as session:
            count = ask_families(session, year_id, today, clock.now)
        flash(
            ngettext("%(num)s family is asked.", "%(num)s families are asked.", count)
            if count
            else _("Every family with a balance was asked already."),
            "success",
        )


def _year() -> SchoolYear:
    year = year_to_ask(db.session(), clock.today())
    if year is None:
        raise NotFound
    return year
