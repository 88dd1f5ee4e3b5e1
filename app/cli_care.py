"""Commands of whoever looks after the program: backup, restore, doctor."""

from pathlib import Path

import click

from app.cli import canteen


@canteen.command("backup")
@click.option("--out", type=click.Path(file_okay=False), help="Folder; BACKUP_FOLDER unless given.")
def backup(out: str | None) -> None:
    """Write every row of this moment to one file, and prove it; others may go on working."""
    from flask import current_app
    from flask_babel import gettext

    from app import clock
    from app.backup import take_backup
    from app.money import format_chf

    config = current_app.config
    taken = take_backup(Path(out or config["BACKUP_FOLDER"]), config["BACKUP_KEY"], clock.now())
    click.echo(
        gettext(
            "%(file)s: %(rows)s rows, %(size)s kB, balances of CHF %(sum)s, read again and proved",
            file=taken.path,
            rows=sum(taken.figures.rows.values()),
            size=-(-taken.size // 1000),
            sum=format_chf(taken.figures.balances),
        )
    )
    if taken.figures.wrong:
        click.echo(gettext("Some balances differ from the ledger: run check-ledger."), err=True)


@canteen.command("restore")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--replace", is_flag=True, help="Give up what the database holds.")
def restore(file: str, *, replace: bool) -> None:
    """Make the database what it was when the backup FILE was taken. Stop the program first."""
    from flask import current_app
    from flask_babel import format_datetime, gettext

    from app.backup import restore_backup
    from app.clock import local

    restored = restore_backup(Path(file), current_app.config["BACKUP_KEY"], replace=replace)
    shown = format_datetime(local(restored.head.taken_at), "d MMMM y, HH:mm:ss", rebase=False)
    click.echo(gettext("The database is that of %(moment)s", moment=shown))


@canteen.command("doctor")
def doctor() -> None:
    """Say what is well and what is not: settings, database, worker, mails, disk, clock, backup."""
    from flask_babel import gettext

    from app.doctor import Level, examine

    words = {
        Level.OK: gettext("ok"),
        Level.WARNING: gettext("warning"),
        Level.ERROR: gettext("error"),
    }
    width, found = max(map(len, words.values())), []
    for finding in examine():
        found.append(finding.level)
        click.echo(f"{words[finding.level]:<{width}}  {finding.title} – {finding.text}")
    errors, warnings = found.count(Level.ERROR), found.count(Level.WARNING)
    click.echo(
        gettext("errors: %(errors)s, warnings: %(warnings)s", errors=errors, warnings=warnings)
    )
    if errors:
        raise SystemExit(1)
