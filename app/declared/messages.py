"""Messages of staff to many households: written, looked at, sent once; and what became of each."""

from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa
from flask import flash, redirect, request, url_for
from flask_appbuilder.forms import DynamicForm
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload
from wtforms import DateField, HiddenField, ValidationError
from wtforms.validators import DataRequired, Length, Optional, StopValidation

from app import clock
from app.context import canteen_settings
from app.declared.base import FormView
from app.delivery.compose import compose_letter
from app.delivery.message_letters import message_letter
from app.delivery.recipients import can_be_mailed
from app.extensions import db
from app.fields import LineField, MoneyField, ParagraphField
from app.filters import record_id
from app.forms import class_field
from app.labels import label
from app.messages import (
    Addressee,
    Draft,
    NobodyToWrite,
    addressees,
    households,
    send_message,
)
from app.models import (
    CanteenUser,
    Message,
    OutboxFact,
    OutboxMail,
    OutboxMailFact,
    SchoolClass,
)
from app.money import format_chf
from app.pages.asked import code_asked
from app.rows import Rows, TableView
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import Audience, FactKind, MailState
from app.widgets import WordField

LONGEST: Final = 5000
READERS_A_PAGE: Final = 50


def _needed_by(audience: Audience, sentence: Any) -> Any:
    """A field that one audience needs and the others do without."""

    def check(form: Any, field: Any) -> None:
        if form.audience.data is not audience:
            field.data = None
        elif field.data is None:
            field.errors = []
            raise StopValidation(str(sentence))

    return check


class MessageForm(DynamicForm):
    """To whom, and what."""

    audience = WordField(
        label=_l("To"), enum_class=Audience, default=Audience.CLASS, validators=[DataRequired()]
    )
    school_class = class_field(
        _l("Class"),
        validators=[_needed_by(Audience.CLASS, _l("Choose the class."))],
        allow_blank=True,
        blank_text="–",
        description=_l("For the families of a class."),
    )
    day = DateField(
        _l("Day"),
        [_needed_by(Audience.DAY, _l("Choose the day.")), Optional()],
        default=clock.today,
        description=_l("For the families with a meal on a day."),
    )
    below = MoneyField(
        _l("Balance below"),
        [_needed_by(Audience.LOW_BALANCE, _l("Enter an amount in francs, for example 20."))],
        description=_l("For families with little balance left."),
    )
    subject = LineField(_l("Subject"), [DataRequired(), Length(max=120)])
    text = ParagraphField(
        _l("Text"),
        [DataRequired(), Length(max=LONGEST)],
        description=_l("A blank line begins a paragraph. The greeting is added for each reader."),
        render_kw={"rows": 10},
    )
    english_subject = LineField(
        _l("Subject in English"),
        [Length(max=120)],
        description=_l("For readers who chose English; empty, they get the text above."),
    )
    english_text = ParagraphField(
        _l("Text in English"), [Length(max=LONGEST)], render_kw={"rows": 4}
    )
    request_id = HiddenField()

    def validate_english_text(self, field: Any) -> None:
        """Both or none."""
        if bool(field.data) is not bool(self.english_subject.data):
            raise ValidationError(_("Enter both the subject and the text in English, or neither."))

    def draft(self) -> Draft:
        """What was typed."""
        chosen = self.school_class.data
        return Draft(
            audience=self.audience.data,
            school_class_id=None if chosen is None else chosen.id,
            day=self.day.data,
            below=self.below.data,
            subject=self.subject.data or "",
            text=self.text.data or "",
            english_subject=self.english_subject.data or "",
            english_text=self.english_text.data or "",
            request_id=code_asked(self.request_id.data)[:64],
        )


class WriteMessageView(FormView):
    route_base = "/messages/write"
    form = MessageForm
    form_title = _l("Write to families")
    submit_label = _l("Look at it before it is sent")

    def form_get(self, form: Any) -> None:
        """A number for the form; the page of a class or a day may choose the readers."""
        form.request_id.data = uuid4().hex

    def form_post(self, form: Any) -> Any:
        """First show to whom it would go and how it reads, then send it."""
        step = request.form.get("step", "")
        if step == "edit":
            return self._page(form)
        draft = form.draft()
        if step != "send":
            return self._preview(form, draft)
        with transaction(current_actor()) as session:
            message_id = send_message(session, draft, clock.now).id
        flash(_("The mails are on their way."), "success")
        return redirect(url_for("MessageView.show", pk=message_id))

    def _preview(self, form: Any, draft: Draft) -> str:
        session, today = db.session(), clock.today()
        account_ids = households(session, draft, today)
        readers = addressees(session, account_ids, today)
        reached = [each for each in readers if can_be_mailed(each.user)]
        if not readers:
            raise NobodyToWrite
        return str(
            self.render_template(
                "office/message_preview.html",
                title=_("Check the message"),
                form=form,
                audience=audience_of(draft),
                households=len(account_ids),
                mails=len(reached),
                unreached=[each for each in readers if each not in reached],
                composed=_example(draft, (reached or readers)[0]),
            )
        )


