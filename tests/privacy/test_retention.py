"""What has had its time: looked at first, then erased, and begun again where it stopped."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock, import_jobs, models
from app import vocabulary as words
from app.access import SYSTEM
from app.models import Account, Enrolment, HealthRecord, Message, OutboxFact, OutboxMail, Pupil
from app.privacy import retention
from app.privacy.retention import Terms
from app.privacy.vouchers import old_vouchers
from app.privacy_jobs import (
    forget_health,
    is_health_expired,
    is_look_due,
    look_at_retention,
    retain,
)
from app.transaction import look, transaction
from tests.conftest import FrozenClock
from tests.delivery.mailing import looking
from tests.factories import make_family, make_pupil
from tests.households import make_household
from tests.privacy.test_erasure import settled
from tests.sheets.tables import ZOE, csv_of

TODAY = date(2026, 11, 16)


@pytest.fixture(autouse=True)
def _in_the_app(request: pytest.FixtureRequest, frozen_clock: FrozenClock) -> Any:
    """On SQLite; on both where a test asks for `app_on`."""
    name = "app_on" if "app_on" in request.fixturenames else "app"
    app: Flask = request.getfixturevalue(name)
    with app.app_context():
        yield


def run() -> dict[str, int]:
    erased: dict[str, int] = {}
    for name, count in retain(SYSTEM):
        erased[name] = erased.get(name, 0) + count
    return erased


def leave(pupil_id: int, on: date) -> None:
    """The pupil's last day is the day before."""
    with transaction(SYSTEM) as session:
        query = sa.select(Enrolment).where(Enrolment.pupil_id == pupil_id)
        session.scalars(query).one().valid_until = on


def health(pupil_id: int, **more: Any) -> int:
    with transaction(SYSTEM) as session:
        record = HealthRecord(pupil_id=pupil_id, allergens=["nuts"], **more)
        session.add(record)
        session.flush()
        return record.id


def known() -> list[int]:
    with looking() as session:
        return list(session.scalars(sa.select(HealthRecord.id).order_by(HealthRecord.id)))


def test_health_data_goes_so_many_days_after_the_departure_and_not_before(
    frozen_clock: FrozenClock,
) -> None:
    with transaction(SYSTEM) as session:
        leaver, stays, expires = (make_family(session).pupil_id for _ in range(3))
    leave(leaver, TODAY)
    kept = [health(leaver), health(stays)]
    health(expires, expires_on=TODAY)

    assert look(is_look_due)
    list(forget_health(""))
    at_once = known()
    frozen_clock.advance(timedelta(days=89))
    before = look(is_health_expired)
    frozen_clock.advance(timedelta(days=1))
    list(forget_health(""))

    assert at_once == kept
    assert not before
    assert known() == kept[1:]
    assert not look(is_health_expired)


def test_nobody_has_left_as_long_as_the_new_school_year_is_not_entered(
    frozen_clock: FrozenClock,
) -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session)
    kept = health(family.pupil_id)
    frozen_clock.set("2027-12-01 12:00")  # all enrolments ended in July

    list(forget_health(""))
    while_nobody_is = known()
    with transaction(SYSTEM) as session:
        other = make_pupil(session, family.account_id)
        session.scalars(
            sa.select(Enrolment).where(Enrolment.pupil_id == other.id)
        ).one().valid_until = date(2028, 7, 1)
    list(forget_health(""))

    assert while_nobody_is == [kept]
    assert known() == []


def test_medical_papers_go_with_the_health_data_and_so_do_their_files() -> None:
    with transaction(SYSTEM) as session:
        family = make_family(session)
        file = models.StoredFile(
            sha256="2" * 64, content_type="application/pdf", size=1, content=b"x"
        )
        session.add(file)
        session.flush()
        for kind in (words.PaperKind.MEDICAL, words.PaperKind.OTHER):
            session.add(
                models.FamilyPaper(
                    kind=kind,
                    pupil_id=family.pupil_id,
                    file_name="x.pdf",
                    stored_file_id=file.id,
                    added_at=clock.now(),
                )
            )
        session.get_one(Pupil, family.pupil_id).archived_at = clock.now() - timedelta(days=400)

    list(forget_health(""))

    with looking() as session:
        kinds = list(session.scalars(sa.select(models.FamilyPaper.kind)))
    assert kinds == [words.PaperKind.OTHER]


