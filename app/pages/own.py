"""What is the reader's own, whatever else they may see: staff may be parents too."""

import sqlalchemy as sa
from flask_login import current_user

from app.access import accounts_of
from app.extensions import db
from app.models import Account


def own_accounts() -> list[Account]:
    """The accounts that the reader holds today, archived ones too, by id."""
    query = sa.select(Account).where(Account.id.in_(accounts_of(current_user.id)))
    return list(db.session().scalars(query.order_by(Account.id)))
