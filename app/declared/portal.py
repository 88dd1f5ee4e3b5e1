"""What parents find: their operations, top-ups, receipts, the menus and the documents.

Rows are those of the accounts they hold, twice over: by the guard, and by a filter of each view, so
that a member of staff who is a parent as well sees here what is theirs alone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa
from flask import Response
from flask_appbuilder import BaseView, expose, has_access
from flask_appbuilder.widgets import ListWidget
from flask_babel import gettext
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy.orm import joinedload
from wtforms import DateField, SelectField

from app import clock
from app.access import EVERYTHING, accounts_of, scope_of
from app.context import letterhead, pdf_answer
from app.declared.documents import taken_home
from app.declared.menus import Declared, monday_asked, week_of_menus, week_poster
from app.declared.money import receipt_content
from app.documents.receipt import render_receipt
from app.extensions import db
from app.filters import Condition, Where, record_id, search_by
from app.kitchen.roll import health_of, meeting
from app.models import (
    AccountHolder,
    Diet,
    Document,
    LedgerAccount,
    MealType,
    Pupil,
    PupilAccount,
    Receipt,
    TopUp,
    Transfer,
)
from app.money import format_chf
from app.operations import LOAD, operations
from app.pages.own import own_accounts
from app.rows import Rows, TableView
from app.rules.choices import MealChoice, open_types
from app.rules.weeks import week_to_show
from app.vocabulary import Allergen


def own_top_ups() -> Condition:
    """Top-ups of the reader's accounts."""
    return TopUp.account_id.in_(accounts_of(current_user.id))


def own_receipts() -> Condition:
    """Receipts for the reader's accounts."""
    return Receipt.top_up.has(own_top_ups())


def _moving(account_ids: Any) -> Condition:
    wallets = sa.select(LedgerAccount.id).where(LedgerAccount.account_id.in_(account_ids))
    return sa.or_(Transfer.debit_id.in_(wallets), Transfer.credit_id.in_(wallets))


def own_transfers() -> Condition:
    """Transfers that move the reader's accounts."""
    return _moving(accounts_of(current_user.id))


def published() -> Condition:
    """Documents for families today."""
    today = clock.today()
    return sa.and_(
        Document.published_from <= today,
        sa.or_(Document.published_until.is_(None), Document.published_until > today),
        Document.archived_at.is_(None),
    )


def _account_choices() -> list[tuple[str, str]]:
    return [(str(each.id), each.label) for each in own_accounts()]


def _of_account(text: str) -> Condition:
    key = record_id(text)
    return sa.false() if key is None else _moving([key])


class OperationRows(Rows):
    """Transfers, shown as operations of the reader's accounts with the balance after each."""

    def get_values(self, found: Any, columns: list[str]) -> Iterator[dict[str, Any]]:
        """Newest first and without a gap, as the view orders them."""
        holdings = sa.select(AccountHolder.account_id).where(
            AccountHolder.user_id == current_user.id
        )
        own = set(self.session.scalars(holdings))
        for operation in operations(self.session, found, own):
            yield {name: getattr(operation, name) for name in columns}


class MyOperationView(TableView):
    datamodel = OperationRows(
        Transfer, load=LOAD, searches={"account": [search_by("eq", _of_account)]}
    )
    route_base = "/my/operations"
    include_route_methods = {"list"}
    base_filters = [["id", Where, own_transfers]]
    list_title = _l("My operations")
    list_columns = ["recorded_at", "label", "child", "amount", "balance", "account"]
    search_columns = ["recorded_at", "account"]
    search_form_extra_fields = {
        "recorded_at": DateField(_l("Date")),
        "account": SelectField(_l("Account"), choices=_account_choices),
    }
    label_columns = {"recorded_at": _l("Date"), "label": _l("Operation")}
    formatters_columns = {"amount": format_chf, "balance": format_chf}
    order_columns = ["id"]
    base_order = ("recorded_at", "desc")

    def _get_list_widget(self, **options: Any) -> Any:
        """Always newest first: the balance runs along."""
        options.update(order_column="", order_direction="")
        return super()._get_list_widget(**options)


class MyTopUpView(TableView):
    datamodel = Rows(TopUp, load=[joinedload(TopUp.account)])
    route_base = "/my/top-ups"
    include_route_methods = {"list"}
    base_filters = [["id", Where, own_top_ups]]
    list_title = _l("My top-ups")
    list_columns = ["made_at", "channel", "amount", "state", "credit_at", "account"]
    search_columns = ["made_at", "state"]
    order_columns = ["made_at"]
    base_order = ("id", "desc")
    label_columns = {"made_at": _l("Date"), "credit_at": _l("Counts from")}
    formatters_columns = {"amount": format_chf}


