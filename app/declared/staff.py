"""Who works here: the administrator’s view of users with a staff role."""

from typing import Any, Final

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole
from flask_babel import lazy_gettext as _l
from wtforms.validators import DataRequired

from app.access import actor_of
from app.declared.people import UserView
from app.declared.roles import has_role
from app.declared.searching import by_names, user_names
from app.extensions import db
from app.filters import Condition, Where
from app.models import CanteenUser
from app.refusals import OwnAccess
from app.registration import shown_mail
from app.rows import Rows
from app.security import STAFF
from app.vocabulary import Role


def _is_staff() -> Condition:
    return has_role(*STAFF)


def _staff_roles() -> Condition:
    return StoredRole.name.in_([role.value for role in STAFF])


_OFFERED: Final = {"roles": [["id", Where, _staff_roles]]}


class StaffUserView(UserView):
    datamodel = Rows(CanteenUser, searches={"person": by_names(CanteenUser.id.in_, user_names)})
    base_filters = [["id", Where, _is_staff]]
    list_title, show_title = _l("Staff"), _l("Member of staff")
    add_title, edit_title = _l("Add a member of staff"), _l("Edit the member of staff")
    list_columns = ["last_name", "first_name", "username", "roles", "email"]
    edit_columns = ["first_name", "last_name", "email", "phone", "language", "roles"]
    add_columns = edit_columns
    show_columns = [*edit_columns, "username", "must_change_password", "archived_at"]
    add_form_query_rel_fields = _OFFERED
    edit_form_query_rel_fields = _OFFERED
    validators_columns = {"roles": [DataRequired()]}
    formatters_columns = {
        "email": shown_mail,
        "roles": lambda held: ", ".join(sorted(role.name for role in held)),
    }

    def pre_update(self, item: Any) -> None:
        """A parent who works here stays a parent; nobody takes their own access away."""
        super().pre_update(item)
        taken = sa.inspect(item).attrs.roles.history.deleted
        item.roles.extend(role for role in taken if role.name == Role.PARENT)
        if any(role.name == Role.ADMIN for role in taken):
            _refuse_oneself(item)

    def pre_archive(self, item: CanteenUser) -> None:
        """Not oneself."""
        _refuse_oneself(item)


def _refuse_oneself(user: CanteenUser) -> None:
    if user.id == actor_of(db.session()).user_id:
        raise OwnAccess
