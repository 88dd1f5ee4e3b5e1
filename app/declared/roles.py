"""Which users are meant: by the roles that they have."""

import sqlalchemy as sa
from flask_appbuilder.security.sqla.models import Role as StoredRole

from app.filters import Condition
from app.models import CanteenUser
from app.security import STAFF
from app.vocabulary import Role


def has_role(*roles: Role) -> Condition:
    """Users who have one of the roles."""
    return CanteenUser.roles.any(StoredRole.name.in_([role.value for role in roles]))


def is_parent() -> Condition:
    """Users who are parents."""
    return has_role(Role.PARENT)


def is_only_parent() -> Condition:
    """Whom the secretariat looks after: a new mail address or password opens what they may do."""
    return sa.and_(is_parent(), sa.not_(has_role(*STAFF)))
