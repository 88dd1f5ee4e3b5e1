"""Makes the records that tests start from."""

from sqlalchemy.orm import Session


def seed(session: Session) -> None:
    """What every test finds in its database; called inside a transaction."""
    del session
