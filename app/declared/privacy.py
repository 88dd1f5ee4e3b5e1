"""Data protection as staff see it: what is held on a family, its erasure, what has had its time."""

from collections.abc import Mapping
from time import monotonic
from typing import Final

import sqlalchemy as sa
from flask import Response, flash, redirect, request, url_for
from flask_appbuilder import BaseView, expose, has_access
from flask_babel import gettext, ngettext
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.declared.own_data import archive_of
from app.declared.searching import by_names, pupil_names, user_names
from app.errors import Refusal
from app.extensions import db
from app.fields import LineField
from app.models import Account, CanteenUser, Enrolment, HealthAccess, Pupil
from app.pages.asked import record_asked
from app.privacy.erasure import Outlook, erase_family, outlook
from app.privacy.family import Family, family_of
from app.privacy.retention import held_back, plan, terms_of
from app.privacy_jobs import retain
from app.rows import Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.web_errors import sentence_of

LONGEST_RUN: Final = 10.0  # seconds, of one press of the button
RULES: Final = {
    "health": _l("Health data and medical papers of children who left, or whose day has come"),
    "attempts": _l("Failed logins"),
    "mails": _l("Mails that are sent or given up"),
    "facts": _l("What those mails told of"),
    "messages": _l("Messages to families"),
    "downloads": _l("Who downloaded which document"),
    "imports": _l("Values from before an import"),
    "lists": _l("Lists of pupils that nobody has entered"),
    "families": _l("Families that left, all that the accounts do not need"),
    "vouchers": _l("Files of the bank that are older than ten years"),
}
# The pages that show health data, as `log_health_access` names them.
PAGES: Final = {
    "HealthRecordView": _l("Health"),
    "FamilyPaperView": _l("Papers of the family"),
    "export": _l("Data of the family"),
    "production": _l("Kitchen"),
    "production.pdf": _l("Kitchen, on paper"),
    "labels": _l("Labels of the trays"),
    "screen": _l("Screen of the kitchen"),
    "today": _l("Today’s list"),
    "today.pdf": _l("Today’s list, on paper"),
    "meal": _l("A meal of today’s list"),
}
HELD: Final = {
    "ab_user": _l("User"),
    "account": _l("Account"),
    "pupil": _l("Pupil"),
    "bank_entry": _l("Bank payments"),
    "refund_request": _l("Refunds"),
    "online_payment": _l("Online payments"),
    "health_record": _l("Health record"),
    "exclusion": _l("Exclusions"),
    "family_paper": _l("Papers of the family"),
    "outbox_mail": _l("Mails"),
    "audit_value": _l("Old and new values in the audit"),
    "document_download": _l("Downloads"),
    "qr_bill": _l("QR-bills"),
    "departure": _l("Departures"),
    "balance_question": _l("Questions at the end of the school year"),
    "balance_notice": _l("Notices of a low balance"),
    "booking": _l("Bookings"),
    "transfer": _l("Entries of the journal"),
    "top_up": _l("Top-ups"),
    "receipt": _l("Receipts"),
    "enrolment": _l("Enrolments"),
}


