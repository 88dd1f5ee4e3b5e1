"""What families are told of an exclusion; the reason only where it is theirs to read."""

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa
from flask_babel import gettext as _

from app.delivery.balance import balance_notes
from app.delivery.letter import Letter, Link, Section, in_full
from app.delivery.meals import net_changes, sections_of
from app.delivery.telling import Telling
from app.models import Exclusion
from app.vocabulary import DecisionState, FactKind


def excluded(told: Telling) -> Letter:
    """From when to when, why, and the meals that are cancelled."""
    exclusions = _exclusions(told, FactKind.EXCLUDED)
    return Letter(
        subject=_("Exclusion from the canteen: %(children)s", children=_children(exclusions)),
        opening=_("By decision of the committee of the canteen:"),
        sections=(
            *(_section(told, each) for each in exclusions),
            *sections_of(told, net_changes(told.changes(FactKind.BOOKING_CHANGED))),
        ),
        notes=tuple(balance_notes(told)),
        link=_agenda(told, exclusions),
    )


def exclusion_lifted(told: Telling) -> Letter:
    """From when on the child may eat again, and the meals that are booked again."""
    exclusions = _exclusions(told, FactKind.EXCLUSION_LIFTED)
    return Letter(
        subject=_("The exclusion ends earlier: %(children)s", children=_children(exclusions)),
        opening=_("The exclusion from the canteen was shortened or lifted."),
        sections=(
            Section(_("Meals are possible again"), tuple(_again(each) for each in exclusions)),
            *sections_of(told, net_changes(told.changes(FactKind.BOOKING_CHANGED))),
        ),
        notes=tuple(balance_notes(told)),
        link=_agenda(told, exclusions),
    )


def _exclusions(told: Telling, kind: FactKind) -> Sequence[Exclusion]:
    wanted = Exclusion.id.in_(told.records(kind))
    return told.session.scalars(sa.select(Exclusion).where(wanted).order_by(Exclusion.id)).all()


def _children(exclusions: Sequence[Exclusion]) -> str:
    return ", ".join(dict.fromkeys(each.pupil.full_name for each in exclusions))


def _section(told: Telling, exclusion: Exclusion) -> Section:
    last = exclusion.decided_until - timedelta(days=1)
    lines = [
        _(
            "%(child)s does not eat at the canteen from %(first)s to %(last)s inclusive.",
            child=exclusion.pupil.full_name,
            first=in_full(exclusion.valid_from),
            last=in_full(last),
        )
    ]
    if exclusion.account_id in {None, told.mail.account_id}:
        lines.append(_("Reason: %(reason)s.", reason=exclusion.reason.rstrip(" .")))
    decided = _("Decided on %(day)s.", day=in_full(exclusion.decided_on))
    return Section(_("Exclusion"), tuple(lines), decided)


def _again(exclusion: Exclusion) -> str:
    is_lifted = exclusion.state is DecisionState.LIFTED
    opens_on = exclusion.valid_from if is_lifted else exclusion.valid_until
    return _("%(child)s, from %(day)s on", child=exclusion.pupil.full_name, day=in_full(opens_on))


def _agenda(told: Telling, exclusions: Sequence[Exclusion]) -> Link:
    day = exclusions[0].valid_from if exclusions else told.today
    return Link(_("Open the agenda"), told.url(f"/agenda/?date={day.isoformat()}"))
