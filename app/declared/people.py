"""Families: accounts, their holders, and the letters that let them in."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import g, redirect, url_for
from flask_appbuilder.actions import action
from flask_appbuilder.validators import Unique
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import selectinload
from werkzeug.wrappers import Response as AnyResponse
from wtforms.validators import Email, Optional

from app import clock, ledger
from app.credentials import letters_of
from app.declared.base import ArchivableView
from app.declared.family import family_page
from app.declared.letters import letter_url
from app.declared.roles import is_only_parent, is_parent
from app.declared.searching import by_names, family_names, user_names
from app.extensions import db
from app.fields import LineField
from app.filters import Condition, Where, search_by
from app.forms import another_field, record_field
from app.known import known_holders
from app.models import Account, AccountHolder, Booking, CanteenUser, PupilAccount
from app.money import format_chf
from app.payments.refunds import open_refund
from app.privacy.refusals import AlreadyErased
from app.refusals import AccountNotEmpty, LooksKnown, MealsBooked, RefundOpen
from app.registration import NO_MAIL, NO_PASSWORD, free_username, shown_mail, stored_role
from app.rows import ACT, KEEP, READ, Rows, TableView
from app.vocabulary import BookingState, Role

_STANDING = (BookingState.BOOKED, BookingState.UNFUNDED)


def mail_field(**options: Any) -> Any:
    """A mail address that nobody else has."""
    return LineField(
        _l("Mail address"),
        [
            Optional(),
            Email(_l("Enter a mail address such as anne@example.ch.")),
            Unique(Rows(CanteenUser), "email", _l("Somebody else has this mail address.")),
        ],
        filters=[str.lower],
        **options,
    )


def _reference(text: str) -> Condition:
    return Account.reference.contains(text.replace(" ", ""), autoescape=True)


class FamilyView(ArchivableView):
    datamodel = Rows(
        Account,
        load=[
            selectinload(Account.holders).joinedload(AccountHolder.user),
            selectinload(Account.pupils).joinedload(PupilAccount.pupil),
        ],
        searches={
            "person": by_names(Account.id.in_, family_names),
            "reference": [search_by("ct", _reference)],
        },
    )
    include_route_methods = READ | ACT | {"edit"}
    list_title, edit_title, show_title = _l("Families"), _l("Edit the account"), _l("Family")
    show_template = "people/family.html"
    list_columns = ["label", "pupils", "balance"]
    show_columns = ["reference", "tolerance", "taken_back", "archived_at"]
    edit_columns = ["label", "tolerance"]
    search_columns = ["person", "reference"]
    search_form_extra_fields = {
        "person": LineField(_l("Family, child or holder")),
        "reference": LineField(_l("Payment reference")),
    }
    order_columns = ["label", "balance"]
    base_order = ("label", "asc")
    label_columns = {"pupils": _l("Children")}
    description_columns = {
        "tolerance": _l("How far below zero meals may take this account, as agreed beforehand.")
    }
    formatters_columns = {
        "pupils": lambda links: ", ".join(sorted(link.pupil.full_name for link in links)),
        "balance": format_chf,
        "tolerance": format_chf,
        "taken_back": format_chf,
    }

    def about(self, item: Account) -> dict[str, Any]:
        """The whole family on a page."""
        return family_page(db.session(), item, clock.today())

    def page_of(self, item: Account) -> str:
        """The family’s page."""
        return url_for("FamilyView.show", pk=item.id)

    def hold(self, item: Account) -> None:
        """Its money must not move meanwhile; one that was erased gets no name again."""
        ledger.lock_accounts(db.session(), [item.id])
        if item.erased_at is not None:
            raise AlreadyErased

    def pre_update(self, item: Account) -> None:
        """What the bank took back begins where the tolerance ends."""
        item.taken_back = max(0, -item.balance - item.tolerance)

    def pre_archive(self, item: Account) -> None:
        """Only an empty account that no meal waits for."""
        if item.balance != 0:
            raise AccountNotEmpty(item.balance)
        booked = sa.select(Booking.id).where(
            Booking.account_id == item.id, Booking.state.in_(_STANDING)
        )
        if db.session().scalar(booked.limit(1)) is not None:
            raise MealsBooked
        if open_refund(db.session(), item.id) is not None:
            raise RefundOpen


class UserView(ArchivableView):
    """People who log in; `Holder` and `Staff` say which."""

    include_route_methods = KEEP | ACT
    show_template = "people/user.html"
    order_columns = ["last_name", "first_name"]
    base_order = ("last_name", "asc")
    formatters_columns = {"email": shown_mail}
    search_columns = ["person", "username", "email"]
    search_form_extra_fields = {"person": LineField(_l("Name"))}
    add_form_extra_fields: dict[str, Any] = {"email": mail_field()}
    edit_form_extra_fields: dict[str, Any] = {"email": mail_field()}

    def name_of(self, item: CanteenUser) -> str:
        """First name first."""
        return str(item.get_full_name())

    def page_of(self, item: CanteenUser) -> str:
        """Their page."""
        return url_for(f"{self.endpoint}.show", pk=item.id)

    def prefill_form(self, form: Any, pk: int) -> None:  # noqa: ARG002
        """Who has no mail address sees an empty field."""
        form.email.data = shown_mail(form.email.data or "")

    def pre_add(self, item: CanteenUser) -> None:
        """An identifier of their name; the password comes with the letter."""
        session = db.session()
        item.username = free_username(session, item.first_name, item.last_name)
        item.active, item.session_version = True, 1
        item.password, item.must_change_password = NO_PASSWORD, True
        self.pre_update(item)

    def pre_update(self, item: CanteenUser) -> None:
        """A mail address is unique and never empty."""
        item.email = item.email or f"{item.username}{NO_MAIL}"

    def post_add_redirect(self) -> Any:
        """The letter."""
        return redirect(letter_url([g.kept]))

    def about(self, item: CanteenUser) -> dict[str, Any]:
        """When letters were printed, and by whom."""
        return {"letters": letters_of(db.session(), item.id)}

    def post_archive(self, item: CanteenUser) -> None:
        """Who is put away cannot log in."""
        item.active = item.archived_at is None
        item.session_version += 1

    @action("new_letter", _l("Letter"))
    def new_letter(self, items: Sequence[CanteenUser]) -> AnyResponse:
        """Go where a lost password is replaced by one on paper."""
        return redirect(letter_url(items))


class HolderView(UserView):
    datamodel = Rows(
        CanteenUser,
        load=[selectinload(CanteenUser.holdings).joinedload(AccountHolder.account)],
        searches={"person": by_names(CanteenUser.id.in_, user_names)},
    )
    base_filters = [["id", Where, is_only_parent]]
    list_title, show_title = _l("Account holders"), _l("Account holder")
    add_title, edit_title = _l("Add an account holder"), _l("Edit the account holder")
    list_columns = ["last_name", "first_name", "username", "email", "phone", "holdings"]
    edit_columns = [
        "first_name",
        "last_name",
        "email",
        "phone",
        "street",
        "postal_code",
        "town",
        "language",
    ]
    add_columns = ["account", *edit_columns, "is_another"]
    show_columns = [*edit_columns, "username", "holdings", "must_change_password", "archived_at"]
    label_columns = {"holdings": _l("Accounts")}
    formatters_columns = {
        "email": shown_mail,
        "holdings": lambda held: ", ".join(
            each.account.label for each in held if each.valid_until is None
        ),
    }
    add_form_extra_fields = {
        "account": record_field(_l("Account"), Account),
        "email": mail_field(description=_l("Leave empty for a family without mail.")),
        "is_another": another_field(),
    }

    def pre_add(self, item: Any) -> None:
        """A parent, of the account that was chosen; nobody is made twice by oversight."""
        names, phone = (item.first_name, item.last_name), item.phone or ""
        found = known_holders(db.session(), names, item.email or "", phone)
        if found and not item.is_another:
            raise LooksKnown(str(found[0].get_full_name()))
        super().pre_add(item)
        item.roles = [stored_role(db.session(), Role.PARENT)]

    def post_add(self, item: Any) -> None:
        """The account is theirs from today on."""
        holding = AccountHolder(
            user_id=item.id, account_id=item.account.id, valid_from=clock.today()
        )
        db.session().add(holding)


class AccountHolderView(TableView):
    datamodel = Rows(AccountHolder)
    include_route_methods = {"add", "edit"}
    add_title, edit_title = _l("Give access to an account"), _l("End access to an account")
    add_columns = ["account", "user"]
    edit_columns = ["valid_until"]
    add_form_query_rel_fields = {"user": [["id", Where, is_parent]]}
    label_columns = {"user": _l("Account holder"), "valid_until": _l("No access from")}

    def pre_add(self, item: AccountHolder) -> None:
        """From today on."""
        item.valid_from = clock.today()

    def page_of(self, item: AccountHolder) -> str:
        """The family’s page."""
        return url_for("FamilyView.show", pk=item.account_id)


class PupilAccountView(TableView):
    datamodel = Rows(PupilAccount)
    include_route_methods = {"add"}
    add_title = _l("Link a child to an account")
    add_columns = ["account", "pupil"]

    def page_of(self, item: PupilAccount) -> str:
        """The family’s page."""
        return url_for("FamilyView.show", pk=item.account_id)
