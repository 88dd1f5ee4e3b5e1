"""What the office looks after: every mail and its state."""

from collections.abc import Sequence
from typing import Any

from flask import flash, redirect
from flask_appbuilder.actions import action
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.delivery.compose import compose
from app.delivery.queue import send_again
from app.delivery.trouble import sentence_of_code
from app.extensions import db
from app.labels import label
from app.models import OutboxMail
from app.rows import ACT, READ, Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import MailState


class MailView(TableView):
    datamodel = Rows(OutboxMail, load=[joinedload(OutboxMail.user), joinedload(OutboxMail.account)])
    route_base = "/courriels"
    include_route_methods = READ | ACT
    list_title = _l("Mails")
    show_title = _l("Mail")
    show_template = "office/mail.html"
    base_order = ("id", "desc")
    list_columns = ["kind", "created_at", "user", "account", "state", "sent_at"]
    show_columns = [
        "kind",
        "user",
        "account",
        "state",
        "created_at",
        "due_at",
        "sent_at",
        "attempts",
        "last_error",
    ]
    search_columns = ["state", "kind", "created_at"]
    order_columns = ["created_at", "sent_at", "kind", "state"]
    label_columns = {
        "user": _l("Recipient"),
        "due_at": _l("To be sent from"),
        "sent_at": _l("Sent"),
        "attempts": _l("Attempts"),
        "last_error": _l("Last trouble"),
    }
    formatters_columns = {"last_error": lambda code: sentence_of_code(code) or "–"}

    def name_of(self, item: OutboxMail) -> str:
        """What it is about, as the page's title."""
        return label(item.kind)

    def about(self, item: OutboxMail) -> dict[str, Any]:
        """What the mail says."""
        return {"composed": compose(db.session(), item, clock.now(), is_preview=True)}

    def _get_show_widget(self, pk: Any, item: Any, **options: Any) -> Any:
        """Only what failed can be sent again."""
        widgets = super()._get_show_widget(pk, item, **options)
        if item.state is not MailState.FAILED:
            widgets["show"].template_args["actions"] = {}
        return widgets

    @action("send_again", _l("Send again"), _l("Send the failed mails again?"))
    def send_again(self, items: Sequence[OutboxMail]) -> AnyResponse:
        """Put failed mails back in the queue."""
        ids = [mail.id for mail in items]
        with transaction(current_actor()) as session:
            queued = send_again(session, ids, clock.now())
        if queued:
            done = ngettext(
                "%(num)s mail will be sent again.", "%(num)s mails will be sent again.", queued
            )
            flash(done, "success")
        else:
            flash(_("Only mails that failed can be sent again."), "warning")
        return redirect(self.get_redirect())
