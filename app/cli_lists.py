"""Commands for lists: `flask canteen import-pupils`, `flask canteen export`."""

from collections import Counter
from datetime import datetime
from typing import Any

import click

from app.cli import canteen

__all__ = ["canteen"]


@canteen.command("import-pupils")
@click.argument("file", type=click.Path(dir_okay=False, exists=True))
@click.option("--year", metavar="NAME", help="School year; the present or next one unless given.")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="Enrolled from this day.")
@click.option("--make-classes", is_flag=True, help="Make the classes that do not exist yet.")
@click.option("--dry-run", is_flag=True, help="Say what would become of each line, enter nothing.")
def import_pupils(
    file: str, year: str | None, first: datetime | None, *, make_classes: bool, dry_run: bool
) -> None:
    """Import the pupils and families of FILE, CSV or XLSX: all lines that can be, or none.

    Lines that are wrong or must be decided upon are named and left out: decide on the page.
    """
    from pathlib import Path

    from app import import_jobs
    from app.access import SYSTEM

    wish = import_jobs.Wish(year, first.date() if first else None, make_classes)
    content = Path(file).read_bytes()
    _report(import_jobs.import_at_once(content, file, wish, SYSTEM, dry_run=dry_run))
    if not dry_run:
        click.echo("OK")


def _report(plans: list[Any]) -> None:
    """The lines that need a person, then how many of each kind."""
    from app.labels import label
    from app.vocabulary import ImportFate

    quiet = {ImportFate.NEW, ImportFate.UPDATED, ImportFate.SAME}
    for each in plans:
        said = [f"{label(p.word)} {p.value}".strip() for p in each.problems]
        if said or each.fate not in quiet:
            who = [each.name, *(pupil.name for pupil in each.candidates)]
            click.echo(f"{each.number}: {' / '.join(who)}: {label(each.fate)} {' '.join(said)}")
    for fate, count in Counter(each.fate for each in plans).items():
        click.echo(f"{label(fate)}: {count}")


@canteen.command("export")
@click.argument("name", metavar="LIST", required=False)
@click.option("--format", "chosen", type=click.Choice(["csv", "xlsx"]), default="csv")
@click.option("--query", default="", help="Search and order, as the address of the list has them.")
@click.option("--out", type=click.File("wb"), default="-", help="File to write.")
def export(name: str | None, chosen: str, query: str, out: Any) -> None:
    """Write a LIST as its page shows it; without LIST, say which there are."""
    from flask import current_app

    from app import exports
    from app.access import EVERYTHING, scope_of
    from app.extensions import db

    views = _lists()
    if name is None:
        click.echo("\n".join(sorted(views)))
        return
    if name not in views:
        raise click.BadParameter(", ".join(sorted(views)), param_hint="LIST")
    view, kind = views[name], exports.FileFormat(chosen)
    with (
        current_app.test_request_context(query_string=query),
        scope_of(db.session(), EVERYTHING),
    ):
        exports.write(out, kind, view.exported_headers(), view.exported())


def _lists() -> dict[str, Any]:
    """The lists that can be saved, by the name of their page; who looks at health data is noted."""
    from flask import current_app

    from app.models import HealthRecord

    return {
        view.endpoint.removesuffix("View").lower(): view
        for view in current_app.appbuilder.baseviews  # type: ignore[attr-defined]
        if "export" in (getattr(view, "include_route_methods", None) or ())
        and view.datamodel.obj is not HealthRecord
    }
