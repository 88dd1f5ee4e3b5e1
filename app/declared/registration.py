"""Registering a family in one flow: account, holders, children, papers, then the letter."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import flash, redirect, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as AnyResponse

from app import clock
from app.declared.base import FormView
from app.declared.letters import letter_url
from app.declared.papers import Paper, keep_papers, paper_of
from app.extensions import db
from app.forms import RegistrationForm
from app.known import known_holders, known_pupils
from app.models import AccountHolder, CanteenUser, Pupil, PupilAccount
from app.registration import FamilyDraft, HolderDraft, PupilDraft, register_family, shown_mail
from app.security import current_actor
from app.transaction import transaction
from app.vocabulary import PaperKind


class RegistrationView(FormView):
    route_base = "/registration"
    form = RegistrationForm
    form_title = _l("Register a family")
    form_template = "people/registration.html"

    def prepare(self, form: Any) -> None:
        """Who looks known is proposed, to be decided before anybody is made twice."""
        if form.is_submitted():
            for part in _filled(form.holders):
                _propose_holders(db.session(), part.form)
            for part in _filled(form.pupils):
                _propose_pupils(db.session(), part.form)

    def form_post(self, form: Any) -> AnyResponse:
        """Register, and go on to the letters of those who are new."""
        draft = _draft(form)
        paper = paper_of(form.paper, PaperKind.REGISTRATION)
        certificates = [_certificate(part.form) for part in _filled(form.pupils)]
        with transaction(current_actor()) as session:
            registered = register_family(session, draft, clock.today())
            keep_papers(session, paper, account_id=registered.account_id)
            for pupil_id, certificate in zip(registered.pupil_ids, certificates, strict=True):
                keep_papers(session, certificate, pupil_id=pupil_id)
            new = [user for user in registered.new_users if user is not None]
            letters = letter_url(new) if new else ""
        flash(_("The family is registered."), "success")
        family = url_for("FamilyView.show", pk=registered.account_id)
        return redirect(letters or family)


def _filled(parts: Iterable[Any]) -> list[Any]:
    return [part for part in parts if not part.is_left_out()]


def _certificate(form: Any) -> list[Paper]:
    return paper_of(form.certificate, PaperKind.MEDICAL)


def _propose_holders(session: Session, form: Any) -> None:
    names = form.first_name.data or "", form.last_name.data or ""
    email = (form.email.data or "").lower()
    found = known_holders(session, names, email, form.phone.data or "")
    is_theirs = any(user.email == email for user in found)
    people = [(user.id, _about_user(user)) for user in found]
    form.known.propose(people, may_be_another=bool(found) and not is_theirs)


def _about_user(user: CanteenUser) -> str:
    accounts = [held.account.label for held in user.holdings if _is_now(held)]
    facts = user.get_full_name(), user.town, user.phone, shown_mail(user.email), *accounts
    return " · ".join(filter(None, facts))


def _is_now(held: AccountHolder) -> bool:
    return held.valid_until is None or held.valid_until > clock.today()


def _propose_pupils(session: Session, form: Any) -> None:
    found: Sequence[Pupil] = []
    if form.birth_date.data is not None:
        names = form.first_name.data or "", form.last_name.data or ""
        found = known_pupils(session, *names, form.birth_date.data)
    people = [(pupil.id, _about_pupil(pupil)) for pupil in found]
    form.known.propose(people, may_be_another=bool(found))


def _about_pupil(pupil: Pupil) -> str:
    links: Sequence[PupilAccount] = pupil.payers
    born = _("born %(day)s", day=format_date(pupil.birth_date, "medium"))
    return " · ".join([pupil.full_name, born, *(link.account.label for link in links)])


def _draft(form: Any) -> FamilyDraft:
    holders = [part.form for part in _filled(form.holders)]
    first = holders[0]
    return FamilyDraft(
        label=form.label.data or _("Family %(name)s", name=first.last_name.data),
        starts_on=form.starts_on.data,
        holders=tuple(map(_holder, holders)),
        pupils=tuple(_pupil(part.form) for part in _filled(form.pupils)),
    )


def _holder(form: Any) -> HolderDraft:
    return HolderDraft(
        first_name=form.first_name.data,
        last_name=form.last_name.data,
        email=form.email.data,
        phone=form.phone.data,
        street=form.street.data,
        postal_code=form.postal_code.data,
        town=form.town.data,
        language=form.language.data,
        known_id=form.known.known_id,
        is_another=form.known.is_another,
    )


def _pupil(form: Any) -> PupilDraft:
    return PupilDraft(
        first_name=form.first_name.data,
        last_name=form.last_name.data,
        birth_date=form.birth_date.data,
        diet_id=form.diet.data.id,
        school_class_id=form.school_class.data.id,
        category_id=form.category.data.id,
        allergens=tuple(form.allergens.data),
        severity=form.severity.data,
        note=form.note.data,
        known_id=form.known.known_id,
        is_another=form.known.is_another,
    )
