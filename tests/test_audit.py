"""What was changed, by whom, from what to what; and what is never written down."""

from collections.abc import Iterator
from datetime import date
from itertools import count

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_appbuilder.security.sqla.models import Role as StoredRole
from sqlalchemy.orm import Session

from app.access import SYSTEM, Actor
from app.audit import AUDITED
from app.clock import now
from app.models import (
    Account,
    AuditEntry,
    AuditValue,
    CanteenUser,
    Diet,
    HealthRecord,
    Price,
    Pupil,
    QrBill,
    TariffCategory,
    TopUp,
)
from app.payments.qr_bills import withdraw_top_up
from app.payments.till import cancel_receipt, record_cash
from app.transaction import transaction
from app.vocabulary import Channel, Role, Severity, TopUpChannel, TopUpState
from tests.booking.acting import RULES, STAFF, book, close_day, parent
from tests.factories import Family, make_family, make_user
from tests.money import take_back

_numbers = count(1)


@pytest.fixture
def canteen(shared_app_on: Flask) -> Iterator[Flask]:
    with shared_app_on.app_context():
        yield shared_app_on


def entries_of(session: Session, record: object) -> list[AuditEntry]:
    query = sa.select(AuditEntry).where(
        AuditEntry.entity == type(record).__name__,
        AuditEntry.entity_id == record.id,  # type: ignore[attr-defined]
    )
    return list(session.scalars(query.order_by(AuditEntry.id)))


def values_of(entry: AuditEntry) -> dict[str, tuple[str | None, str | None]]:
    return {value.field: (value.old, value.new) for value in entry.values}


def test_a_new_record_is_noted_with_its_values_and_its_maker(canteen: Flask) -> None:
    name = f"Externes {next(_numbers)}"
    with transaction(SYSTEM) as session:
        user_id = make_user(session, Role.SECRETARIAT).id
    with transaction(Actor(user_id, is_staff=True, channel=Channel.DESK)) as session:
        category = TariffCategory(name=name)
        session.add(category)
        session.flush()

        (entry,) = entries_of(session, category)
        assert (entry.action, entry.actor_id, entry.channel) == ("add", user_id, Channel.DESK)
        assert values_of(entry)["name"] == (None, name)


