"""Registering a family: what is new is made, who is known is proposed first."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from app.errors import NotEnrolled
from app.models import (
    Account,
    AccountHolder,
    AuditEntry,
    CanteenUser,
    Diet,
    Enrolment,
    HealthRecord,
    LedgerAccount,
    Pupil,
    PupilAccount,
    SchoolClass,
    TariffCategory,
)
from app.refusals import AlreadyRegistered
from app.registration import FamilyDraft, HolderDraft, PupilDraft, Registered, register_family
from tests.factories import YEAR_ENDS, YEAR_STARTS
from tests.sessions import writing

TODAY = date(2026, 11, 16)
ANNE = HolderDraft("Anne", "Müller", "hash", email="Anne@Example.ch", town="Leysin")
BORN = date(2017, 3, 12)


def first(session: Session, model: type[Any]) -> int:
    found: int = session.scalars(sa.select(model.id).order_by(model.id).limit(1)).one()
    return found


def draft(session: Session, **changes: Any) -> FamilyDraft:
    """Anne and her son Zoé, unless the test says otherwise."""
    pupil = PupilDraft(
        first_name="Zoé",
        last_name="Müller",
        birth_date=BORN,
        diet_id=first(session, Diet),
        school_class_id=first(session, SchoolClass),
        category_id=first(session, TariffCategory),
    )
    kept = FamilyDraft("Famille Müller", TODAY, (ANNE,), (pupil,))
    return replace(kept, **changes)


def register(app: Flask, **changes: Any) -> Registered:
    with writing(app) as session:
        return register_family(session, draft(session, **changes), TODAY)


def test_a_family_is_made_whole(app_on: Flask) -> None:
    registered = register(app_on)

    with writing(app_on) as session:
        account = session.get_one(Account, registered.account_id)
        (holding,) = account.holders
        (link,) = account.pupils
        (enrolment,) = link.pupil.enrolments
        wallets = sa.select(LedgerAccount.code).where(LedgerAccount.account_id == account.id)
        assert account.label == "Famille Müller"
        assert account.balance == 0
        assert session.scalars(wallets).all() == [f"W{account.id}"]
        assert (holding.valid_from, holding.valid_until) == (TODAY, None)
        assert holding.user.username == "anne.muller"
        assert holding.user.email == "anne@example.ch"
        assert holding.user.must_change_password
        assert [role.name for role in holding.user.roles] == ["Parent"]
        assert link.pupil.full_name == "Zoé Müller"
        assert (enrolment.valid_from, enrolment.valid_until) == (TODAY, YEAR_ENDS)


def test_whoever_has_no_mail_gets_an_address_that_goes_nowhere(app: Flask) -> None:
    registered = register(app, holders=(replace(ANNE, email=""),))

    with writing(app) as session:
        (holding,) = session.get_one(Account, registered.account_id).holders
        assert holding.user.email == "anne.muller@sans-courriel.invalid"


def test_two_holders_of_one_name_get_two_identifiers(app: Flask) -> None:
    second = replace(ANNE, email="")

    registered = register(app, holders=(ANNE, second))

    with writing(app) as session:
        held = session.get_one(Account, registered.account_id).holders
        assert sorted(h.user.username for h in held) == ["anne.muller", "anne.muller2"]


def test_a_child_begins_with_the_school_year_at_the_earliest(app: Flask) -> None:
    registered = register(app, starts_on=date(2026, 8, 1))

    with writing(app) as session:
        (link,) = session.get_one(Account, registered.account_id).pupils
        assert link.pupil.enrolments[0].valid_from == YEAR_STARTS


def test_a_class_whose_year_is_over_is_refused(app: Flask) -> None:
    with pytest.raises(NotEnrolled):
        register(app, starts_on=YEAR_ENDS)


def test_allergies_are_kept_for_the_kitchen(app: Flask) -> None:
    with writing(app) as session:
        (pupil,) = draft(session).pupils
        allergic = replace(pupil, allergens=("nuts",), note="Adrénaline dans le sac")
        register_family(session, draft(session, pupils=(allergic,)), TODAY)

    with writing(app) as session:
        record = session.scalars(sa.select(HealthRecord)).one()
        assert (record.allergens, record.note) == (["nuts"], "Adrénaline dans le sac")


def test_the_same_form_sent_twice_makes_one_family(app_on: Flask) -> None:
    register(app_on)

    with pytest.raises(AlreadyRegistered):
        register(app_on)

    with writing(app_on) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Account)) == 1
        assert session.scalar(sa.select(sa.func.count()).select_from(Pupil)) == 1


@pytest.mark.parametrize("written", ["Zoe", "ZOÉ", "zoe"])
def test_a_child_is_recognised_however_the_name_is_accented(app: Flask, written: str) -> None:
    register(app)

    with writing(app) as session:
        (pupil,) = draft(session).pupils

    with pytest.raises(AlreadyRegistered):
        register(app, holders=(), pupils=(replace(pupil, first_name=written),))


def test_a_child_of_separated_parents_is_linked_to_the_second_account(app: Flask) -> None:
    register(app)
    father = HolderDraft("Paul", "Roth", "hash", email="paul@example.ch")

    with writing(app) as session:
        known_id = first(session, Pupil)
        (pupil,) = draft(session).pupils
        shared = draft(session, holders=(father,), pupils=(replace(pupil, known_id=known_id),))
        register_family(session, shared, TODAY)

    with writing(app) as session:
        links = session.scalars(sa.select(PupilAccount.pupil_id)).all()
        assert links == [known_id, known_id]
        assert session.scalar(sa.select(sa.func.count()).select_from(Enrolment)) == 1


def test_a_namesake_of_the_same_day_is_another_child_if_staff_say_so(app: Flask) -> None:
    register(app)

    with writing(app) as session:
        (pupil,) = draft(session).pupils
        namesake = replace(pupil, is_another=True)
        register_family(session, draft(session, holders=(), pupils=(namesake,)), TODAY)

    with writing(app) as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Pupil)) == 2


def test_a_known_holder_gets_the_second_account_and_keeps_the_password(app: Flask) -> None:
    register(app)

    with writing(app) as session:
        known_id = session.scalars(
            sa.select(CanteenUser.id).where(CanteenUser.username == "anne.muller")
        ).one()
        known = replace(ANNE, password_hash="another", known_id=known_id)
        registered = register_family(session, draft(session, holders=(known,), pupils=()), TODAY)

    with writing(app) as session:
        held = sa.select(AccountHolder.account_id).where(AccountHolder.user_id == known_id)
        assert registered.new_users == (None,)
        assert len(session.scalars(held).all()) == 2
        assert session.get_one(CanteenUser, known_id).password == "hash"


def test_staff_who_have_a_child_here_become_parents_too(app: Flask) -> None:
    with writing(app) as session:
        till = session.scalars(sa.select(CanteenUser).where(CanteenUser.username == "till")).one()
        till_id = till.id
        known = replace(ANNE, email=till.email, known_id=till_id)
        register_family(session, draft(session, holders=(known,)), TODAY)

    with writing(app) as session:
        roles = session.get_one(CanteenUser, till_id).roles
        assert sorted(role.name for role in roles) == ["Caisse", "Parent"]


def test_a_refused_registration_leaves_nothing_behind(app: Flask) -> None:
    with pytest.raises(NotEnrolled):
        register(app, starts_on=YEAR_ENDS)

    with writing(app) as session:
        for model in (Account, Pupil, LedgerAccount):
            query = sa.select(sa.func.count()).select_from(model)
            if model is LedgerAccount:
                query = query.where(LedgerAccount.account_id.is_not(None))
            assert session.scalar(query) == 0
        assert (
            session.scalars(sa.select(AuditEntry.id).where(AuditEntry.entity == "Pupil")).all()
            == []
        )