class FileListWidget(ListWidget):
    """A list whose first column is the file itself."""

    template = "people/files.html"


class MyReceiptView(TableView):
    datamodel = Rows(Receipt, load=[joinedload(Receipt.top_up).joinedload(TopUp.account)])
    route_base = "/my/receipts"
    include_route_methods = {"list", "file"}
    list_widget = FileListWidget
    base_filters = [["id", Where, own_receipts]]
    list_title = _l("My receipts")
    list_columns = ["label", "issued_at", "top_up.amount", "top_up.account", "cancelled_at"]
    search_columns = ["issued_at"]
    order_columns = ["issued_at"]
    base_order = ("id", "desc")
    label_columns = {
        "label": _l("Number"),
        "issued_at": _l("Date"),
        "top_up.amount": _l("Amount"),
        "top_up.account": _l("Account"),
        "cancelled_at": _l("Cancelled"),
    }
    formatters_columns = {"top_up.amount": format_chf}

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The receipt as a PDF, with the cashier's name, whom parents cannot look up."""
        receipt: Receipt = self._item(pk)
        with scope_of(db.session(), EVERYTHING):
            content = receipt_content(receipt)
        return pdf_answer(render_receipt(content, letterhead(), gettext), content.number)


class MyDocumentView(TableView):
    datamodel = Rows(Document)
    route_base = "/my/documents"
    include_route_methods = {"list", "file"}
    list_widget = FileListWidget
    base_filters = [["id", Where, published]]
    list_title = _l("Documents")
    list_columns = ["title", "file_name", "published_from"]
    order_columns = ["title", "published_from"]
    base_order = ("position", "asc")

    @expose("/file/<pk>", methods=["GET"])
    @has_access
    def file(self, pk: str) -> Response:
        """The file, to save."""
        return taken_home(self._item(pk))


@dataclass(frozen=True)
class Allergic:
    """A child, what it must not eat, and the meal types that it may be given."""

    first_name: str
    kept_away: frozenset[Allergen]
    open_types: frozenset[int]


def _allergic_children() -> list[Allergic]:
    """The reader's own children with what they must not eat, staff who are parents too."""
    session, today = db.session(), clock.today()
    own = sa.select(PupilAccount.pupil_id).where(
        PupilAccount.account_id.in_(accounts_of(current_user.id))
    )
    query = sa.select(Pupil).where(Pupil.id.in_(own), Pupil.archived_at.is_(None))
    loading = joinedload(Pupil.diet).joinedload(Diet.meal_type)
    children = session.scalars(query.order_by(Pupil.birth_date).options(loading)).all()
    health = health_of(session, (child.id for child in children), today)
    types = [MealChoice(t.id, t.is_special) for t in session.scalars(sa.select(MealType))]
    return [
        Allergic(each.first_name, health[each.id].kept_away, frozenset(_open_to(each, types)))
        for each in children
        if each.id in health
    ]


def _open_to(child: Pupil, types: Sequence[MealChoice]) -> list[int]:
    usual, diet = child.diet.meal_type, child.diet
    choice = MealChoice(usual.id, usual.is_special)
    return open_types(choice, types, offers_choice=diet.offers_choice, is_staff=False)


class MyMenuView(BaseView):
    """The menus of this week and the next; a child's allergies are shown to its parents only."""

    route_base = "/my/menus"
    default_view = "weeks"

    @expose("/", methods=["GET"])
    @has_access
    def weeks(self) -> str:
        """On screen."""
        first = week_to_show(clock.today())
        mondays: list[date] = [first, first + timedelta(days=7)]
        weeks = [(monday, week_of_menus(db.session(), monday)) for monday in mondays]
        children = _allergic_children()

        def met(menu: Declared) -> list[tuple[str, tuple[str, ...]]]:
            """The reader's children whose allergies meet a menu, and what it holds of them."""
            found = [
                (child.first_name, meeting(child.kept_away, menu.held))
                for child in children
                if menu.meal_type_id in child.open_types
            ]
            return [(name, words) for name, words in found if words]

        return self.render_template(
            "people/weeks.html", title=gettext("Menus"), weeks=weeks, met=met
        )

    @expose("/poster", methods=["GET"])
    @has_access
    def poster(self) -> Response:
        """The week of ?date= to print."""
        return week_poster(db.session(), monday_asked())
