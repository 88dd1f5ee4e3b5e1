"""A list is entered whole or not at all, and taken back line by line."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from app import clock, import_jobs
from app.access import EVERYTHING, SYSTEM, scope_of
from app.errors import ChangedMeanwhile, NothingToUndo
from app.extensions import db
from app.imports.undoing import plan_undo
from app.models import (
    Account,
    AccountHolder,
    AuditEntry,
    CanteenUser,
    Enrolment,
    Import,
    ImportLine,
    LedgerAccount,
    Pupil,
    PupilAccount,
    SchoolClass,
    ServiceDay,
    StoredFile,
)
from app.registration import NO_PASSWORD
from app.vocabulary import BookingState, ImportFate, ImportState
from tests.conftest import FrozenClock
from tests.database import contents
from tests.factories import YEAR_ENDS, make_family
from tests.sessions import writing
from tests.sheets.tables import LEA, NOE, ZOE, csv_of, xlsx_of

pytestmark = pytest.mark.usefixtures("frozen_clock")


def receive(app: Flask, *rows: Sequence[Any], content: bytes = b"") -> int:
    with app.app_context():
        return import_jobs.receive_list(content or csv_of(*rows), "élèves.csv", SYSTEM)


def enter(app: Flask, import_id: int, mark: str = "") -> None:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        item = db.session().get_one(Import, import_id)
        import_jobs.enter_list(db.session(), item, mark, SYSTEM)


def mark_of(app: Flask, import_id: int) -> str:
    with app.app_context(), scope_of(db.session(), EVERYTHING):
        return import_jobs.preview(db.session(), db.session().get_one(Import, import_id)).mark


def undo(app: Flask, import_id: int) -> tuple[int, int]:
    with app.app_context():
        return import_jobs.undo_list(import_id, SYSTEM)


def reasons(app: Flask, import_id: int) -> dict[int, list[tuple[str, str]]]:
    """By line, the tables and fields that keep it."""
    with writing(app) as session:
        planned = plan_undo(session, session.get_one(Import, import_id))
        return {
            each.line.line: [(why.table, why.field) for why in each.hindrances]
            for each in planned
            if each.hindrances
        }


def kept(app: Flask) -> dict[str, Any]:
    """Every table but the report, the audit and what counts up."""
    beside = {"import", "import_line", "audit_entry", "audit_value", "job"}
    return {name: rows for name, rows in contents(app).items() if name not in beside}


def entered(app: Flask, *rows: Sequence[Any], content: bytes = b"") -> int:
    import_id = receive(app, *rows, content=content)
    enter(app, import_id)
    return import_id


def test_a_list_makes_pupils_families_and_enrolments(app_on: Flask) -> None:
    import_id = entered(app_on, ZOE, NOE, LEA)

    with writing(app_on) as session:
        item = session.get_one(Import, import_id)
        zoe = session.scalars(sa.select(Pupil).where(Pupil.first_name == "Zoé")).one()
        (link,), (enrolment,) = zoe.payers, zoe.enrolments
        (holding,) = link.account.holders
        wallet = sa.select(LedgerAccount.code).where(LedgerAccount.account_id == link.account_id)
        lines = session.scalars(sa.select(ImportLine).order_by(ImportLine.line)).all()
        assert zoe.birth_date == date(2015, 12, 31)
        assert enrolment.school_class.name == "5P"
        assert (enrolment.valid_from, enrolment.valid_until) == (clock.today(), YEAR_ENDS)
        assert link.account.label == "Famille Müller"
        assert len(link.account.pupils) == 2
        assert session.scalar(wallet) == f"W{link.account_id}"
        assert (holding.user.username, holding.user.email) == ("anne.muller", "anne@example.ch")
        assert holding.user.password == NO_PASSWORD
        assert holding.user.must_change_password
        assert [role.name for role in holding.user.roles] == ["Parent"]
        assert item.state is ImportState.ENTERED
        assert [line.fate for line in lines] == [ImportFate.NEW] * 3
        assert session.scalars(sa.select(StoredFile)).all() == []


def test_what_is_made_is_in_the_audit(app: Flask) -> None:
    entered(app, ZOE)

    with writing(app) as session:
        entities = session.scalars(sa.select(AuditEntry.entity)).all()
    assert {"Pupil", "Account", "CanteenUser", "AccountHolder", "Enrolment"} <= set(entities)


def test_the_same_list_again_changes_nothing(app: Flask) -> None:
    entered(app, ZOE, NOE)
    before = kept(app)

    again = entered(app, ZOE, NOE)

    with writing(app) as session:
        lines = session.scalars(sa.select(ImportLine).where(ImportLine.import_id == again))
        assert [line.fate for line in lines] == [ImportFate.SAME] * 2
    assert kept(app) == before


def test_a_workbook_is_entered_like_a_text(app: Flask) -> None:
    entered(app, content=xlsx_of(ZOE))

    with writing(app) as session:
        assert session.scalars(sa.select(Pupil.last_name)).all() == ["Müller"]


def test_the_same_file_received_twice_is_one_import(app: Flask) -> None:
    assert receive(app, ZOE) == receive(app, ZOE)


def test_columns_are_remembered_for_the_next_list_of_the_same_headers(app: Flask) -> None:
    first = receive(app, ZOE)
    with writing(app) as session:
        columns = session.get_one(Import, first).columns
        session.get_one(Import, first).columns = ["", *columns[1:]]

    second = receive(app, ZOE, NOE)

    with writing(app) as session:
        assert session.get_one(Import, second).columns == ["", *columns[1:]]


def test_what_is_not_as_previewed_any_more_is_not_entered(app: Flask) -> None:
    import_id = receive(app, ZOE, NOE)
    seen = mark_of(app, import_id)
    entered(app, NOE)
    before = kept(app)

    with pytest.raises(ChangedMeanwhile):
        enter(app, import_id, seen)

    assert kept(app) == before


def test_a_list_is_entered_once(app: Flask) -> None:
    import_id = entered(app, ZOE)

    with pytest.raises(ChangedMeanwhile):
        enter(app, import_id)


class Interrupted(Exception):
    """The power fails."""


def test_an_import_interrupted_halfway_leaves_nothing(
    app_on: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = receive(app_on, ZOE, NOE, LEA)
    before = contents(app_on)

    def fail(*_: Any) -> None:
        raise Interrupted

    monkeypatch.setattr("app.imports.entering._Entering._report", fail)
    with pytest.raises(Interrupted):
        enter(app_on, import_id)

    assert contents(app_on) == before


# -- taking it back --------------------------------------------------------------------------------


def test_an_undo_leaves_what_was_before(app_on: Flask) -> None:
    with writing(app_on) as session:
        make_family(session, balance=5000)
    before = kept(app_on)
    import_id = entered(app_on, ZOE, NOE, LEA)

    assert undo(app_on, import_id) == (3, 0)

    assert kept(app_on) == before
    with writing(app_on) as session:
        assert session.get_one(Import, import_id).state is ImportState.UNDONE


def test_what_an_import_has_changed_is_as_before(app_on: Flask) -> None:
    entered(app_on, ZOE)
    before = kept(app_on)
    moved = [*ZOE[:3], "6P", *ZOE[4:7], "078 111 22 33", "Chemin Neuf 9", *ZOE[9:]]
    with writing(app_on) as session:
        year_id = session.scalars(sa.select(SchoolClass.school_year_id)).first()
        six = SchoolClass(school_year_id=year_id, name="6P")
        session.add(six)
        session.flush()
        six_id = six.id

    import_id = entered(app_on, moved)
    with writing(app_on) as session:
        classes = session.scalars(sa.select(Enrolment.school_class_id)).all()
        named = session.scalars(sa.select(ImportLine).where(ImportLine.import_id == import_id))
        assert {"Pupil", "Enrolment"} <= {each["entity"] for each in named.one().records}
    gone = undo(app_on, import_id)

    with writing(app_on) as session:
        session.delete(session.get_one(SchoolClass, six_id))
    assert classes == [six_id]
    assert gone == (1, 0)
    assert kept(app_on) == before


def test_a_mail_address_that_was_none_is_none_again(app: Flask) -> None:
    entered(app, [*ZOE[:6], "", *ZOE[7:]])

    import_id = entered(app, ZOE)
    with writing(app) as session:
        given = session.scalars(sa.select(CanteenUser.email).join(AccountHolder)).one()
    undo(app, import_id)

    with writing(app) as session:
        restored = session.scalars(sa.select(CanteenUser.email).join(AccountHolder)).one()
    assert (given, restored) == ("anne@example.ch", "anne.muller@sans-courriel.invalid")


def book(app: Flask, first_name: str) -> None:
    from app.models import Booking, MealType

    with writing(app) as session:
        pupil = session.scalars(sa.select(Pupil).where(Pupil.first_name == first_name)).one()
        session.add(
            Booking(
                pupil_id=pupil.id,
                service_day_id=session.scalars(sa.select(ServiceDay.id)).first(),
                meal_type_id=session.scalars(sa.select(MealType.id)).first(),
                account_id=pupil.payers[0].account_id,
                state=BookingState.BOOKED,
            )
        )


def test_a_line_that_is_in_use_stays_with_what_it_needs_and_says_why(app_on: Flask) -> None:
    import_id = entered(app_on, ZOE, NOE, LEA)
    book(app_on, "Noé")

    why = reasons(app_on, import_id)
    gone = undo(app_on, import_id)

    # The account that pays for Noé came with Zoé's line.
    assert why == {2: [("Booking", "")], 3: [("Booking", "")]}
    assert gone == (1, 2)
    with writing(app_on) as session:
        names = session.scalars(sa.select(Pupil.first_name).order_by(Pupil.id)).all()
        assert names == ["Zoé", "Noé"]
        assert session.get_one(Import, import_id).state is ImportState.ENTERED
        assert session.scalar(sa.select(sa.func.count()).select_from(Account)) == 1


def test_what_keeps_a_line_may_go_and_the_line_after_it(app: Flask) -> None:
    from app.models import Booking

    import_id = entered(app, ZOE)
    book(app, "Zoé")
    with pytest.raises(NothingToUndo):
        undo(app, import_id)

    with writing(app) as session:
        session.delete(session.scalars(sa.select(Booking)).one())

    assert undo(app, import_id) == (1, 0)
    with pytest.raises(NothingToUndo):
        undo(app, import_id)


def test_a_line_stays_whose_holder_has_logged_in(app: Flask, frozen_clock: FrozenClock) -> None:
    import_id = entered(app, ZOE)
    with writing(app) as session:
        user = session.scalars(sa.select(CanteenUser).join(AccountHolder)).one()
        user.last_login = frozen_clock.now().replace(tzinfo=None)

    assert reasons(app, import_id) == {2: [("", "")]}


def test_what_somebody_has_changed_since_is_not_changed_back(app: Flask) -> None:
    entered(app, ZOE)
    import_id = entered(app, [*ZOE[:7], "078 111 22 33", *ZOE[8:]])
    with writing(app) as session:
        user = session.scalars(sa.select(CanteenUser).join(AccountHolder)).one()
        user.phone = "076 000 00 00"

    why = reasons(app, import_id)

    assert why == {2: [("", "phone")]}
    with pytest.raises(NothingToUndo):
        undo(app, import_id)


def test_a_line_that_a_later_import_needs_stays(app: Flask) -> None:
    first = entered(app, ZOE)
    second = entered(app, ZOE, NOE)

    assert reasons(app, first) == {2: [("PupilAccount", "")]}
    assert undo(app, second) == (1, 0)
    assert undo(app, first) == (1, 0)
    with writing(app) as session:
        assert session.scalars(sa.select(PupilAccount)).all() == []


def test_a_line_is_undone_whose_pupil_went_with_the_import_that_made_it(app: Flask) -> None:
    entered(app, NOE)
    with_zoe = entered(app, ZOE)
    with_number = entered(app, [*ZOE[:7], "079 765 43 21", *ZOE[8:]])
    undo(app, with_zoe)

    gone = undo(app, with_number)

    with writing(app) as session:
        assert gone == (1, 0)
        assert session.scalars(sa.select(CanteenUser.phone).join(AccountHolder)).all() == [ZOE[7]]