def _example(draft: Draft, reader: Addressee) -> Any:
    """The mail of the first reader."""
    return compose_letter(
        lambda: message_letter(draft, reader.user.language), reader.user, canteen_settings()
    )


def audience_of(written: Message | Draft) -> str:
    """To whom, in words: with the class, the day or the amount."""
    shown: dict[Audience, Any] = {}
    if written.school_class_id is not None:
        shown[Audience.CLASS] = db.session().get_one(SchoolClass, written.school_class_id).name
    if written.day is not None:
        shown[Audience.DAY] = f"{written.day:%d.%m.%Y}"
    if written.below is not None:
        shown[Audience.LOW_BALANCE] = f"< CHF {format_chf(written.below)}"
    detail = shown.get(written.audience)
    return label(written.audience) + (f" ({detail})" if detail else "")


class MessageView(TableView):
    """What was written, by whom, to whom, and what became of each mail."""

    datamodel = Rows(Message, load=[joinedload(Message.written_by)])
    route_base = "/messages"
    list_title, show_title = _l("Messages"), _l("Message")
    list_template, show_template = "office/messages.html", "office/message.html"
    list_columns = ["subject", "audience", "written_at", "written_by", "households"]
    show_columns = ["written_at", "written_by", "households", "readers"]
    search_columns = ["subject", "audience", "written_at"]
    order_columns = ["written_at", "households"]
    base_order = ("id", "desc")
    label_columns = {
        "audience": _l("To"),
        "written_at": _l("Sent"),
        "written_by": _l("By"),
        "subject": _l("Subject"),
        "households": _l("Households"),
        "readers": _l("Readers"),
    }

    def about(self, item: Message) -> dict[str, Any]:
        """Its readers, a page of them, and how many mails are in which state."""
        page = record_id(request.args.get("page", "0")) or 0
        page = min(page, item.readers // READERS_A_PAGE)
        return {
            "audience": audience_of(item),
            "counts": _counts(item.id),
            "told": _told(item.id, page),
            "page": page,
            "more": (page + 1) * READERS_A_PAGE < item.readers,
        }


def _told_of(message_id: int, *columns: Any) -> sa.Select[Any]:
    return (
        sa.select(*columns)
        .select_from(OutboxFact)
        .outerjoin(OutboxMailFact, OutboxMailFact.fact_id == OutboxFact.id)
        .outerjoin(OutboxMail, OutboxMail.id == OutboxMailFact.mail_id)
        .where(OutboxFact.kind == FactKind.MESSAGE, OutboxFact.record_id == message_id)
    )


def state_of(mail_state: MailState | None, *, is_gathered: bool) -> str:
    """What became of the mail of one reader; who has no address gets none."""
    if mail_state is not None:
        return label(mail_state)
    return _("No mail address") if is_gathered else label(MailState.QUEUED)


def _counts(message_id: int) -> dict[str, int]:
    gathered = OutboxFact.gathered_at.is_not(None)
    query = _told_of(message_id, OutboxMail.state, gathered, sa.func.count())
    counts: dict[str, int] = {}
    for state, is_gathered, number in db.session().execute(
        query.group_by(OutboxMail.state, gathered)
    ):
        name = state_of(state, is_gathered=is_gathered)
        counts[name] = counts.get(name, 0) + number
    return counts


def _told(message_id: int, page: int) -> list[dict[str, Any]]:
    query = (
        _told_of(message_id, CanteenUser, OutboxFact, OutboxMail)
        .join(CanteenUser, CanteenUser.id == OutboxFact.user_id)
        .order_by(CanteenUser.last_name, CanteenUser.first_name, CanteenUser.id)
        .offset(page * READERS_A_PAGE)
        .limit(READERS_A_PAGE)
    )
    return [
        {
            "name": user.get_full_name(),
            "account_id": fact.account_id,
            "mail_id": None if mail is None else mail.id,
            "is_failed": mail is not None and mail.state is MailState.FAILED,
            "state": state_of(
                None if mail is None else mail.state, is_gathered=fact.gathered_at is not None
            ),
            "sent_at": None if mail is None else mail.sent_at,
        }
        for user, fact, mail in db.session().execute(query)
    ]