def test_what_is_due_is_looked_at_then_erased_and_then_nothing_is_left(
    app_on: Flask,
    frozen_clock: FrozenClock,
) -> None:
    with transaction(SYSTEM) as session:
        old = make_household(session, "Vieux")
        mail = session.get_one(OutboxMail, old.ids[OutboxMail])
        mail.state = words.MailState.SENT
    frozen_clock.advance(timedelta(days=800))

    foreseen = look_at_retention()
    erased = run()

    assert foreseen["mails"] == 1
    assert foreseen["messages"] == 1
    assert foreseen["downloads"] == 1
    assert foreseen["attempts"] == 1
    assert {name: count for name, count in foreseen.items() if count} == {
        name: count for name, count in erased.items() if name != "facts"
    }
    with looking() as session:
        for model in (OutboxMail, OutboxFact, Message, models.DocumentDownload):
            assert session.scalar(sa.select(sa.func.count()).select_from(model)) == 0
    assert run() == {}


def test_a_mail_that_waits_and_a_young_one_stay(frozen_clock: FrozenClock) -> None:
    with transaction(SYSTEM) as session:
        made, young = make_household(session, "Jeune"), make_household(session, "Neuf")
        sent = session.get_one(OutboxMail, young.ids[OutboxMail])
        sent.state, sent.created_at = words.MailState.SENT, clock.now() + timedelta(days=100)
    frozen_clock.advance(timedelta(days=800))

    run()

    with looking() as session:
        left = list(session.scalars(sa.select(OutboxMail.id).order_by(OutboxMail.id)))
    assert left == [made.ids[OutboxMail], young.ids[OutboxMail]]


def test_families_go_some_years_after_they_left_unless_money_is_left(
    frozen_clock: FrozenClock,
) -> None:
    gone, rich = settled(), settled()
    with transaction(SYSTEM) as session:
        make_family(session)  # whose child stays
        for each in (gone, rich):
            session.get_one(Pupil, each.ids[Pupil]).archived_at = clock.now()
        session.execute(sa.update(Account).where(Account.id == rich.ids[Account]).values(balance=5))
    frozen_clock.advance(timedelta(days=2 * 365))
    too_early = look_at_retention()["families"]
    frozen_clock.advance(timedelta(days=2))

    with looking() as session:
        terms = retention.terms_of(session, clock.now())
        back = [account.id for account in retention.held_back(session, terms)]
    erased = run()

    assert too_early == 0
    assert back == [rich.ids[Account]]
    assert erased["families"] == 1
    with looking() as session:
        left = sa.select(Account.id).where(Account.erased_at.is_(None)).order_by(Account.id)
        assert gone.ids[Account] not in session.scalars(left).all()
    assert "families" not in run()


def test_a_run_that_was_interrupted_goes_on(
    frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    with transaction(SYSTEM) as session:
        session.add_all(
            models.LoginAttempt(identifier=str(n), address="", attempted_at=clock.now())
            for n in range(5)
        )
    frozen_clock.advance(timedelta(days=3))

    first = next(retain(SYSTEM))
    rest = run()

    assert first == ("attempts", 2)
    assert rest == {"attempts": 3}


def test_files_of_the_bank_are_emptied_after_ten_years(frozen_clock: FrozenClock) -> None:
    with transaction(SYSTEM) as session:
        made = make_household(session, "Vieux")
        session.get_one(Pupil, made.ids[Pupil]).archived_at = None
    terms = Terms(date(2036, 12, 31), 90, 24, 2)
    with looking() as session:
        assert old_vouchers(session, terms.vouchers_before) == []
    frozen_clock.set("2037-01-01 12:00")

    run()

    with looking() as session:
        file = session.get_one(models.StoredFile, made.ids[models.StoredFile])
        entry = session.get_one(models.BankEntry, made.ids[models.BankEntry])
        assert (file.size, file.content, entry.counterparty) == (0, b"", "")


def test_a_list_of_pupils_that_nobody_enters_goes_with_its_file(
    frozen_clock: FrozenClock,
) -> None:
    import_jobs.receive_list(csv_of(ZOE), "eleves.csv", SYSTEM)
    frozen_clock.advance(timedelta(days=60))
    kept = run().get("lists", 0)
    frozen_clock.advance(timedelta(days=1))

    gone = run().get("lists", 0)

    with looking() as session:
        files = session.scalars(sa.select(models.StoredFile)).all()
    assert (kept, gone, files) == (0, 1, [])
