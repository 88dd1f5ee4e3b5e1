"""The commands: `flask canteen …`."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

import click
from flask.cli import AppGroup


class Commands(AppGroup):
    """Commands that say what is refused as a page does, in one sentence, and exit with 1."""

    # Click's second way, without brackets, is not for us.
    def command(  # type: ignore[override]
        self, *args: Any, **kwargs: Any
    ) -> Callable[[Callable[..., Any]], Any]:
        """As the stock decorator."""
        declare = super().command(*args, **kwargs)
        return lambda function: declare(_in_one_sentence(function))


def _in_one_sentence(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def command(*arguments: Any, **options: Any) -> None:
        import sqlite3

        from sqlalchemy.exc import OperationalError

        from app.errors import Refusal
        from app.web_errors import sentence_of

        try:
            function(*arguments, **options)
        except Refusal as refused:
            click.echo(sentence_of(refused), err=True)
            raise SystemExit(1) from refused
        except (OperationalError, sqlite3.OperationalError) as error:
            click.echo(_no_answer(error), err=True)
            raise SystemExit(1) from error

    return command


def _no_answer(error: Any) -> str:
    from flask_babel import gettext

    from app.logs import first_line

    return str(
        gettext(
            "The database does not answer as it should (%(fault)s). “flask --app app canteen"
            " doctor” says more.",
            fault=first_line(error),
        )
    )


canteen = Commands("canteen", help="The canteen’s commands.")


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


@canteen.command("demo")
@click.option("--families", type=click.IntRange(3, 2000), default=40, show_default=True)
@click.option("--seed", type=int, default=1854, show_default=True)
@click.option("--weeks", type=click.IntRange(3, 200), default=12, help="School weeks of history.")
def demo(families: int, seed: int, weeks: int) -> None:
    """Fill an empty database with the demo canteen."""
    from app.demo import load_demo

    load_demo(families, seed, weeks)
    click.echo("OK")


@canteen.command("close-day")
@click.argument("day", metavar="[DATE]", required=False, type=click.DateTime(["%Y-%m-%d"]))
def close_day(day: datetime | None) -> None:
    """Close DATE (today unless given): charge its meals, or mark them unfunded."""
    from flask_babel import format_date, gettext

    from app import clock, day_jobs

    meals, date = 0, clock.today() if day is None else day.date()
    shown = format_date(date, "full")
    for settled in day_jobs.close_day(date):
        meals += settled
        if settled:
            click.echo(gettext("%(day)s: %(meals)s meals settled", day=shown, meals=meals))
    click.echo(gettext("%(day)s is closed", day=shown))


@canteen.command("worker")
@click.option("--once", is_flag=True, help="Do what there is to do now, then end.")
def work(*, once: bool) -> None:
    """Close the days, credit, send the mails: until told to stop."""
    from flask import current_app

    from app.worker import Worker

    worker = Worker(current_app._get_current_object())  # type: ignore[attr-defined] # noqa: SLF001
    if not once:
        worker.run()
    elif not worker.run_once():
        raise SystemExit(1)


@canteen.command("import-bank")
@click.argument("files", nargs=-1, required=True, type=click.Path(dir_okay=False))
def import_bank(files: tuple[str, ...]) -> None:
    """Import camt.053 and camt.054 FILES (XML or ZIP), and say what became of each payment."""
    from pathlib import Path

    from app import bank_jobs
    from app.access import SYSTEM
    from app.bank.refusals import BankFileRefused
    from app.web_errors import sentence_of

    is_refused = False
    for name in files:
        try:
            received = bank_jobs.receive_bank_file(Path(name), name, SYSTEM)
            for _ in bank_jobs.book_bank_file(received.id, received.reading):
                pass
        except BankFileRefused as refused:
            click.echo(sentence_of(refused), err=True)
            is_refused = True
        except OSError as error:
            click.echo(f"{name}: {error.strerror}", err=True)
            is_refused = True
        else:
            for line in bank_jobs.report_of(received.id):
                click.echo(line)
    if is_refused:
        raise SystemExit(1)


@canteen.command("statements")
@click.option("--year", type=int, required=True, help="Calendar year of the tax statements.")
@click.option("--out", type=click.Path(file_okay=False), required=True, help="Folder to fill.")
@click.option("--zip", "as_zip", is_flag=True, help="One ZIP instead of a PDF per account.")
@click.option("--pdf", "as_pdf", is_flag=True, help="One PDF to print instead of one per account.")
def statements(year: int, out: str, *, as_zip: bool, as_pdf: bool) -> None:
    """Write the tax statement of every account of a year."""
    from pathlib import Path

    from flask import current_app
    from flask_babel import gettext

    from app import clock
    from app.access import EVERYTHING, scope_of
    from app.context import letterhead
    from app.documents.tax_statement import render_tax_statements
    from app.extensions import db
    from app.statements import Print, accounts_of_year, tax_statement
    from app.tax_archives import tax_papers, zipped

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    with current_app.test_request_context(), scope_of(db.session(), EVERYTHING):
        session, printed = db.session(), Print(clock.today(), "fr")
        account_ids = accounts_of_year(session, year, printed.today)
        papers = tax_papers(session, account_ids, year, letterhead(), printed)
        if as_pdf and account_ids:
            contents = (tax_statement(session, i, year, printed) for i in account_ids)
            whole = render_tax_statements(contents, letterhead(), gettext)
            papers = iter([(f"decomptes-{year}.pdf", whole)])
        if as_zip:
            with (folder / f"decomptes-{year}.zip").open("wb") as file:
                zipped(papers, file)
        for name, content in papers:
            (folder / name).write_bytes(content)
    click.echo(f"{len(account_ids)} → {folder}")


@canteen.command("export-journal")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), required=True)
@click.option("--format", "chosen", type=click.Choice(["csv", "banana", "cresus"]), required=True)
@click.option("--out", type=click.File("wb"), default="-", help="File to write.")
def export_journal(first: datetime, last: datetime, chosen: str, out: Any) -> None:
    """Write the journal of a range of days, by accounting day, for another program."""
    from flask import current_app

    from app.access import EVERYTHING, scope_of
    from app.accounting import WRITERS, JournalFormat, journal
    from app.extensions import db

    with current_app.test_request_context(), scope_of(db.session(), EVERYTHING):
        lines = journal(db.session(), first.date(), last.date())
        out.write(WRITERS[JournalFormat(chosen)](lines))


@canteen.command("retention")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
def retention(*, dry_run: bool) -> None:
    """Erase for ever what the settings say is no longer needed."""
    from app.access import SYSTEM
    from app.declared.privacy import RULES
    from app.privacy_jobs import look_at_retention, retain

    found = look_at_retention().items() if dry_run else retain(SYSTEM)
    for name, count in found:
        click.echo(f"{count:>7}  {RULES[name]}")
    if not dry_run:
        click.echo("OK")


@canteen.command("roll-over")
@click.option("--from", "name", required=True, help="Name of the school year that ends.")
@click.option("--class", "classes", multiple=True, metavar="OLD=NEW", help="8P=9VG; 8P= leaves.")
@click.option("--dry-run", is_flag=True, help="Say what would be made, and make nothing.")
def roll_over(name: str, classes: tuple[str, ...], *, dry_run: bool) -> None:
    """Make the next school year: days, classes up, enrolments, the same prices."""
    import sqlalchemy as sa

    from app import clock, rollover
    from app.access import EVERYTHING, SYSTEM, scope_of
    from app.errors import NotFound
    from app.extensions import db
    from app.models import SchoolYear
    from app.transaction import transaction

    session = db.session()
    with scope_of(session, EVERYTHING):
        year = session.scalars(sa.select(SchoolYear).where(SchoolYear.name == name)).one_or_none()
        if year is None:
            raise NotFound
        changed = dict(each.partition("=")[::2] for each in classes)
        wanted = rollover.propose(session, year, changed)
        planned = rollover.plan(session, wanted, clock.today())
        for line in rollover.report(planned):
            click.echo(line)
    if not dry_run:
        with transaction(SYSTEM) as writing:
            rollover.roll_over(writing, wanted, clock.now)
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
