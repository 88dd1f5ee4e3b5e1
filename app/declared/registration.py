"""Registering a family in one flow: account, holders, children, then the letter."""

from collections.abc import Iterable, Sequence
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import Session

from app import clock
from app.declared.base import FormView
from app.declared.letters import letter_page, new_password
from app.extensions import db
from app.forms import RegistrationForm
from app.models import CanteenUser, Pupil
from app.registration import (
    FamilyDraft,
    HolderDraft,
    PupilDraft,
    known_holder,
    known_pupils,
    register_family,
)
from app.security import current_actor
from app.transaction import transaction


class RegistrationView(FormView):
    route_base = "/registration"
    form = RegistrationForm
    form_title = _l("Register a family")
    form_template = "people/registration.html"

    def form_post(self, form: Any) -> str:
        """Register, and offer the letter for those who are new."""
        passwords = [new_password() for _holder in _filled(form.holders)]
        draft = _draft(db.session(), form, [password.hash for password in passwords])
        with transaction(current_actor()) as session:
            registered = register_family(session, draft, clock.today())
        printed = {
            user.id: password.plain
            for user, password in zip(registered.new_users, passwords, strict=True)
            if user is not None
        }
        new = [user for user in registered.new_users if user is not None]
        return letter_page(new, printed, url_for("FamilyView.show", pk=registered.account_id))

    def about(self, form: Any) -> dict[str, Any]:
        """Who looks known, by block: to be decided before anybody is made twice."""
        if not form.is_submitted():
            return {"known_users": {}, "known_children": {}}
        session = db.session()
        return {
            "known_users": {
                part.name: _known_user(session, part.form) for part in _filled(form.holders)
            },
            "known_children": {
                part.name: _known_children(session, part.form) for part in _filled(form.pupils)
            },
        }


def _filled(parts: Iterable[Any]) -> list[Any]:
    return [part for part in parts if not part.is_left_out()]


def _known_user(session: Session, form: Any) -> CanteenUser | None:
    return known_holder(session, form.email.data or "")


def _known_children(session: Session, form: Any) -> Sequence[Pupil]:
    names = form.first_name.data, form.last_name.data
    if form.birth_date.data is None:
        return []
    return known_pupils(session, *names, form.birth_date.data)


def _draft(session: Session, form: Any, hashes: Sequence[str]) -> FamilyDraft:
    holders = [part.form for part in _filled(form.holders)]
    first = holders[0]
    return FamilyDraft(
        label=form.label.data or _("Family %(name)s", name=first.last_name.data),
        starts_on=form.starts_on.data,
        holders=tuple(
            _holder(session, holder, hashed) for holder, hashed in zip(holders, hashes, strict=True)
        ),
        pupils=tuple(_pupil(session, part.form) for part in _filled(form.pupils)),
    )


def _holder(session: Session, form: Any, hashed: str) -> HolderDraft:
    known = _known_user(session, form) if form.is_known.data else None
    return HolderDraft(
        first_name=form.first_name.data,
        last_name=form.last_name.data,
        password_hash=hashed,
        email=form.email.data,
        phone=form.phone.data,
        street=form.street.data,
        postal_code=form.postal_code.data,
        town=form.town.data,
        language=form.language.data,
        known_id=None if known is None else known.id,
    )


def _pupil(session: Session, form: Any) -> PupilDraft:
    known = _known_children(session, form) if form.known.data == "same" else []
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
        known_id=known[0].id if known else None,
        is_another=form.known.data == "another",
    )