def test_a_change_is_noted_with_the_old_and_the_new_value(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        pupil = session.get_one(Pupil, make_family(session).pupil_id)
        before = pupil.first_name
        pupil.first_name = "Zoé"
        session.flush()

        entry = entries_of(session, pupil)[-1]
        assert entry.action == "edit"
        assert values_of(entry) == {"first_name": (before, "Zoé")}


def test_what_was_is_known_of_a_record_that_nobody_has_read(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        pupil = session.get_one(Pupil, make_family(session).pupil_id)
        other = session.scalars(sa.select(Diet).where(Diet.name == "Végétarien")).one()
        known, before = len(entries_of(session, pupil)), (pupil.first_name, pupil.diet_id)
        session.expire_all()
        pupil.first_name, pupil.diet = "Zoé", other
        session.flush()
        session.expire_all()
        pupil.first_name = "Zoé"
        session.flush()

        (entry,) = entries_of(session, pupil)[known:]
        assert values_of(entry) == {
            "first_name": (before[0], "Zoé"),
            "diet_id": (str(before[1]), str(other.id)),
        }


def test_nothing_changed_is_nothing_noted(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        pupil = session.get_one(Pupil, make_family(session).pupil_id)
        known = len(entries_of(session, pupil))
        pupil.first_name = str(pupil.first_name)
        session.flush()

        assert len(entries_of(session, pupil)) == known


def test_what_is_deleted_is_noted(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        category = TariffCategory(name=f"Courte vie {next(_numbers)}")
        session.add(category)
        session.flush()
        session.delete(category)
        session.flush()

        assert [entry.action for entry in entries_of(session, category)] == ["add", "delete"]


def test_a_change_that_is_rolled_back_is_not_noted(canteen: Flask) -> None:
    def add_and_fail() -> None:
        with transaction(SYSTEM) as session:
            session.add(TariffCategory(name="never"))
            session.flush()
            raise LookupError

    with pytest.raises(LookupError):
        add_and_fail()

    with transaction(SYSTEM) as session:
        query = sa.select(AuditValue).where(AuditValue.new == "never")
        assert session.scalars(query).all() == []


def test_passwords_and_second_factors_are_noted_without_their_value(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        user = make_user(session, Role.ADMIN)
        user.password, user.totp_secret = "another hash", "JBSWY3DPEHPK3PXP"
        session.flush()

        found = values_of(entries_of(session, user)[-1])
        assert found == {"password": ("•••", "•••"), "totp_secret": (None, "•••")}


def test_health_data_is_noted_without_its_value(canteen: Flask) -> None:
    """It is deleted when it expires; a copy in the audit would not be."""
    with transaction(SYSTEM) as session:
        record = HealthRecord(
            pupil_id=make_family(session).pupil_id,
            allergens=["peanuts"],
            severity=Severity.ANAPHYLAXIS,
            note="EpiPen",
        )
        session.add(record)
        session.flush()
        record.note = "two EpiPens"
        session.flush()

        added, edited = entries_of(session, record)
        assert values_of(edited) == {"note": ("•••", "•••")}
        texts = " ".join(filter(None, (new for _, new in values_of(added).values())))
        assert not {"peanuts", "EpiPen", "anaphylaxis"} & set(texts.split())


def test_who_may_do_more_is_noted(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        user = make_user(session, Role.TILL)
        session.flush()
        admin = session.scalars(
            sa.select(StoredRole).where(StoredRole.name == Role.ADMIN.value)
        ).one()
        user.roles.append(admin)
        session.flush()

        assert values_of(entries_of(session, user)[-1]) == {"roles": (None, "Admin")}
        assert session.get_one(CanteenUser, user.id).roles


def test_balances_and_seats_have_a_history_of_their_own(canteen: Flask) -> None:
    day = date(2026, 11, 16)
    with transaction(STAFF) as session:
        family = make_family(session, balance=1000)
        account = session.get_one(Account, family.account_id)
        known = len(entries_of(session, account))
        booking = book(session, family.pupil_id, day)
        close_day(session, day)
        take_back(session, family.account_id, 5000)

        assert len(entries_of(session, account)) == known
        assert entries_of(session, booking) == []


def announce(session: Session, family: Family) -> QrBill:
    number = f"audit {next(_numbers)}"
    top_up = TopUp(
        account_id=family.account_id,
        channel=TopUpChannel.BANK,
        state=TopUpState.ANNOUNCED,
        amount=5000,
        made_at=now(),
        request_id=number,
    )
    bill = QrBill(
        account_id=family.account_id,
        amount=5000,
        is_standing=False,
        made_at=now(),
        request_id=number,
        top_up=top_up,
    )
    session.add(bill)
    session.flush()
    return bill


def test_a_bill_says_whether_the_family_ordered_it_or_staff_for_them(canteen: Flask) -> None:
    with transaction(SYSTEM) as session:
        family, office = make_family(session), make_user(session, Role.SECRETARIAT).id
    by_telephone = Actor(office, is_staff=True, channel=Channel.TELEPHONE)

    for actor in (parent(family), by_telephone):
        with transaction(actor) as session:
            bill = announce(session, family)

            (entry,) = entries_of(session, bill)
            assert (entry.actor_id, entry.channel) == (actor.user_id, actor.channel)


def test_what_staff_decide_about_money_is_noted_and_what_the_program_does_is_not(
    canteen: Flask,
) -> None:
    with transaction(SYSTEM) as session:
        family, office = make_family(session), make_user(session, Role.SECRETARIAT).id
        top_up = announce(session, family).top_up
        assert top_up is not None
        top_up.credit_at = now()
        session.flush()
        assert entries_of(session, top_up) == []
        top_up_id = top_up.id

    with transaction(Actor(office, is_staff=True, channel=Channel.DESK)) as session:
        withdrawn = withdraw_top_up(session, top_up_id, now)

        (entry,) = entries_of(session, withdrawn)
        assert (entry.actor_id, entry.channel) == (office, Channel.DESK)
        assert values_of(entry) == {"state": ("announced", "cancelled")}


def test_cash_at_the_till_is_noted_once_it_is_taken_back(canteen: Flask) -> None:
    """Its receipt and the journal say the rest."""
    with transaction(SYSTEM) as session:
        family, till = make_family(session), make_user(session, Role.TILL).id
    cashier = Actor(till, is_staff=True, channel=Channel.TILL)
    with transaction(cashier) as session:
        receipt = record_cash(session, family.account_id, 2000, "audit cash", RULES, now)
        assert [*entries_of(session, receipt), *entries_of(session, receipt.top_up)] == []

        cancel_receipt(session, receipt.id, now)

        assert set(values_of(*entries_of(session, receipt))) == {"cancelled_at"}
        assert values_of(*entries_of(session, receipt.top_up))["state"] == ("credited", "cancelled")


def test_a_price_and_a_diet_are_among_what_is_audited() -> None:
    assert {Price, Diet, Account, CanteenUser, HealthRecord} <= set(AUDITED)
