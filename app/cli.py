"""The commands: `flask canteen …`."""

import click
from flask.cli import AppGroup

canteen = AppGroup("canteen", help="The canteen’s commands.")


def init_canteen() -> None:
    """Make roles, chart of accounts and settings exist. Idempotent."""
    from app import ledger, security
    from app.access import SYSTEM
    from app.models import CanteenSettings
    from app.transaction import transaction

    security.sync_roles()
    with transaction(SYSTEM) as session:
        ledger.open_chart(session)
        if session.get(CanteenSettings, 1) is None:
            session.add(
                CanteenSettings(
                    id=1,
                    name="Réfectoire scolaire",
                    street="",
                    postal_code="",
                    town="",
                    phone="",
                    email="",
                )
            )


@canteen.command("init")
def init() -> None:
    """Make roles, chart of accounts and settings exist."""
    init_canteen()
    click.echo("OK")


@canteen.command("check-ledger")
def check_ledger() -> None:
    """Prove that every balance is what its transfers say."""
    from app import ledger
    from app.access import EVERYTHING, scope_of
    from app.extensions import db

    with scope_of(db.session(), EVERYTHING):
        wrong = ledger.discrepancies(db.session())
    for each in wrong:
        click.echo(f"{each.account_id}: {each.balance} != {each.transfers}", err=True)
    if wrong:
        raise SystemExit(1)
    click.echo("OK")