class PrivacyView(BaseView):
    """What is held too long; and of each family: all of it, and its erasure."""

    route_base = "/privacy"
    default_view = "index"

    @expose("/", methods=["GET"])
    @has_access
    def index(self) -> str:
        """What a retention run would erase now."""
        session = db.session()
        terms = terms_of(session, clock.now())
        return str(
            self.render_template(
                "privacy/index.html",
                title=gettext("Data protection"),
                due=[(RULES[name], count) for name, count in plan(session, terms).items()],
                held_back=[
                    (each, sentence_of(why)) for each, why in held_back(session, terms).items()
                ],
                terms=terms,
            )
        )

    @expose("/run", methods=["POST"])
    @has_access
    def run(self) -> AnyResponse:
        """Erase it, for some seconds; what is left then goes when the button is pressed again."""
        began, erased = monotonic(), 0
        for _name, count in retain(current_actor()):
            erased += count
            if monotonic() - began > LONGEST_RUN:
                flash(gettext("There is more to erase: go on."), "warning")
                break
        flash(ngettext("%(num)s record erased.", "%(num)s records erased.", erased), "success")
        return redirect(url_for("PrivacyView.index"))

    @expose("/family/<pk>", methods=["GET"])
    @has_access
    def family(self, pk: str) -> str:
        """What erasing the family would do, and what stands against it."""
        account = record_asked(Account, pk)
        found = outlook(db.session(), account.id)
        return str(
            self.render_template(
                "privacy/family.html",
                title=gettext("Data of the family"),
                account=account,
                names=_names(found),
                is_enrolled=_is_enrolled(found.family),
                obstacle="" if found.obstacle is None else sentence_of(found.obstacle),
                sorts=[
                    (gettext("Deleted"), _rows(found.deleted)),
                    (gettext("Names, addresses and notes replaced"), _rows(found.replaced)),
                    (gettext("Kept for the accounts, under a number"), _rows(found.kept)),
                ],
            )
        )

    @expose("/export/<pk>", methods=["POST"])
    @has_access
    def export(self, pk: str) -> Response:
        """All that is held on the family; that it was handed out is noted."""
        account = record_asked(Account, pk)
        return archive_of(account.id, family_of(db.session(), account.id))

    @expose("/erase/<pk>", methods=["POST"])
    @has_access
    def erase(self, pk: str) -> AnyResponse:
        """Forget the family, once its name was typed."""
        account = record_asked(Account, pk)
        account_id, label = account.id, account.label
        if request.form.get("typed", "").strip() != label:
            flash(gettext("Type the name of the account exactly as it stands there."), "danger")
            return redirect(url_for("PrivacyView.family", pk=account_id))
        try:
            with transaction(current_actor()) as session:
                erase_family(session, account_id, clock.now)
        except Refusal as refused:
            flash(sentence_of(refused), "danger")
        else:
            flash(gettext("The family was erased for ever."), "success")
        return redirect(url_for("PrivacyView.family", pk=account_id))


def _is_enrolled(family: Family) -> bool:
    query = sa.select(Enrolment.id).where(
        Enrolment.pupil_id.in_(family.pupil_ids), Enrolment.valid_until > clock.today()
    )
    return db.session().scalar(query.limit(1)) is not None


def _rows(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Counts by table in words; tables that only link others are left out."""
    return [(str(HELD[name]), count) for name, count in counts.items() if name in HELD]


def _names(found: Outlook) -> list[str]:
    """Who is erased along: those who have no other account here."""
    session = db.session()
    users = sa.select(CanteenUser).where(CanteenUser.id.in_(found.family.user_ids))
    pupils = sa.select(Pupil).where(Pupil.id.in_(found.family.pupil_ids))
    return [
        *(user.get_full_name() for user in session.scalars(users.order_by(CanteenUser.id))),
        *(pupil.full_name for pupil in session.scalars(pupils.order_by(Pupil.id))),
    ]


class HealthAccessView(TableView):
    """Who saw the health data of which child, and on which page."""

    datamodel = Rows(
        HealthAccess,
        load=[joinedload(HealthAccess.user), joinedload(HealthAccess.pupil)],
        searches={
            "user": by_names(HealthAccess.user_id.in_, user_names),
            "pupil": by_names(HealthAccess.pupil_id.in_, pupil_names),
        },
    )
    include_route_methods = {"list"}
    list_title = _l("Who saw health data")
    list_columns = ["seen_at", "pupil", "user", "page"]
    search_columns = ["pupil", "user", "seen_at"]
    search_form_extra_fields = {"pupil": LineField(_l("Pupil")), "user": LineField(_l("By"))}
    order_columns = ["seen_at"]
    base_order = ("id", "desc")
    label_columns = {"seen_at": _l("When"), "user": _l("By"), "page": _l("Page")}
    formatters_columns = {"page": lambda page: str(PAGES.get(page, page))}
